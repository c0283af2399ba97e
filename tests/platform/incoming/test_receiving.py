"""Incoming webhooks: verified, stored once before they are answered, and handled in any order."""

import time

from uuid_utils.compat import uuid7

from db import webhook_events
from db.pool import NOBODY
from graph.platform.incoming.jobs import KINDS, kinds_by_provider
from tests.platform.incoming.sending import (
    BORN,
    FORMER,
    send,
    send_standard,
    subscription,
)
from tests.platform.jobs.kinds import make_due, worker

EVENTS = """query ($filter: WebhookEventFilterInput) { webhookEvents(filter: $filter) { nodes {
    id provider externalId eventType status attempts error body occurredAt
    organization { id } } } }"""


async def state(world, customer):
    return await world.superuser.fetchrow(
        "SELECT * FROM stripe_customers WHERE stripe_customer_id = $1", customer
    )


async def stored(world, event):
    return await world.superuser.fetch(
        "SELECT * FROM webhook_events WHERE external_id = $1", event["id"]
    )


async def handle_all(world):
    """Handle all events that wait, also those whose next attempt is later."""
    return await worker(world.database, *KINDS[:-1], slots=4).run_due()


async def test_an_event_is_stored_once_and_its_state_kept(world, receiving, customer):
    event = subscription(customer, at=10, status="past_due", cancel_at_period_end=True)
    for _ in range(3):
        answer = await send(receiving, event)
        assert (answer.status_code, answer.json()) == (200, {"received": True})
    (row,) = await stored(world, event)
    assert (row["status"], row["organization_id"]) == ("received", None)
    assert await world.ask("owner", EVENTS) == {"nodes": []}
    await handle_all(world)
    kept = await state(world, customer)
    assert kept["subscription_status"] == "past_due"
    assert (kept["stripe_subscription_id"], kept["price_id"]) == (f"sub_{customer}", "price_10")
    assert kept["cancel_at_period_end"]
    assert kept["current_period_end"].timestamp() == BORN + 1010
    (record,) = await world.records(kept["id"])
    assert record["source_system"] == "webhooks"
    assert "subscription_status" in record["changed_fields"]
    assert "state_order" not in record["changed_fields"]

    wanted = {"filter": {"externalId": {"eq": event["id"]}, "status": {"eq": "PROCESSED"}}}
    (shown,) = (await world.ask("billing", EVENTS, **wanted))["nodes"]
    assert shown["organization"] == {"id": str(world.organization)}
    assert event["id"] in shown["body"]
    assert (shown["provider"], shown["attempts"]) == ("stripe", 1)
    for person in ("editor", "member", "outsider"):
        assert await world.ask(person, EVENTS) == {"nodes": []}


async def test_the_newest_state_wins_in_whatever_order(world, receiving, customer):
    older = subscription(customer, at=20, status="trialing", type="created")
    newer = subscription(customer, at=30, status="active")
    same_second = subscription(customer, at=30, status="canceled", type="deleted")
    later = subscription(customer, at=1, status="incomplete", id=f"new_{customer}", born=BORN + 5)
    for event, status in (
        (newer, "active"),
        (older, "active"),
        (same_second, "cancelled"),
        (later, "incomplete"),
        (subscription(customer, at=90, status="canceled", type="deleted"), "incomplete"),
    ):
        await send(receiving, event)
        await handle_all(world)
        assert (await state(world, customer))["subscription_status"] == status


async def test_unknown_types_are_kept_and_not_handled(world, receiving):
    event = {"id": f"evt_{uuid7().hex}", "type": "charge.refunded", "created": BORN}
    assert (await send(receiving, event)).status_code == 200
    (row,) = await stored(world, event)
    assert row["status"] == "ignored"
    jobs = "SELECT count(*) FROM jobs WHERE payload ->> 'event' = $1"
    assert await world.superuser.fetchval(jobs, str(row["id"])) == 0


async def test_another_signature_is_refused(world, receiving, customer):
    event = subscription(customer, at=1)
    body = b'{"id": "evt_x", "type": "a", "created": 1}'
    for answer in (
        await send(receiving, event, "whsec_" + "x" * 32),
        await send(receiving, event, at=int(time.time()) - 301),
        await send(receiving, body, sign=body.replace(b"1", b"2")),
        await send(receiving, event, headers={"Stripe-Signature": ""}),
        await send(receiving, event, headers={"Stripe-Signature": "t=now,v1=\xe9".encode()}),
        await send(receiving, b"no JSON"),
        await send(receiving, b"[1]"),
        await send(receiving, b"[" * 100_000),
        await send(receiving, b'{"id": "\xff"}'),
        await send(receiving, {"id": "evt one", "type": "a"}),
        await send(receiving, {"id": 1, "type": "a"}),
        await send(receiving, {"id": "evt_1", "type": "\ud800"}),
    ):
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID"
    assert await stored(world, event) == []
    large = await send(receiving, b'{"a": "' + b"a" * 10_000_000 + b'"}')
    assert large.status_code == 413
    assert (await receiving.get("/webhooks/stripe")).status_code == 405
    assert (await receiving.post("/webhooks/other")).status_code == 404
    assert (await send(receiving, event, FORMER)).status_code == 200, "during a rotation"


async def test_other_systems_sign_as_standard_webhooks_says(world, receiving):
    event = {"type": "contact.created", "timestamp": "2026-11-30T12:00:00Z", "data": {}}
    id = f"msg_{uuid7().hex}"
    for _ in range(2):
        assert (await send_standard(receiving, event, id=id)).status_code == 200
    (row,) = await stored(world, {"id": id})
    assert (row["provider"], row["event_type"], row["status"]) == (
        "crm",
        "contact.created",
        "ignored",
    )
    assert row["occurred_at"].isoformat() == "2026-11-30T12:00:00+00:00"
    now = int(time.time())
    for answer in (
        await send_standard(receiving, event, "whsec_" + "b3RoZXI="),
        await send_standard(receiving, event, at=now - 310),
        await send_standard(receiving, event, at=now + 310),
        await send_standard(receiving, event, at="9" * 400),
        await send_standard(receiving, {"data": {}}),
        await receiving.post("/webhooks/crm", json=event),
    ):
        assert answer.status_code == 400


async def test_what_fails_is_tried_again_visible_and_replayed(world, receiving):
    customer = f"cus_{uuid7().hex}"
    event, broken = subscription(customer, at=5), subscription(customer, at=6, status="unheard-of")
    for sent in (event, broken):
        await send(receiving, sent)
    await handle_all(world)
    (row,), (other,) = await stored(world, event), await stored(world, broken)
    assert (row["status"], row["attempts"]) == ("received", 1)
    assert row["error"] == "No organization is this customer."
    assert other["status"] == "failed", "no further attempt can help"
    job = "SELECT id FROM jobs WHERE payload ->> 'event' = $1"
    for _ in range(9):
        await make_due(world, await world.superuser.fetchval(job, str(row["id"])))
        await handle_all(world)
    (row,) = await stored(world, event)
    assert (row["status"], row["attempts"]) == ("failed", 10)

    await world.superuser.execute(
        "INSERT INTO stripe_customers (id, organization_id, stripe_customer_id)"
        " VALUES ($1, $2, $3)",
        uuid7(),
        world.organization,
        customer,
    )
    async with world.database.auth.lend(NOBODY) as lent:
        replayed = await webhook_events.replay(lent, kinds_by_provider(), None)
        assert {row["id"], other["id"]} <= set(replayed)
        assert await webhook_events.replay(lent, kinds_by_provider(), row["id"]) == []
    await handle_all(world)
    (row,) = await stored(world, event)
    assert (row["status"], row["error"]) == ("processed", None)
    assert (await state(world, customer))["price_id"] == "price_5"


async def test_events_are_forgotten_after_a_while(world, receiving):
    event = {"id": f"evt_{uuid7().hex}", "type": "charge.refunded", "created": BORN}
    await send(receiving, event)
    age = "UPDATE webhook_events SET created_at = now() - interval '31 days' WHERE external_id = $1"
    await world.superuser.execute(age, event["id"])
    async with world.database.auth.lend(NOBODY) as lent:
        assert await webhook_events.prune(lent, 500) >= 1
    assert await stored(world, event) == []
