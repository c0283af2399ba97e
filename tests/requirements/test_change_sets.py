"""Change sets: proposals that change nothing until they are applied, all at once."""

from uuid import uuid4

import pytest

from tests.requirements.proposals import (
    APPLY,
    EDIT,
    READ,
    REMOVE,
    REQUIREMENT,
    TREE,
    UPDATE,
    WITHDRAW,
    Proposal,
    updated,
)
from tests.world import Refused


@pytest.fixture
async def proposal(world):
    return await Proposal.begin(world)


async def requirement(world, id=None):
    return await world.ask("editor", REQUIREMENT, id=id or world.requirement)


async def edited(world, version=1, **input):
    """Change the requirement, as somebody else."""
    await world.ask("admin", UPDATE, id=world.requirement, version=version, input=input)


async def refused(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value.errors[0]


async def test_a_proposal_is_made_of_all_kinds_of_changes_and_applied_at_once(world, proposal):
    before = await world.ask("editor", TREE, id=world.document)
    block, document = await proposal.edit(
        {"blockCreate": {"documentId": world.document, "name": "New block"}},
        {"documentCreate": {"name": "New document", "slug": "new-document"}},
    )
    made = await proposal.edit(
        {
            "blockCreate": {
                "documentId": world.document,
                "parentId": block["entityId"],
                "name": "Inner",
            }
        },
        {"requirementCreate": {"documentId": document["entityId"], "name": "Elsewhere"}},
        {
            "requirementCreate": {
                "documentId": world.document,
                "blockId": block["entityId"],
                "name": "Inside",
                "status": "APPROVED",
            }
        },
        updated(world.requirement, 1, name="Renamed", tags=["a"]),
        {
            "requirementMove": {
                "id": world.requirement,
                "expectedVersion": 1,
                "placeAt": {"blockId": block["entityId"], "at": {"end": "END"}},
            }
        },
        {"documentUpdate": {"id": world.document, "expectedVersion": 1, "input": {"name": "D"}}},
    )
    assert [item["action"] for item in made] == ["CREATE", "CREATE", "CREATE", "UPDATE", "UPDATE"]
    change = made[3]
    assert (change["base"]["name"], change["proposed"]["name"]) == (
        f"Requirement {world.name}",
        "Renamed",
    )
    assert change["place"]["insideId"] == block["entityId"]
    assert {c["field"]: c["new"] for c in change["changes"]} == {"name": "Renamed", "tags": ["a"]}
    assert made[2]["proposed"]["status"] == "APPROVED"
    assert await world.ask("editor", TREE, id=world.document) == before

    assert (await proposal.apply())["changeSet"]["state"] == "APPLIED"
    after = await world.ask("editor", TREE, id=world.document)
    assert after["name"] == "D"
    assert {"Inner": {"name": "New block"}}.items() <= {
        b["name"]: b["parent"] for b in after["blocks"]["nodes"]
    }.items()
    rows = {row["name"]: row for row in after["requirements"]["nodes"]}
    assert rows["Renamed"]["block"] == rows["Inside"]["block"] == {"name": "New block"}
    assert rows["Inside"]["id"] == made[2]["entityId"]
    elsewhere = await world.ask("editor", TREE, id=document["entityId"])
    assert [row["name"] for row in elsewhere["requirements"]["nodes"]] == ["Elsewhere"]
    for id in (world.requirement, made[2]["entityId"]):
        records = await world.records(id)
        assert str(records[-1]["correlation_id"]) == proposal.id
    read = await proposal.read()
    assert read["closedBy"] == {"id": str(world.people["editor"])}
    assert await world.code("editor", EDIT, id=proposal.id, items=[updated(world.requirement, 3)])
    assert await world.code("editor", APPLY, id=proposal.id, version=read["version"]) == "INVALID"


async def test_deletions_and_restorations_are_proposed(world, proposal):
    about = {"id": world.requirement, "expectedVersion": 1}
    (item,) = await proposal.edit({"requirementDelete": about})
    assert (item["action"], item["base"]["name"]) == ("DELETE", f"Requirement {world.name}")
    assert (await refused(proposal.edit(updated(world.requirement, 1, name="X"))))["extensions"][
        "field"
    ] == ["items", 0, "requirementUpdate", "id"]
    await proposal.apply()
    assert await world.code("editor", REQUIREMENT, id=world.requirement) == "NOT_FOUND"

    back = await Proposal.begin(world)
    await back.edit({"requirementRestore": about | {"expectedVersion": 2}})
    await back.apply()
    assert (await requirement(world))["version"] == 3


async def test_what_others_change_meanwhile_is_merged(world, proposal):
    await edited(world, description="One.\nTwo.\nThree.", properties={"a": 1, "b": 1})
    await proposal.edit(
        updated(
            world.requirement,
            2,
            description="One!\nTwo.\nThree.",
            propertiesPatch={"a": 2},
            status="APPROVED",
        )
    )
    await edited(
        world, 2, description="One.\nTwo.\nThree!", propertiesPatch={"b": 2}, priority="HIGH"
    )
    item = await proposal.item()
    assert item["conflicts"] == []
    changes = {change["field"]: change["new"] for change in item["changes"]}
    assert changes["description"] == "One!\nTwo.\nThree!"
    assert changes["properties"] == {"a": 2, "b": 2}
    await proposal.apply()
    row = await requirement(world)
    assert row["description"] == "One!\nTwo.\nThree!"
    assert (row["properties"], row["status"]) == ({"a": 2, "b": 2}, "APPROVED")


async def test_conflicts_are_named_by_field_and_resolved_one_by_one(world, proposal):
    await proposal.edit(
        updated(world.requirement, 1, name="Ours", status="APPROVED", priority="LOW")
    )
    await edited(world, name="Theirs", status="IN_REVIEW", priority="CRITICAL")
    item = await proposal.item()
    assert {(c["field"], c["base"], c["current"], c["proposed"]) for c in item["conflicts"]} == {
        ("name", f"Requirement {world.name}", "Theirs", "Ours"),
        ("status", "DRAFT", "IN_REVIEW", "APPROVED"),
        ("priority", "MEDIUM", "CRITICAL", "LOW"),
    }
    error = await refused(proposal.apply())
    assert error["extensions"]["code"] == "CONFLICT"
    (told,) = error["extensions"]["items"]
    assert told["itemId"] == item["id"]
    assert {c["field"] for c in told["conflicts"]} == {"name", "status", "priority"}
    assert (await requirement(world))["name"] == "Theirs"

    (item,) = (await proposal.resolve(item, "name", "PROPOSED"))["items"]
    assert {c["field"] for c in item["conflicts"]} == {"status", "priority"}
    (item,) = (await proposal.resolve(item, "status", "CURRENT"))["items"]
    (item,) = await proposal.edit(updated(world.requirement, 2, priority="HIGH"))
    assert item["conflicts"] == []
    await proposal.apply()
    row = await requirement(world)
    assert (row["name"], row["status"]) == ("Ours", "IN_REVIEW")


async def test_a_deletion_and_a_move_conflict_with_changes_of_others(world, proposal):
    await proposal.edit({"requirementDelete": {"id": world.requirement, "expectedVersion": 1}})
    move = await Proposal.begin(world)
    await move.edit(
        {
            "requirementMove": {
                "id": world.requirement,
                "expectedVersion": 1,
                "placeAt": {"blockId": None},
            }
        }
    )
    await edited(world, name="Theirs")
    item = await proposal.item()
    assert [conflict["field"] for conflict in item["conflicts"]] == ["name"]
    assert (await refused(proposal.apply()))["extensions"]["code"] == "CONFLICT"
    await move.apply()  # a name is no place
    item = await proposal.item()
    (item,) = (await proposal.resolve(item, "name", "PROPOSED"))["items"]
    assert item["conflicts"] == []
    await proposal.apply()
    late = await Proposal.begin(world)
    assert (await refused(late.edit(updated(world.requirement, 3, name="Z"))))["extensions"] == {
        "code": "NOT_FOUND",
        "retryable": False,
        "field": ["items", 0, "requirementUpdate", "id"],
    }


async def test_what_is_proposed_is_validated_and_nothing_is_stored(world, proposal):
    good = updated(world.requirement, 1, name="Good")
    for item, code, field in (
        (
            updated(world.requirement, 1, name=" "),
            "INVALID",
            ["requirementUpdate", "input", "name"],
        ),
        (updated(world.requirement, 9, name="X"), "INVALID", None),
        (updated(uuid4(), 1, name="X"), "NOT_FOUND", ["requirementUpdate", "id"]),
        (
            {"requirementCreate": {"documentId": uuid4(), "name": "X"}},
            "NOT_FOUND",
            ["requirementCreate", "documentId"],
        ),
        (
            {
                "requirementMove": {
                    "id": world.requirement,
                    "expectedVersion": 1,
                    "placeAt": {"documentId": uuid4()},
                }
            },
            "NOT_FOUND",
            ["requirementMove", "placeAt", "documentId"],
        ),
        (
            {"documentCreate": {"name": "X", "slug": "No slug"}},
            "INVALID",
            ["documentCreate", "slug"],
        ),
        (
            {
                "requirementMove": {
                    "id": world.requirement,
                    "expectedVersion": 1,
                    "placeAt": {"at": {"after": uuid4()}},
                }
            },
            "INVALID",
            ["requirementMove", "placeAt", "at", "after"],
        ),
    ):
        error = (await refused(proposal.edit(good, item)))["extensions"]
        assert error["code"] == code, error
        assert field is None or error["field"] == ["items", 1, *field]
    assert (await proposal.read())["items"]["totalCount"] == 0
    assert (await proposal.read())["version"] == 1
    assert (await requirement(world))["version"] == 1


async def test_one_refused_item_stops_all(world, proposal):
    await proposal.edit(updated(world.requirement, 1, name="Renamed"))
    await proposal.edit({"blockCreate": {"documentId": world.document, "name": "B"}})
    await proposal.edit({"documentDelete": {"id": world.document, "expectedVersion": 1}})
    error = await refused(proposal.apply())  # who may propose to delete a document may not do it
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert (await requirement(world))["name"] == f"Requirement {world.name}"
    await proposal.apply("admin")
    assert await world.code("editor", TREE, id=world.document) == "NOT_FOUND"


async def test_items_are_removed_and_a_change_set_is_withdrawn(world, proposal):
    (item,) = await proposal.edit(updated(world.requirement, 1, name="Renamed"))
    assert (
        await proposal.edit(updated(world.requirement, 1, name=f"Requirement {world.name}")) == []
    )
    (item,) = await proposal.edit(updated(world.requirement, 1, name="Renamed"))
    await world.ask("editor", REMOVE, id=proposal.id, items=[item["id"]])
    code = await world.code("editor", REMOVE, id=proposal.id, items=[item["id"]])
    assert code == "NOT_FOUND"
    renamed = """mutation ($id: UUID!, $version: BigInt!) { changeSetUpdate(
        id: $id, expectedVersion: $version, input: { name: "Other" }) {
        changeSet { name version } } }"""
    version = (await proposal.read())["version"]
    other = await world.ask("editor", renamed, id=proposal.id, version=version)
    version += 1
    assert other["changeSet"] == {"name": "Other", "version": version}
    assert await world.code("editor", APPLY, id=proposal.id, version=version) == "INVALID"
    stale = await world.code("editor", WITHDRAW, id=proposal.id, version=version - 1)
    assert stale == "CONFLICT"
    await world.ask("editor", WITHDRAW, id=proposal.id, version=version)
    assert (await proposal.read())["state"] == "WITHDRAWN"
    version += 1
    assert await world.code("editor", renamed, id=proposal.id, version=version) == "INVALID"
    late = updated(world.requirement, 1, name="Z")
    assert await world.code("editor", EDIT, id=proposal.id, items=[late]) == "INVALID"


async def test_readers_of_the_project_see_proposals_and_strangers_do_not(world, proposal):
    item = updated(world.requirement, 1, name="Renamed")
    await proposal.edit(item)
    for person in ("owner", "viewer", "project_viewer"):
        assert (await proposal.read(person))["items"]["totalCount"] == 1
    for person in ("member", "document_editor", "outsider", "billing"):
        assert await world.code(person, READ, id=proposal.id) == "NOT_FOUND"
        assert await world.code(person, EDIT, id=proposal.id, items=[item]) == "NOT_FOUND"
        assert await world.code(person, APPLY, id=proposal.id, version=2) == "NOT_FOUND"
    assert await world.code("viewer", EDIT, id=proposal.id, items=[item]) == "FORBIDDEN"
    assert await world.code("viewer", APPLY, id=proposal.id, version=2) == "FORBIDDEN"
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'public' WHERE id = $1", world.project
    )
    assert await world.code("outsider", REQUIREMENT, id=world.requirement) is None
    assert await world.code("outsider", READ, id=proposal.id) == "NOT_FOUND"
    await world.close_projects()
