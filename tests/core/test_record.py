"""The audit log: one row for each changed row, written in the same transaction."""

from datetime import datetime
from ipaddress import ip_address
from json import loads
from uuid import UUID, uuid4

import asyncpg
import pytest

PROJECT = """mutation ($input: ProjectCreateInput!) {
    projectCreate(input: $input) { project { id } } }"""
REQUIREMENT = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $version) { requirement { version } } }"""
MOVE = """mutation ($id: UUID!, $to: RequirementPlaceInput!) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: $to) { requirement { id } } }"""
TWO = """mutation ($id: UUID!, $document: UUID!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: {name: "One"}) { __typename }
    documentUpdate(id: $document, expectedVersion: 1, input: {name: "Two"}) { __typename } }"""
FOUND = """mutation ($slug: String!) { organizationCreate(input: {name: "New", slug: $slug}) {
    organization { id members { nodes { id } } } } }"""
INVITE = """mutation ($id: UUID!, $email: String!) { organizationInvite(
    input: {organizationId: $id, email: $email, role: EDITOR}) {
        invitation: organizationInvitation { id token } } }"""
ACCEPT = """mutation ($token: UUID!) {
    organizationInvitationAccept(token: $token) { member: organizationMember { id } } }"""
MEMBER = """mutation ($id: UUID!, $role: OrganizationRole!) { organizationMemberUpdate(
    id: $id, expectedVersion: 1, input: {role: $role}) { member: organizationMember { id } } }"""
PROFILE = """mutation ($id: UUID!) { profileUpdate(
    id: $id, expectedVersion: 1, input: {jobTitle: "Engineer"}) { profile { id } } }"""


@pytest.fixture
def recorded(world):
    """Return a function that returns the number of events of the tenant."""

    async def recorded():
        count = "SELECT count(*) FROM audit_logs WHERE organization_id = $1"
        return await world.superuser.fetchval(count, world.organization)

    return recorded


def values(record):
    """Return the old and the new values of the columns in an event."""
    return loads(record["old_data"]), loads(record["new_data"])


async def test_a_creation_records_what_the_row_holds(world):
    input = {"documentId": world.document, "name": "Stops", "tags": ["a"], "status": "IN_REVIEW"}
    made = await world.ask("editor", REQUIREMENT, input=input)
    (record,) = await world.records(made["requirement"]["id"])
    assert (record["action"], record["event_type"], record["version"]) == ("create", "create", 1)
    assert (record["entity_type"], record["resource_type"]) == ("Requirement", "requirement")
    assert (record["actor_id"], record["severity"]) == (world.people["editor"], "low")
    assert (record["soc2_control"], record["source_system"]) == ("PI1.3", "api")
    places = ("organization_id", "project_id", "document_id")
    assert [record[place] for place in places] == [
        world.organization,
        world.project,
        world.document,
    ]
    old, new = values(record)
    assert old == {}
    assert sorted(new) == record["changed_fields"]
    assert new == {
        "id": made["requirement"]["id"],
        "organization_id": str(world.organization),
        "project_id": str(world.project),
        "document_id": str(world.document),
        "name": "Stops",
        "tags": ["a"],
        "status": "in_review",
        "format": "natural_language",
        "priority": "medium",
        "level": "system",
        "position": 2.0,
    }


async def test_a_change_records_the_columns_that_differ(world):
    input = {"name": "Stops", "status": "APPROVED", "properties": {"margin": 1}, "tags": []}
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input=input)
    (record,) = await world.records(world.requirement)
    assert (record["action"], record["event_type"], record["version"]) == ("update", "update", 2)
    assert record["changed_fields"] == ["name", "properties", "status"]
    assert values(record) == (
        {"name": f"Requirement {world.name}", "properties": {}, "status": "draft"},
        {"name": "Stops", "properties": {"margin": 1}, "status": "approved"},
    )


async def test_the_records_of_a_row_are_its_history(world):
    requirement = {"id": world.requirement}
    await world.ask("editor", UPDATE, **requirement, version=1, input={"name": "Stops"})
    await world.ask("admin", UPDATE, **requirement, version=2, input={"name": "Honks"})
    await world.ask("editor", DELETE, **requirement, version=3)
    await world.ask("admin", RESTORE, **requirement, version=4)
    records = await world.records(world.requirement)
    editor, admin = world.people["editor"], world.people["admin"]
    assert [(r["version"], r["action"], r["actor_id"], r["soc2_control"]) for r in records] == [
        (2, "update", editor, "PI1.3"),
        (3, "update", admin, "PI1.3"),
        (4, "delete", editor, "C1.2"),
        (5, "restore", admin, "PI1.3"),
    ]
    assert values(records[1]) == ({"name": "Stops"}, {"name": "Honks"})
    (old, deleted), (before, restored) = values(records[2]), values(records[3])
    assert (old, restored) == ({"deleted_at": None}, {"deleted_at": None})
    assert before == deleted
    assert datetime.fromisoformat(deleted["deleted_at"]).tzinfo


async def test_what_one_request_changes_belongs_together(world, recorded):
    response = await world.post("editor", TWO, id=world.requirement, document=world.document)
    assert "errors" not in response.json()
    (requirement,) = await world.records(world.requirement)
    (document,) = await world.records(world.document)
    assert requirement["correlation_id"] == document["correlation_id"] is not None
    assert requirement["request_id"] == document["request_id"] == response.headers["x-request-id"]
    await world.ask("editor", UPDATE, id=world.requirement, version=2, input={"name": "Honks"})
    (_, later) = await world.records(world.requirement)
    assert later["correlation_id"] != requirement["correlation_id"]
    assert await recorded() == 3


async def test_a_record_tells_where_the_request_came_from(world):
    agent = {"User-Agent": "tester/1.0 \u20ac".encode(), "X-Forwarded-For": "203.0.113.9"}
    headers = {"Authorization": f"Bearer {await world.token('editor')}"} | agent
    body = {"query": TWO, "variables": {"id": str(world.requirement), "document": str(uuid4())}}
    await world.client.post("/graphql", json=body, headers=headers)
    (record,) = await world.records(world.requirement)
    assert record["ip_address"] == ip_address("127.0.0.1")
    assert record["user_agent"].startswith("tester/1.0 ?")
    assert record["session_id"]
    assert record["client_id"]


async def test_a_move_records_its_way(world):
    document = """mutation ($id: UUID!) { documentCreate(
        input: {projectId: $id, name: "Wheels", slug: "wheels"}) { document { id } } }"""
    wheels = (await world.ask("editor", document, id=world.project))["document"]["id"]
    await world.ask("editor", MOVE, id=world.requirement, to={"documentId": wheels})
    (record,) = await world.records(world.requirement)
    assert values(record) == (
        {"block_id": str(world.block), "document_id": str(world.document)},
        {"block_id": None, "document_id": wheels},
    )
    assert record["document_id"] == UUID(wheels)


async def test_numbering_anew_is_recorded_for_each_row_that_it_changes(world):
    make = {"documentId": world.document, "name": "Stops", "position": 1.0}
    made = (await world.ask("editor", REQUIREMENT, input=make))["requirement"]["id"]
    last = (await world.ask("editor", REQUIREMENT, input=make | {"position": 9}))["requirement"]
    await world.ask("editor", MOVE, id=last["id"], to={"at": {"after": world.requirement}})
    (record,) = [r for r in await world.records(made) if r["action"] == "update"]
    assert values(record) == ({"position": 1.0}, {"position": 3.0})
    assert await world.records(world.requirement) == []  # it has been the first before
    (moved,) = [r for r in await world.records(last["id"]) if r["action"] == "update"]
    assert values(moved) == ({"position": 9.0}, {"position": 2.0})
    assert ("renumbered" in record["details"], "renumbered" in moved["details"]) == (True, False)
    assert moved["correlation_id"] == record["correlation_id"]


async def test_nothing_is_recorded_when_nothing_changes(world, recorded):
    same = {"name": f"Requirement {world.name}", "tags": [], "description": None}
    for input in ({}, same):
        await world.ask("editor", UPDATE, id=world.requirement, version=1, input=input)
    assert await recorded() == 0


async def test_nothing_is_recorded_of_what_is_refused(world, other_world, recorded):
    requirement = {"id": world.requirement}
    name, unknown = {"input": {"name": "Stops"}}, {"version": 7}
    assert await world.code("viewer", UPDATE, **requirement, version=1, **name) == "FORBIDDEN"
    assert await world.code("outsider", UPDATE, **requirement, version=1, **name) == "NOT_FOUND"
    assert await world.code("editor", UPDATE, **requirement, **unknown, **name) == "INVALID"
    assert await world.code("viewer", DELETE, **requirement, version=1) == "FORBIDDEN"
    assert await world.code("editor", RESTORE, **requirement, version=1) == "NOT_FOUND"
    blank = {"documentId": world.document, "name": " "}
    assert await world.code("editor", REQUIREMENT, input=blank) == "INVALID"
    make = {"organizationId": world.organization, "name": "Rover", "slug": f"p-{world.name}"}
    assert await world.code("admin", PROJECT, input=make) == "ALREADY_EXISTS"
    assert await recorded() == 0


async def test_a_founding_is_recorded_in_the_new_organization(world):
    founded = await world.ask("outsider", FOUND, slug=f"new-{world.name}")
    organization = founded["organization"]
    (record,) = await world.records(organization["id"])
    assert (record["action"], record["organization_id"]) == ("create", UUID(organization["id"]))
    (membership,) = await world.records(organization["members"]["nodes"][0]["id"])
    assert membership["user_id"] == membership["actor_id"] == world.people["outsider"]
    assert membership["correlation_id"] == record["correlation_id"]


async def test_a_change_of_access_is_recorded_as_one(world):
    await world.ask("admin", MEMBER, id=world.members["viewer"], role="EDITOR")
    (record,) = await world.records(world.members["viewer"])
    assert (record["soc2_control"], record["severity"]) == ("CC6.3", "medium")
    assert (record["resource_type"], record["user_id"]) == ("member", world.people["viewer"])
    assert record["actor_id"] == world.people["admin"]
    assert values(record) == ({"role": "viewer"}, {"role": "editor"})


async def test_the_record_of_an_invitation_keeps_its_token_secret(world):
    invite = {"id": world.organization, "email": world.email("outsider")}
    invitation = (await world.ask("admin", INVITE, **invite))["invitation"]
    member = (await world.ask("outsider", ACCEPT, token=invitation["token"]))["member"]
    records = await world.records(invitation["id"]) + await world.records(member["id"])
    assert [record["action"] for record in records] == ["create", "update", "create"]
    assert values(records[1]) == ({"status": "pending"}, {"status": "accepted"})
    assert invitation["token"] not in str(records)
    assert {record["actor_id"] for record in records[1:]} == {world.people["outsider"]}


async def test_a_profile_belongs_to_no_tenant_and_so_does_its_record(world):
    await world.ask("editor", PROFILE, id=world.people["editor"])
    (record,) = await world.records(world.people["editor"])
    assert (record["organization_id"], record["resource_type"]) == (None, "user")
    assert (values(record), record["changed_fields"]) == (({}, {}), ["job_title"])
    beside = "SELECT data FROM audit_personal_data WHERE event_id = $1"
    assert loads(await world.superuser.fetchval(beside, record["id"])) == {
        "old": {"job_title": None},
        "new": {"job_title": "Engineer"},
    }


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs"]
)
async def test_the_record_is_only_added_to(world, statement):
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "Stops"})
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.superuser.execute(statement)
