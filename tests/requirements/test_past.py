"""Reading the past: rows, and whole documents, as they were at a version or a time."""

import pytest

from tests.world import Refused

REQUIREMENT = """query ($id: UUID!, $version: BigInt, $time: DateTime) {
    requirement(id: $id, atVersion: $version, asOf: $time) {
        id version name status description tags position properties updatedAt documentId blockId
        createdBy { id } updatedBy { id } document { id name } block { name }
        viewerCan { update delete create(type: "Requirement") } } }"""
TREE = """query ($id: UUID!, $time: DateTime, $version: BigInt) {
    document(id: $id, asOf: $time, atVersion: $version) {
        name version
        blocks { totalCount nodes { id name position
            requirements { totalCount nodes { id name version document { name } } } } }
        requirements { totalCount nodes { id name version blockId position } }
        project { name organization { name } } } }"""
CREATE = """mutation ($input: RequirementCreate!) {
    requirementCreate(input: $input) { requirement { id version } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdate!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $version) { requirement { version } } }"""


@pytest.fixture
def now(world):
    """The time, as the database has it."""

    async def now():
        return (await world.superuser.fetchval("SELECT clock_timestamp()")).isoformat()

    return now


async def test_a_row_is_read_as_it_was_at_each_version(world):
    made = await world.ask(
        "editor", CREATE, input={"documentId": world.document, "name": "One", "tags": ["a"]}
    )
    id = made["requirement"]["id"]
    await world.ask("admin", UPDATE, id=id, version=1, input={"name": "Two", "status": "APPROVED"})
    await world.ask("editor", UPDATE, id=id, version=2, input={"name": "Three", "tags": []})
    read = [await world.ask("viewer", REQUIREMENT, id=id, version=n) for n in (1, 2, 3)]
    assert [row["version"] for row in read] == [1, 2, 3]
    assert [row["name"] for row in read] == ["One", "Two", "Three"]
    assert [row["status"] for row in read] == ["DRAFT", "APPROVED", "APPROVED"]
    assert [row["tags"] for row in read] == [["a"], ["a"], []]
    people = [world.people[person] for person in ("editor", "admin", "editor")]
    assert [row["updatedBy"]["id"] for row in read] == [str(person) for person in people]


async def test_a_document_is_read_as_it_was(world, now):
    before = await now()
    first = await world.ask("viewer", TREE, id=world.document)
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    await world.ask("editor", CREATE, input={"documentId": world.document, "name": "Later"})
    after = await now()
    changed = await world.ask("viewer", TREE, id=world.document)
    await world.ask("editor", DELETE, id=world.requirement, version=2)
    assert await world.ask("viewer", TREE, id=world.document, time=before) == first
    assert await world.ask("viewer", TREE, id=world.document, time=after) == changed


async def test_a_version_that_never_was_is_not_found(world):
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", REQUIREMENT, id=world.requirement, version=2)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["atVersion"])


async def test_a_row_that_moved_or_was_deleted_is_seen_where_it_was(world, now):
    """Also when the document it went to may not be read."""
    other = await world.ask(
        "admin",
        """mutation ($project: UUID!) { documentCreate(input: {
            projectId: $project, name: "Other", slug: "other"}) { document { id } } }""",
        project=world.project,
    )
    before, at_first = await now(), await world.ask("document_editor", TREE, id=world.document)
    move = """mutation ($id: UUID!, $to: UUID!) { requirementMove(
        id: $id, expectedVersion: 1, placeAt: {documentId: $to}) { requirement { version } } }"""
    await world.ask("editor", move, id=world.requirement, to=other["document"]["id"])
    for person in ("document_editor", "project_viewer"):
        then = await world.ask(person, TREE, id=world.document, time=before)
        assert [row["id"] for row in then["requirements"]["nodes"]] == [str(world.requirement)]
    then = await world.ask("document_editor", TREE, id=world.document, time=before)
    assert then["blocks"] == at_first["blocks"]
    assert await world.code("document_editor", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    moved = await now()
    await world.ask("editor", DELETE, id=world.requirement, version=2)
    then = await world.ask("viewer", TREE, id=other["document"]["id"], time=moved)
    assert [row["name"] for row in then["requirements"]["nodes"]] == [f"Requirement {world.name}"]
    assert await world.code("viewer", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    assert (await world.ask("viewer", REQUIREMENT, id=world.requirement, version=2))["version"] == 2


async def test_a_time_or_version_that_cannot_be_is_refused_by_its_name(world, now):
    time, id = await now(), world.requirement
    created = "2001-01-01T00:00:00Z"
    for code, field, variables in (
        ("INVALID", "asOf", {"version": 1, "time": time}),
        ("INVALID", "asOf", {"time": "9999-12-31T23:59:59Z"}),
        ("NOT_FOUND", "asOf", {"time": created}),
        ("NOT_FOUND", "asOf", {"time": "0001-01-01T00:00:00Z"}),
        ("INVALID", "atVersion", {"version": 0}),
        ("INVALID", "atVersion", {"version": -1}),
        ("NOT_FOUND", "atVersion", {"version": 2**63 - 1}),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("viewer", REQUIREMENT, id=id, **variables)
        assert (refused.value.code, refused.value.field) == (code, [field])


async def test_another_tenant_sees_no_past(world, other_world, now):
    time = await now()
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    for person in ("outsider", "owner"):
        for variables in ({"time": time}, {"version": 1}):
            asked = (person, REQUIREMENT)
            assert await other_world.code(*asked, id=world.requirement, **variables) == "NOT_FOUND"
            code = await other_world.code(person, TREE, id=world.document, **variables)
            assert code == "NOT_FOUND"


async def test_nobody_changes_the_past(world):
    row = await world.ask("owner", REQUIREMENT, id=world.requirement, version=1)
    assert row["viewerCan"] == {"update": False, "delete": False, "create": False}
