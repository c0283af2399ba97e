"""Diagrams of React Flow: shapes that are checked, and changes of several people."""

import pytest

from db.problem import Problem
from graph.requirements.diagrams.flow import require_bounds
from graph.requirements.diagrams.shapes import MAX_ELEMENTS
from tests.requirements.drawing import (
    CREATE_FLOW,
    FLOW,
    PATCH_FLOW,
    edge,
    flow,
    node,
    patch_flow,
)
from tests.world import Refused

READ = f"query ($id: UUID!) {{ reactFlowDiagram(id: $id) {{ {FLOW} }} }}"
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: ReactFlowDiagramUpdateInput!) {{
  reactFlowDiagramUpdate(id: $id, expectedVersion: $version, input: $input) {{
    merged reactFlowDiagram {{ description theme {FLOW} }} }} }}"""
DELETE = """mutation ($items: [DeleteItemInput!]!) { reactFlowDiagramsDelete(items: $items) {
  succeeded } }"""
DELETE_ONE = """mutation ($id: UUID!, $version: BigInt!) {
  reactFlowDiagramDelete(id: $id, expectedVersion: $version) { reactFlowDiagram { id } } }"""
CREATE_MANY = """mutation ($items: [ReactFlowDiagramCreateInput!]!) {
  reactFlowDiagramsCreate(items: $items, onError: CONTINUE) {
    results { error { field } reactFlowDiagram { id } } } }"""
UPDATE_MANY = """mutation ($items: [ReactFlowDiagramsUpdateItemInput!]!) {
  reactFlowDiagramsUpdate(items: $items) { succeeded } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
  reactFlowDiagramRestore(id: $id, expectedVersion: $version) { reactFlowDiagram { name } } }"""
LIST = """query ($id: UUID!) { project(id: $id) { reactFlowDiagrams(
  filter: {diagramType: {eq: "data-flow"}}) { nodes { name nodeCount } } } }"""


def ids(parts):
    return [part["id"] for part in parts]


async def test_a_diagram_is_created_read_changed_deleted_and_restored(world):
    made = await flow(
        world,
        [node("a"), node("b", parentId="a", width=80)],
        [edge("a", "b", label="feeds")],
        diagramType="data-flow",
        viewport={"x": 0, "y": 0, "zoom": 1.5},
        metadata={"source": "review"},
    )
    assert (made["nodeCount"], made["edgeCount"]) == (2, 1)
    assert await world.ask("viewer", READ, id=made["id"]) == made
    listed = await world.ask("viewer", LIST, id=world.project)
    assert listed["reactFlowDiagrams"]["nodes"] == [{"name": "Flow", "nodeCount": 2}]
    input = {"theme": "dark", "metadata": {"source": "audit"}, "settingsPatch": {"grid": True}}
    await world.ask("editor", UPDATE, id=made["id"], version=1, input=input)
    merged = await world.ask(
        "admin", UPDATE, id=made["id"], version=1, input={"description": "Data of the brakes"}
    )
    assert merged["merged"]
    changed = merged["reactFlowDiagram"]
    assert (changed["theme"], changed["description"]) == ("dark", "Data of the brakes")
    assert (changed["metadata"], changed["settings"]) == ({"source": "audit"}, {"grid": True})
    items = [{"id": made["id"], "expectedVersion": 3}]
    assert (await world.ask("editor", DELETE, items=items))["succeeded"] == 1
    assert await world.code("editor", READ, id=made["id"]) == "NOT_FOUND"
    await world.ask("editor", RESTORE, id=made["id"], version=4)
    assert ids((await world.ask("viewer", READ, id=made["id"]))["nodes"]) == ["a", "b"]


async def test_a_diagram_of_another_tenant_does_not_exist(world, other_world):
    theirs = await flow(other_world, [node("a")], [])
    assert await world.code("owner", READ, id=theirs["id"]) == "NOT_FOUND"
    assert await world.code("owner", PATCH_FLOW, id=theirs["id"], input={}) == "NOT_FOUND"
    own = await flow(world, [], [])
    assert await world.code("viewer", PATCH_FLOW, id=own["id"], input={}) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("nodes", "edges", "field"),
    [
        ([{"position": {"x": 0, "y": 0}}], [], ["nodes", 0, "id"]),
        ([{"id": "a"}], [], ["nodes", 0, "position"]),
        ([{"id": "a", "position": {"x": 0}}], [], ["nodes", 0, "position", "y"]),
        ([node("a"), node("a")], [], ["nodes", 1, "id"]),
        ([node("a", data=[])], [], ["nodes", 0, "data"]),
        ([node("a", width="wide")], [], ["nodes", 0, "width"]),
        ([node("a", parentId="a")], [], ["nodes", 0, "parentId"]),
        ([node("a", parentId="b")], [], ["nodes", 0, "parentId"]),
        ([node("a")], [{"id": "e", "source": "a"}], ["edges", 0, "target"]),
        ([node("a")], [edge("a", "b")], ["edges", 0, "target"]),
        ([node("a")], [edge("b", "a")], ["edges", 0, "source"]),
        ([node("a")], [edge("a", "a"), edge("a", "a")], ["edges", 1, "id"]),
        ([node("a", note="\x00")], [], ["nodes", 0, "note"]),
    ],
)
async def test_the_shape_of_nodes_and_edges_is_checked(world, nodes, edges, field):
    with pytest.raises(Refused) as refused:
        await flow(world, nodes, edges)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", *field])


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"nodes": {"changed": [{"position": {"x": 1}}]}}, ["nodes", "changed", 0, "id"]),
        (
            {"nodes": {"changed": [{"id": "a", "position": {"x": "left"}}]}},
            ["nodes", "changed", 0, "position", "x"],
        ),
        (
            {"nodes": {"changed": [{"id": "a", "position": None}]}},
            ["nodes", "changed", 0, "position"],
        ),
        ({"nodes": {"added": [{"id": "c"}]}}, ["nodes", "added", 0, "position"]),
        (
            {"edges": {"changed": [{"id": "a-b", "source": None}]}},
            ["edges", "changed", 0, "source"],
        ),
        ({"edges": {"removed": [" "]}}, ["edges", "removed", 0]),
    ],
)
async def test_the_shape_of_changes_is_checked(world, input, field):
    diagram = await flow(world, [node("a"), node("b")], [edge("a", "b")])
    with pytest.raises(Refused) as refused:
        await patch_flow(world, diagram["id"], **input)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", *field])


def test_a_diagram_has_a_greatest_number_of_nodes_and_edges():
    nodes = [node(str(i)) for i in range(MAX_ELEMENTS)]
    require_bounds(nodes, [], ())
    with pytest.raises(Problem, match=str(MAX_ELEMENTS)):
        require_bounds(nodes, [edge("0", "1")], ())


async def test_a_diagram_has_a_greatest_size(world):
    diagram = await flow(world, [node("a", data={"label": "x" * 600_000})], [])
    with pytest.raises(Refused) as refused:
        await patch_flow(
            world, diagram["id"], nodes={"added": [node("b", data={"label": "x" * 600_000})]}
        )
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input"])
    with pytest.raises(Refused) as refused:
        await flow(world, [], [], settings={"note": "x" * 20_001})
    assert refused.value.field == ["input", "settings"]


async def test_people_who_change_fields_of_one_node_keep_the_changes_of_each_other(world):
    diagram = await flow(world, [node("a"), node("b")], [])
    await patch_flow(
        world, diagram["id"], nodes={"changed": [{"id": "a", "position": {"x": 5, "y": 6}}]}
    )
    await patch_flow(
        world,
        diagram["id"],
        by="admin",
        nodes={"changed": [{"id": "a", "data": {"owner": "Ada"}}], "added": [node("c")]},
        edges={"added": [edge("a", "c")]},
    )
    read = await world.ask("viewer", READ, id=diagram["id"])
    first = {"id": "a", "position": {"x": 5, "y": 6}, "data": {"label": "A", "owner": "Ada"}}
    assert read["nodes"] == [first, node("b"), node("c")]
    assert read["edges"] == [edge("a", "c")]


async def test_a_removed_node_takes_its_edges_along_and_changes_of_it_are_skipped(world):
    diagram = await flow(
        world, [node("a"), node("b"), node("c", parentId="b", extent="parent")], [edge("a", "b")]
    )
    removed = await patch_flow(world, diagram["id"], nodes={"removed": ["b"]})
    assert removed["skipped"] == []
    assert removed["reactFlowDiagram"]["nodes"] == [node("a"), node("c")]
    assert removed["reactFlowDiagram"]["edges"] == []
    late = await patch_flow(
        world,
        diagram["id"],
        by="admin",
        nodes={"changed": [{"id": "b", "position": {"x": 1, "y": 1}}], "added": [node("d")]},
        edges={"added": [edge("a", "b"), edge("a", "d")]},
    )
    assert late["skipped"] == [
        {"id": "b", "reason": "ELEMENT_REMOVED"},
        {"id": "a-b", "reason": "END_REMOVED"},
    ]
    assert ids(late["reactFlowDiagram"]["nodes"]) == ["a", "c", "d"]
    assert ids(late["reactFlowDiagram"]["edges"]) == ["a-d"]


async def test_a_patch_that_changes_nothing_writes_nothing(world):
    diagram = await flow(world, [node("a")], [])
    again = await patch_flow(world, diagram["id"], nodes={"added": [node("a")]})
    assert again["reactFlowDiagram"]["version"] == 1


async def test_one_diagram_is_deleted_at_the_version_that_was_seen(world):
    diagram = await flow(world, [node("a")], [])
    await patch_flow(world, diagram["id"], nodes={"added": [node("b")]})
    assert await world.code("editor", DELETE_ONE, id=diagram["id"], version=1) == "CONFLICT"
    await world.ask("editor", DELETE_ONE, id=diagram["id"], version=2)
    assert await world.code("viewer", READ, id=diagram["id"]) == "NOT_FOUND"


async def test_many_diagrams_are_created_and_updated_at_once(world):
    given = {"projectId": world.project, "name": "One"}
    items = [given, given | {"edges": [edge("a", "b")]}]
    made = await world.ask("editor", CREATE_MANY, items=items)
    assert made["results"][1]["error"]["field"] == ["items", 1, "edges", 0, "source"]
    id = made["results"][0]["reactFlowDiagram"]["id"]
    item = {"id": id, "expectedVersion": 1, "input": {"name": "Two"}}
    await world.ask("editor", UPDATE_MANY, items=[item])
    assert (await world.ask("viewer", READ, id=id))["name"] == "Two"


async def test_a_diagram_is_created_beneath_its_project_alone(world, other_world):
    input = {"projectId": other_world.project, "name": "Flow"}
    assert await world.code("owner", CREATE_FLOW, input=input) == "NOT_FOUND"
