"""Links from elements of diagrams to requirements: read from both ends, broken ones too."""

import pytest

from tests.kit.asking import run, session_of
from tests.requirements.drawing import (
    CREATE_LINK,
    LINK,
    READ_LINK,
    box,
    draw,
    edge,
    flow,
    link_element,
    node,
    patch,
    patch_flow,
)
from tests.world import Refused

OF_REQUIREMENT = f"""query ($id: UUID!) {{ requirement(id: $id) {{
  diagramElements(first: 50) {{ totalCount nodes {{ {LINK} }} }} }} }}"""
OF_DRAWING = f"""query ($id: UUID!) {{ excalidrawDiagram(id: $id) {{
  elementLinks(filter: {{elementId: {{eq: "1"}}}}) {{ nodes {{ {LINK} }} }} }} }}"""
OF_FLOW = f"""query ($id: UUID!) {{ reactFlowDiagram(id: $id) {{
  elementLinks {{ nodes {{ {LINK} }} }} }} }}"""
UPDATE = """mutation ($id: UUID!, $input: DiagramElementLinkUpdateInput!) {
  diagramElementLinkUpdate(id: $id, expectedVersion: 1, input: $input) {
    diagramElementLink { linkType metadata } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
  diagramElementLinkDelete(id: $id, expectedVersion: $version) {
    diagramElementLink { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
  diagramElementLinkRestore(id: $id, expectedVersion: $version) {
    diagramElementLink { version } } }"""
DELETE_REQUIREMENT = """mutation ($id: UUID!) { requirementDelete(id: $id, expectedVersion: 1) {
  requirement { version } } }"""
BULK = """mutation ($items: [DiagramElementLinkCreateInput!]!) {
  diagramElementLinksCreate(items: $items, onError: CONTINUE) { succeeded failed
    results { error { code field } diagramElementLink { id } } } }"""
DELETE_MANY = """mutation ($items: [DeleteItemInput!]!) {
  diagramElementLinksDelete(items: $items) { succeeded } }"""
HIDDEN = """query ($id: UUID!) { diagramElementLink(id: $id) {
  isBroken requirementState requirement { id } } }"""


async def test_a_link_is_read_from_both_ends_changed_deleted_and_restored(world):
    drawing = await draw(world, box("1"), box("2"))
    made = await link_element(world, drawing["id"], "1", linkType="shows", metadata={"a": 1})
    assert made["element"]["id"] == "1"
    assert (made["isBroken"], made["requirementState"]) == (False, "PRESENT")
    assert made["excalidrawDiagram"] == {"id": drawing["id"]}
    assert made["reactFlowDiagram"] is None
    found = await world.ask("viewer", OF_REQUIREMENT, id=world.requirement)
    assert found["diagramElements"] == {"totalCount": 1, "nodes": [made]}
    found = await world.ask("viewer", OF_DRAWING, id=drawing["id"])
    assert found["elementLinks"]["nodes"] == [made]
    changed = await world.ask("editor", UPDATE, id=made["id"], input={"linkType": "refines"})
    assert changed["diagramElementLink"] == {"linkType": "refines", "metadata": {"a": 1}}
    await world.ask("editor", DELETE, id=made["id"], version=2)
    assert await world.code("viewer", READ_LINK, id=made["id"]) == "NOT_FOUND"
    await world.ask("editor", RESTORE, id=made["id"], version=3)
    assert (await world.ask("viewer", READ_LINK, id=made["id"]))["linkType"] == "refines"


async def test_nodes_and_edges_are_linked_too(world):
    diagram = await flow(world, [node("a"), node("b")], [edge("a", "b")])
    for element in ("a", "a-b"):
        made = await link_element(world, diagram["id"], element)
        assert (made["element"]["id"], made["diagramId"]) == (element, diagram["id"])
        assert made["excalidrawDiagram"] is None
    found = await world.ask("viewer", OF_FLOW, id=diagram["id"])
    assert [link["elementId"] for link in found["elementLinks"]["nodes"]] == ["a", "a-b"]
    await patch_flow(world, diagram["id"], nodes={"removed": ["b"]})
    found = await world.ask("viewer", OF_FLOW, id=diagram["id"])
    assert [link["isBroken"] for link in found["elementLinks"]["nodes"]] == [False, True]


async def test_a_link_whose_element_is_gone_is_broken_until_it_is_back(world):
    drawing = await draw(world, box("1"))
    made = await link_element(world, drawing["id"], "1")
    await patch(world, drawing["id"], removed=["1"])
    broken = await world.ask("viewer", READ_LINK, id=made["id"])
    assert (broken["isBroken"], broken["element"]) == (True, None)
    assert broken["requirementState"] == "PRESENT"
    await patch(world, drawing["id"], box("1", version=9))
    assert not (await world.ask("viewer", READ_LINK, id=made["id"]))["isBroken"]


async def test_a_link_whose_requirement_is_deleted_is_broken(world):
    drawing = await draw(world, box("1"))
    made = await link_element(world, drawing["id"], "1")
    await world.ask("editor", DELETE_REQUIREMENT, id=world.requirement)
    (broken,) = (await world.ask("viewer", OF_DRAWING, id=drawing["id"]))["elementLinks"]["nodes"]
    assert (broken["id"], broken["isBroken"]) == (made["id"], True)
    assert (broken["requirementState"], broken["requirement"]) == ("DELETED", None)


async def test_a_requirement_that_the_viewer_cannot_read_is_hidden_and_not_broken(world, superuser):
    elsewhere = await superuser.fetchval(
        "INSERT INTO projects (id, organization_id, name, slug, visibility)"
        " VALUES (gen_random_uuid(), $1, 'Other', 'other', 'private') RETURNING id",
        world.organization,
    )
    drawing = await draw(world, box("1"), projectId=elsewhere)
    made = await link_element(world, drawing["id"], "1")
    await superuser.execute(
        "INSERT INTO project_members (id, organization_id, project_id, user_id, role)"
        " VALUES (gen_random_uuid(), $1, $2, $3, 'viewer')",
        world.organization,
        elsewhere,
        world.people["document_editor"],
    )
    await superuser.execute(
        "UPDATE projects SET visibility = 'private' WHERE id = $1", world.project
    )
    await superuser.execute(
        "DELETE FROM user_roles WHERE user_id = $1", world.people["document_editor"]
    )
    seen = await world.ask("document_editor", HIDDEN, id=made["id"])
    assert seen == {"isBroken": False, "requirementState": "HIDDEN", "requirement": None}
    assert await world.code("project_viewer", HIDDEN, id=made["id"]) == "NOT_FOUND"


async def test_both_ends_of_a_new_link_are_checked(world, other_world):
    drawing, theirs = await draw(world, box("1")), await draw(other_world, box("1"))
    given = {"diagramId": drawing["id"], "elementId": "1", "requirementId": world.requirement}
    for change, code, field in (
        ({"elementId": "2"}, "INVALID", "elementId"),
        ({"diagramId": theirs["id"]}, "NOT_FOUND", "diagramId"),
        ({"requirementId": other_world.requirement}, "NOT_FOUND", "requirementId"),
        ({"metadata": []}, "INVALID", "metadata"),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("editor", CREATE_LINK, input=given | change)
        assert (refused.value.code, refused.value.field) == (code, ["input", field])
    assert await world.code("viewer", CREATE_LINK, input=given) == "FORBIDDEN"
    assert await world.code("editor", CREATE_LINK, input=given) is None
    assert await world.code("editor", CREATE_LINK, input=given) == "ALREADY_EXISTS"


async def test_many_links_are_created_at_once(world):
    drawing = await draw(world, box("1"), box("2"))
    given = {"diagramId": drawing["id"], "requirementId": world.requirement}
    items = [given | {"elementId": element} for element in ("1", "2", "3")]
    made = await world.ask("editor", BULK, items=items)
    assert (made["succeeded"], made["failed"]) == (2, 1)
    assert made["results"][2]["error"] == {"code": "INVALID", "field": ["items", 2, "elementId"]}
    ids = [result["diagramElementLink"]["id"] for result in made["results"][:2]]
    items = [{"id": id, "expectedVersion": 1} for id in ids]
    assert (await world.ask("editor", DELETE_MANY, items=items))["succeeded"] == 2


async def test_the_states_of_links_are_read_by_as_many_statements_for_many_as_for_one(world):
    drawing = await draw(world, *(box(str(i)) for i in range(5)))
    diagram = await flow(world, [node("a"), node("b")], [])
    counts = []
    for diagram_id, elements in (
        (drawing["id"], "0"),
        (drawing["id"], "123"),
        (diagram["id"], "a"),
    ):
        for element in elements:
            await link_element(world, diagram_id, element)
        session = await session_of(world, "viewer")
        await run(session, OF_REQUIREMENT, id=world.requirement)
        counts.append(session.statements)
    assert counts[0] == counts[1] == counts[2] - 1  # the other kind of diagrams
