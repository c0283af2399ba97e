"""Catching up: all events or RESYNC, and none that is outdated."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from auth.credentials.identify import identify_token
from auth.session import ViewerSession
from auth.session.reading import MAX_PASTS
from auth.session.versions import Version
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.kit.context import Context
from graph.live import catchup as hubs
from graph.live.executions import MAX_BATCH
from tests.core.test_notifications import READ, assign
from tests.live.following import delivered, place
from tests.live.holding import Held
from tests.live.test_hub import DELETE, DOCUMENT, PROJECT, create, rename
from tests.live.test_notifications import LEAVE, RECEIVED

TRIM = "DELETE FROM feed_positions WHERE position <= $1"
AROUND = DOCUMENT.replace("block { id }", "document { project { documents { nodes { id } } } }")
CREATE = """mutation ($id: UUID!) { documentCreate(
    input: { projectId: $id, name: "Gone", slug: "gone" }) { document { id } } }"""

SECTION = """mutation ($id: UUID!) { blockCreate(
    input: { documentId: $id, type: "text", name: "Section" }) { block { id } } }"""
MOVE = """mutation ($id: UUID!, $v: BigInt!, $to: RequirementPlaceInput!) { requirementMove(
    id: $id, expectedVersion: $v, placeAt: $to) { requirement { version } } }"""
RESTORE = """mutation ($id: UUID!, $v: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $v) { requirement { id } } }"""
REMOVE = """mutation ($id: UUID!) {
    blockDelete(id: $id, expectedVersion: 1) { block { id } } }"""
ROWS = """subscription ($id: UUID!) { documentChanged(id: $id) {
    cursor entity { id version ... on Requirement { name } } } }"""
EDIT = """
WITH changed AS (UPDATE requirements SET name = $2, version = version + 1, updated_at = now()
    WHERE document_id = $1 RETURNING *)
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, changed_fields, new_data, old_data)
SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
    ARRAY['name'], jsonb_build_object('name', name), jsonb_build_object('name', $3::text)
FROM changed"""
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.slow
async def test_what_is_forgotten_while_somebody_catches_up_is_said_to_be(
    world, hub, follow, monkeypatch
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    follower.cancel()
    after = follower.told[0]["cursor"]
    witness = await follow("viewer", PROJECT, id=world.project)
    for version in range(1, 6):
        await rename(world, f"Name {version}", version)
    positions = [place(hub, world, event["cursor"]).position for event in await witness.has(5)]
    hub.tail.recent.clear()
    monkeypatch.setattr(hubs, "PAGE", 2)
    held = Held(hubs.read, lambda *_, after, **__: after >= positions[1])
    monkeypatch.setattr(hubs, "read", held)
    back = await follow("viewer", DOCUMENT, id=world.document, after=after)
    await held.begun.wait()
    await world.superuser.execute(TRIM, positions[3])
    held.released.set()
    await rename(world, "Name 6", 6)
    await back.until(lambda f: f.told[-1]["version"] == 7)
    told = [(event["kind"], event["version"]) for event in back.told]
    updates = [("UPDATED", 2), ("UPDATED", 3)]
    assert told == [("READY", None), *updates, ("RESYNC", None), ("UPDATED", 7)]


@pytest.mark.parametrize("together", [False, True])
async def test_what_is_unread_is_counted_anew_for_who_comes_back(world, follow, together):
    """Also when another window of theirs has stayed, and received another number."""
    stays = await follow("viewer", RECEIVED)
    await assign(world)
    (event,) = await stays.has(1)
    assert event["unreadCount"] == 1
    if not together:
        stays.cancel()
    await world.ask("viewer", READ, id=event["entityId"])
    back = await follow("viewer", RECEIVED, after=stays.told[0]["cursor"])
    (again,) = await back.has(1)
    assert again["entityId"] == event["entityId"]
    assert [told["unreadCount"] for told in back.told] == [0, 0]


async def test_who_comes_back_is_not_told_of_a_place_that_is_gone_meanwhile(world, follow):
    """The containers of a row are current, though others with these rights received it before."""
    gone = (await world.ask("owner", CREATE, id=world.project))["document"]["id"]
    stays = await follow("viewer", AROUND, id=world.document)
    witness = await follow("viewer", PROJECT, id=world.project)
    await stays.until(lambda f: f.told)
    await rename(world, "Told")
    (event,) = await stays.has(1)
    assert {"id": gone} in event["entity"]["document"]["project"]["documents"]["nodes"]
    await world.ask("owner", LEAVE, id=gone)
    await witness.until(lambda f: (f.told[-1]["kind"], f.told[-1]["entityId"]) == ("DELETED", gone))
    back = await follow("viewer", AROUND, id=world.document, after=stays.told[0]["cursor"])
    (event,) = await back.has(1)
    around = event["entity"]["document"]["project"]["documents"]["nodes"]
    assert around == [{"id": str(world.document)}]


async def edit_all(world, times):
    """Write new versions of all requirements of the document with plain SQL."""
    for number in range(1, times + 1):
        names = f"Name {number}", f"Name {number - 1}"
        await world.superuser.execute(EDIT, world.document, *names)


@pytest.mark.slow
@pytest.mark.parametrize("edge", ["", "block { id }"])
async def test_many_versions_of_one_row_are_told_with_each(world, follow, edge):
    """One request may not read that many past rows, and they are more than one execution takes."""
    query = DOCUMENT.replace("block { id }", edge)
    first = await follow("viewer", query, id=world.document)
    await first.until(lambda f: f.told)
    first.cancel()
    times = MAX_PASTS + 5 if edge else 2 * MAX_BATCH + 5
    await edit_all(world, times)
    back = await follow("viewer", query, id=world.document, after=first.told[0]["cursor"])
    told = await back.has(times)
    assert [event["entity"]["name"] for event in told] == [f"Name {i + 1}" for i in range(times)]
    assert [event["entity"]["version"] for event in told] == [*range(2, times + 2)]
    assert not back.failures
    assert back.executions <= 2 + 2 * (1 + times // MAX_BATCH)  # many at a time


@pytest.mark.slow
async def test_versions_of_many_rows_are_read_with_a_statement_for_all(world, hub, follow):
    first = await follow("viewer", ROWS, id=world.document)
    await first.until(lambda f: f.told)
    first.cancel()
    for number in range(20):
        await create(world, f"Row {number}")
    await edit_all(world, 3)
    await delivered(hub, world)
    back = await follow("viewer", ROWS, id=world.document, after=first.told[0]["cursor"])
    told = await back.has(20 + 21 * 3)
    assert {event["entity"]["version"] for event in told} == {1, 2, 3, 4}
    assert sum(session.statements for session in back.sessions) < 8


@pytest.mark.slow
async def test_a_version_is_read_with_others_as_it_is_read_alone(world, database):
    """With any changes of the row and of its containers, for any viewer."""
    other = (await world.ask("owner", CREATE, id=world.project))["document"]["id"]
    section = (await world.ask("owner", SECTION, id=world.document))["block"]["id"]
    row = await create(world, "First")
    id = row["id"]
    await rename(world, "Second", 1, requirement=id)
    await world.ask("owner", MOVE, id=id, v=2, to={"blockId": section})
    await rename(world, "Third", 3, requirement=id)
    await world.ask("owner", DELETE, id=id, v=4)
    await world.ask("owner", RESTORE, id=id, v=5)
    await world.ask("owner", MOVE, id=id, v=6, to={"documentId": other})
    await rename(world, "Fourth", 7, requirement=id, person="owner")
    kept = await create(world, "Stays")
    await rename(world, "Stays here", 1, requirement=kept["id"])
    asked = [(Requirement, UUID(id), number) for number in range(1, 10)]
    asked += [(Requirement, UUID(kept["id"]), number) for number in (1, 2)]
    asked += [(Block, UUID(section), 1), (Document, UUID(other), 1)]
    for change in (None, (REMOVE, section), (LEAVE, other)):
        if change:
            query, gone = change
            await world.ask("owner", query, id=gone)
        for person in ("owner", "viewer", "document_editor", "member", "outsider"):
            viewer = await identify_token(await world.token(person), database)
            context = Context(ViewerSession(database, viewer))
            alone = [await _alone(context, *each) for each in asked]
            versions = [(model, Version(id, number, BEGINNING)) for model, id, number in asked]
            batch = await asyncio.gather(*(context.at_version(*each) for each in versions))
            assert [_values(row) for row in batch] == [_values(row) for row in alone]
            if person == "owner":
                assert sum(row is not None for row in batch) >= 9


async def _alone(context, model, id, number):
    context.session.most_pasts += 1
    try:
        return await context.get_then(model, id, number, None)
    except Problem as problem:
        if problem.code != "NOT_FOUND":
            raise


def _values(row):
    return row and {key: value for key, value in row.items() if key != "past"}
