"""Documents: created in a project, changed, deleted and restored."""

import asyncio

import pytest

from tests.world import Refused

CREATE = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) { document {
    id version name slug description tags externalId position organizationId projectId
    createdBy { id } updatedBy { id } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: DocumentUpdateInput!) {
    documentUpdate(id: $id, expectedVersion: $version, input: $input) { document {
        id version name slug description tags externalId position updatedBy { id } } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: DocumentPlaceInput!) {
    documentMove(id: $id, expectedVersion: $version, placeAt: $to) { document {
        id version position } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    documentDelete(id: $id, expectedVersion: $version) { document { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    documentRestore(id: $id, expectedVersion: $version) { document { id version } } }"""
DOCUMENT = """query ($id: UUID!) { document(id: $id) {
    id version name slug description tags externalId position organizationId projectId
    project { id } createdBy { id } updatedBy { id } } }"""
IN_PROJECT = "query ($id: UUID!) { project(id: $id) { documents { nodes { name } totalCount } } }"


@pytest.fixture
def new(world):
    """Create a document as the editor; the document."""

    async def new(**input):
        input = {"projectId": world.project, "name": "Brakes", "slug": "brakes"} | input
        return (await world.ask("editor", CREATE, input=input))["document"]

    return new


async def test_a_new_document_is_empty_but_for_its_name(world, new):
    made = await new()
    editor = {"id": str(world.people["editor"])}
    expected = {
        "version": 1,
        "name": "Brakes",
        "slug": "brakes",
        "description": None,
        "tags": [],
        "externalId": None,
        "position": 1,
        "organizationId": str(world.organization),
        "projectId": str(world.project),
        "createdBy": editor,
        "updatedBy": editor,
    }
    assert made == {"id": made["id"]} | expected
    read = await world.ask("viewer", DOCUMENT, id=made["id"])
    assert read == made | {"project": {"id": str(world.project)}}


async def test_everything_can_be_said_at_the_start(new):
    input = {"description": "Stops.", "tags": ["b", "a"], "externalId": "SRS-1", "position": 2.5}
    assert (await new(**input)).items() >= input.items()


async def test_fields_that_are_sent_change_and_the_others_stay(world, new):
    made = await new(description="Stops.", externalId="SRS-1", tags=["safety"])
    first = {"description": None, "externalId": None}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input=first)
    assert changed["document"].items() >= (first | {"tags": ["safety"], "version": 2}).items()
    rest = {"name": "Wheels", "slug": "wheels", "tags": [], "externalId": "SRS-2"}
    changed = await world.ask("admin", UPDATE, id=made["id"], version=2, input=rest)
    admin = {"id": str(world.people["admin"])}
    assert changed["document"].items() >= (rest | {"version": 3, "updatedBy": admin}).items()
    read = await world.ask("viewer", DOCUMENT, id=made["id"])
    assert read.items() >= changed["document"].items()
    assert read["createdBy"] == made["createdBy"]


async def test_documents_stand_in_their_order(world, new):
    for name, position in (("Third", 3), ("First", -1), ("Second", 1.5)):
        await new(name=name, slug=name.lower(), position=position)
    listed = (await world.ask("viewer", IN_PROJECT, id=world.project))["documents"]
    names = ["First", f"Document {world.name}", "Second", "Third"]
    assert listed == {"nodes": [{"name": name} for name in names], "totalCount": 4}


async def test_a_document_is_moved_among_the_others_of_its_project(world, other_world, new):
    made = {"W": str(world.document)}
    for name in "ABC":
        made[name] = (await new(name=name, slug=name.lower()))["id"]
    steps = [
        ("A", {"before": made["W"]}, "AWBC"),
        ("C", {"after": made["A"]}, "ACWB"),
        ("C", {"end": "START"}, "CAWB"),
        ("A", {"end": "END"}, "CWBA"),
        ("B", {"after": made["W"]}, "CWBA"),  # where it is
    ]
    versions = dict.fromkeys(made, 1)
    for name, at, order in steps:
        move = {"id": made[name], "version": versions[name], "to": {"at": at}}
        moved = (await world.ask("editor", MOVE, **move))["document"]
        versions[name] = moved["version"]
        listed = (await world.ask("viewer", IN_PROJECT, id=world.project))["documents"]["nodes"]
        assert [row["name"][0] for row in listed] == [{"W": "D"}.get(each, each) for each in order]
    assert versions == {"W": 1, "A": 3, "B": 1, "C": 3}
    for at, field in (
        ({"after": made["C"]}, ["placeAt", "at", "after"]),
        ({"before": str(other_world.document)}, ["placeAt", "at", "before"]),
    ):
        move = {"id": made["C"], "version": 3, "to": {"at": at}}
        (error,) = (await world.answer("editor", MOVE, **move))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", field)
    stale = {"id": made["C"], "version": 1, "to": {"at": {"end": "END"}}}
    assert await world.code("editor", MOVE, **stale) == "CONFLICT"
    assert await world.code("viewer", MOVE, **stale | {"version": 3}) == "FORBIDDEN"
    foreign = stale | {"id": other_world.document}
    assert await world.code("editor", MOVE, **foreign) == "NOT_FOUND"


async def test_who_sees_a_document_alone_moves_it(world, new):
    """The project, which orders its documents, cannot be read or locked then."""
    await new()
    at = {"end": "END"}
    move = {"id": world.document, "version": 1, "to": {"at": at}}
    assert await world.code("document_editor", MOVE, **move) is None


async def test_a_stale_version_is_refused(world):
    change = {"id": world.document, "version": 1, "input": {"name": "Wheels"}}
    await world.ask("editor", UPDATE, **change)
    answer = await world.answer("editor", UPDATE, **change | {"input": {"name": "Brakes"}})
    assert answer["errors"][0]["extensions"]["code"] == "CONFLICT"
    assert answer["errors"][0]["extensions"]["currentVersion"] == 2
    assert await world.code("admin", DELETE, id=world.document, version=1) == "CONFLICT"
    assert (await world.ask("viewer", DOCUMENT, id=world.document))["name"] == "Wheels"


async def test_a_slug_is_unique_in_its_project_alone(world, new):
    made = await new()
    for attempt in (new(name="Another"), new(slug=f"d-{world.name}")):
        with pytest.raises(Refused) as refused:
            await attempt
        assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "slug"])
    change = {"id": made["id"], "version": 1, "input": {"slug": f"d-{world.name}"}}
    assert await world.code("editor", UPDATE, **change) == "ALREADY_EXISTS"
    project = """mutation ($id: UUID!) { projectCreate(
        input: {organizationId: $id, name: "Rover", slug: "rover"}) { project { id } } }"""
    rover = (await world.ask("admin", project, id=world.organization))["project"]
    assert (await new(projectId=rover["id"]))["slug"] == "brakes"


async def test_of_concurrent_creates_with_one_slug_one_is_made(world):
    input = {"projectId": world.project, "name": "Brakes", "slug": "brakes"}
    codes = await asyncio.gather(*(world.code("editor", CREATE, input=input) for _ in range(6)))
    assert sorted(map(str, codes)) == ["ALREADY_EXISTS"] * 5 + ["None"]


async def test_a_slug_is_free_again_after_deletion(world, new):
    made = await new()
    await world.ask("admin", DELETE, id=made["id"], version=1)
    another = await new()
    answer = await world.answer("admin", RESTORE, id=made["id"], version=2)
    assert answer["errors"][0]["extensions"]["code"] == "ALREADY_EXISTS"
    assert answer["errors"][0]["extensions"]["field"] == ["slug"]
    await world.ask("admin", DELETE, id=another["id"], version=1)
    restored = await world.ask("admin", RESTORE, id=made["id"], version=2)
    assert restored["document"] == {"id": made["id"], "version": 3}


async def test_a_deleted_document_neither_changes_nor_is_deleted_again(world):
    await world.ask("admin", DELETE, id=world.document, version=1)
    change = {"id": world.document, "version": 2, "input": {"name": "Wheels"}}
    assert await world.code("editor", UPDATE, **change) == "NOT_FOUND"
    assert await world.code("admin", DELETE, id=world.document, version=2) == "NOT_FOUND"
    assert await world.code("admin", RESTORE, id=world.document, version=1) == "CONFLICT"


async def test_a_document_needs_a_project_that_the_viewer_sees(world, other_world, new):
    for project in (other_world.project, world.organization):
        with pytest.raises(Refused) as refused:
            await new(projectId=project)
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "projectId"])


async def test_foreign_documents_do_not_exist(world, other_world):
    theirs = {"id": other_world.document, "version": 1}
    assert await world.code("owner", UPDATE, **theirs, input={"name": "Ours"}) == "NOT_FOUND"
    assert await world.code("owner", DELETE, **theirs) == "NOT_FOUND"
    await other_world.ask("owner", DELETE, **theirs)
    assert await world.code("owner", RESTORE, **theirs | {"version": 2}) == "NOT_FOUND"
