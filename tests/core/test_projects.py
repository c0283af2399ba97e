"""Projects and the roles in them: created, changed, deleted and restored."""

import asyncio

import pytest

from tests.world import Refused

CREATE = """mutation ($input: ProjectCreateInput!) { projectCreate(input: $input) { project {
    id version name slug description visibility status settings tags starCount
    organizationId createdBy { id } updatedBy { id } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ProjectUpdateInput!) {
    projectUpdate(id: $id, expectedVersion: $version, input: $input) { project {
        id version name slug description visibility status settings tags updatedBy { id } } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    projectDelete(id: $id, expectedVersion: $version) { project { version name } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    projectRestore(id: $id, expectedVersion: $version) { project { version name } } }"""
PROJECT = """query ($id: UUID!) { project(id: $id) {
    id version name slug description visibility status settings tags starCount organizationId
    organization { id } createdBy { id } updatedBy { id }
    members { nodes { id role status version user { id } } totalCount } } }"""
ADD = """mutation ($input: ProjectMemberAddInput!) { projectMemberAdd(input: $input) {
    member: projectMember { id version role status user { id }
        project { id } createdBy { id } } } }"""
CHANGE_MEMBER = """mutation ($id: UUID!, $version: BigInt!, $input: ProjectMemberUpdateInput!) {
    projectMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
        member: projectMember { version role status } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    projectMemberRemove(id: $id, expectedVersion: $version) {
        member: projectMember { id version } } }"""


@pytest.fixture
def new(world):
    """Create a project as the admin; the project."""

    async def new(**input):
        input = {"organizationId": world.organization, "name": "Rover", "slug": "rover"} | input
        return (await world.ask("admin", CREATE, input=input))["project"]

    return new


@pytest.fixture
def add(world):
    """Give somebody a role in the project, as the admin; the project member."""

    async def add(person, **input):
        input = {"projectId": world.project, "userId": world.people[person]} | input
        return (await world.ask("admin", ADD, input=input))["member"]

    return add


async def test_a_new_project_is_private_and_active(world, new):
    made = await new()
    admin = {"id": str(world.people["admin"])}
    expected = {
        "version": 1,
        "name": "Rover",
        "slug": "rover",
        "description": None,
        "visibility": "PRIVATE",
        "status": "ACTIVE",
        "settings": {},
        "tags": [],
        "starCount": 0,
        "organizationId": str(world.organization),
        "createdBy": admin,
        "updatedBy": admin,
    }
    assert made == {"id": made["id"]} | expected
    read = await world.ask("owner", PROJECT, id=made["id"])
    assert read.items() >= expected.items()
    assert await world.code("member", PROJECT, id=made["id"]) == "NOT_FOUND"


async def test_everything_can_be_said_at_the_start(world, new):
    input = {
        "description": "Drives.",
        "visibility": "ORGANIZATION",
        "status": "PLANNING",
        "settings": {"units": {"speed": "m/s"}},
        "tags": ["mars", "wheels"],
    }
    made = await new(**input)
    assert made.items() >= input.items()
    assert await world.code("member", PROJECT, id=made["id"]) is None


async def test_fields_that_are_sent_change_and_the_others_stay(world, new):
    made = await new(description="Drives.", tags=["mars"])
    first = {"id": made["id"], "version": 1, "input": {"description": None, "status": "ON_HOLD"}}
    changed = (await world.ask("owner", UPDATE, **first))["project"]
    assert changed["updatedBy"] == {"id": str(world.people["owner"])}
    assert (changed["description"], changed["status"]) == (None, "ON_HOLD")
    assert (changed["tags"], changed["name"], changed["version"]) == (["mars"], "Rover", 2)
    rest = {
        "name": "Flyer",
        "slug": "flyer",
        "visibility": "PUBLIC",
        "settings": {"units": "SI"},
        "tags": [],
    }
    changed = await world.ask("owner", UPDATE, id=made["id"], version=2, input=rest)
    assert changed["project"].items() >= (rest | {"version": 3, "status": "ON_HOLD"}).items()
    read = await world.ask("owner", PROJECT, id=made["id"])
    assert read.items() >= changed["project"].items()


async def test_restricted_is_stored_as_private(world):
    change = {"id": world.project, "version": 1, "input": {"visibility": "PUBLIC"}}
    await world.ask("admin", UPDATE, **change)
    change |= {"version": 2, "input": {"visibility": "RESTRICTED"}}
    assert (await world.ask("admin", UPDATE, **change))["project"]["visibility"] == "PRIVATE"
    event = (await world.records(world.project))[-1]
    assert '"visibility": "private"' in event["new_data"]


async def test_a_stale_version_is_refused(world):
    change = {"id": world.project, "version": 1, "input": {"name": "Rover"}}
    await world.ask("admin", UPDATE, **change)
    answer = await world.answer("admin", UPDATE, **change | {"input": {"name": "Flyer"}})
    assert answer["errors"][0]["extensions"]["code"] == "CONFLICT"
    assert answer["errors"][0]["extensions"]["currentVersion"] == 2
    assert await world.code("admin", DELETE, id=world.project, version=1) == "CONFLICT"
    assert (await world.ask("admin", PROJECT, id=world.project))["name"] == "Rover"


async def test_of_concurrent_changes_to_one_version_one_is_made(world):
    changes = [
        world.answer("admin", UPDATE, id=world.project, version=1, input={"name": f"Rover {n}"})
        for n in range(6)
    ]
    answers = await asyncio.gather(*changes)
    (made,) = [answer["data"]["projectUpdate"] for answer in answers if "errors" not in answer]
    refused = [answer["errors"][0]["extensions"] for answer in answers if "errors" in answer]
    assert [refusal["code"] for refusal in refused] == ["CONFLICT"] * 5
    assert [refusal["currentVersion"] for refusal in refused] == [2] * 5
    read = await world.ask("admin", PROJECT, id=world.project)
    assert (read["version"], read["name"]) == (2, made["project"]["name"])


async def test_a_slug_is_unique_in_its_organization_alone(world, other_world, new):
    made = await new()
    for attempt in (new(name="Another"), new(slug=f"p-{world.name}")):
        with pytest.raises(Refused) as refused:
            await attempt
        assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "slug"])
    change = {"id": made["id"], "version": 1, "input": {"slug": f"p-{world.name}"}}
    assert await world.code("admin", UPDATE, **change) == "ALREADY_EXISTS"
    theirs = {"organizationId": other_world.organization, "name": "Rover", "slug": "rover"}
    assert await other_world.code("admin", CREATE, input=theirs) is None


async def test_a_slug_is_free_again_after_deletion(world, new):
    made = await new()
    await world.ask("admin", DELETE, id=made["id"], version=1)
    another = await new()
    assert another["id"] != made["id"]
    assert await world.code("admin", RESTORE, id=made["id"], version=2) == "ALREADY_EXISTS"
    await world.ask("admin", UPDATE, id=another["id"], version=1, input={"slug": "flyer"})
    assert await world.code("admin", RESTORE, id=made["id"], version=2) is None


async def test_of_concurrent_creates_with_one_slug_one_is_made(world):
    input = {"organizationId": world.organization, "name": "Rover", "slug": "rover"}
    codes = await asyncio.gather(*(world.code("admin", CREATE, input=input) for _ in range(6)))
    assert sorted(map(str, codes)) == ["ALREADY_EXISTS"] * 5 + ["None"]


async def test_a_deleted_project_can_be_restored_at_its_version(world):
    before = await world.ask("admin", PROJECT, id=world.project)
    deleted = await world.ask("admin", DELETE, id=world.project, version=1)
    assert deleted["project"] == {"version": 2, "name": before["name"]}
    assert await world.code("owner", PROJECT, id=world.project) == "NOT_FOUND"
    assert await world.code("admin", DELETE, id=world.project, version=2) == "NOT_FOUND"
    change = {"id": world.project, "version": 2, "input": {"name": "Rover"}}
    assert await world.code("admin", UPDATE, **change) == "NOT_FOUND"
    assert await world.code("admin", RESTORE, id=world.project, version=1) == "CONFLICT"
    await world.ask("admin", RESTORE, id=world.project, version=2)
    after = await world.ask("admin", PROJECT, id=world.project)
    assert after == before | {"version": 3, "updatedBy": {"id": str(world.people["admin"])}}
    assert await world.code("project_editor", PROJECT, id=world.project) is None


async def test_a_project_of_a_foreign_or_unknown_organization_is_not_made(world, other_world):
    for organization in (other_world.organization, world.project):
        input = {"organizationId": organization, "name": "Rover", "slug": "rover"}
        assert await world.code("owner", CREATE, input=input) == "NOT_FOUND"


async def test_a_project_member_reads_unless_said(world, add):
    assert await world.code("member", PROJECT, id=world.project) == "NOT_FOUND"
    member = await add("member")
    assert member == {
        "id": member["id"],
        "version": 1,
        "role": "VIEWER",
        "status": "ACTIVE",
        "user": {"id": str(world.people["member"])},
        "project": {"id": str(world.project)},
        "createdBy": {"id": str(world.people["admin"])},
    }
    read = await world.ask("member", PROJECT, id=world.project)
    assert member["id"] in [node["id"] for node in read["members"]["nodes"]]
    assert read["members"]["totalCount"] == 4


async def test_a_project_members_role_changes(world, add):
    member = await add("member")
    change = {"id": member["id"], "version": 1, "input": {"role": "EDITOR"}}
    changed = await world.ask("project_admin", CHANGE_MEMBER, **change)
    assert changed["member"] == {"version": 2, "role": "EDITOR", "status": "ACTIVE"}
    change["input"] = {"role": "ADMIN"}
    assert await world.code("project_admin", CHANGE_MEMBER, **change) == "CONFLICT"
    change |= {"version": 2, "input": {"status": "INACTIVE"}}
    changed = await world.ask("project_admin", CHANGE_MEMBER, **change)
    assert changed["member"] == {"version": 3, "role": "EDITOR", "status": "INACTIVE"}
    assert await world.code("member", PROJECT, id=world.project) == "NOT_FOUND"


async def test_an_ended_role_is_taken_up_again(world, add):
    member = await add("member", role="EDITOR")
    assert await world.code("admin", REMOVE, id=member["id"], version=2) == "INVALID"
    removed = await world.ask("admin", REMOVE, id=member["id"], version=1)
    assert removed["member"] == {"id": member["id"], "version": 2}
    assert await world.code("member", PROJECT, id=world.project) == "NOT_FOUND"
    again = await add("member", role="VIEWER")
    assert (again["id"], again["role"], again["version"]) == (member["id"], "VIEWER", 3)
    assert await world.code("member", PROJECT, id=world.project) is None


async def test_a_role_is_given_once(world, add):
    with pytest.raises(Refused) as refused:
        await add("project_viewer", role="EDITOR")
    assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "userId"])


async def test_of_concurrent_grants_to_one_person_one_is_made(world):
    input = {"projectId": world.project, "userId": world.people["member"]}
    codes = await asyncio.gather(*(world.code("admin", ADD, input=input) for _ in range(4)))
    assert sorted(map(str, codes)) == ["ALREADY_EXISTS"] * 3 + ["None"]


async def test_only_members_of_the_organization_are_given_a_role(world, other_world, add):
    for person in (world.people["outsider"], other_world.people["owner"], world.project):
        with pytest.raises(Refused) as refused:
            await add("member", userId=person)
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "userId"])


async def test_who_has_left_the_organization_is_given_no_role(world, add):
    leave = """mutation ($id: UUID!) {
        organizationMemberRemove(id: $id, expectedVersion: 1) {
            member: organizationMember { id } } }"""
    await world.ask("member", leave, id=world.members["member"])
    with pytest.raises(Refused) as refused:
        await add("member")
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "userId"])
