"""Workflows: the changes of status that a project allows, whichever way they come."""

import pytest

from tests.requirements.proposals import Proposal, updated
from tests.requirements.reviewing import APPROVAL, Reviewing, current, set_status, workflow
from tests.world import Refused

BULK = """mutation ($items: [RequirementsUpdateItemInput!]!, $onError: OnError) {
    requirementsUpdate(items: $items, onError: $onError) {
        succeeded results { error { code message field } } } }"""
CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id status } } }"""
REVERT = """mutation ($id: UUID!, $version: BigInt!, $to: BigInt!) { requirementRevert(
    id: $id, expectedVersion: $version, toVersion: $to) { requirement { status } } }"""
READ = """query ($id: UUID!) { project(id: $id) { workflow { id version fourEyes adminsExempt
    importsExempt transitions { source target } } } }"""
UPDATE_WORKFLOW = """mutation ($id: UUID!, $version: BigInt!, $input: WorkflowUpdateInput!) {
    workflowUpdate(id: $id, expectedVersion: $version, input: $input) {
        workflow { version minApprovals transitions { source target role } } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    workflowDelete(id: $id, expectedVersion: $version) { workflow { id } } }"""

COPY = """mutation ($id: UUID!, $input: DocumentCopyInput!) {
    documentCopy(id: $id, input: $input) { document { id } } }"""
RESTORE = DELETE.replace("workflowDelete", "workflowRestore")


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


async def test_a_project_without_a_workflow_allows_every_change_of_status(world):
    assert (await world.ask("viewer", READ, id=world.project))["workflow"] is None
    await set_status(world, "VERIFIED")
    assert (await current(world))["statusChanges"] is None


async def test_the_standard_workflow_asks_for_an_approval_before_the_implementation(world):
    made = await workflow(world)
    assert {"source": "IN_REVIEW", "target": "APPROVED", "role": "EDITOR"}.items() <= next(
        one for one in made["transitions"] if one["requiresApproval"]
    ).items()
    refused = await refusal(set_status(world, "APPROVED"))
    assert (refused.code, refused.field) == ("INVALID", ["input", "status"])
    assert refused.errors[0]["extensions"]["allowed"] == ["IN_REVIEW", "DEPRECATED"]
    await set_status(world, "IN_REVIEW")
    refused = await refusal(set_status(world, "APPROVED"))
    assert refused.code == "FORBIDDEN"
    assert refused.errors[0]["extensions"]["requiresApproval"]
    refused = await refusal(set_status(world, "DEPRECATED"))
    assert refused.errors[0]["extensions"]["requiredRole"] == "ADMIN"

    review = await Reviewing.begin(world)
    await review.submit("viewer", "APPROVE")
    for status in ("APPROVED", "IN_PROGRESS", "IMPLEMENTED", "VERIFIED"):
        await set_status(world, status)
    assert (await current(world))["status"] == "VERIFIED"


async def test_an_approval_falls_when_the_content_changes_and_not_with_the_status(world):
    await workflow(world)
    await set_status(world, "IN_REVIEW", tags=["moved"])
    review = await Reviewing.begin(world)
    await review.submit("viewer", "APPROVE")
    refused = await refusal(set_status(world, "APPROVED", description="Another text."))
    assert refused.code == "FORBIDDEN", "the content would be another one"
    await set_status(world, "APPROVED", tags=["again"])
    approval = (await current(world))["approval"]
    assert (approval["isStale"], approval["item"]["review"]["id"]) == (False, review.id)
    await set_status(world, "APPROVED", description="Another text.")
    assert (await current(world))["approval"]["isStale"]
    assert (await refusal(set_status(world, "IN_PROGRESS"))).code == "FORBIDDEN"
    assert [item["isStale"] for item in await review.items()] == [True]


WAYS = ["create", "update", "bulk", "revert", "change set", "nested"]
NESTED = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block { id } } }"""


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_of_writing_a_status_goes_around_the_workflow(world, way):
    if way == "revert":
        await set_status(world, "VERIFIED")
        await set_status(world, "DRAFT")
    await workflow(world)
    before = await current(world)
    if way == "create":
        input = {"documentId": world.document, "name": "New", "status": "APPROVED"}
        attempt = world.ask("editor", CREATE, input=input)
    elif way == "update":
        attempt = set_status(world, "VERIFIED")
    elif way == "bulk":
        item = {"id": world.requirement, "expectedVersion": 1, "input": {"status": "VERIFIED"}}
        attempt = world.ask("editor", BULK, items=[item])
    elif way == "revert":
        attempt = world.ask("editor", REVERT, id=world.requirement, version=3, to=2)
    elif way == "change set":
        proposal = await Proposal.begin(world)
        attempt = proposal.edit(updated(world.requirement, 1, status="VERIFIED"))
    else:
        query = "mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) {"
        input = {"projectId": world.project, "name": "New", "slug": "new"}
        rows = [{"name": "Inside", "status": "VERIFIED"}]
        nested = [{"name": "Block", "requirements": rows}]
        attempt = world.ask(
            "editor", query + " document { id } } }", input={**input, "blocks": nested}
        )
    refused = await refusal(attempt)
    assert refused.code == "INVALID"
    assert refused.field[-1] == "status"
    assert await current(world) == before


async def test_a_copy_does_not_take_a_status_around_the_workflow(world):
    await set_status(world, "VERIFIED")
    copy = {"id": world.document, "input": {"name": "Copy", "slug": "copy", "keepStatus": True}}
    await world.ask("editor", COPY, **copy)
    await workflow(world)
    copy["input"] |= {"slug": "second"}
    refused = await refusal(world.ask("editor", COPY, **copy))
    assert (refused.code, refused.field) == ("FORBIDDEN", ["input", "keepStatus"])


async def test_bulk_changes_are_refused_each_for_itself(world):
    await workflow(world)
    made = await world.ask("editor", CREATE, input={"documentId": world.document, "name": "Second"})
    ids = [world.requirement, made["requirement"]["id"]]
    items = [
        {"id": id, "expectedVersion": 1, "input": {"status": status}}
        for id, status in zip(ids, ("VERIFIED", "IN_REVIEW"), strict=True)
    ]
    done = await world.ask("editor", BULK, items=items, onError="CONTINUE")
    assert [result["error"] and result["error"]["code"] for result in done["results"]] == [
        "INVALID",
        None,
    ]
    assert (await current(world, ids[1]))["status"] == "IN_REVIEW"
    assert (await current(world))["status"] == "DRAFT"


async def test_administrators_have_an_exception_that_is_recorded(world):
    made = await workflow(world)
    await set_status(world, "VERIFIED", "admin")
    record = (await world.records(world.requirement))[-1]
    assert '"exception": "administrator"' in record["details"]
    input = {"adminsExempt": False}
    await world.ask("admin", UPDATE_WORKFLOW, id=made["id"], version=1, input=input)
    assert (await refusal(set_status(world, "DRAFT", "admin"))).code == "INVALID"


async def test_what_the_workflow_allows_is_told_with_the_requirement(world):
    await workflow(world, ("DRAFT", "IN_REVIEW", "EDITOR"), ("DRAFT", "REJECTED", "ADMIN", True))
    seen = await world.ask("editor", APPROVAL, id=world.requirement)
    assert seen["statusChanges"] == [
        {
            "target": "IN_REVIEW",
            "role": "EDITOR",
            "requiresApproval": False,
            "viewerHasRole": True,
        },
        {"target": "REJECTED", "role": "ADMIN", "requiresApproval": True, "viewerHasRole": False},
    ]


async def test_a_workflow_is_changed_and_deleted_by_administrators(world):
    made = await workflow(world, ("DRAFT", "IN_REVIEW"))
    about = {"id": made["id"], "version": 1}
    transitions = [{"source": "DRAFT", "target": "VERIFIED"}]
    change = {"input": {"transitions": transitions}}
    assert await world.code("editor", UPDATE_WORKFLOW, **about, **change) == "FORBIDDEN"
    twice = {"input": {"transitions": transitions * 2}}
    refused = await refusal(world.ask("admin", UPDATE_WORKFLOW, **about, **twice))
    assert refused.field == ["input", "transitions", 1, "target"]
    await world.ask("admin", UPDATE_WORKFLOW, **about, **change)
    await set_status(world, "VERIFIED")
    assert (await refusal(workflow(world))).code == "ALREADY_EXISTS"
    await world.ask("admin", DELETE, id=made["id"], version=2)
    await set_status(world, "DRAFT")
    await world.ask("admin", RESTORE, id=made["id"], version=3)
    assert (await refusal(set_status(world, "IN_REVIEW"))).code == "INVALID"
