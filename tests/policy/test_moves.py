"""What moves from one document to another leaves the one and enters the other: both are asked."""

import pytest
from uuid_utils.compat import uuid7

MOVE = """mutation ($id: UUID!, $to: RequirementPlace!) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: $to) { requirement { documentId } } }"""


@pytest.fixture
async def elsewhere(world):
    """A second document with a requirement; the document's editor reads the project around it."""
    document, requirement = uuid7(), uuid7()
    place = (world.organization, world.project)
    await world.superuser.execute(
        "INSERT INTO documents (organization_id, project_id, id, name, slug)"
        " VALUES ($1, $2, $3, 'Elsewhere', 'elsewhere')",
        *place,
        document,
    )
    await world.superuser.execute(
        "INSERT INTO requirements (organization_id, project_id, document_id, id, name)"
        " VALUES ($1, $2, $3, $4, 'Stops')",
        *place,
        document,
        requirement,
    )
    await world.superuser.execute(
        "INSERT INTO project_members (organization_id, project_id, user_id, role)"
        " VALUES ($1, $2, $3, 'viewer')",
        *place,
        world.people["document_editor"],
    )
    return document, requirement


async def test_nothing_is_put_where_its_mover_may_not_write(world, elsewhere):
    document, _ = elsewhere
    code = await world.code(
        "document_editor", MOVE, id=world.requirement, to={"documentId": document}
    )
    assert code == "FORBIDDEN"
    assert await world.records(world.requirement) == []


async def test_nothing_is_taken_from_where_its_mover_may_not_write(world, elsewhere):
    _, requirement = elsewhere
    code = await world.code(
        "document_editor", MOVE, id=requirement, to={"documentId": world.document}
    )
    assert code == "FORBIDDEN"
    assert await world.records(requirement) == []


async def test_who_may_write_in_both_may_move(world, elsewhere):
    document, requirement = elsewhere
    for id, to in ((world.requirement, document), (requirement, world.document)):
        moved = await world.ask("project_editor", MOVE, id=id, to={"documentId": to})
        assert moved["requirement"] == {"documentId": str(to)}


async def test_within_their_document_its_editor_moves(world, elsewhere):
    to = {"last": True}
    assert await world.code("document_editor", MOVE, id=world.requirement, to=to) is None
