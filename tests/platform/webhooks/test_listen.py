"""`gateway listen`: a client of the API that forwards messages to a developer's machine."""

import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks import WebhookVerificationError
from uuid_utils.compat import uuid7

from db.problem import Problem
from graph.commands.listen import Listener

DELIVERY = """
INSERT INTO webhook_deliveries (id, organization_id, endpoint_id, webhook_id, event_type,
    order_key, status, request_body, created_at)
VALUES ($1, $2, $3, $4, 'requirement.updated', $1, $5::webhook_delivery_status, $6,
    now() - $7::interval)
"""


async def delivered(world, endpoint, name, age, *, status="failed"):
    """Store a delivery of this age; return the ID of its message."""
    body = None if status == "queued" else json.dumps({"type": "requirement.updated", "n": name})
    await world.superuser.execute(
        DELIVERY,
        uuid7(),
        world.organization,
        endpoint,
        f"msg_{name}",
        status,
        body,
        timedelta(days=age),
    )
    return f"msg_{name}"


def listener(world, endpoint, receiver, days, person="admin"):
    """Return a listener that reads by the API as a person, and forwards to the receiver."""

    async def ask(query, variables):
        return await world.answer(person, query, **variables)

    async def send(body, headers):
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(receiver.url, content=body, headers=headers)
        return str(answer.status_code)

    return Listener(ask, send, endpoint, datetime.now(UTC) - timedelta(days=days))


@pytest.mark.slow
async def test_messages_are_replayed_and_forwarded_once_with_a_secret_of_its_own(
    endpoints, receiver
):
    world = endpoints.world
    made = await endpoints.create()
    await world.superuser.execute(
        "UPDATE webhook_endpoints SET status = 'paused' WHERE id = $1", made["id"]
    )
    await delivered(world, made["id"], "too old", 8)
    replayed = [await delivered(world, made["id"], f"n{n}", 6 - n / 100) for n in range(60)]
    listening = listener(world, made["id"], receiver, days=7)
    assert await listening.forward() == 60
    assert [one.id for one in receiver.requests] == replayed, "the oldest first"
    for one in receiver.requests:
        assert one.verified(listening.secret)["type"] == "requirement.updated"
    with pytest.raises(WebhookVerificationError):
        receiver.requests[0].verified(made["secret"])

    late = await delivered(world, made["id"], "late", 0.01, status="queued")
    new = await delivered(world, made["id"], "new", 0)
    assert await listening.forward() == 1
    await world.superuser.execute(
        "UPDATE webhook_deliveries SET request_body = '{}', status = 'succeeded'"
        " WHERE webhook_id = $1",
        late,
    )
    assert await listening.forward() == 1
    assert await listening.forward() == 0
    assert [one.id for one in receiver.requests[60:]] == [new, late]


async def test_who_may_not_read_the_endpoint_is_told_so(endpoints, receiver):
    world = endpoints.world
    made = await endpoints.create()
    for person in ("editor", "outsider"):
        with pytest.raises(Problem) as refused:
            await listener(world, made["id"], receiver, 7, person).forward()
        assert refused.value.code == "NOT_FOUND"
    assert receiver.requests == []
