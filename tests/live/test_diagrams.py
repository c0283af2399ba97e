"""People who draw at the same time are sent the elements that others have changed, and no more."""

import pytest

from graph.http.operation.operations import NotRun
from tests.requirements.drawing import box, draw, edge, flow, link_element, node, patch, patch_flow

FOLLOW = """subscription ($id: UUID!, $after: String) { diagramChanged(id: $id, after: $after) {
  cursor kind version changedFields elements { changed removed } nodes { changed removed }
  edges { changed removed } } }"""
PROJECT = """subscription ($id: UUID!) { projectChanged(id: $id) { kind entityType entityId } }"""


async def test_a_change_of_a_drawing_is_told_with_the_changed_elements_alone(world, follow):
    drawing = await draw(world, *(box(str(i)) for i in range(9)))
    follower = await follow("viewer", FOLLOW, id=drawing["id"])
    await follower.until(lambda f: f.told)
    await patch(
        world, drawing["id"], box("3", version=2, x=77), box("4", version=2, isDeleted=True)
    )
    await follower.until(lambda f: f.told[-1]["version"] == 2)
    told = follower.told[-1]
    changed = sorted(told["elements"]["changed"], key=lambda element: element["id"])
    assert [(e["id"], e["isDeleted"]) for e in changed] == [("3", False), ("4", True)]
    assert (changed[0]["x"], told["elements"]["removed"]) == (77, [])
    assert (told["nodes"], told["edges"]) == (None, None)
    await patch(world, drawing["id"], appState={"gridSize": 10})
    await follower.until(lambda f: f.told[-1]["version"] == 3)
    assert follower.told[-1]["elements"] is None


async def test_a_follower_continues_after_the_last_event_that_it_has_seen(world, follow):
    drawing = await draw(world, box("1"))
    follower = await follow("editor", FOLLOW, id=drawing["id"])
    await follower.until(lambda f: f.told)
    await patch(world, drawing["id"], box("2"))
    await follower.until(lambda f: f.told[-1]["version"] == 2)
    cursor = follower.told[-1]["cursor"]
    await patch(world, drawing["id"], box("3"))
    later = await follow("editor", FOLLOW, id=drawing["id"], after=cursor)
    await later.until(lambda f: f.told and f.told[-1]["version"] == 3)
    assert [e["id"] for e in later.told[-1]["elements"]["changed"]] == ["3"]


async def test_nodes_and_edges_that_changed_are_told(world, follow):
    diagram = await flow(world, [node("a"), node("b"), node("c")], [edge("a", "b")])
    follower = await follow("viewer", FOLLOW, id=diagram["id"])
    await follower.until(lambda f: f.told)
    changed = {"id": "c", "position": {"x": 4, "y": 4}}
    await patch_flow(world, diagram["id"], nodes={"removed": ["b"], "changed": [changed]})
    await follower.until(lambda f: f.told[-1]["version"] == 2)
    told = follower.told[-1]
    assert told["nodes"] == {"changed": [node("c") | changed], "removed": ["b"]}
    assert told["edges"] == {"changed": [], "removed": ["a-b"]}
    assert told["elements"] is None


async def test_diagrams_and_their_links_are_told_in_the_project(world, follow):
    follower = await follow("viewer", PROJECT, id=world.project)
    await follower.until(lambda f: f.told)
    drawing = await draw(world, box("1"))
    await link_element(world, drawing["id"], "1")
    await follower.until(lambda f: f.told[-1]["entityType"] == "DIAGRAM_ELEMENT_LINK")
    assert ("EXCALIDRAW_DIAGRAM", drawing["id"]) in [
        (event["entityType"], event["entityId"]) for event in follower.told
    ]


async def test_a_diagram_that_cannot_be_read_cannot_be_followed(world, follow):
    drawing = await draw(world, box("1"))
    for person in ("document_editor", "outsider"):
        with pytest.raises(NotRun):
            await follow(person, FOLLOW, id=drawing["id"])
