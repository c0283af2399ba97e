"""The hub: each event is delivered once, in order, to those who may see it at that time."""

import asyncio
import random
from uuid import uuid4

import asyncpg
import pytest

from db.problem import Problem
from graph.http.operation.operations import NotRun
from graph.kit.context import Context
from graph.kit.stream import Stream
from graph.live.cursor import Cursor
from tests.live.following import follow_until_it_ends, place

FIELDS = """{ cursor kind entityType entityId version changedFields sequence departed
    actor { fullName } entity { id version ... on Requirement { name block { id } } } }"""
DOCUMENT = f"subscription($id: UUID!) {{ documentChanged(id: $id) {FIELDS} }}"
PROJECT = f"subscription($id: UUID!) {{ projectChanged(id: $id) {FIELDS} }}"
ORGANIZATION = f"subscription($id: UUID!) {{ organizationChanged(id: $id) {FIELDS} }}"
REQUIREMENT = f"subscription($id: UUID!) {{ requirementChanged(id: $id) {FIELDS} }}"
UPDATE = """mutation($id: UUID!, $v: BigInt!, $name: String!) {
    requirementUpdate(id: $id, expectedVersion: $v, input: {name: $name}) {
        requirement { version } } }"""
CREATE = """mutation($document: UUID!, $block: UUID!, $name: String!) {
    requirementCreate(input: {documentId: $document, blockId: $block, name: $name}) {
        requirement { id version } } }"""
DELETE = """mutation($id: UUID!, $v: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $v) { requirement { id } } }"""
REMOVE = """mutation($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""


async def rename(world, name, version=1, person="editor", requirement=None):
    id = requirement or world.requirement
    done = await world.ask(person, UPDATE, id=id, v=version, name=name)
    return done["requirement"]["version"]


async def create(world, name):
    made = await world.ask("editor", CREATE, document=world.document, block=world.block, name=name)
    return made["requirement"]


async def test_a_change_is_told_with_what_it_changed_and_the_row_at_that_version(world, follow):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await rename(world, "Brakes hold")
    (event,) = await follower.has(1)
    assert follower.told[0]["kind"] == "READY"
    assert {key: event[key] for key in event if key != "cursor"} == {
        "kind": "UPDATED",
        "entityType": "REQUIREMENT",
        "entityId": str(world.requirement),
        "version": 2,
        "changedFields": ["name"],
        "sequence": event["sequence"],
        "departed": False,
        "actor": {"fullName": f"editor {world.name}"},
        "entity": {
            "id": str(world.requirement),
            "version": 2,
            "name": "Brakes hold",
            "block": {"id": str(world.block)},
        },
    }


async def test_creating_and_deleting_are_told_as_such(world, follow):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    made = await create(world, "New")
    await world.ask("editor", DELETE, id=made["id"], v=made["version"])
    created, deleted = await follower.has(2)
    assert (created["kind"], deleted["kind"]) == ("CREATED", "DELETED")
    assert created["entity"]["name"] == "New"
    assert deleted["entity"] is None
    assert deleted["entityId"] == made["id"]


@pytest.mark.parametrize(
    ("query", "of"),
    [(PROJECT, "project"), (ORGANIZATION, "organization"), (REQUIREMENT, "requirement")],
)
async def test_every_scope_above_hears_of_it(world, follow, query, of):
    follower = await follow("viewer", query, id=getattr(world, of))
    await rename(world, "Heard")
    (event,) = await follower.has(1)
    assert event["entity"]["name"] == "Heard"


@pytest.mark.slow
async def test_who_resumes_is_told_what_it_missed_once_and_in_order(world, follow):
    """Killed at random and resumed from the last cursor, it misses and repeats nothing."""
    chance = random.Random(7)
    first = await follow("viewer", DOCUMENT, id=world.document)
    await first.until(lambda f: f.told)
    told, after = [], first.told[0]["cursor"]

    async def edit():
        version = 1
        for number in range(60):
            version = await rename(world, f"Name {number}", version)

    editing = asyncio.create_task(edit())
    while len(told) < 60:
        follower = await follow("viewer", DOCUMENT, id=world.document, after=after)
        await asyncio.sleep(chance.random() / 10)
        await follower.until(lambda f: f.told)
        follower.cancel()
        assert follower.told[0]["kind"] == "READY"
        told += follower.told[1:]
        after = follower.told[-1]["cursor"]
    await editing
    assert [event["version"] for event in told] == list(range(2, 62))
    assert [event["entity"]["version"] for event in told] == list(range(2, 62))
    numbers = [event["sequence"] for event in told]
    assert numbers == list(range(numbers[0], numbers[0] + 60))


async def test_a_cursor_of_another_order_or_of_the_future_is_told_to_resync(world, hub, follow):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    now = place(hub, world, follower.told[0]["cursor"])
    cursors = [
        Cursor(uuid4(), now.position),
        Cursor(now.epoch, now.position + 1000),
        Cursor(now.epoch, 0),
    ]
    for cursor in cursors:
        if cursor.position == 0:
            await world.superuser.execute("DELETE FROM feed_positions WHERE position = 1")
            follower.hub.tail.recent.clear()
        after = hub._cursors.of_place(Stream("organization", world.organization, None), cursor)
        resumed = await follow("viewer", DOCUMENT, id=world.document, after=after)
        await resumed.until(lambda f: f.told)
        assert resumed.told[0]["kind"] == "RESYNC"
    await rename(world, "After all")
    (event,) = await resumed.has(1)
    assert event["entity"]["name"] == "After all"


@pytest.mark.parametrize("after", ["", "x", "1.1", f"{'0' * 32}.-1", "A" * 65, "\x00"])
async def test_what_is_no_cursor_is_refused(world, follow, after):
    with pytest.raises(Problem) as refused:
        await follow("viewer", DOCUMENT, id=world.document, after=after)
    assert refused.value.code == "INVALID"


@pytest.mark.parametrize("query", [DOCUMENT, PROJECT, ORGANIZATION, REQUIREMENT])
async def test_what_may_not_be_seen_cannot_be_followed(world, follow, query):
    ids = {DOCUMENT: world.document, PROJECT: world.project, REQUIREMENT: world.requirement}
    found = []
    for id in (ids.get(query, world.organization), uuid4()):
        with pytest.raises(NotRun) as refused:
            await follow("outsider", query, id=id)
        found.append([(e["message"], e["extensions"]["code"]) for e in refused.value.errors])
    assert found[0] == found[1]
    assert found[0][0][1] == "NOT_FOUND"


async def test_nothing_is_told_after_a_membership_has_ended(world, follow):
    leaving = await follow("viewer", DOCUMENT, id=world.document)
    staying = await follow("editor", DOCUMENT, id=world.document)
    version = await rename(world, "Before")
    await leaving.has(1)
    await world.ask("owner", REMOVE, id=world.members["viewer"])
    await rename(world, "After", version)
    await staying.until(lambda f: len([e for e in f.told if e["version"] == 3]) == 1)
    await leaving.until(lambda f: f.errors)
    assert leaving.errors == ["NOT_FOUND"]
    assert [event["version"] for event in leaving.told[1:]] == [2]


async def test_a_dead_credential_ends_the_connection(world, follow):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    await world.superuser.execute(
        "UPDATE profiles SET status = 'suspended' WHERE id = $1", world.people["viewer"]
    )
    await world.superuser.execute(
        "INSERT INTO audit_logs (entity_id, entity_type, action, version, user_id, event_type,"
        " resource_type) VALUES ($1, 'Profile', 'update', 2, $1, 'update', 'user')",
        world.people["viewer"],
    )
    await follower.until(lambda f: f.closed)
    assert follower.closed == "UNAUTHENTICATED"


async def test_those_with_the_same_rights_share_one_execution(world, follow):
    followers = [await follow("viewer", DOCUMENT, id=world.document) for _ in range(20)]
    for follower in followers:
        await follower.until(lambda f: f.told)
    before = sum(follower.executions for follower in followers)
    await rename(world, "Shared")
    for follower in followers:
        assert (await follower.has(1))[0]["entity"]["name"] == "Shared"
    assert sum(follower.executions for follower in followers) == before + 1


async def test_an_event_costs_as_many_statements_for_many_as_for_one(world, follow):
    followers, costs = [], []
    for more in (1, 19):
        followers += [await follow("viewer", DOCUMENT, id=world.document) for _ in range(more)]
        for follower in followers:
            await follower.until(lambda f: f.told)
        before = sum(session.statements for f in followers for session in f.sessions)
        await create(world, "Told")
        for follower in followers:
            await follower.until(lambda f: f.told[-1]["kind"] == "CREATED")
        told = sum(session.statements for f in followers for session in f.sessions)
        costs.append(told - before)
    assert costs == [3, 3]  # the row, its block, and who made it


async def test_those_who_come_back_together_share_what_they_have_missed(world, follow):
    first = await follow("viewer", DOCUMENT, id=world.document)
    await first.until(lambda f: f.told)
    after = first.told[0]["cursor"]
    first.cancel()
    for version in range(1, 6):
        await rename(world, f"Name {version}", version)
    back = [await follow("viewer", DOCUMENT, id=world.document, after=after) for _ in range(20)]
    for follower in back:
        missed = await follower.has(5)
        assert [event["version"] for event in missed] == [2, 3, 4, 5, 6]
    following, greetings, events = 20, 20, 5
    executions = sum(follower.executions for follower in back)
    assert 0 < executions - following - greetings <= events


async def test_filters_leave_out_what_was_not_asked_for(world, follow):
    query = DOCUMENT.replace("id: $id", 'id: $id, types: [REQUIREMENT], fields: ["description"]')
    follower = await follow("viewer", query, id=world.document)
    await rename(world, "Not told")
    made = await create(world, "Told")
    (event,) = await follower.has(1)
    assert event["entityId"] == made["id"]


@pytest.mark.slow
async def test_a_role_that_ends_by_itself_ends_what_it_let_see(world, follow):
    version = 1

    async def change():
        nonlocal version
        version = await rename(world, f"Before, {version}", version)

    follower = await follow_until_it_ends(
        world, follow, "document_editor", DOCUMENT, change, id=world.document
    )
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]


async def test_an_event_is_told_again_until_the_database_answers(world, follow, monkeypatch):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    one, failures = Context.one, iter(range(3))

    async def fails(*arguments):
        if next(failures, None) is not None:
            raise Problem("BUSY", "Not now.")
        return await one(*arguments)

    monkeypatch.setattr(Context, "one", fails)
    await rename(world, "Brakes hold")
    (event,) = await follower.has(1)
    assert event["entity"]["name"] == "Brakes hold"
    assert not follower.failures


async def test_who_cannot_catch_up_in_time_is_told_to_come_again(world, follow, monkeypatch):
    first = await follow("viewer", DOCUMENT, id=world.document)
    await first.until(lambda f: f.told)
    await rename(world, "Missed")
    await first.has(1)

    async def takes_too_long(*_, **__):
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr("graph.live.catchup.read", takes_too_long)
    first.hub.tail.recent.clear()
    again = await follow("viewer", DOCUMENT, id=world.document, after=first.told[0]["cursor"])
    await again.until(lambda f: f.errors)
    assert again.errors == ["TIMEOUT"]
