"""The workflow of a project, where a status comes by way of something else than an edit."""

import pytest

from tests.requirements.importer import Importer
from tests.requirements.linking import elsewhere
from tests.requirements.proposals import REVERSE, UPDATE, Proposal, updated
from tests.requirements.reviewing import (
    Reviewing,
    current,
    set_status,
    workflow,
)
from tests.requirements.test_document_moves import HERE
from tests.requirements.test_document_moves import MOVE as MOVE_DOCUMENT
from tests.world import Refused

MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
    requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {
        requirement { version status } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { version } } }"""
RESTORE = DELETE.replace("requirementDelete", "requirementRestore")
FILE = "ID,Name,Status\nR-1,Brakes,verified\n"


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


async def exceptions(world, id):
    """Return the exceptions in the records of a row."""
    return [row["details"] for row in await world.records(id) if "exception" in row["details"]]


async def test_an_import_sets_any_status_as_a_recorded_exception(world):
    made = await workflow(world)
    importer = Importer(world)
    await importer.text(FILE)
    row = (await importer.requirements())["R-1"]
    assert row["status"] == "verified"
    assert await exceptions(world, row["id"]) == ['{"exception": "import"}']
    change = """mutation ($id: UUID!) { workflowUpdate(id: $id, expectedVersion: 1,
        input: {importsExempt: false, adminsExempt: false}) { workflow { id } } }"""
    await world.ask("admin", change, id=made["id"])
    refused = await importer.refused(FILE.replace("R-1", "R-2"))
    assert refused.code == "INVALID"


async def test_a_reversal_does_not_take_a_status_back_around_the_workflow(world):
    await workflow(world, ("DRAFT", "IN_REVIEW"))
    proposal = await Proposal.begin(world)
    await proposal.edit(updated(world.requirement, 1, status="IN_REVIEW"))
    await proposal.apply()
    made = await world.ask("editor", REVERSE, id=proposal.id)
    reversal = Proposal(world, made["changeSet"]["id"])
    assert (await refusal(reversal.apply())).code == "INVALID"
    assert (await current(world))["status"] == "IN_REVIEW"


async def test_a_merged_edit_is_held_to_the_workflow_from_the_status_that_others_set(world):
    await workflow(world, ("DRAFT", "IN_REVIEW"), ("DRAFT", "REJECTED"))
    await world.ask("owner", UPDATE, id=world.requirement, version=1, input={"name": "Meanwhile"})
    stale = {"id": world.requirement, "version": 1}
    refused = await refusal(world.ask("editor", UPDATE, **stale, input={"status": "VERIFIED"}))
    assert refused.code == "INVALID"
    await world.ask("editor", UPDATE, **stale, input={"status": "IN_REVIEW"})
    refused = await refusal(world.ask("editor", UPDATE, **stale, input={"status": "REJECTED"}))
    assert refused.code == "CONFLICT"


async def test_a_deleted_requirement_is_restored_with_its_status(world):
    await set_status(world, "VERIFIED")
    await workflow(world)
    await world.ask("editor", DELETE, id=world.requirement, version=2)
    await world.ask("editor", RESTORE, id=world.requirement, version=3)
    assert (await current(world))["status"] == "VERIFIED"
    assert await exceptions(world, world.requirement) == []


async def test_a_requirement_does_not_come_from_elsewhere_around_the_workflow(world):
    project, document = await elsewhere(world)
    await workflow(world, ("DRAFT", "IN_REVIEW"), projectId=project)
    await set_status(world, "VERIFIED")
    to = {"documentId": document, "at": {"end": "END"}}
    move = {"id": world.requirement, "version": 2, "to": to}
    refused = await refusal(world.ask("editor", MOVE, **move))
    assert refused.code == "FORBIDDEN"
    assert (await current(world))["version"] == 2
    whole = {"id": world.document, "project": project, "at": HERE}
    assert (await refusal(world.ask("editor", MOVE_DOCUMENT, **whole))).code == "FORBIDDEN"
    await set_status(world, "IN_REVIEW")
    move["version"] = 3
    moved = await world.ask("editor", MOVE, **move)
    assert moved["requirement"] == {"version": 4, "status": "IN_REVIEW"}


@pytest.mark.parametrize("whole", [False, True], ids=["requirement", "document"])
async def test_administrators_bring_any_status_as_a_recorded_exception(world, whole):
    project, document = await elsewhere(world)
    await workflow(world, projectId=project)
    await set_status(world, "VERIFIED")
    if whole:
        move = {"id": world.document, "project": project, "at": HERE}
        await world.ask("owner", MOVE_DOCUMENT, **move)
    else:
        to = {"documentId": document, "at": {"end": "END"}}
        await world.ask("owner", MOVE, id=world.requirement, version=2, to=to)
    (details,) = await exceptions(world, world.requirement)
    assert '"exception": "administrator"' in details


async def test_an_approval_holds_only_in_the_project_in_which_it_was_given(world):
    project, document = await elsewhere(world)
    review = await Reviewing.begin(world)
    await review.submit("viewer", "APPROVE")
    assert (await current(world))["approval"]
    to = {"documentId": document, "at": {"end": "END"}}
    await world.ask("editor", MOVE, id=world.requirement, version=1, to=to)
    assert (await current(world))["approval"] is None
    await workflow(world, ("DRAFT", "APPROVED", "EDITOR", True), projectId=project)
    assert (await refusal(set_status(world, "APPROVED"))).code == "FORBIDDEN"
    assert (await review.read())["state"] == "OPEN", "the review stays where it was"
    back = {"documentId": world.document, "at": {"end": "END"}}
    await world.ask("editor", MOVE, id=world.requirement, version=2, to=back)
    assert not (await current(world))["approval"]["isStale"]
