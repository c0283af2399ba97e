"""Roles at organizations, projects and documents: granted, changed, revoked, and ended."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.locks import held
from tests.world import Refused

GRANT = """mutation ($input: RoleGrantInput!) { roleGrant(input: $input) { userRole {
    id version role objectId objectType adminRole projectRole documentRole expiresAt reason
    user { id } document { id } createdBy { id } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RoleUpdateInput!) {
    roleUpdate(id: $id, expectedVersion: $version, input: $input) {
        userRole { version role expiresAt reason } } }"""
REVOKE = """mutation ($id: UUID!, $version: BigInt!) {
    roleRevoke(id: $id, expectedVersion: $version) { userRole { id version } } }"""
REQUIREMENT = "query ($id: UUID!) { requirement(id: $id) { id } }"
NOTIFICATIONS = """{ viewer { notifications { nodes {
    title message metadata entity { id } } } } }"""


@pytest.fixture
def grant(world):
    """Grant the member a role, by default VIEWER at the document; return it."""

    async def grant(actor="admin", *, place=None, role="VIEWER", person="member", **more):
        input = {
            "userId": world.people[person],
            "objectId": place or world.document,
            "role": role,
            **more,
        }
        return (await world.ask(actor, GRANT, input=input))["userRole"]

    return grant


async def reads(world, person="member"):
    return await world.code(person, REQUIREMENT, id=world.requirement) is None


async def test_a_role_at_a_document_opens_the_document(world, grant):
    assert not await reads(world)
    role = await grant(reason="Reviews the supplier's part.")
    assert (role["role"], role["documentRole"], role["adminRole"]) == ("VIEWER", "VIEWER", None)
    assert (role["objectId"], role["objectType"]) == (str(world.document), "DOCUMENT")
    assert role["document"] == {"id": str(world.document)}
    assert role["createdBy"] == {"id": str(world.people["admin"])}
    assert await reads(world)
    told = (await world.ask("member", NOTIFICATIONS))["notifications"]["nodes"][0]
    assert told["title"] == f"You have the role viewer at the document Document {world.name}."
    assert told["message"] == "Reviews the supplier's part."
    assert (told["metadata"]["event"], told["entity"]) == (
        "role_granted",
        {"id": str(world.document)},
    )


async def test_a_revoked_role_counts_no_more_on_the_next_request(world, grant):
    role = await grant()
    assert await reads(world)
    await world.ask("admin", REVOKE, id=role["id"], version=1)
    assert not await reads(world)
    assert (await grant())["id"] != role["id"]


async def test_a_role_ends_by_itself_and_can_be_granted_again(world, grant):
    end = datetime.now(UTC) + timedelta(days=1)
    role = await grant(expiresAt=end.isoformat())
    assert datetime.fromisoformat(role["expiresAt"]) == end
    with pytest.raises(Refused) as refused:
        await grant()
    assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "userId"])
    await world.superuser.execute(
        "UPDATE user_roles SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 day' WHERE user_id = $1",
        world.people["member"],
    )
    assert (await grant())["id"] != role["id"]
    assert await reads(world)


@pytest.mark.parametrize("place", ["organization", "project", "document"])
async def test_a_role_is_listed_at_its_object_and_at_its_person(world, grant, place):
    role = await grant("owner", place=getattr(world, place), role="EDITOR")
    fields = "roles(filter: {userId: {eq: $user}}) { nodes { id role } totalCount }"
    query = f"query ($id: UUID!, $user: UUID!) {{ {place}(id: $id) {{ {fields} }} }}"
    asked = {"id": getattr(world, place), "user": world.people["member"]}
    expected = {"nodes": [{"id": role["id"], "role": "EDITOR"}], "totalCount": 1}
    assert (await world.ask("admin", query, **asked))["roles"] == expected
    assert (await world.ask("viewer", query, **asked))["roles"] == {"nodes": [], "totalCount": 0}
    own = "{ viewer { profile { roles { nodes { id role } totalCount } } } }"
    assert (await world.ask("member", own))["profile"]["roles"] == expected


@pytest.mark.parametrize("role", ["MEMBER", "BILLING"])
async def test_a_role_of_organizations_is_not_granted_elsewhere(world, grant, role):
    with pytest.raises(Refused) as refused:
        await grant(role=role)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "role"])
    assert (await grant(place=world.organization, role=role))["adminRole"] == role


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"person": "outsider"}, "NOT_FOUND", "userId"),
        ({"place": "00000000-0000-4000-8000-000000000000"}, "NOT_FOUND", "objectId"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID", "expiresAt"),
        ({"reason": " "}, "INVALID", "reason"),
        ({"reason": "x" * 1001}, "INVALID", "reason"),
    ],
)
async def test_a_role_that_cannot_be_granted_is_refused_with_its_path(
    world, grant, input, code, field
):
    with pytest.raises(Refused) as refused:
        await grant(**input)
    assert (refused.value.code, refused.value.field) == (code, ["input", field])


@pytest.mark.parametrize(
    ("actor", "place", "role", "code"),
    [
        ("admin", "organization", "ADMIN", None),
        ("admin", "organization", "OWNER", "FORBIDDEN"),
        ("admin", "project", "OWNER", "FORBIDDEN"),
        ("editor", "document", "VIEWER", "FORBIDDEN"),
        ("project_admin", "project", "ADMIN", None),
        ("project_admin", "document", "ADMIN", None),
        ("project_admin", "document", "OWNER", "FORBIDDEN"),
        ("project_admin", "organization", "VIEWER", "FORBIDDEN"),
        ("project_editor", "document", "VIEWER", "FORBIDDEN"),
        ("document_editor", "document", "VIEWER", "FORBIDDEN"),
        ("outsider", "document", "VIEWER", "NOT_FOUND"),
    ],
)
async def test_nobody_grants_a_role_above_their_own(world, actor, place, role, code):
    input = {
        "userId": world.people["member"],
        "objectId": getattr(world, place),
        "role": role,
    }
    assert await world.code(actor, GRANT, input=input) == code


async def test_nobody_changes_or_revokes_a_role_above_their_own(world, grant):
    role = await grant("owner", place=world.project, role="OWNER")
    named = {"id": role["id"], "version": 1}
    assert await world.code("admin", UPDATE, **named, input={"role": "VIEWER"}) == "FORBIDDEN"
    assert await world.code("admin", UPDATE, **named, input={"expiresAt": None}) == "FORBIDDEN"
    assert await world.code("admin", REVOKE, **named) == "FORBIDDEN"
    changed = await world.ask("owner", UPDATE, **named, input={"role": "VIEWER"})
    assert changed["userRole"]["role"] == "VIEWER"
    raised = {"id": role["id"], "version": 2, "input": {"role": "OWNER"}}
    assert await world.code("admin", UPDATE, **raised) == "FORBIDDEN"
    assert await world.code("member", UPDATE, **raised) == "FORBIDDEN"


async def test_people_give_up_their_own_role_whatever_it_is(world, grant):
    role = await grant("owner", place=world.project, role="OWNER")
    assert await world.code("member", REVOKE, id=role["id"], version=1) is None
    assert not await reads(world)


async def test_a_role_that_others_hold_does_not_exist_for_members(world, grant):
    role = await grant()
    query = "query ($id: UUID!) { role(id: $id) { id } }"
    assert await world.code("viewer", query, id=role["id"]) == "NOT_FOUND"
    assert await world.code("member", query, id=role["id"]) is None
    assert await world.code("viewer", REVOKE, id=role["id"], version=1) == "NOT_FOUND"


async def test_a_change_of_a_role_is_recorded_as_a_change_of_permissions(world, grant):
    role = await grant()
    await world.ask("admin", UPDATE, id=role["id"], version=1, input={"role": "EDITOR"})
    await world.ask("admin", REVOKE, id=role["id"], version=2)
    recorded = await world.records(role["id"])
    assert [(row["action"], row["event_type"]) for row in recorded] == [
        ("create", "permission_change"),
        ("update", "permission_change"),
        ("delete", "permission_change"),
    ]
    assert {row["soc2_control"] for row in recorded} == {"CC6.3"}


async def test_an_administrator_who_loses_the_role_at_the_same_time_grants_nothing(world):
    input = {"userId": world.people["member"], "objectId": world.organization, "role": "ADMIN"}
    place = "organizations WHERE id = $1"
    async with held(world.superuser, place, world.organization) as waiting:
        granted = asyncio.create_task(world.code("admin", GRANT, input=input))
        await waiting(1, unless=granted)
        await world.superuser.execute(
            "UPDATE organization_members SET role = 'editor' WHERE id = $1",
            world.members["admin"],
        )
    assert await granted == "NOT_FOUND"  # an editor does not see roles
    assert not await world.superuser.fetchval(
        "SELECT count(*) FROM user_roles WHERE user_id = $1", world.people["member"]
    )


async def test_one_of_two_grants_at_once_is_kept(world):
    input = {"userId": world.people["member"], "objectId": world.document, "role": "VIEWER"}
    codes = await asyncio.gather(
        *(world.code(actor, GRANT, input=input) for actor in ("admin", "project_admin"))
    )
    assert sorted(codes, key=str) == ["ALREADY_EXISTS", None]
