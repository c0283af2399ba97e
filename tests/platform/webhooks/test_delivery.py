"""Events are delivered at least once, signed, and in the order of each document."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db import webhook_queue as queue
from db.pool import NOBODY
from db.webhook_queue import NewDelivery
from graph.platform.jobs.worker import Worker
from graph.platform.webhooks.upkeep import DISABLED
from tests.loop import within
from tests.platform.webhooks.endpoints import UPDATE, service_account
from tests.platform.webhooks.receiver import PATIENCE

BLOCK = """mutation ($document: UUID!) {
    blockCreate(input: {documentId: $document, name: "Block"}) { block { id } } }"""
DOCUMENT = """mutation ($project: UUID!) {
    documentCreate(input: {projectId: $project, name: "Other", slug: "other"}) {
        document { id } } }"""


async def another_document(world):
    """Return another document and its block."""
    document = (await world.ask("admin", DOCUMENT, project=world.project))["document"]["id"]
    made = await world.ask("admin", BLOCK, document=document)
    return document, made["block"]["id"]


async def test_an_event_is_delivered_signed_and_logged(world, endpoints, receiver, sending):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    async with sending():
        id = await endpoints.write("Stop")
        await endpoints.rename(id, "Stop at once")
        await receiver.until(2)
        created, updated = await endpoints.deliveries(endpoint["id"], 2, "SUCCEEDED")
    first, second = receiver.requests
    content = first.verified(endpoint["secret"])
    assert (content["type"], second.content["type"]) == (
        "requirement.created",
        "requirement.updated",
    )
    data = second.verified(endpoint["secret"])["data"]
    assert (data["kind"], data["entityType"], data["entityId"]) == ("UPDATED", "REQUIREMENT", id)
    assert (data["version"], data["changedFields"]) == (2, ["name"])
    assert data["documentId"] == str(world.document)
    assert data["actorId"] == str(world.people["editor"])
    assert first.id.startswith("msg_")
    assert first.id != second.id
    assert (created["webhookId"], updated["webhookId"]) == (first.id, second.id)
    assert updated["requestBody"] == second.body
    assert updated["requestHeaders"]["webhook-signature"] == second.headers["webhook-signature"]
    assert (updated["responseStatus"], updated["attempts"]) == (204, 1)
    assert updated["responseHeaders"]["x-served-by"] == "test"
    read = await endpoints.read(endpoint["id"])
    assert read["failingSince"] is None
    assert read["lastSuccessAt"] is not None


@pytest.mark.slow
async def test_a_failure_holds_up_its_own_document_alone(world, endpoints, receiver, sending):
    other, mine = await another_document(world), []
    endpoint = await endpoints.create(eventTypes=["requirement.*"])

    def answer(request):
        if request.content["data"]["documentId"] != str(world.document):
            return 200
        mine.append(request.id)
        return 500 if len(mine) <= 3 else 200

    receiver.answer = answer
    async with sending():
        id = await endpoints.write("One")
        await endpoints.rename(id, "Two")
        await endpoints.write("Elsewhere", *other)
        await receiver.until(6)
        found = await endpoints.deliveries(endpoint["id"], 3, "SUCCEEDED")
    assert mine[:4] == [mine[0]] * 4, "a message keeps its ID, and the next one waits for it"
    assert mine[4:] == [found[1]["webhookId"]]
    assert [delivery["attempts"] for delivery in found] == [4, 1, 1]
    assert [attempt["status"] for attempt in found[0]["log"]] == [500, 500, 500, 200]
    assert found[0]["log"][0]["error"] == "The endpoint answered 500."


@pytest.mark.slow
async def test_a_message_fails_after_the_last_attempt_and_is_sent_again_when_asked(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(eventTypes=["requirement.created"])
    receiver.answer = lambda _: 503
    async with sending(retry_delays=(0.01, 0.01)):
        await endpoints.write("One")
        (failed,) = await endpoints.deliveries(endpoint["id"], 1, "FAILED")
        assert (failed["attempts"], failed["responseBody"]) == (3, "thank you")
        assert (await endpoints.read(endpoint["id"]))["failingSince"] is not None
        receiver.answer = lambda _: 200
        again = await world.ask(
            "admin",
            "mutation ($id: UUID!) { webhookDeliveryReplay(id: $id) { webhookDelivery { id } } }",
            id=failed["id"],
        )
        assert again["webhookDelivery"]["id"] == failed["id"]
        (sent,) = await endpoints.deliveries(endpoint["id"], 1, "SUCCEEDED")
        assert sent["webhookId"] == failed["webhookId"]
        assert len({request.id for request in receiver.requests}) == 1
        assert len({request.body for request in receiver.requests}) == 1
        await endpoints.write("Two")
        await endpoints.deliveries(endpoint["id"], 2, "SUCCEEDED")
        count = len(receiver.requests)
        since = await world.ask(
            "admin",
            """mutation ($id: UUID!) { webhookDeliveriesReplay(endpointId: $id,
                since: "2020-01-01T00:00:00Z") { replayed hasMore } }""",
            id=endpoint["id"],
        )
        assert since == {"replayed": 2, "hasMore": False}
        await receiver.until(count + 2)
    assert receiver.types()[-2:] == ["requirement.created"] * 2


@pytest.mark.slow
async def test_what_the_service_account_may_not_read_is_not_sent(
    world, endpoints, receiver, sending
):
    member = await service_account(world, "MEMBER")
    blind = await endpoints.create(serviceAccountId=member, eventTypes=["requirement.*"])
    sees = await endpoints.create(eventTypes=["requirement.*"])
    async with sending():
        await endpoints.write("Hidden")
        await endpoints.deliveries(sees["id"], 1, "SUCCEEDED")
        assert (await endpoints.read(blind["id"]))["deliveries"]["totalCount"] == 0
        receiver.answer = lambda _: 500
        await endpoints.write("Also hidden")
        await receiver.until(2)
        await world.superuser.execute(
            "UPDATE organization_members SET role = 'member' WHERE user_id = $1", endpoints.account
        )
        (_, lost) = await endpoints.deliveries(sees["id"], 2, "SUCCEEDED", "CANCELED")
    assert lost["status"] == "CANCELED"


async def test_filters_choose_among_events(world, endpoints, receiver, sending):
    endpoint = await endpoints.create(
        eventTypes=["requirement.updated", "block.*"], fields=["priority"]
    )
    async with sending():
        id = await endpoints.write("One")
        await endpoints.rename(id, "Two")
        await world.ask("editor", BLOCK, document=world.document)
        await endpoints.deliveries(endpoint["id"], 1, "SUCCEEDED")
    assert receiver.types() == ["block.created"]


@pytest.mark.slow
async def test_an_endpoint_that_is_gone_is_disabled_and_goes_on_when_it_is_active_again(
    world, endpoints, receiver, sending, database
):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    receiver.answer = lambda _: 410
    async with sending():
        await endpoints.write("One")
        await receiver.until(1)
        read = await endpoints.status(endpoint["id"], "DISABLED")
        assert read["disabledReason"] == "The endpoint answered 410 (Gone)."
        await endpoints.write("Two")
        receiver.answer = lambda _: 200
        version = read["version"]
        assert version == 2
        await world.ask(
            "admin", UPDATE, id=endpoint["id"], version=version, input={"status": "ACTIVE"}
        )
        found = await endpoints.deliveries(endpoint["id"], 2, "SUCCEEDED", "FAILED")
        await receiver.until(2)
    assert found[0]["status"] == "FAILED"
    assert json.loads(receiver.requests[1].body)["type"] == "requirement.created"
    await Worker(database, [DISABLED]).run_due()
    for person in ("owner", "admin"):
        (told,) = (
            await world.ask(
                person,
                """{ viewer { notifications(filter: {kind: {eq: SYSTEM}}) {
                    nodes { message entity { id } } } } }""",
            )
        )["notifications"]["nodes"]
        assert told["entity"]["id"] == endpoint["id"]
    actions = [record["action"] for record in await world.records(endpoint["id"])]
    assert actions == ["create", "update", "update"]


async def test_a_test_message_is_sent_once(world, endpoints, receiver, sending):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    receiver.answer = lambda _: 500
    async with sending():
        made = await world.ask(
            "admin",
            """mutation ($id: UUID!) { webhookEndpointPing(id: $id) {
                webhookDelivery { id eventType status } } }""",
            id=endpoint["id"],
        )
        assert made["webhookDelivery"]["eventType"] == "webhook.ping"
        (failed,) = await endpoints.deliveries(endpoint["id"], 1, "FAILED")
    assert failed["attempts"] == 1
    assert receiver.requests[0].verified(endpoint["secret"])["data"]["endpointId"] == endpoint["id"]


async def test_a_rotated_secret_and_the_one_before_verify_the_same_message(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    rotated = await world.ask(
        "admin",
        """mutation ($id: UUID!) { webhookEndpointSecretRotate(id: $id) {
            secret webhookEndpoint { formerSecretExpiresAt } } }""",
        id=endpoint["id"],
    )
    assert rotated["secret"] != endpoint["secret"]
    async with sending():
        await endpoints.write("One")
        await receiver.until(1)
    for secret in (rotated["secret"], endpoint["secret"]):
        assert receiver.requests[0].verified(secret)["type"] == "requirement.created"
    stored = await world.superuser.fetchrow(
        "SELECT secret, former_secret FROM webhook_endpoints WHERE id = $1::text::uuid",
        endpoint["id"],
    )
    for secret in (rotated["secret"], endpoint["secret"]):
        assert all(secret.encode() not in value for value in stored)
    for record in await world.records(endpoint["id"]):
        assert "whsec" not in str(dict(record))
        for data in (record["old_data"], record["new_data"]):
            assert '"secret"' not in (data or "")


async def test_an_endpoint_that_was_away_for_too_long_is_told(world, endpoints, receiver, sending):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    await world.superuser.execute(
        "UPDATE webhook_cursors SET epoch = gen_random_uuid() WHERE endpoint_id = $1::text::uuid",
        endpoint["id"],
    )
    async with sending():
        await receiver.until(1)
        await endpoints.write("One")
        await receiver.until(2)
    assert receiver.types() == ["webhook.resync", "requirement.created"]


async def test_a_worker_that_is_gone_leaves_its_endpoints_to_others(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    await world.superuser.execute(
        """WITH w AS (INSERT INTO webhook_workers (id, has_lock, expires_at)
            VALUES (gen_random_uuid(), true, now() + interval '1 hour') RETURNING id)
        UPDATE webhook_cursors SET worker_id = w.id FROM w WHERE endpoint_id = $1::text::uuid""",
        endpoint["id"],
    )
    async with sending():
        await endpoints.write("One")
        await receiver.until(1)


async def test_what_a_worker_that_was_killed_had_queued_is_sent_without_a_new_event(
    world, endpoints, receiver, sending, database
):
    endpoint = UUID((await endpoints.create(eventTypes=["requirement.*"]))["id"])
    await endpoints.write("One")
    killed, head, held = uuid7(), 2**40, []
    async with within(PATIENCE), database.auth.lend(NOBODY) as connection:
        await queue.register(connection, killed, timedelta(hours=1), locks=False)
        while endpoint not in (one.endpoint_id for one in held):  # once the event has its number
            held = await queue.claim(connection, killed, head, 200, 200)
            await asyncio.sleep(0.02)
    row = await world.superuser.fetchrow("SELECT epoch, position FROM feed_cursor")
    about = {"event_type": "webhook.resync", "order_key": endpoint, "position": row["position"]}
    message = NewDelivery(webhook_id="msg_queued", **about)
    async with database.auth.lend(NOBODY, in_transaction=True) as connection:
        await queue.add(connection, killed, endpoint, [message], row["position"], row["epoch"])
    await world.superuser.execute("DELETE FROM webhook_workers WHERE id = $1", killed)
    async with sending():
        await receiver.until(1)
    assert receiver.requests[0].id == "msg_queued"


async def test_an_endpoint_that_is_paused_is_sent_nothing_more_that_was_queued(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(eventTypes=["requirement.*"])
    asked, paused, resumed, ids = asyncio.Event(), asyncio.Event(), asyncio.Event(), []

    async def answer(request):
        if request.path == "/hook" and not resumed.is_set():
            ids.append(request.id)
            asked.set()
            await paused.wait()
            if len(ids) > 1:  # begun before the worker has noticed
                await resumed.wait()
        return 204

    receiver.answer = answer
    for name in ("One", "Two", "Three"):
        await endpoints.write(name)
    async with sending():
        await asyncio.wait_for(asked.wait(), PATIENCE)
        await endpoints.deliveries(endpoint["id"], 3, "QUEUED")
        change = {"id": endpoint["id"], "input": {"status": "PAUSED"}}
        await world.ask("admin", UPDATE, version=1, **change)
        paused.set()
        other = await endpoints.create(url=receiver.url.replace("hook", "other"))
        await endpoints.write("Four")
        await endpoints.deliveries(other["id"], 1, "SUCCEEDED")
        await endpoints.deliveries(endpoint["id"], 3, "QUEUED")
        assert len(ids) <= 2
        resumed.set()
        change["input"] = {"status": "ACTIVE"}
        await world.ask("admin", UPDATE, version=2, **change)
        await endpoints.deliveries(endpoint["id"], 4, "SUCCEEDED")
