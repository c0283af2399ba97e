"""Assignments: people's work on a requirement, visible and given by those who may."""

from typing import Any
from uuid import uuid4

import pytest

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
    given = {"requirementId": world.requirement, "assigneeId": world.people["viewer"]} | input
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
            await assign(world, person, requirementId=requirement)
        answers.append((refused.value.errors, refused.value.field))
    assert answers[0] == answers[1]
    assert answers[0][1] == ["input", "requirementId"]


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
