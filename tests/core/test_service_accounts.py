"""Service accounts: members of one organization as which servers act."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from auth.credentials.identify import act_for
from auth.credentials.people import set_password
from auth.secret import digest
from db.problem import Problem
from tests.world import Refused

CREATE = """mutation ($input: ServiceAccountCreateInput!) { serviceAccountCreate(input: $input) {
    serviceAccount { id version email fullName status isService serviceOf { id } }
    member: organizationMember { id version role status user { id isService } } } }"""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $input: ServiceAccountUpdateInput!) {
    serviceAccountUpdate(id: $id, expectedVersion: $version, input: $input) {
        serviceAccount { version fullName } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    serviceAccountDelete(id: $id, expectedVersion: $version) { serviceAccount { id } } }"""
LIST = """query ($id: UUID!) { organization(id: $id) { memberCount
    serviceAccounts(orderBy: [{ by: FULL_NAME }]) { totalCount nodes { id fullName } } } }"""
MEMBER = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
        member: organizationMember { version role status } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRemove(id: $id, expectedVersion: $version) {
        member: organizationMember { id } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRestore(id: $id, expectedVersion: $version) {
        member: organizationMember { id } } }"""
INVITE = """mutation ($input: OrganizationInviteInput!) { organizationInvite(input: $input) {
    invitation: organizationInvitation { id } } }"""
REQUIREMENT = "query ($id: UUID!) { requirement(id: $id) { id } }"
WRITE = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: { name: "By a server" }) { requirement { updatedBy { fullName isService } } } }"""


@pytest.fixture
def employ(world):
    """Create a service account, by default an editor, which is known as `robot`."""

    async def employ(role="EDITOR", name="Nightly import", person="robot"):
        input = {"organizationId": world.organization, "name": name, "role": role}
        made = await world.ask("owner", CREATE, input=input)
        world.tokens[person] = tokens.new_token()
        account = UUID(made["serviceAccount"]["id"])
        await world.token("owner")  # registers the client of scripts
        await world.superuser.execute(
            "INSERT INTO oauth_access_tokens (id, token_hash, client_id, user_id, expires_at)"
            " VALUES ($1, $2, $3, $4, now() + interval '1 hour')",
            uuid7(),
            digest(world.tokens[person]).hex(),
            tokens.CLIENT,
            account,
        )
        world.people[person] = account
        world.members[person] = UUID(made["member"]["id"])
        return made

    return employ


async def test_a_service_account_is_a_member_and_shown_as_what_it_is(world, employ):
    before = (await world.ask("owner", LIST, id=world.organization))["memberCount"]
    made = await employ()
    account, member = made["serviceAccount"], made["member"]
    assert account == {
        "id": account["id"],
        "version": 1,
        "email": f"{account['id']}@service-accounts.invalid",
        "fullName": "Nightly import",
        "status": "ACTIVE",
        "isService": True,
        "serviceOf": {"id": str(world.organization)},
    }
    assert (member["role"], member["status"]) == ("EDITOR", "ACTIVE")
    assert member["user"] == {"id": account["id"], "isService": True}
    read = await world.ask("member", LIST, id=world.organization)
    assert read["memberCount"] == before + 1
    listed = [{"id": account["id"], "fullName": "Nightly import"}]
    assert read["serviceAccounts"] == {"totalCount": 1, "nodes": listed}
    people = "query { viewer { profile { isService serviceOf { id } } } }"
    mine = await world.ask("owner", people)
    assert mine["profile"] == {"isService": False, "serviceOf": None}


async def test_what_it_does_is_recorded_as_its_own(world, employ):
    made = await employ()
    written = await world.ask("robot", WRITE, id=world.requirement)
    by = written["requirement"]["updatedBy"]
    assert by == {"fullName": "Nightly import", "isService": True}
    (event,) = await world.records(world.requirement)
    assert str(event["actor_id"]) == made["serviceAccount"]["id"]
    (created,) = await world.records(made["serviceAccount"]["id"])
    assert created["actor_id"] == world.people["owner"]
    assert created["organization_id"] == world.organization


async def test_it_may_what_its_role_and_its_roles_in_projects_allow(world, employ):
    await employ("MEMBER")
    assert await world.code("robot", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    add = """mutation ($input: ProjectMemberAddInput!) { projectMemberAdd(input: $input) {
        member: projectMember { id } } }"""
    input = {"projectId": world.project, "userId": world.people["robot"], "role": "VIEWER"}
    await world.ask("admin", add, input=input)
    assert await world.code("robot", REQUIREMENT, id=world.requirement) is None
    assert await world.code("robot", WRITE, id=world.requirement) == "FORBIDDEN"
    change = {"id": world.members["robot"], "version": 1, "input": {"role": "EDITOR"}}
    assert (await world.ask("admin", MEMBER, **change))["member"]["role"] == "EDITOR"
    assert await world.code("robot", WRITE, id=world.requirement) is None


@pytest.mark.slow
@pytest.mark.parametrize("person", ["admin", "editor", "member", "billing", "project_admin"])
async def test_only_owners_make_change_and_delete_them(world, employ, person):
    made = await employ()
    input = {"organizationId": world.organization, "name": "Another", "role": "VIEWER"}
    assert await world.code(person, CREATE, input=input) == "FORBIDDEN"
    account = {"id": made["serviceAccount"]["id"], "version": 1}
    refusal = "NOT_FOUND" if person == "billing" else "FORBIDDEN"
    assert await world.code(person, RENAME, **account, input={"name": "Mine"}) == refusal
    assert await world.code(person, DELETE, **account) == refusal
    listed = await world.ask("owner", LIST, id=world.organization)
    assert [node["fullName"] for node in listed["serviceAccounts"]["nodes"]] == ["Nightly import"]


async def test_other_tenants_do_not_know_of_it(world, other_world, employ):
    made = await employ()
    account = {"id": made["serviceAccount"]["id"], "version": 1}
    input = {"organizationId": world.organization, "name": "Another", "role": "VIEWER"}
    for person in ("owner", "outsider"):
        assert await other_world.code(person, CREATE, input=input) == "NOT_FOUND"
        assert await other_world.code(person, DELETE, **account) == "NOT_FOUND"
        assert await other_world.code(person, RENAME, **account, input={"name": "x"}) == "NOT_FOUND"
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await other_world.code("owner", node, id=account["id"]) == "NOT_FOUND"
    assert (await world.ask("viewer", node, id=account["id"])) == {"id": account["id"]}


async def test_a_person_is_no_service_account(world):
    person = {"id": world.people["viewer"], "version": 1}
    assert await world.code("owner", DELETE, **person) == "NOT_FOUND"
    assert await world.code("owner", RENAME, **person, input={"name": "x"}) == "NOT_FOUND"
    myself = {"id": world.people["owner"], "version": 1}
    assert await world.code("owner", DELETE, **myself) == "NOT_FOUND"


async def test_it_is_renamed(world, employ):
    account = {"id": (await employ())["serviceAccount"]["id"], "version": 1}
    named = await world.ask("owner", RENAME, **account, input={"name": " Hourly "})
    assert named["serviceAccount"] == {"version": 2, "fullName": "Hourly"}
    for name in ("", " \t ", "a\nb", "x" * 501):
        with pytest.raises(Refused) as refused:
            await world.ask("owner", RENAME, **account | {"version": 2}, input={"name": name})
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "name"])


async def test_it_is_never_an_owner(world, employ):
    input = {"organizationId": world.organization, "name": "Boss", "role": "OWNER"}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", CREATE, input=input)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "role"])
    await employ("ADMIN")
    change = {"id": world.members["robot"], "version": 1, "input": {"role": "OWNER"}}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", MEMBER, **change)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "role"])
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "INSERT INTO user_roles (organization_id, user_id, admin_role) VALUES ($1, $2, $3)",
            world.organization,
            world.people["robot"],
            "owner",
        )


async def test_it_founds_nothing_and_makes_no_others(world, employ):
    await employ("ADMIN")
    found = """mutation ($slug: String!) { organizationCreate(input: {
        name: "Mine", slug: $slug }) { organization { id } } }"""
    assert await world.code("robot", found, slug=f"r-{world.name}") == "FORBIDDEN"
    input = {"organizationId": world.organization, "name": "Child", "role": "VIEWER"}
    assert await world.code("robot", CREATE, input=input) == "FORBIDDEN"


async def test_the_database_keeps_it_in_its_organization(world, other_world, employ):
    await employ()
    robot = world.people["robot"]
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
            other_world.organization,
            robot,
        )
    person = "service_of = NULL, email = 'robot@test.example'"
    for become in (f"service_of = '{other_world.organization}'", person):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.superuser.execute(f"UPDATE profiles SET {become} WHERE id = $1", robot)
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "UPDATE profiles SET email = 'robot@test.example' WHERE id = $1", robot
        )


async def test_nobody_signs_in_as_a_service_account(world, employ):
    made = await employ()
    address = made["serviceAccount"]["email"]
    with pytest.raises(Problem) as refused:
        await set_password(world.database, address, "correct horse battery")
    assert refused.value.code == "INVALID"
    with pytest.raises(Problem) as refused:
        await tokens.issue(world.database, address, timedelta(hours=1))
    assert refused.value.code == "INVALID"
    with pytest.raises(Problem) as refused:
        await act_for(address, world.database)
    assert refused.value.code == "NOT_FOUND"
    robot = world.people["robot"]
    for statement, value in (
        ("profile_credentials (user_id, password_hash) VALUES ($1, $2)", "x"),
        (
            "sessions (user_id, token_hash, expires_at) VALUES ($1, $2, now() + interval '1 day')",
            bytes(32),
        ),
        ("recovery_codes (user_id, code_hash) VALUES ($1, $2)", bytes(32)),
        ("oauth_consents (user_id, client_id, scope) VALUES ($1, $2, '')", tokens.CLIENT),
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await world.superuser.execute(f"INSERT INTO {statement}", robot, value)


async def test_its_address_is_not_invited_and_nobody_else_gets_it(world, employ):
    made = await employ()
    for email in (made["serviceAccount"]["email"], f"{uuid4()}@Service-Accounts.Invalid"):
        input = {"organizationId": world.organization, "email": email}
        with pytest.raises(Refused) as refused:
            await world.ask("admin", INVITE, input=input)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "email"])
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "INSERT INTO profiles (email, full_name) VALUES ($1, 'Somebody')",
            f"{uuid4()}@service-accounts.invalid",
        )


@pytest.mark.slow
@pytest.mark.parametrize("way", ["suspended", "removed", "organization deleted", "deleted"])
async def test_it_stops_at_once(world, employ, way):
    made = await employ()
    member = {"id": world.members["robot"], "version": 1}
    assert await world.code("robot", REQUIREMENT, id=world.requirement) is None
    if way == "suspended":
        await world.ask("admin", MEMBER, **member, input={"status": "SUSPENDED"})
    elif way == "removed":
        await world.ask("admin", REMOVE, **member)
    elif way == "deleted":
        await world.ask("owner", DELETE, id=made["serviceAccount"]["id"], version=1)
    else:
        gone = """mutation ($id: UUID!) {
            organizationDelete(id: $id, expectedVersion: 1) { __typename } }"""
        await world.ask("owner", gone, id=world.organization)
    assert (await world.post("robot", REQUIREMENT, id=world.requirement)).status_code == 401
    if way == "removed":
        await world.ask("admin", RESTORE, **member | {"version": 2})
        assert await world.code("robot", REQUIREMENT, id=world.requirement) is None


async def test_a_deleted_one_leaves_its_seat_and_does_not_come_back(world, employ):
    before = await world.ask("owner", LIST, id=world.organization)
    made = await employ()
    account = {"id": made["serviceAccount"]["id"], "version": 1}
    assert await world.code("owner", DELETE, **account | {"version": 2}) == "INVALID"
    await world.ask("owner", DELETE, **account)
    assert await world.ask("owner", LIST, id=world.organization) == before
    assert await world.code("owner", DELETE, **account) == "NOT_FOUND"
    await world.ask("admin", RESTORE, id=world.members["robot"], version=2)
    assert (await world.post("robot", REQUIREMENT, id=world.requirement)).status_code == 401


async def test_it_takes_a_seat_of_the_plan(world, employ):
    await world.superuser.execute(
        "UPDATE organizations SET max_members = member_count WHERE id = $1", world.organization
    )
    with pytest.raises(Refused) as refused:
        await employ()
    assert refused.value.code == "LIMIT_REACHED"
    listed = await world.ask("owner", LIST, id=world.organization)
    assert listed["serviceAccounts"]["totalCount"] == 0


async def test_a_button_says_who_may_make_one(world):
    can = """query ($id: UUID!) { organization(id: $id) {
        viewerCan { create(type: PROFILE) } } }"""
    for person, may in (("owner", True), ("admin", False)):
        told = await world.ask(person, can, id=world.organization)
        assert told["viewerCan"]["create"] is may
