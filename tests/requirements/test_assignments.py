"""Assignments: people's work on an object, visible and given by those who may."""

from typing import Any
from uuid import uuid4

import pytest

from tests.requirements.linking import elsewhere
from tests.world import Refused, World

CREATE = """mutation ($input: AssignmentCreateInput!) {
  assignmentCreate(input: $input) { assignment {
  id version role status comment dueDate completedAt entityType entityId
  entity { ... on Requirement { name } } assignee { fullName } project { id }
  createdBy { fullName } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt! = 1, $input: AssignmentUpdateInput!) {
  assignmentUpdate(id: $id, expectedVersion: $version, input: $input) {
    assignment { version role comment completedAt } } }"""
DELETE = """mutation ($id: UUID!) { assignmentDelete(id: $id, expectedVersion: 1) {
  assignment { id } } }"""
LIST = """query ($requirement: UUID!) { requirement(id: $requirement) {
  assignments { totalCount nodes { id assignee { id } } } } }"""
MINE = """{ viewer { profile { assignments(orderBy: [{by: DUE_DATE}]) { nodes {
  role entity { id } } } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } }"


async def assign(world: World, by: str = "editor", **input: Any) -> dict[str, Any]:
    given = {"entityId": world.requirement, "assigneeId": world.people["viewer"]} | input
    return (await world.ask(by, CREATE, input=given))["assignment"]


async def test_an_editor_asks_a_member_to_review(world):
    due = "2027-01-01T12:00:00+00:00"
    made = await assign(world, role="REVIEWER", comment="Is 40 m enough?", dueDate=due)
    assert {name: made[name] for name in made if name != "id"} == {
        "version": 1,
        "role": "REVIEWER",
        "status": "DRAFT",
        "comment": "Is 40 m enough?",
        "dueDate": due,
        "completedAt": None,
        "entityType": "REQUIREMENT",
        "entityId": str(world.requirement),
        "entity": {"name": f"Requirement {world.name}"},
        "assignee": {"fullName": f"viewer {world.name}"},
        "project": {"id": str(world.project)},
        "createdBy": {"fullName": f"editor {world.name}"},
    }
    listed = (await world.ask("viewer", LIST, requirement=world.requirement))["assignments"]
    assert listed["nodes"] == [{"id": made["id"], "assignee": {"id": str(world.people["viewer"])}}]
    mine = (await world.ask("viewer", MINE))["profile"]["assignments"]["nodes"]
    assert mine == [{"role": "REVIEWER", "entity": {"id": str(world.requirement)}}]
    records = await world.records(made["id"])
    assert [(row["action"], row["soc2_control"]) for row in records] == [("create", "PI1.3")]


async def test_it_is_changed_and_ended_and_given_again(world):
    made = await assign(world)
    done = {"comment": None, "role": "APPROVER", "completedAt": "2026-12-01T00:00:00+00:00"}
    changed = (await world.ask("editor", UPDATE, id=made["id"], input=done))["assignment"]
    assert changed == {"version": 2, **done}
    other = await assign(world)
    await world.ask("editor", DELETE, id=other["id"])
    assert await world.code("editor", NODE, id=other["id"]) == "NOT_FOUND"
    assert (await assign(world))["id"] != other["id"]


@pytest.mark.parametrize("person", ["viewer", "project_viewer"])
async def test_who_only_reads_assigns_nobody_and_changes_nothing(world, person):
    made = await assign(world)
    with pytest.raises(Refused) as refused:
        await assign(world, person, assigneeId=world.people["owner"])
    assert refused.value.code == "FORBIDDEN"
    assert await world.code(person, UPDATE, id=made["id"], input={"comment": "No"}) == "FORBIDDEN"
    assert await world.code(person, DELETE, id=made["id"]) == "FORBIDDEN"


@pytest.mark.parametrize("person", ["outsider", "member", "billing"])
async def test_who_does_not_see_the_requirement_sees_no_assignment(world, person):
    made = await assign(world)
    assert await world.code(person, NODE, id=made["id"]) == "NOT_FOUND"
    answers = []
    for requirement in (world.requirement, uuid4()):
        with pytest.raises(Refused) as refused:
            await assign(world, person, entityId=requirement)
        answers.append((refused.value.errors, refused.value.field))
    assert answers[0] == answers[1]
    assert answers[0][1] == ["input", "entityId"]


async def test_only_members_are_assigned(world, other_world):
    """A person of another organization is refused like one who does not exist."""
    answers = []
    for stranger in (world.people["outsider"], other_world.people["editor"], uuid4()):
        with pytest.raises(Refused) as refused:
            await assign(world, assigneeId=stranger)
        answers.append(refused.value.errors)
    assert answers[0] == answers[1] == answers[2]
    assert refused.value.field == ["input", "assigneeId"]
    assert await world.superuser.fetchval(
        "SELECT count(*) = 0 FROM assignments WHERE project_id = $1", world.project
    )


async def test_nobody_is_assigned_twice_in_one_role(world):
    await assign(world)
    with pytest.raises(Refused) as refused:
        await assign(world)
    assert refused.value.code == "ALREADY_EXISTS"
    assert (await assign(world, role="OBSERVER"))["role"] == "OBSERVER"


TEST = """mutation ($project: UUID!) {
  testCaseCreate(input: {projectId: $project, title: "Brake test"}) { testCase { id } } }"""
OF_EACH = """query ($project: UUID!, $document: UUID!, $block: UUID!, $test: UUID!) {
  project(id: $project) { assignments { nodes { entityType entity { id } } } }
  document(id: $document) { assignments { nodes { entityId } } }
  block(id: $block) { assignments { nodes { entityId } } }
  testCase(id: $test) { assignments { nodes { entityId } } } }"""
OVERDUE = """query ($me: UUID!) { assignments(
  filter: {assigneeId: {eq: $me}, dueDate: {lt: "2026-01-01T00:00:00Z"},
    completedAt: {isNull: true}},
  orderBy: [{by: DUE_DATE}]) { nodes { id } } }"""
STATUS = """mutation ($id: UUID!, $version: BigInt!, $status: RequirementStatus!) {
  assignmentUpdate(id: $id, expectedVersion: $version, input: {status: $status}) {
    assignment { version completedAt } } }"""


async def test_whatever_is_worked_on_is_assigned_and_lists_its_assignments(world):
    test = (await world.ask("editor", TEST, project=world.project))["testCase"]["id"]
    ids = {"project": world.project, "document": world.document, "block": world.block, "test": test}
    for id in ids.values():
        await assign(world, entityId=id)
    found = await world.ask("viewer", OF_EACH, **ids)
    listed = found.pop("project")["assignments"]["nodes"]
    types = {node["entityType"]: node["entity"]["id"] for node in listed}
    assert types == {
        "PROJECT": str(world.project),
        "DOCUMENT": str(world.document),
        "BLOCK": str(world.block),
        "TEST_CASE": test,
    }
    for name, key in (("document", "document"), ("block", "block"), ("testCase", "test")):
        assert found[name]["assignments"]["nodes"] == [{"entityId": str(ids[key])}]
    with pytest.raises(Refused) as refused:
        await assign(world, entityId=world.organization)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "entityId"])


async def test_what_is_overdue_is_found_until_it_is_completed(world):
    made = await assign(world, dueDate="2025-12-24T00:00:00Z")
    later = await assign(world, dueDate="2999-12-24T00:00:00Z", role="OBSERVER")
    mine = {"me": world.people["viewer"]}
    assert (await world.ask("viewer", OVERDUE, **mine))["nodes"] == [{"id": made["id"]}]
    assert await world.ask("outsider", OVERDUE, **mine) == {"nodes": []}
    times = []
    for version, status in enumerate(("IN_REVIEW", "APPROVED", "VERIFIED", "IN_PROGRESS"), 1):
        asked = {"id": made["id"], "version": version, "status": status}
        times.append((await world.ask("editor", STATUS, **asked))["assignment"]["completedAt"])
        is_open = status in ("IN_REVIEW", "IN_PROGRESS")
        found = (await world.ask("viewer", OVERDUE, **mine))["nodes"]
        assert found == ([{"id": made["id"]}] if is_open else [])
    assert times[0] is None
    assert times[1] == times[2] is not None
    assert times[3] is None
    assert later["completedAt"] is None


LATE = """query ($assignee: UUID!, $overdue: Boolean!) { assignments(
    filter: {assigneeId: {eq: $assignee}, overdue: {eq: $overdue}}, orderBy: [{by: CREATED_AT}]) {
        nodes { id overdue } } }"""


async def test_overdue_work_is_found_across_projects(world):
    late = await assign(world, dueDate="2020-01-01T00:00:00Z")
    done = await assign(world, dueDate="2020-01-01T00:00:00Z", role="REVIEWER")
    completed = {"status": "APPROVED"}
    await world.ask("editor", UPDATE, id=done["id"], input=completed)
    early = await assign(world, dueDate="2099-01-01T00:00:00Z", role="APPROVER")
    never = await assign(world, role="OBSERVER")
    ids = {}
    for overdue in (True, False):
        who = world.people["viewer"]
        found = await world.ask("viewer", LATE, assignee=who, overdue=overdue)
        assert all(node["overdue"] is overdue for node in found["nodes"])
        ids[overdue] = [node["id"] for node in found["nodes"]]
    assert ids == {True: [late["id"]], False: [done["id"], early["id"], never["id"]]}


EXTERNAL = """mutation ($input: ExternalDocumentCreateInput!) {
  externalDocumentCreate(input: $input) { externalDocument { id } } }"""
OF_EXTERNAL = (
    """query ($id: UUID!) { externalDocument(id: $id) { assignments { nodes { id } } } }"""
)


async def test_an_external_document_is_assigned_in_a_project_that_is_named(world):
    input = {"organizationId": world.organization, "name": "Standard"}
    made = (await world.ask("editor", EXTERNAL, input=input))["externalDocument"]
    for project, code in ((None, "INVALID"), (uuid4(), "NOT_FOUND")):
        with pytest.raises(Refused) as refused:
            await assign(world, entityId=made["id"], projectId=project)
        assert (refused.value.code, refused.value.field) == (code, ["input", "projectId"])
    with pytest.raises(Refused) as refused:
        await assign(world, "viewer", entityId=made["id"], projectId=world.project)
    assert refused.value.code == "FORBIDDEN"
    with pytest.raises(Refused) as refused:
        await assign(world, projectId=(await elsewhere(world))[0])
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "projectId"])
    given = await assign(world, entityId=made["id"], projectId=world.project, role="REVIEWER")
    assert (given["entityType"], given["project"]["id"]) == (
        "EXTERNAL_DOCUMENT",
        str(world.project),
    )
    listed = await world.ask("viewer", OF_EXTERNAL, id=made["id"])
    assert listed["assignments"]["nodes"] == [{"id": given["id"]}]
    told = await world.ask("viewer", "{ viewer { notifications { nodes { title } } } }")
    assert told["notifications"]["nodes"] == [
        {"title": "You are asked to review an external document."}
    ]
