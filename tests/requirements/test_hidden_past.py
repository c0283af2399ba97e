"""The past of a row is readable by those who may read the places where it was."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.world import World

ROW = "query ($id: UUID!, $version: BigInt) { requirement(id: $id, atVersion: $version) { name } }"
HISTORY = """query ($id: UUID!) { requirement(id: $id) { version history { totalCount
    nodes { version changes { field old new } } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) { requirementUpdate(
    id: $id, expectedVersion: $version, input: {name: $name}) { requirement { version } } }"""
REVERT = """mutation ($id: UUID!, $to: BigInt!, $version: BigInt!) { requirementRevert(
    id: $id, toVersion: $to, expectedVersion: $version) { requirement { name } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: UUID!) { requirementMove(
    id: $id, expectedVersion: $version, placeAt: {documentId: $to}) { requirement { version } } }"""
SECRET = "An unannounced train"


@pytest.fixture
async def moved(world: World, other_project: UUID) -> UUID:
    """Return a requirement that was written in a private project, and moved to a readable one."""
    document = uuid7()
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'organization' WHERE id = $1", other_project
    )
    await world.superuser.execute(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Open', 'open')",
        *(document, world.organization, other_project),
    )
    id = world.requirement
    for version, name in ((1, SECRET), (2, "A train")):
        await world.ask("admin", UPDATE, id=id, version=version, name=name)
    await world.ask("admin", MOVE, id=id, version=3, to=document)
    await world.ask("admin", UPDATE, id=id, version=4, name="A train that all may know")
    return id


def without_ids(answer: dict[str, Any]) -> str:
    """Return the answer without the locations of errors in the query."""
    return str([{k: e[k] for k in ("message", "extensions")} for e in answer["errors"]])


async def test_a_version_of_a_hidden_row_is_told_as_one_of_no_row(world: World):
    """No answer reveals whether there is such a row, or the number of its versions."""
    for version in (1, 2):
        await world.ask("admin", UPDATE, id=world.requirement, version=version, name=str(version))
    told = {
        without_ids(await world.answer(person, ROW, id=id, version=version))
        for person in ("member", "outsider", "billing")
        for id in (world.requirement, uuid4())
        for version in (1, 2, 3, 4, 9)
    }
    assert len(told) == 1, told
    assert "NOT_FOUND" in told.pop()


async def test_who_reads_the_row_is_told_that_it_had_no_such_version(world: World):
    told = without_ids(await world.answer("viewer", ROW, id=world.requirement, version=7))
    assert "no such version" in told


async def test_a_history_shows_what_was_done_where_its_reader_may_read(world: World, moved: UUID):
    whole = await world.ask("admin", HISTORY, id=moved)
    assert [entry["version"] for entry in whole["history"]["nodes"]] == [5, 4, 3, 2]
    assert SECRET in str(whole)
    part = await world.ask("member", HISTORY, id=moved)
    assert part["version"] == 5
    assert [entry["version"] for entry in part["history"]["nodes"]] == [5, 4]
    assert part["history"]["totalCount"] == 2
    assert SECRET not in str(part)


async def test_neither_a_conflict_nor_a_revert_tells_what_stood_elsewhere(
    world: World, moved: UUID, other_project: UUID
):
    await world.superuser.execute(
        "INSERT INTO project_members (organization_id, project_id, user_id, role)"
        " VALUES ($1, $2, $3, 'editor')",
        *(world.organization, other_project, world.people["member"]),
    )
    stale = await world.answer("member", UPDATE, id=moved, version=2, name="Mine")
    assert stale["errors"][0]["extensions"]["code"] == "CONFLICT"
    assert SECRET not in str(stale)
    assert await world.code("member", REVERT, id=moved, to=2, version=5) == "NOT_FOUND"
    assert await world.code("admin", REVERT, id=moved, to=2, version=5) is None


async def test_billing_learns_nothing_of_who_works_on_a_public_project(world: World):
    run = world.superuser.execute
    await run(
        "INSERT INTO assignments (organization_id, project_id, entity_type,"
        " entity_id, assignee_id, role, comment)"
        " VALUES ($1, $2, 'requirement', $3, $4, 'reviewer', 'Secretly')",
        *(world.organization, world.project, world.requirement, world.people["editor"]),
    )
    await world.ask("admin", UPDATE, id=world.requirement, version=1, name="Changed")
    query = """query ($id: UUID!, $project: UUID!) {
        requirement(id: $id) { name history { totalCount } assignments { totalCount } }
        project(id: $project) { members { totalCount } } }"""

    async def seen(person: str) -> tuple[int, int, bool]:
        data = await world.ask(person, query, id=world.requirement, project=world.project)
        row = data["requirement"]
        counts = row["history"]["totalCount"], row["assignments"]["totalCount"]
        return *counts, data["project"]["members"]["totalCount"] > 0

    await run("UPDATE projects SET visibility = 'public' WHERE id = $1", world.project)
    try:
        assert await seen("member") == (1, 1, True)
        assert await seen("billing") == (0, 0, False)
    finally:  # or other tests would meet it at the root
        await run("UPDATE projects SET visibility = 'private' WHERE id = $1", world.project)
