"""Moves of documents to other projects: what goes along, who may, and what is recorded."""

import pytest

from tests.requirements.linking import elsewhere, link, links_of, requirements
from tests.requirements.test_copies import TREE, content, furnished, made

MOVE = """mutation ($id: UUID!, $version: BigInt! = 1, $project: UUID, $at: DocumentPlaceInput!) {
    documentMove(id: $id, expectedVersion: $version, projectId: $project, placeAt: $at) {
        document { id version projectId position } } }"""
BASELINE = """mutation ($input: BaselineCreateInput!) {
    baselineCreate(input: $input) { baseline { id } } }"""
ASSIGN = """mutation ($input: AssignmentCreateInput!) {
    assignmentCreate(input: $input) { assignment { id } } }"""
PLACES = """query ($id: UUID!) { document(id: $id) { projectId
    blocks(first: 100) { nodes { id projectId } }
    requirements(first: 100) { nodes { id projectId version
        history(first: 1) { nodes { changes { field old new } } } } } } }"""
PAST = """query ($id: UUID!) { document(id: $id, atVersion: 1) { projectId
    requirements(first: 100) { totalCount nodes { projectId } } } }"""
RESTORE = """mutation ($id: UUID!) {
    requirementRestore(id: $id, expectedVersion: 3) { requirement { projectId } } }"""
HERE = {"at": {"end": "END"}}


async def test_a_document_goes_to_another_project_with_everything_in_it(world):
    first, held = await furnished(world)
    (outside,) = await requirements(world, 1, (await elsewhere(world))[1])
    project = await world.superuser.fetchval(
        "SELECT project_id FROM requirements WHERE id = $1::text::uuid", outside
    )
    await link(world, held, outside, "owner", linkType="SATISFIES")
    person = str(world.people["editor"])
    task = {"entityId": held, "assigneeId": person}
    await made(world, ASSIGN, "owner", **task)
    frozen = {"documentId": world.document, "name": "Before"}
    await made(world, BASELINE, "owner", **frozen)
    before = await world.ask("viewer", TREE, id=world.document)
    moved = await world.ask("owner", MOVE, id=world.document, project=project, at=HERE)
    document = moved["document"]
    assert (document["projectId"], document["version"]) == (str(project), 2)
    after = await world.ask("viewer", TREE, id=world.document)
    assert content(after) == content(before)
    places = await world.ask("viewer", PLACES, id=world.document)
    rows = places["requirements"]["nodes"]
    assert {row["projectId"] for row in (*rows, *places["blocks"]["nodes"])} == {str(project)}
    (event,) = rows[0]["history"]["nodes"]
    changed = {"field": "projectId", "old": str(world.project), "new": str(project)}
    assert event["changes"] == [changed]
    assert {one["projectId"] for one in (await links_of(world, first))[0]} == {str(project)}
    stays = """SELECT count(*) FROM {} WHERE project_id = $1"""
    for table in ("blocks", "requirements", "columns", "trace_links", "assignments", "baselines"):
        left = await world.superuser.fetchval(stays.format(table), world.project)
        assert left == 0, table
    # Each row is recorded once, with its version; deleted ones can be restored in the new place.
    events = await world.superuser.fetch(
        """SELECT r.id, r.version, e.version AS told, e.project_id
        FROM requirements AS r JOIN audit_logs AS e ON e.entity_id = r.id
            AND e.changed_fields = '{project_id}' WHERE r.document_id = $1""",
        world.document,
    )
    assert len(events) == len(rows) + 1
    assert all((e["version"], e["project_id"]) == (e["told"], project) for e in events)
    (deleted,) = {str(e["id"]) for e in events} - {row["id"] for row in rows}
    restored = await world.ask("editor", RESTORE, id=deleted)
    assert restored["requirement"]["projectId"] == str(project)
    then = await world.ask("owner", PAST, id=world.document)
    assert then["projectId"] == str(world.project)
    assert {row["projectId"] for row in then["requirements"]["nodes"]} == {str(world.project)}


async def test_a_move_needs_the_right_to_edit_at_both_places(world, other_world):
    project, _ = await elsewhere(world)

    async def answer(person, **more):
        arguments = {"id": world.document, "project": project, "at": HERE} | more
        errors = (await world.answer(person, MOVE, **arguments)).get("errors")
        return (errors[0]["extensions"]["code"], errors[0]["extensions"].get("field"))

    assert (await answer("viewer"))[0] == "FORBIDDEN"
    assert (await answer("outsider"))[0] == "NOT_FOUND"
    assert (await answer("document_editor"))[0] == "FORBIDDEN"
    assert await answer("project_editor") == ("NOT_FOUND", ["projectId"])
    assert await answer("owner", project=other_world.project) == ("NOT_FOUND", ["projectId"])
    assert (await answer("owner", project=project, version=0))[0] == "INVALID"
    assert (await world.ask("viewer", PLACES, id=world.document))["projectId"] == str(world.project)


async def test_a_slug_that_is_taken_there_is_refused(world):
    project, document = await elsewhere(world)
    await world.superuser.execute(
        "UPDATE documents SET slug = (SELECT slug FROM documents WHERE id = $1) WHERE id = $2",
        world.document,
        document,
    )
    arguments = {"id": world.document, "project": project, "at": HERE}
    assert await world.code("owner", MOVE, **arguments) == "ALREADY_EXISTS"
    places = await world.ask("viewer", PLACES, id=world.document)
    assert places["projectId"] == str(world.project)


@pytest.mark.parametrize("person", ["editor", "document_editor"])
async def test_a_document_is_moved_within_its_project_as_before(world, person):
    moved = await world.ask(person, MOVE, id=world.document, at={"at": {"end": "START"}})
    assert moved["document"]["projectId"] == str(world.project)
