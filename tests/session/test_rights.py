"""The rights of a write hold at its commit, with any change while it waited for a lock."""

import asyncio
from uuid import UUID

import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db.problem import Problem
from db.requirements.requirements import Requirement
from tests.core.keys import WRITE, make_key, make_token
from tests.locks import gate, held
from tests.world import Refused

UPDATE = WRITE
NAME = "SELECT name FROM requirements WHERE id = $1"
MEMBER = """mutation ($id: UUID!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: 1, input: $input) {
        member: organizationMember { role } } }"""
PROJECT_MEMBER = """mutation ($input: ProjectMemberAddInput!) {
    projectMemberAdd(input: $input) { member: projectMember { role } } }"""

AT_ORGANIZATION = "UPDATE organization_members SET {} WHERE user_id = $1"
AT_PROJECT = "UPDATE project_members SET {} WHERE user_id = $1"
AT_DOCUMENT = "UPDATE user_roles SET {} WHERE user_id = $1"
OF_TOKEN = "UPDATE oauth_access_tokens SET {} WHERE user_id = $1"
DELETED, SUSPENDED, VIEWER = "deleted_at = now()", "status = 'suspended'", "role = 'viewer'"

LOST = [
    ("editor", AT_ORGANIZATION, VIEWER, "FORBIDDEN"),
    ("editor", AT_ORGANIZATION, DELETED, "NOT_FOUND"),
    ("editor", AT_ORGANIZATION, SUSPENDED, "NOT_FOUND"),
    ("project_editor", AT_PROJECT, VIEWER, "FORBIDDEN"),
    ("project_editor", AT_PROJECT, DELETED, "NOT_FOUND"),
    ("project_editor", AT_ORGANIZATION, SUSPENDED, "NOT_FOUND"),
    ("document_editor", AT_DOCUMENT, "document_role = 'viewer'", "FORBIDDEN"),
    ("document_editor", AT_DOCUMENT, "expires_at = clock_timestamp()", "NOT_FOUND"),
    ("editor", "UPDATE profiles SET {} WHERE id = $1", SUSPENDED, "UNAUTHENTICATED"),
    ("editor", OF_TOKEN, "revoked_at = now()", "UNAUTHENTICATED"),
]


async def blocked(world, asked, *statements):
    """Block a request at the requirement, run this meanwhile, release it; return its result."""
    async with held(world.superuser, "requirements WHERE id = $1", world.requirement) as waiting:
        request = asyncio.create_task(asked)
        await waiting(1, unless=request)
        for statement, *values in statements:
            await world.superuser.execute(statement, *values)
    return await request


def update(world, person):
    return world.code(person, UPDATE, id=world.requirement)


@pytest.mark.slow
@pytest.mark.parametrize(("person", "table", "change", "code"), LOST)
async def test_a_write_is_refused_whose_right_ended_while_it_waited(
    world, person, table, change, code
):
    lost = (table.format(change), world.people[person])
    before = await world.superuser.fetchval(NAME, world.requirement)
    assert await blocked(world, update(world, person), lost) == code
    assert await world.superuser.fetchval(NAME, world.requirement) == before
    assert not await world.records(world.requirement)


async def test_a_write_goes_on_as_long_as_one_right_is_left_that_allows_it(world):
    add = (
        "INSERT INTO project_members (organization_id, project_id, user_id, role)"
        " VALUES ($1, $2, $3, 'editor')"
    )
    more = (add, world.organization, world.project, world.people["editor"])
    less = (AT_ORGANIZATION.format("role = 'member'"), world.people["editor"])
    assert await blocked(world, update(world, "editor"), more, less) is None


@pytest.mark.parametrize("kind", ["api_keys", "personal_tokens"])
async def test_a_key_that_is_revoked_while_a_write_waits_ends_the_write(world, kind):
    if kind == "api_keys":
        made, person = await make_key(world), "robot"
    else:
        made, person = await make_token(world, "editor"), "editor's script"
    lost = (f"UPDATE {kind} SET revoked_at = now() WHERE id = $1", UUID(made.id))
    assert await blocked(world, update(world, person), lost) == "UNAUTHENTICATED"


async def test_an_application_that_is_switched_off_while_a_write_waits_ends_the_write(world):
    await world.token("editor")
    client = await world.superuser.fetchval(
        "SELECT client_id FROM oauth_access_tokens WHERE user_id = $1", world.people["editor"]
    )
    async with held(world.superuser, "requirements WHERE id = $1", world.requirement) as waiting:
        request = asyncio.create_task(update(world, "editor"))
        await waiting(1)
        disable = "UPDATE oauth_clients SET disabled_at = {} WHERE client_id = $1"
        await world.superuser.execute(disable.format("now()"), client)
    try:
        assert await request == "UNAUTHENTICATED"
    finally:
        await world.superuser.execute(disable.format("NULL"), client)


async def test_an_application_that_is_shut_out_while_its_write_waits_is_refused(world):
    await world.token("editor")
    await world.superuser.execute(
        "INSERT INTO oauth_clients (id, client_id, client_name, is_public) VALUES"
        " (gen_random_uuid(), 'partner', 'Partner', true) ON CONFLICT DO NOTHING"
    )
    of_partner = OF_TOKEN.format("client_id = 'partner'")
    await world.superuser.execute(of_partner, world.people["editor"])
    lost = ("UPDATE organizations SET allowed_clients = '{}' WHERE id = $1", world.organization)
    assert await blocked(world, update(world, "editor"), lost) == "NOT_FOUND"
    assert not await world.records(world.requirement)


async def test_a_service_account_that_is_suspended_while_its_write_waits_is_refused(world):
    made = await make_key(world)
    lost = (AT_ORGANIZATION.format(SUSPENDED), made.account)
    assert await blocked(world, update(world, "robot"), lost) == "UNAUTHENTICATED"


async def test_what_rests_on_a_project_that_is_closed_meanwhile_is_refused(world):
    """It is written where they are an editor, after a read by visibility elsewhere."""
    email = world.email("document_editor")
    place = await world.superuser.fetchrow(
        "WITH opened AS (INSERT INTO projects (organization_id, name, slug, visibility)"
        " VALUES ($1, 'Open', 'open', 'organization') RETURNING id),"
        " place AS (INSERT INTO documents (organization_id, project_id, name, slug)"
        " SELECT $1, id, 'D', 'd' FROM opened RETURNING id, project_id)"
        " INSERT INTO requirements (organization_id, project_id, document_id, name, position)"
        " SELECT $1, project_id, id, 'Seen', 1 FROM place RETURNING id, project_id",
        world.organization,
    )

    async def write():
        session = ViewerSession(world.database, await act_for(email, world.database))
        async with session.transaction() as transaction:
            target = await transaction.find(Requirement, place["id"], lock=False)
            source = await transaction.find(Requirement, world.requirement)
            transaction.change(source, None, name=f"Like {target.name}")

    closed = ("UPDATE projects SET visibility = 'private' WHERE id = $1", place["project_id"])
    with pytest.raises(Problem) as refused:
        await blocked(world, write(), closed)
    assert refused.value.code == "NOT_FOUND"


async def test_an_owner_who_is_demoted_first_makes_nobody_an_owner(world):
    owner, accomplice = world.people["owner"], world.members["viewer"]
    async with held(world.superuser, "organizations WHERE id = $1", world.organization) as waiting:
        raising = world.code("owner", MEMBER, id=accomplice, input={"role": "ADMIN"})
        request = asyncio.create_task(raising)
        await waiting(1)
        await world.superuser.execute(AT_ORGANIZATION.format("role = 'editor'"), owner)
    assert await request == "FORBIDDEN"
    role = "SELECT role::text FROM organization_members WHERE id = $1"
    assert await world.superuser.fetchval(role, accomplice) == "viewer"


async def test_a_project_administrator_who_is_removed_first_lets_nobody_in(world):
    person = world.people["project_admin"]
    input = {"projectId": world.project, "userId": world.people["member"], "role": "ADMIN"}
    async with held(world.superuser, "projects WHERE id = $1", world.project) as waiting:
        request = asyncio.create_task(world.code("project_admin", PROJECT_MEMBER, input=input))
        await waiting(1)
        await world.superuser.execute(AT_PROJECT.format(DELETED), person)
    assert await request == "NOT_FOUND"


async def test_whoever_takes_a_role_waits_for_the_write_that_rests_on_it(world, superuser_dsn):
    trigger = (
        "CONSTRAINT TRIGGER hold AFTER UPDATE ON requirements DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW"
    )
    async with gate(superuser_dsn, trigger) as stop:
        writing = asyncio.create_task(update(world, "editor"))
        await stop.reached()
        demote = world.code("owner", MEMBER, id=world.members["editor"], input={"role": "VIEWER"})
        demoting = asyncio.create_task(demote)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        async with asyncio.timeout(4):
            while await world.superuser.fetchval(waiting) < 2:
                await world.superuser.execute("SELECT pg_stat_clear_snapshot()")
        assert not demoting.done()
        await stop.open()
        assert (await writing, await demoting) == (None, None)
    assert await update(world, "editor") == "FORBIDDEN"


async def test_of_two_owners_who_demote_each_other_at_once_one_does(world):
    both = {"owner": world.members["owner"], "admin": world.members["admin"]}
    for person in ("admin", "viewer"):  # the third one stays
        promote = AT_ORGANIZATION.format("role = 'owner'")
        await world.superuser.execute(promote, world.people[person])
    async with held(world.superuser, "organizations WHERE id = $1", world.organization) as waiting:
        requests = [
            asyncio.create_task(world.code(one, MEMBER, id=both[other], input={"role": "EDITOR"}))
            for one, other in (("owner", "admin"), ("admin", "owner"))
        ]
        await waiting(2)
    codes = [await request for request in requests]
    assert sorted(codes, key=str) == ["FORBIDDEN", None]


async def test_who_gives_up_their_own_role_or_key_may(world):
    made = await make_token(world, "editor")
    revoke = "mutation ($id: UUID!) { personalTokenRevoke(id: $id) { personalToken { id } } }"
    assert await world.code("editor's script", revoke, id=made.id) is None
    leave = """mutation ($id: UUID!) {
        organizationMemberRemove(id: $id, expectedVersion: 1) {
            member: organizationMember { id } } }"""
    assert await world.code("editor", leave, id=world.members["editor"]) is None
    with pytest.raises(Refused):
        await world.ask("editor", UPDATE, id=world.requirement)
