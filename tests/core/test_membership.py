"""Membership: invited, accepted, changed, ended, and taken up again."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.world import Refused

INVITE = """mutation ($input: OrganizationInviteInput!) { organizationInvite(input: $input) {
    invitation: organizationInvitation { id version email role status token expiresAt
        organization { id } createdBy { id } } } }"""
ACCEPT = """mutation ($token: UUID!) { organizationInvitationAccept(token: $token) {
    member: organizationMember { id version role status user { id }
        organization { id name memberCount } } } }"""
CANCEL = """mutation ($id: UUID!, $version: BigInt!) {
    organizationInvitationCancel(id: $id, expectedVersion: $version) {
        invitation: organizationInvitation { version status } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
        member: organizationMember { version role status updatedBy { id } } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRemove(id: $id, expectedVersion: $version) {
        member: organizationMember { id version organization { memberCount } } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRestore(id: $id, expectedVersion: $version) {
        member: organizationMember { id version role organization { memberCount } } } }"""
ORGANIZATION = """query ($id: UUID!) { organization(id: $id) { memberCount
    members(first: 50) { nodes { id role status version } totalCount }
    invitations { nodes { id email status token } totalCount } } }"""
REQUIREMENT = "query ($id: UUID!) { requirement(id: $id) { id } }"


@pytest.fixture
def invite(world):
    """Invite a person, by default the outsider as an editor; return the invitation."""

    async def invite(email=None, role="EDITOR"):
        address = email or world.email("outsider")
        input = {"organizationId": world.organization, "email": address, "role": role}
        return (await world.ask("admin", INVITE, input=input))["invitation"]

    return invite


async def members(world):
    organization = await world.ask("owner", ORGANIZATION, id=world.organization)
    assert organization["members"]["totalCount"] == len(organization["members"]["nodes"])
    return organization["memberCount"], {m["id"] for m in organization["members"]["nodes"]}


async def test_an_invitation_waits_two_weeks_for_its_address(world, invite):
    made = await invite(f"  New.Person@{world.name}.Example ")
    assert made["email"] == f"new.person@{world.name}.example"
    assert (made["role"], made["status"], made["version"]) == ("EDITOR", "PENDING", 1)
    assert made["createdBy"] == {"id": str(world.people["admin"])}
    life = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=13, hours=23) < life <= timedelta(days=14)
    read = await world.ask("owner", ORGANIZATION, id=world.organization)
    kept = {key: made[key] for key in ("id", "email", "status", "token")}
    assert read["invitations"] == {"nodes": [kept], "totalCount": 1}


async def test_a_member_is_all_that_is_offered_unless_said(world):
    input = {"organizationId": world.organization, "email": world.email("outsider")}
    made = (await world.ask("admin", INVITE, input=input))["invitation"]
    assert made["role"] == "MEMBER"


async def test_an_address_is_invited_once_at_a_time(world, invite):
    made = await invite()
    with pytest.raises(Refused) as refused:
        await invite(world.email("outsider").upper())
    assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "email"])
    await world.ask("owner", CANCEL, id=made["id"], version=1)
    assert (await invite())["id"] != made["id"]


async def test_who_accepts_is_in(world, invite):
    count, before = await members(world)
    made = await invite()
    assert await world.code("outsider", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    member = (await world.ask("outsider", ACCEPT, token=made["token"]))["member"]
    assert member.items() >= {"version": 1, "role": "EDITOR", "status": "ACTIVE"}.items()
    assert member["user"] == {"id": str(world.people["outsider"])}
    assert member["organization"] == {
        "id": str(world.organization),
        "name": f"Organization {world.name}",
        "memberCount": count + 1,
    }
    assert await world.code("outsider", REQUIREMENT, id=world.requirement) is None
    assert await members(world) == (count + 1, before | {member["id"]})
    read = await world.ask("owner", ORGANIZATION, id=world.organization)
    assert read["invitations"]["nodes"][0]["status"] == "ACCEPTED"


async def test_an_invitation_is_accepted_once(world, invite):
    made = await invite()
    accepting = (world.code("outsider", ACCEPT, token=made["token"]) for _ in range(4))
    codes = await asyncio.gather(*accepting)
    assert codes.count(None) == 1
    assert set(codes) - {None} <= {"NOT_FOUND", "CONFLICT"}
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_an_invitation_is_of_use_to_its_address_alone(world, other_world, invite):
    made = await invite()
    assert await world.code("viewer", ACCEPT, token=made["token"]) == "NOT_FOUND"
    assert await other_world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"
    assert await world.code(None, ACCEPT, token=made["token"]) == "UNAUTHENTICATED"
    assert await world.code("outsider", ACCEPT, token=uuid4()) == "NOT_FOUND"
    assert await world.code("outsider", ACCEPT, token=made["token"]) is None


async def test_a_member_cannot_join_again(world, invite):
    made = await invite(world.email("viewer"))
    count, before = await members(world)
    assert await world.code("viewer", ACCEPT, token=made["token"]) == "ALREADY_EXISTS"
    assert await members(world) == (count, before)


async def test_a_withdrawn_invitation_leads_nowhere(world, invite):
    made = await invite()
    assert await world.code("admin", CANCEL, id=made["id"], version=2) == "INVALID"
    cancelled = await world.ask("admin", CANCEL, id=made["id"], version=1)
    assert cancelled["invitation"] == {"version": 2, "status": "CANCELLED"}
    assert await world.code("admin", CANCEL, id=made["id"], version=2) == "CONFLICT"
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_an_expired_invitation_leads_nowhere(world, invite):
    made = await invite()
    await world.superuser.execute(
        "UPDATE organization_invitations SET created_at = now() - interval '15 days',"
        " expires_at = now() - interval '1 day' WHERE id = $1",
        made["id"],
    )
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_an_invitation_into_a_deleted_organization_leads_nowhere(world, invite):
    made = await invite()
    delete = "mutation ($id: UUID!) { organizationDelete(id: $id, expectedVersion: 1) {__typename}}"
    await world.ask("owner", delete, id=world.organization)
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_a_change_of_role_holds_from_the_next_request_on(world):
    member = world.members["member"]
    assert await world.code("member", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    change = {"id": member, "version": 1, "input": {"role": "VIEWER"}}
    assert (await world.ask("admin", UPDATE, **change))["member"] == {
        "version": 2,
        "role": "VIEWER",
        "status": "ACTIVE",
        "updatedBy": {"id": str(world.people["admin"])},
    }
    assert await world.code("member", REQUIREMENT, id=world.requirement) is None
    change["input"] = {"role": "EDITOR"}
    assert await world.code("admin", UPDATE, **change) == "CONFLICT"


async def test_a_suspended_member_is_kept_out_and_not_counted(world):
    count, everybody = await members(world)
    editor = {"id": world.members["editor"]}
    await world.ask("admin", UPDATE, **editor, version=1, input={"status": "SUSPENDED"})
    assert await world.code("editor", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    assert await members(world) == (count - 1, everybody)
    await world.ask("admin", UPDATE, **editor, version=2, input={"status": "ACTIVE"})
    assert await world.code("editor", REQUIREMENT, id=world.requirement) is None
    assert await members(world) == (count, everybody)


@pytest.mark.slow
@pytest.mark.parametrize("person", ["editor", "project_editor", "document_editor"])
async def test_an_ended_membership_takes_every_role_along_and_brings_it_back(world, person):
    count, everybody = await members(world)
    member = world.members[person]
    assert await world.code("admin", REMOVE, id=member, version=2) == "INVALID"
    removed = (await world.ask("admin", REMOVE, id=member, version=1))["member"]
    assert removed["organization"] == {"memberCount": count - 1}
    assert await world.code(person, REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    assert await members(world) == (count - 1, everybody - {str(member)})
    restored = (await world.ask("admin", RESTORE, id=member, version=2))["member"]
    assert restored.items() >= {"id": str(member), "version": 3}.items()
    assert await world.code(person, REQUIREMENT, id=world.requirement) is None
    assert await members(world) == (count, everybody)


async def test_everybody_may_leave(world):
    left = await world.ask("viewer", REMOVE, id=world.members["viewer"], version=1)
    assert left["member"].items() >= {"id": str(world.members["viewer"]), "version": 2}.items()
    assert await world.code("viewer", ORGANIZATION, id=world.organization) == "NOT_FOUND"


async def test_who_comes_back_takes_up_the_former_membership(world, invite):
    member = world.members["viewer"]
    await world.ask("viewer", REMOVE, id=member, version=1)
    made = await invite(world.email("viewer"), "EDITOR")
    again = (await world.ask("viewer", ACCEPT, token=made["token"]))["member"]
    assert (again["id"], again["role"], again["version"]) == (str(member), "EDITOR", 3)
    assert await world.code("viewer", REQUIREMENT, id=world.requirement) is None


async def test_the_last_owner_stays(world):
    owner = {"id": world.members["owner"], "version": 1}
    for input in ({"role": "ADMIN"}, {"status": "SUSPENDED"}):
        assert await world.code("owner", UPDATE, **owner, input=input) == "LAST_OWNER"
    assert await world.code("owner", REMOVE, **owner) == "LAST_OWNER"
    assert await world.code("owner", UPDATE, **owner, input={"role": "OWNER"}) is None
    assert (await members(world))[0] == len(world.members)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["leaves", "steps down", "is suspended"])
async def test_an_owner_who_goes_hands_the_organization_to_the_earliest_remaining_one(world, way):
    owner_of = "query ($id: UUID!) { organization(id: $id) { version owner { id } } }"
    mine = {"id": world.members["owner"], "version": 1}
    for person in ("viewer", "admin", "editor"):
        promote = {"id": world.members[person], "version": 1, "input": {"role": "OWNER"}}
        await world.ask("owner", UPDATE, **promote)
    await world.superuser.execute(
        "UPDATE organization_members SET created_at = created_at - interval '1 hour' WHERE id = $1",
        world.members["admin"],
    )
    if way == "leaves":
        await world.ask("owner", REMOVE, **mine)
    else:
        input = {"role": "EDITOR"} if way == "steps down" else {"status": "SUSPENDED"}
        await world.ask("owner", UPDATE, **mine, input=input)
    found = await world.ask("admin", owner_of, id=world.organization)
    assert found == {"version": 2, "owner": {"id": str(world.people["admin"])}}
    (event,) = await world.records(world.organization)
    assert (event["changed_fields"], event["actor_id"]) == (["owner_id"], world.people["owner"])
    await world.ask("admin", REMOVE, id=world.members["viewer"], version=2)
    assert (await world.ask("admin", owner_of, id=world.organization)) == found


async def test_of_two_owners_who_leave_at_once_one_stays(world):
    admin, owner = world.members["admin"], world.members["owner"]
    await world.ask("owner", UPDATE, id=admin, version=1, input={"role": "OWNER"})
    codes = await asyncio.gather(
        world.code("owner", REMOVE, id=owner, version=1),
        world.code("admin", REMOVE, id=admin, version=2),
    )
    assert sorted(map(str, codes)) == ["LAST_OWNER", "None"]


async def test_memberships_of_other_tenants_do_not_exist(world, other_world, invite):
    theirs = other_world.members["viewer"]
    assert await world.code("owner", REMOVE, id=theirs, version=1) == "NOT_FOUND"
    assert await world.code("owner", RESTORE, id=theirs, version=1) == "NOT_FOUND"
    change = {"id": theirs, "version": 1, "input": {"role": "OWNER"}}
    assert await world.code("owner", UPDATE, **change) == "NOT_FOUND"
    made = await invite()
    assert await other_world.code("owner", CANCEL, id=made["id"], version=1) == "NOT_FOUND"
