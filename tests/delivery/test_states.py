"""The status of an object changes by permitted steps, whichever way it is written."""

import re
from pathlib import Path

import pytest

from graph.delivery.states.steps import ALL
from tests.delivery.objects import build, defect, document, feature, write
from tests.world import Refused

PAGE = Path("docs/delivery.md")
DEFECT = "id version status resolvedAt resolvedBy { id } verifiedBy { id } nextStatuses"


async def change(world, person, kind, row, selected="id version status", **values):
    """Update a row, from the version at which it is."""
    arguments = {"id": row["id"], "expectedVersion": row["version"], "input": values}
    return await write(world, person, f"{kind}Update", kind, selected, **arguments)


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


def test_the_documentation_lists_the_steps_that_are_enforced():
    page = PAGE.read_text()
    for steps in ALL:
        for source, after in steps.table.items():
            names = ", ".join(f"`{one.name}`" for one in after) or "final"
            assert f"| {steps.model.traits.node} | `{source.name}` | {names} |" in page


async def test_a_defect_goes_from_open_to_closed_and_back(world):
    row = await defect(world)
    editor = str(world.people["editor"])
    row = await change(world, "editor", "defect", row, status="ASSIGNED", assignedToId=editor)
    row = await change(world, "editor", "defect", row, status="IN_PROGRESS")
    row = await change(world, "editor", "defect", row, DEFECT, status="RESOLVED")
    assert row["resolvedBy"] == {"id": editor}
    assert row["nextStatuses"] == ["VERIFIED", "OPEN", "ASSIGNED"]
    refused = await refusal(change(world, "editor", "defect", row, status="VERIFIED"))
    assert (refused.code, refused.field) == ("FORBIDDEN", ["input", "status"])
    row = await change(world, "admin", "defect", row, DEFECT, status="VERIFIED")
    assert row["verifiedBy"] == {"id": str(world.people["admin"])}
    row = await change(world, "editor", "defect", row, status="CLOSED")
    row = await change(world, "editor", "defect", row, DEFECT, status="OPEN")
    assert row["resolvedAt"] is row["resolvedBy"] is row["verifiedBy"] is None


async def test_a_step_that_is_not_permitted_names_those_that_are_and_changes_nothing(world):
    row = await defect(world)
    refused = await refusal(change(world, "owner", "defect", row, status="VERIFIED"))
    assert (refused.code, refused.field) == ("INVALID", ["input", "status"])
    (error,) = refused.errors
    assert error["extensions"]["allowed"] == ["ASSIGNED", "WONT_FIX"]
    assert "Permitted are ASSIGNED, WONT_FIX." in error["message"]
    other = await defect(world)
    items = [
        {"id": other["id"], "expectedVersion": 1, "input": {"status": "WONT_FIX"}},
        {"id": row["id"], "expectedVersion": 1, "input": {"status": "CLOSED"}},
    ]
    bulk = document("defectsUpdate", "succeeded", ["items"])
    refused = await refusal(world.ask("editor", bulk, items=items))
    assert refused.field == ["items", 1, "input", "status"]
    new = {"projectId": world.project, "title": "Rolls on", "description": "No stop."}
    create = write(world, "editor", "defectCreate", "defect", input={**new, "status": "CLOSED"})
    assert (await refusal(create)).code == "INVALID"
    read = (
        "query ($ids: [UUID!]) { defects(filter: {id: {in: $ids}}) { nodes { status version } } }"
    )
    found = await world.ask("viewer", read, ids=[row["id"], other["id"]])
    assert found["nodes"] == [{"status": "OPEN", "version": 1}] * 2


async def test_times_of_a_feature_follow_from_its_status_also_when_it_is_reverted(world):
    selected = "id version implementationStatus startDate completedDate blockedReason"
    row = await feature(world, selected=selected)
    update = ("editor", "feature")
    refused = await refusal(change(world, *update, row, "id", implementationStatus="COMPLETED"))
    assert refused.field == ["input", "implementationStatus"]
    blocked = {"implementationStatus": "BLOCKED", "blockedReason": "No pads."}
    row = await change(world, *update, row, selected, **blocked)
    row = await change(world, *update, row, selected, implementationStatus="IN_PROGRESS")
    assert row["startDate"]
    assert row["blockedReason"] is None
    row = await change(world, *update, row, selected, implementationStatus="COMPLETED")
    assert row["completedDate"]
    revert = {"id": row["id"], "expectedVersion": row["version"]}
    back = write(world, "editor", "featureRevert", "feature", selected, **revert, toVersion=1)
    assert (await refusal(back)).code == "INVALID"
    row = await write(world, "editor", "featureRevert", "feature", selected, **revert, toVersion=3)
    assert row["implementationStatus"] == "IN_PROGRESS"
    assert row["completedDate"] is None


async def test_a_build_that_has_ended_stays_as_it_is_also_when_it_is_restored(world):
    row = await build(world, status="BUILDING")
    selected = "id version status completedAt nextStatuses"
    row = await change(world, "editor", "build", row, selected, status="FAILED")
    assert row["completedAt"]
    assert row["nextStatuses"] == []
    assert (
        await refusal(change(world, "editor", "build", row, status="SUCCESS"))
    ).code == "INVALID"
    for mutation in ("buildDelete", "buildRestore"):
        at = {"id": row["id"], "expectedVersion": row["version"]}
        row = await write(world, "admin", mutation, "build", **at)
    assert row["status"] == "FAILED"


async def test_an_accepted_risk_ends_with_another_status(world):
    new = {"projectId": world.project, "title": "Overflow", "severity": "HIGH"}
    row = await write(world, "editor", "vulnerabilityCreate", "vulnerability", input=new)
    refused = await refusal(change(world, "admin", "vulnerability", row, status="ACCEPTED_RISK"))
    assert refused.code == "INVALID"
    accept = {"until": "2999-01-01", "reason": "Not reachable."}
    at = {"id": row["id"], "expectedVersion": row["version"], "input": accept}
    row = await write(world, "admin", "vulnerabilityRiskAccept", "vulnerability", **at)
    selected = "version status riskReason acknowledgedAt remediatedAt"
    row = await change(world, "editor", "vulnerability", row, selected, status="REMEDIATED")
    assert row["riskReason"] is None
    assert row["acknowledgedAt"]
    assert row["remediatedAt"]


def test_descriptions_of_statuses_name_the_next_ones():
    text = Path("tests/golden/schema.graphql").read_text()
    found = re.search(r"enum DefectStatus {.*?}", text, re.DOTALL)
    assert "Can be followed by `ASSIGNED` or `WONT_FIX`." in found[0]
