"""Drawings of Excalidraw: shapes that are checked, and changes of several people."""

import pytest

from graph.requirements.diagrams.shapes import MAX_BYTES, MAX_ELEMENTS
from tests.requirements.drawing import CREATE, PATCH, READ, box, draw, patch
from tests.world import Refused

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ExcalidrawDiagramUpdateInput!) {
  excalidrawDiagramUpdate(id: $id, expectedVersion: $version, input: $input) {
    excalidrawDiagram { version name thumbnailUrl } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
  excalidrawDiagramDelete(id: $id, expectedVersion: $version) { excalidrawDiagram { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
  excalidrawDiagramRestore(id: $id, expectedVersion: $version) { excalidrawDiagram { name } } }"""
LIST = """query ($id: UUID!) { project(id: $id) { excalidrawDiagrams(
  filter: {name: {startsWith: "B"}}, orderBy: [{by: NAME}]) { totalCount nodes {
    name elementCount createdBy { id } viewerCan { update delete } } } } }"""
BULK = """mutation ($items: [ExcalidrawDiagramCreateInput!]!) {
  excalidrawDiagramsCreate(items: $items, onError: CONTINUE) { succeeded failed results {
    error { code field } excalidrawDiagram { id name } } } }"""
UPDATE_MANY = """mutation ($items: [ExcalidrawDiagramsUpdateItemInput!]!) {
  excalidrawDiagramsUpdate(items: $items) { succeeded } }"""
DELETE_MANY = """mutation ($items: [DeleteItemInput!]!) {
  excalidrawDiagramsDelete(items: $items) { succeeded } }"""
PAST = """query ($id: UUID!) { excalidrawDiagram(id: $id, atVersion: 1) { diagramData }
  now: excalidrawDiagram(id: $id) { history { nodes { version actor { id }
    changes { field } } } } }"""
TRASH = """query ($id: UUID!) { trash(projectId: $id, types: [EXCALIDRAW_DIAGRAM]) {
  nodes { id name } } }"""


def ids(drawing):
    return [element["id"] for element in drawing["diagramData"]["elements"]]


async def test_a_drawing_is_created_read_listed_deleted_and_restored(world):
    made = await draw(world, box("1"), box("0", x=-4.25), by="project_editor")
    assert ids(made) == ["0", "1"]  # in the order in which they are drawn
    assert made["diagramData"]["elements"][0]["x"] == -4.25
    assert (made["elementCount"], made["svgUrl"]) == (2, f"/diagrams/{made['id']}.svg")
    assert await world.ask("viewer", READ, id=made["id"]) == made
    (listed,) = (await world.ask("viewer", LIST, id=world.project))["excalidrawDiagrams"]["nodes"]
    assert listed["viewerCan"] == {"update": False, "delete": False}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input={"name": "Pedal"})
    assert changed["excalidrawDiagram"] == {"version": 2, "name": "Pedal", "thumbnailUrl": None}
    await world.ask("editor", DELETE, id=made["id"], version=2)
    assert await world.code("editor", READ, id=made["id"]) == "NOT_FOUND"
    trash = await world.ask("editor", TRASH, id=world.project)
    assert trash["nodes"] == [{"id": made["id"], "name": "Pedal"}]
    await world.ask("editor", RESTORE, id=made["id"], version=3)
    assert ids(await world.ask("viewer", READ, id=made["id"])) == ["0", "1"]


async def test_a_drawing_of_another_tenant_does_not_exist(world, other_world):
    theirs = await draw(other_world, box("1"))
    assert await world.code("owner", READ, id=theirs["id"]) == "NOT_FOUND"
    assert await world.code("owner", PATCH, id=theirs["id"], input={}) == "NOT_FOUND"
    assert await world.code("viewer", PATCH, id=(await draw(world))["id"], input={}) == "FORBIDDEN"
    input = {"projectId": other_world.project}
    assert await world.code("owner", CREATE, input=input) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ("box", []),
        ({"type": "rectangle"}, ["id"]),
        (box("1", type="script"), ["type"]),
        (box("1", x=None), ["x"]),
        (box("1", width="wide"), ["width"]),
        (box("1", y=10**9), ["y"]),
        (box("1", y=True), ["y"]),
        (box("1", version=-1), ["version"]),
        (box("1", version=1.5), ["version"]),
        (box("1", index="a-1"), ["index"]),
        (box("1", link="javascript:alert(1)"), ["link"]),
        (box("1", link=" JavaScript:alert(1)"), ["link"]),
        (box("1", type="arrow", points=[[0, 0], [1]]), ["points", 1]),
        (box("1", type="text", text=5), ["text"]),
        (box("1", updated="now"), ["updated"]),
        (box("1", note="\x00"), ["note"]),
    ],
)
async def test_the_shape_of_elements_is_checked(world, element, field):
    with pytest.raises(Refused) as refused:
        await draw(world, box("0"), element)
    path = ["input", "diagramData", "elements", 1, *field]
    assert (refused.value.code, refused.value.field) == ("INVALID", path)
    drawing = await draw(world)
    with pytest.raises(Refused) as refused:
        await patch(world, drawing["id"], element)
    assert refused.value.field == ["input", "elements", 0, *field]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"elements": [box("1"), box("1")]}, ["elements", 1, "id"]),
        ({"elements": {}}, ["elements"]),
        ({"files": {"1": {"dataURL": "data:,"}}}, ["files"]),
        ({"type": "draw.io"}, ["type"]),
        ({"appState": {"name": "x" * 20_001}}, ["appState"]),
        ({"scripts": []}, ["scripts"]),
        ([], []),
        ({"elements": [{"id": str(i)} for i in range(MAX_ELEMENTS + 1)]}, ["elements"]),
    ],
)
async def test_the_shape_of_a_drawing_is_checked(world, data, field):
    with pytest.raises(Refused) as refused:
        await draw(world, diagramData=data)
    assert (refused.value.code, refused.value.field) == (
        "INVALID",
        ["input", "diagramData", *field],
    )


async def test_a_drawing_has_a_greatest_size(world):
    drawing = await draw(world, box("0", note="x" * 600_000))
    with pytest.raises(Refused, match=str(MAX_BYTES)) as refused:
        await patch(world, drawing["id"], box("1", note="x" * 600_000))
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input"])
    assert ids(await world.ask("viewer", READ, id=drawing["id"])) == ["0"]


async def test_people_who_draw_at_once_keep_the_elements_of_each_other(world):
    drawing = await draw(world, box("1"), box("2"))
    one = await patch(world, drawing["id"], box("1", version=2, x=50), box("3"))
    other = await patch(world, drawing["id"], box("2", version=2, x=60), box("4"), by="admin")
    assert (one["applied"], other["applied"]) == (["1", "3"], ["2", "4"])
    read = await world.ask("viewer", READ, id=drawing["id"])
    assert ids(read) == ["1", "2", "3", "4"]
    assert [element["x"] for element in read["diagramData"]["elements"]] == [50, 60, 10, 10]


async def test_of_two_states_of_an_element_the_newer_one_counts(world):
    drawing = await draw(world, box("1", version=5, versionNonce=30))
    older = await patch(world, drawing["id"], box("1", version=4, x=1))
    assert (older["applied"], [element["x"] for element in older["newer"]]) == ([], [10])
    assert older["excalidrawDiagram"]["version"] == 1  # nothing was written
    tie = await patch(world, drawing["id"], box("1", version=5, versionNonce=31, x=2))
    assert tie["applied"] == []
    tie = await patch(world, drawing["id"], box("1", version=5, versionNonce=29, x=3))
    assert (tie["applied"], tie["newer"]) == (["1"], [])
    again = await patch(world, drawing["id"], box("1", version=5, versionNonce=29, x=3))
    assert (again["applied"], again["newer"]) == ([], [])
    assert again["excalidrawDiagram"]["version"] == 2


async def test_a_deleted_element_does_not_come_back_by_an_older_state(world):
    drawing = await draw(world, box("1"), box("2"))
    removed = await patch(world, drawing["id"], box("2", version=9, isDeleted=True), removed=["1"])
    assert ids(removed["excalidrawDiagram"]) == []
    late = await patch(world, drawing["id"], box("1", version=2), box("2", version=8))
    assert ids(late["excalidrawDiagram"]) == []
    assert (late["applied"], [e["isDeleted"] for e in late["newer"]]) == ([], [True, True])
    undone = await patch(world, drawing["id"], box("1", version=3))
    assert ids(undone["excalidrawDiagram"]) == ["1"]


async def test_elements_without_an_index_come_last_in_their_order(world):
    plain = [box(str(i)) | {"index": None} for i in range(70)]
    drawing = await draw(world, *plain)
    assert ids(drawing) == [str(i) for i in range(70)]
    assert [e["index"] for e in drawing["diagramData"]["elements"]][60:64] == [
        "ay",
        "az",
        "b00",
        "b01",
    ]
    moved = await patch(world, drawing["id"], box("69", version=2, index="Zz"))
    assert ids(moved["excalidrawDiagram"])[:2] == ["69", "0"]


async def test_the_state_of_the_application_is_merged_by_key(world):
    drawing = await draw(world)
    await patch(world, drawing["id"], appState={"viewBackgroundColor": "#fff", "gridSize": 20})
    changed = await patch(world, drawing["id"], appState={"gridSize": None, "zoom": {"value": 1}})
    state = changed["excalidrawDiagram"]["diagramData"]["appState"]
    assert state == {"viewBackgroundColor": "#fff", "zoom": {"value": 1}}


async def test_former_states_are_read_and_the_history_names_the_person(world):
    drawing = await draw(world, box("1"))
    await patch(world, drawing["id"], box("2"), by="admin")
    read = await world.ask("viewer", PAST, id=drawing["id"])
    assert [element["id"] for element in read["excalidrawDiagram"]["diagramData"]["elements"]] == [
        "1"
    ]
    last = read["now"]["history"]["nodes"][0]
    assert last["actor"]["id"] == str(world.people["admin"])
    assert [change["field"] for change in last["changes"]] == ["diagramData"]


async def test_many_drawings_are_created_at_once_and_each_is_checked(world):
    items = [
        {"projectId": world.project, "name": "One"},
        {"projectId": world.project, "diagramData": {"elements": [{}]}},
    ]
    made = await world.ask("editor", BULK, items=items)
    assert (made["succeeded"], made["failed"]) == (1, 1)
    path = ["items", 1, "diagramData", "elements", 0, "id"]
    assert made["results"][1]["error"] == {"code": "INVALID", "field": path}

    first, *_ = made["results"]
    id = first["excalidrawDiagram"]["id"]
    item = {"id": id, "expectedVersion": 1, "input": {"name": "Two"}}
    assert (await world.ask("editor", UPDATE_MANY, items=[item]))["succeeded"] == 1
    gone = await world.ask("editor", DELETE_MANY, items=[{"id": id, "expectedVersion": 2}])
    assert gone["succeeded"] == 1
    assert await world.code("viewer", READ, id=id) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://images.example/1.png", None),
        ("javascript:alert(1)", "INVALID"),
        ("ftp://images.example/1.png", "INVALID"),
        ("data:image/png;base64,", "INVALID"),
        ("file:x", "INVALID"),
        ("file:0196f0e0-0000-7000-8000-000000000000", "NOT_FOUND"),
    ],
)
async def test_a_thumbnail_is_on_the_web_or_a_stored_image(world, url, code):
    drawing = await draw(world)
    input = {"thumbnailUrl": url}
    assert await world.code("editor", UPDATE, id=drawing["id"], version=1, input=input) == code


async def test_a_stored_image_is_a_thumbnail_within_its_project(world, superuser):
    drawing = await draw(world)
    place = "organization_id, project_id, document_id"
    values = "name, media_type, size, state, sha256) VALUES"
    row = "$1, $2, $3, 'Thumbnail', 'image/png', 5, 'stored', decode(repeat('00', 32), 'hex')"
    file = await superuser.fetchval(
        f"INSERT INTO files ({place}, {values} ({row}) RETURNING id",
        world.organization,
        world.project,
        world.document,
    )
    input = {"thumbnailUrl": f"file:{file}"}
    changed = await world.ask("editor", UPDATE, id=drawing["id"], version=1, input=input)
    assert str(file) in changed["excalidrawDiagram"]["thumbnailUrl"]
    elsewhere = await superuser.fetchval(
        "INSERT INTO projects (id, organization_id, name, slug)"
        " VALUES (gen_random_uuid(), $1, 'Other', 'other') RETURNING id",
        world.organization,
    )
    with pytest.raises(Refused) as refused:
        await draw(world, projectId=elsewhere, thumbnailUrl=f"file:{file}")
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "thumbnailUrl"])
