"""A move to another document is checked against the policy of both documents."""

import pytest
from uuid_utils.compat import uuid7

from tests.policy.house import PEOPLE

REQUIREMENT = """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
    moved: requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {
        row: requirement { documentId version } } }"""
BLOCK = """mutation ($id: UUID!, $version: BigInt!, $to: BlockPlaceInput!) {
    moved: blockMove(id: $id, expectedVersion: $version, placeAt: $to) {
        row: block { documentId version } } }"""
KINDS = {"requirement": REQUIREMENT, "block": BLOCK}
WRITERS = {"owner", "admin", "editor", "project_admin", "project_editor"}
READERS = WRITERS | {"viewer", "project_viewer", "document_editor"}


@pytest.fixture
async def elsewhere(world):
    """Return a second document with a block and a requirement, and their IDs.

    The editor of the first one reads the project around both.
    """
    ids = {"document": uuid7(), "block": uuid7(), "requirement": uuid7()}
    place = (world.organization, world.project)
    await world.superuser.execute(
        "INSERT INTO documents (organization_id, project_id, id, name, slug)"
        " VALUES ($1, $2, $3, 'Elsewhere', 'elsewhere')",
        *place,
        ids["document"],
    )
    for kind in KINDS:
        await world.superuser.execute(
            f"INSERT INTO {kind}s (organization_id, project_id, document_id, id, name)"
            " VALUES ($1, $2, $3, $4, 'Stops')",
            *place,
            ids["document"],
            ids[kind],
        )
    await world.superuser.execute(
        "INSERT INTO project_members (organization_id, project_id, user_id, role)"
        " VALUES ($1, $2, $3, 'viewer')",
        *place,
        world.people["document_editor"],
    )
    return ids


@pytest.fixture
def move(world):
    """Return the code with which a move by this person is refused."""

    async def move(person, kind, id, version=1, **to):
        return await world.code(person, KINDS[kind], id=id, version=version, to=to)

    return move


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_put_where_its_mover_may_not_write(world, elsewhere, move, kind):
    id = getattr(world, kind)
    to = {"documentId": elsewhere["document"]}
    assert await move("document_editor", kind, id, **to) == "FORBIDDEN"
    assert await world.records(id) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_taken_from_where_its_mover_may_not_write(world, elsewhere, move, kind):
    to = {"documentId": world.document}
    assert await move("document_editor", kind, elsewhere[kind], **to) == "FORBIDDEN"
    assert await world.records(elsewhere[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_write_in_both_may_move(world, elsewhere, kind):
    for id, to in (
        (getattr(world, kind), elsewhere["document"]),
        (elsewhere[kind], world.document),
    ):
        move = {"id": id, "version": 1, "to": {"documentId": to}}
        moved = await world.ask("project_editor", KINDS[kind], **move)
        assert moved["row"]["documentId"] == str(to)


@pytest.mark.parametrize("kind", KINDS)
async def test_within_their_document_its_editor_moves(world, elsewhere, move, kind):
    assert await move("document_editor", kind, getattr(world, kind), at={"end": "END"}) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_who_moves_is_somebody_who_may_write_in_both(world, elsewhere, move, kind):
    """Everybody tries; a refused move has changed nothing."""
    version = 1
    for person in PEOPLE:
        documents = [world.document, elsewhere["document"]]
        to = {"documentId": documents[version % 2]}
        code = await move(person, kind, getattr(world, kind), version, **to)
        if person in WRITERS:
            assert code is None, person
            version += 1
        elif person is None:
            assert code == "UNAUTHENTICATED"
        else:
            assert code == ("FORBIDDEN" if person in READERS else "NOT_FOUND"), person
    assert len(await world.records(getattr(world, kind))) == version - 1
