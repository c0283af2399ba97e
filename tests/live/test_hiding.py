"""Deleting and restoring a container produces events for followers of its contents."""

import pytest

from tests.live.conftest import Follower
from tests.live.following import delivered
from tests.live.test_hub import DELETE, DOCUMENT, PROJECT, REQUIREMENT, create, rename

BLOCK_CREATE = """mutation ($document: UUID!, $parent: UUID) { blockCreate(
    input: { documentId: $document, parentId: $parent, name: "Inner" }) { block { id } } }"""
BLOCK_DELETE = """mutation ($id: UUID!, $v: BigInt!) {
    blockDelete(id: $id, expectedVersion: $v) { block { version } } }"""
BLOCK_RESTORE = BLOCK_DELETE.replace("Delete", "Restore")
DOCUMENT_DELETE = """mutation ($id: UUID!) {
    documentDelete(id: $id, expectedVersion: 1) { document { version } } }"""
DOCUMENT_RESTORE = """mutation ($id: UUID!) {
    documentRestore(id: $id, expectedVersion: 2) { document { version } } }"""
DOCUMENT_CREATE = """mutation ($id: UUID!) { documentCreate(
    input: { projectId: $id, name: "Other", slug: "other" }) { document { id } } }"""
MOVE = """mutation ($id: UUID!, $to: UUID!) { requirementMove(
    id: $id, expectedVersion: 1, placeAt: { documentId: $to }) { requirement { id } } }"""
INTO = """mutation ($id: UUID!, $to: UUID!) { requirementMove(
    id: $id, expectedVersion: 1, placeAt: { blockId: $to }) { requirement { id } } }"""
PURGE = "DELETE FROM blocks WHERE id = $1"


def narrowed(query, filters="types: [REQUIREMENT]"):
    return query.replace("id: $id", f"id: $id, {filters}").replace(
        "departed", "departed via sequence"
    )


def what(follower):
    return [(event["kind"], event["entityType"], event["entityId"]) for event in follower.told[1:]]


@pytest.fixture
async def follow_ready(world, hub, follow):
    """Return a follower that starts after all earlier changes."""

    async def start(*arguments, **variables):
        await delivered(hub, world)
        follower = await follow(*arguments, **variables)
        return await follower.until(lambda f: f.told)

    return start


@pytest.mark.slow
@pytest.mark.parametrize("query", [DOCUMENT, PROJECT])
async def test_what_a_deleted_block_hides_is_told_row_by_row_and_what_its_return_shows(
    world, follow, follow_ready, query
):
    """Also in nested blocks; not rows deleted before, nor rows elsewhere."""
    inner = await world.ask("editor", BLOCK_CREATE, document=world.document, parent=world.block)
    rows = [await create(world, f"Row {number}") for number in range(4)]
    await world.ask("editor", DELETE, id=rows[3]["id"], v=1)
    await world.ask("editor", INTO, id=rows[2]["id"], to=inner["block"]["id"])
    elsewhere = await world.ask("editor", BLOCK_CREATE, document=world.document, parent=None)
    await world.ask("editor", INTO, id=rows[1]["id"], to=elsewhere["block"]["id"])
    id = world.project if query == PROJECT else world.document
    follower = await follow_ready("viewer", narrowed(query), id=id)
    await world.ask("editor", BLOCK_DELETE, id=world.block, v=1)
    await world.ask("editor", BLOCK_RESTORE, id=world.block, v=2)
    beneath = sorted([str(world.requirement), rows[0]["id"], rows[2]["id"]])
    events = await follower.has(6)
    assert what(follower) == [
        *(("DELETED", "REQUIREMENT", id) for id in beneath),
        *(("RESTORED", "REQUIREMENT", id) for id in beneath),
    ]
    assert {event["via"] for event in events} == {str(world.block)}
    assert [event["entity"] for event in events[:3]] == [None] * 3
    assert [event["entity"]["id"] for event in events[3:]] == beneath
    assert [event["version"] for event in events[3:]] == [
        e["entity"]["version"] for e in events[3:]
    ]
    assert {event["actor"]["fullName"] for event in events} == {f"editor {world.name}"}
    back = await follow("viewer", narrowed(query), id=id, after=follower.told[0]["cursor"])
    assert await back.has(6) == events
    cut = await follow("viewer", narrowed(query), id=id, after=events[0]["cursor"])
    assert await cut.has(6) == events  # not in the middle of what one deletion hides
    again = await follow("viewer", narrowed(query), id=id, after=events[2]["cursor"])
    assert await again.has(3) == events[3:]


async def test_who_follows_blocks_too_is_told_of_the_block_alone(world, follow_ready):
    types = "types: [REQUIREMENT, BLOCK]"
    follower = await follow_ready("viewer", narrowed(DOCUMENT, types), id=world.document)
    await world.ask("editor", BLOCK_DELETE, id=world.block, v=1)
    await world.ask("editor", BLOCK_RESTORE, id=world.block, v=2)
    (deleted, restored) = await follower.has(2)
    assert [deleted["entityType"], restored["entityType"]] == ["BLOCK"] * 2
    assert deleted["via"] is restored["via"] is None


async def test_what_a_deleted_document_hides_is_told_in_its_project(world, follow_ready):
    follower = await follow_ready("viewer", narrowed(PROJECT), id=world.project)
    await world.ask("owner", DOCUMENT_DELETE, id=world.document)
    await world.ask("owner", DOCUMENT_RESTORE, id=world.document)
    await follower.has(2)
    id = str(world.requirement)
    assert what(follower) == [("DELETED", "REQUIREMENT", id), ("RESTORED", "REQUIREMENT", id)]


async def test_more_than_is_told_one_by_one_is_to_be_read_again(world, follow_ready, monkeypatch):
    monkeypatch.setattr("graph.live.executions.MAX_BENEATH", 1)
    await create(world, "One too many")
    follower = await follow_ready("viewer", narrowed(DOCUMENT), id=world.document)
    await world.ask("editor", BLOCK_DELETE, id=world.block, v=1)
    (event,) = await follower.has(1)
    assert (event["kind"], event["entityId"]) == ("RESYNC", None)
    await world.ask("editor", BLOCK_RESTORE, id=world.block, v=2)
    await rename(world, "Told")
    told = await follower.has(3)
    assert [event["kind"] for event in told] == ["RESYNC", "RESYNC", "UPDATED"]


@pytest.mark.parametrize("what", ["block", "document"])
async def test_a_followed_row_that_is_hidden_is_told_to_be_deleted_and_the_stream_ends(
    world, follow_ready, what
):
    follower = await follow_ready(
        "viewer", narrowed(REQUIREMENT, 'fields: ["name"]'), id=world.requirement
    )
    if what == "block":
        beside = await world.ask("editor", BLOCK_CREATE, document=world.document, parent=None)
        await world.ask("editor", BLOCK_DELETE, id=beside["block"]["id"], v=1)
        await world.ask("editor", BLOCK_DELETE, id=world.block, v=1)
    else:
        await world.ask("owner", DOCUMENT_DELETE, id=world.document)
    await follower.until(lambda f: f.errors)
    (event,) = follower.told[1:]
    assert (event["kind"], event["entityType"]) == ("DELETED", "REQUIREMENT")
    assert event["entityId"] == str(world.requirement)
    assert event["via"] == str(getattr(world, what))
    assert follower.errors == ["NOT_FOUND"]


@pytest.mark.parametrize("query", [DOCUMENT, REQUIREMENT])
async def test_a_stream_ends_after_what_it_follows_is_deleted(world, follow_ready, query):
    id = world.requirement if query == REQUIREMENT else world.document
    follower = await follow_ready("viewer", query, id=id)
    if query == REQUIREMENT:
        await world.ask("editor", DELETE, id=id, v=1)
    else:
        await world.ask("owner", DOCUMENT_DELETE, id=id)
    await follower.until(lambda f: f.errors)
    assert [(event["kind"], event["entityId"]) for event in follower.told[1:]] == [
        ("DELETED", str(id))
    ]
    assert follower.errors == ["NOT_FOUND"]


async def test_a_stream_ends_that_does_not_hear_of_what_it_follows(world, follow_ready):
    follower = await follow_ready("viewer", narrowed(DOCUMENT), id=world.document)
    await world.ask("owner", DOCUMENT_DELETE, id=world.document)
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]


async def test_who_catches_up_with_a_hidden_row_does_not_stay(
    world, follow, follow_ready, monkeypatch
):
    """It was deleted while they received the events that they had missed."""
    first = await follow_ready("viewer", REQUIREMENT, id=world.requirement)
    first.cancel()
    await rename(world, "Missed")
    witness = await follow_ready("viewer", DOCUMENT, id=world.document)

    async def deletes(_):
        monkeypatch.undo()
        await world.ask("editor", BLOCK_DELETE, id=world.block, v=1)
        await witness.until(lambda f: f.told[-1]["kind"] == "DELETED")

    monkeypatch.setattr(Follower, "ready", deletes)
    back = await follow("viewer", REQUIREMENT, id=world.requirement, after=first.told[0]["cursor"])
    await back.until(lambda f: f.errors)
    assert back.errors == ["NOT_FOUND"]


async def test_what_is_moved_out_or_in_passes_every_filter_of_fields(world, follow_ready):
    other = (await world.ask("owner", DOCUMENT_CREATE, id=world.project))["document"]["id"]
    query = narrowed(DOCUMENT, 'fields: ["description"]')
    here = await follow_ready("viewer", query, id=world.document)
    there = await follow_ready("viewer", query, id=other)
    await world.ask("editor", MOVE, id=world.requirement, to=other)
    (left,), (arrived,) = await here.has(1), await there.has(1)
    assert (left["kind"], left["departed"]) == ("MOVED", True)
    assert (arrived["kind"], arrived["departed"]) == ("MOVED", False)
