"""Trace links: made between what the viewer can read, shown at both ends, hidden with neither."""

from uuid import uuid4

import pytest

from tests.requirements.linking import BULK, edit, elsewhere, link, links_of, requirements
from tests.world import Refused

DELETE = """mutation ($id: UUID!, $version: BigInt!) {
  traceLinkDelete(id: $id, expectedVersion: $version) { traceLink { id version } } }"""
RESTORE = DELETE.replace("traceLinkDelete", "traceLinkRestore")
TRASH = "{ trash(types: [TRACE_LINK]) { nodes { id name node { id } } } }"
DELETE_REQUIREMENT = """mutation ($id: UUID!) {
  requirementDelete(id: $id, expectedVersion: 1) { requirement { id } } }"""
HISTORY = """query ($id: UUID!) { traceLink(id: $id) {
  history { nodes { action changedFields } } } }"""
HIDDEN = {
    "state": "HIDDEN",
    "entityType": None,
    "entityId": None,
    "confirmedVersion": None,
    "suspect": False,
    "changes": [],
    "node": None,
}


@pytest.mark.slow
async def test_a_link_is_shown_at_both_of_its_ends_whatever_they_are(world):
    (other,) = await requirements(world, 1)
    made = await link(world, world.requirement, other, linkType="REFINES", description="Why")
    assert (made["linkType"], made["description"], made["version"]) == ("REFINES", "Why", 1)
    assert made["suspect"] is False
    for end, id in (("source", world.requirement), ("target", other)):
        assert made[end] == {
            "state": "PRESENT",
            "entityType": "REQUIREMENT",
            "entityId": str(id),
            "confirmedVersion": 1,
            "suspect": False,
            "changes": [],
            "node": {"id": str(id)},
        }
    assert await links_of(world, world.requirement) == ([made], [])
    assert await links_of(world, other) == ([], [made])
    for id in (world.project, world.document, world.block):
        await link(world, other, id, linkType="DEPENDS_ON")
        (found,) = (await links_of(world, id))[1]
        assert found["target"]["node"] == {"id": str(id)}
    assert len((await links_of(world, other))[0]) == 3


async def test_links_that_make_no_sense_are_refused_each_for_itself(world):
    first, second = await requirements(world, 2)
    await link(world, first, second)
    items = [
        {"sourceId": first, "targetId": first},
        {"sourceId": first, "targetId": second},
        {"sourceId": first, "targetId": uuid4()},
        {"sourceId": uuid4(), "targetId": first},
        {"sourceId": second, "targetId": first},
        {"sourceId": first, "targetId": second, "linkType": "REFINES"},
    ]
    answer = await world.ask("editor", BULK, items=items)
    assert (answer["succeeded"], answer["failed"]) == (2, 4)
    errors = [result["error"] for result in answer["results"]]
    assert [error and (error["code"], error["field"][-1]) for error in errors] == [
        ("INVALID", "targetId"),
        ("ALREADY_EXISTS", "targetId"),
        ("NOT_FOUND", "targetId"),
        ("NOT_FOUND", "sourceId"),
        None,
        None,
    ]


@pytest.mark.slow
async def test_a_link_needs_both_ends_readable_and_the_source_s_project_to_edit(
    world,
):
    _, there = await elsewhere(world)
    (far,) = await requirements(world, 1, there)
    with pytest.raises(Refused) as refused:  # who sees the first project alone
        await link(world, world.requirement, far, by="project_editor")
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "targetId"])
    with pytest.raises(Refused) as refused:
        await link(world, world.requirement, far, by="viewer")
    assert refused.value.code == "FORBIDDEN"
    made = await link(world, world.requirement, far)
    assert made["projectId"] == str(world.project)
    (seen,) = (await links_of(world, world.requirement, "project_viewer"))[0]
    assert seen["target"] == HIDDEN
    assert seen["suspect"] is False
    await edit(world, far, by="owner", name="Changed")
    assert (await links_of(world, world.requirement, "project_viewer", suspect={"eq": True}))[
        0
    ] == []
    (suspect,) = (await links_of(world, world.requirement, suspect={"eq": True}))[0]
    assert suspect["id"] == made["id"]


async def test_an_end_that_is_deleted_says_so_and_tells_nothing(world):
    first, second = await requirements(world, 2)
    await link(world, first, second)
    await edit(world, second, name="Changed")
    await world.ask("editor", DELETE_REQUIREMENT.replace("Version: 1", "Version: 2"), id=second)
    (found,) = (await links_of(world, first))[0]
    assert found["target"] == HIDDEN | {"state": "DELETED"}
    assert found["suspect"] is False


async def test_a_deleted_link_is_in_the_trash_and_comes_back(world):
    (other,) = await requirements(world, 1)
    made = await link(world, world.requirement, other)
    await world.ask("editor", DELETE, id=made["id"], version=1)
    assert await links_of(world, other) == ([], [])
    nodes = (await world.ask("editor", TRASH))["nodes"]
    assert nodes == [{"id": made["id"], "name": None, "node": {"id": made["id"]}}]
    again = await link(world, world.requirement, other)
    assert await world.code("editor", RESTORE, id=made["id"], version=2) == "ALREADY_EXISTS"
    await world.ask("editor", DELETE, id=again["id"], version=1)
    await world.ask("editor", RESTORE, id=made["id"], version=2)
    (found,) = (await links_of(world, other))[1]
    assert (found["id"], found["version"]) == (made["id"], 3)
    entries = (await world.ask("viewer", HISTORY, id=made["id"]))["history"]["nodes"]
    assert [entry["action"] for entry in entries] == ["RESTORE", "DELETE", "CREATE"]


async def test_the_history_of_a_link_names_only_ends_that_can_be_read(world):
    _, document = await elsewhere(world)
    own, other = await requirements(world, 2)
    (far,) = await requirements(world, 1, document)
    ids = [(await link(world, own, end, by="owner"))["id"] for end in (far, other)]
    query = """query ($ids: [ID!]!) { nodes(ids: $ids) { history { nodes {
        changes { field new } } } } }"""
    for person, shown in (("owner", far), ("project_viewer", None)):
        for found, target in zip(
            await world.ask(person, query, ids=ids), (shown, other), strict=True
        ):
            (entry,) = found["history"]["nodes"]
            changes = {change["field"]: change["new"] for change in entry["changes"]}
            assert (changes["sourceId"], changes["sourceType"]) == (own, "REQUIREMENT")
            assert changes["targetId"] == target
            assert changes["targetType"] == ("REQUIREMENT" if target else None)


UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: TraceLinkUpdateInput!) {
  traceLinkUpdate(id: $id, expectedVersion: $version, input: $input) {
    merged traceLink { version linkType description } } }"""
UPDATES = """mutation ($items: [TraceLinksUpdateItemInput!]!) {
  traceLinksUpdate(items: $items) { succeeded failed } }"""
DELETES = """mutation ($items: [DeleteItemInput!]!) {
  traceLinksDelete(items: $items) { succeeded failed } }"""


async def test_links_are_changed_and_deleted_one_or_many(world):
    (other,) = await requirements(world, 1)
    made = await link(world, world.requirement, other)
    for version, input in ((1, {"linkType": "SATISFIES"}), (1, {"description": "Because"})):
        changed = await world.ask("editor", UPDATE, id=made["id"], version=version, input=input)
    assert changed == {
        "merged": True,
        "traceLink": {"version": 3, "linkType": "SATISFIES", "description": "Because"},
    }
    item = {"id": made["id"], "expectedVersion": 3}
    answer = await world.ask("editor", UPDATES, items=[item | {"input": {"description": None}}])
    assert answer == {"succeeded": 1, "failed": 0}
    answer = await world.ask("editor", DELETES, items=[item | {"expectedVersion": 4}])
    assert answer == {"succeeded": 1, "failed": 0}
    assert await links_of(world, other) == ([], [])
