"""Nobody grants, changes or ends a role above their own."""

from uuid import uuid4

import pytest

from auth.viewer import Role
from db.core.organizations import UserRoleType
from db.core.projects import ProjectMember, ProjectRole
from tests.policy.attempts import prepare

INVITE = """mutation ($input: OrganizationInviteInput!) {
    organizationInvite(input: $input) { invitation: organizationInvitation { id } } }"""
ADD = """mutation ($input: ProjectMemberAddInput!) {
    projectMemberAdd(input: $input) { member: projectMember { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: {kind}UpdateInput!) {{
    {mutation}Update(id: $id, expectedVersion: $version, input: $input) {{
        member: {mutation} {{ role }} }} }}"""
END = """mutation ($id: UUID!, $version: BigInt!) {{
    {mutation}{verb}(id: $id, expectedVersion: $version) {{ member: {mutation} {{ role }} }} }}"""

PLACES = {
    "organization_members": ("OrganizationMember", "organizationMember", UserRoleType),
    "project_members": ("ProjectMember", "projectMember", ProjectRole),
}
ACTORS = {
    "organization_members": {"owner": Role.OWNER, "admin": Role.ADMIN},
    "project_members": {"owner": Role.OWNER, "admin": Role.ADMIN, "project_admin": Role.ADMIN},
}
"""The people whom the table allows to change members, and their own rank there."""

CASES = [
    (table, actor, role)
    for table, (_, _, roles) in PLACES.items()
    for actor in ACTORS[table]
    for role in roles
]


@pytest.fixture
def colleague(tidy):
    """Give the colleague a role with plain SQL; return the arguments that name their membership."""

    async def colleague(table, role, *, ended=False):
        row = await tidy.superuser.fetchrow(
            f"UPDATE {table} SET role = $2, deleted_at = CASE WHEN $3 THEN now() END"
            " WHERE user_id = $1 RETURNING id, version",
            tidy.people["colleague"],
            role,
            ended,
        )
        return {"id": row["id"], "version": row["version"]}

    return colleague


def expected(table, actor, role):
    return None if Role[role.name] <= ACTORS[table][actor] else "FORBIDDEN"


@pytest.mark.slow
@pytest.mark.parametrize(("table", "actor", "role"), CASES)
async def test_a_role_is_given_by_those_who_hold_as_much(tidy, colleague, table, actor, role):
    kind, mutation, _ = PLACES[table]
    update = UPDATE.format(kind=kind, mutation=mutation)
    named = await colleague(table, "viewer")
    code = await tidy.code(actor, update, **named, input={"role": role.name})
    assert code == expected(table, actor, role)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "actor", "role"), CASES)
async def test_a_role_is_taken_by_those_who_hold_as_much(tidy, colleague, table, actor, role):
    kind, mutation, _ = PLACES[table]
    update = UPDATE.format(kind=kind, mutation=mutation)
    named = await colleague(table, role.value)
    code = await tidy.code(actor, update, **named, input={"role": "VIEWER"})
    assert code == expected(table, actor, role)
    named = await colleague(table, role.value)
    code = await tidy.code(actor, update, **named, input={"status": "SUSPENDED"})
    assert code == expected(table, actor, role)
    named = await colleague(table, role.value)
    remove = END.format(mutation=mutation, verb="Remove")
    assert await tidy.code(actor, remove, **named) == expected(table, actor, role)


@pytest.mark.slow
@pytest.mark.parametrize("actor", ["owner", "admin"])
@pytest.mark.parametrize("role", UserRoleType)
async def test_an_ended_role_is_brought_back_by_those_who_hold_as_much(
    tidy, colleague, actor, role
):
    named = await colleague("organization_members", role.value, ended=True)
    restore = END.format(mutation="organizationMember", verb="Restore")
    code = await tidy.code(actor, restore, **named)
    assert code == expected("organization_members", actor, role)


@pytest.mark.slow
@pytest.mark.parametrize("actor", ["owner", "admin"])
@pytest.mark.parametrize("role", UserRoleType)
async def test_people_are_invited_as_what_the_inviting_hold_at_most(tidy, actor, role):
    input = {
        "organizationId": tidy.organization,
        "email": f"{uuid4().hex}@test.example",
        "role": role.name,
    }
    code = await tidy.code(actor, INVITE, input=input)
    assert code == expected("organization_members", actor, role)


@pytest.mark.slow
@pytest.mark.parametrize("actor", ACTORS["project_members"])
@pytest.mark.parametrize("role", ProjectRole)
async def test_a_new_project_role_is_given_by_those_who_hold_as_much(tidy, actor, role):
    await prepare(tidy, ProjectMember, "create")
    input = {
        "projectId": tidy.project,
        "userId": tidy.people["newcomer"],
        "role": role.name,
    }
    code = await tidy.code(actor, ADD, input=input)
    assert code == expected("project_members", actor, role)


@pytest.mark.parametrize("person", ["viewer", "project_viewer", "billing"])
async def test_nobody_raises_themselves(tidy, person):
    own = {"id": tidy.members[person], "version": 1}
    update = UPDATE.format(kind="OrganizationMember", mutation="organizationMember")
    assert await tidy.code(person, update, **own, input={"role": "OWNER"}) == "FORBIDDEN"
    row = await tidy.superuser.fetchrow(
        "SELECT role, version FROM organization_members WHERE id = $1", tidy.members[person]
    )
    assert row["version"] == 1
