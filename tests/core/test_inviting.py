"""Invitations and promotions need the sender's own rank; owners are notified."""

from uuid import UUID

import httpx
import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from tests.core.keys import make_key, make_token
from tests.core.test_membership import ACCEPT, INVITE, REMOVE, RESTORE, UPDATE
from tests.mails import captured

STATUS = "SELECT status::text FROM organization_invitations WHERE id = $1"
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"
EXPIRE = """UPDATE organization_invitations SET created_at = now() - interval '15 days',
    expires_at = now() - interval '1 day' WHERE id = $1"""
DELETE_ACCOUNT = """mutation ($id: UUID!) {
    serviceAccountDelete(id: $id, expectedVersion: 1) { serviceAccount { id } } }"""


@pytest.fixture
def mails():
    with captured() as mails:
        yield mails


@pytest.fixture
async def invite(world):
    async def invite(person="admin", role="EDITOR"):
        input = {"organizationId": world.organization, "email": world.email("outsider")}
        return (await world.ask(person, INVITE, input=input | {"role": role}))["invitation"]

    return invite


@pytest.fixture
async def ask_in_session(world, app, settings):
    """Send a request in a browser's session; return the errors."""
    transport = httpx.ASGITransport(app)
    headers = {"origin": "http://localhost"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as browser:

        async def ask(person, query, **variables):
            if not browser.cookies:
                async with world.database.auth.lend(NOBODY) as lent:
                    started = await start(lent, world.people[person], Origin(), settings)
                browser.cookies.set("gateway", started.secret, domain="localhost.local")
                await world.superuser.execute(STALE, world.people[person])
            values = {k: str(v) if isinstance(v, UUID) else v for k, v in variables.items()}
            body = {"query": query, "variables": values}
            return (await browser.post("/graphql", json=body)).json().get("errors")

        yield ask


async def status(world, invitation):
    return await world.superuser.fetchval(STATUS, UUID(invitation["id"]))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["removed", "demoted", "suspended"])
async def test_an_invitation_ends_with_the_role_of_who_sent_it(world, invite, how):
    made, sender = await invite(), {"id": world.members["admin"], "version": 1}
    if how == "removed":
        await world.ask("owner", REMOVE, **sender)
    else:
        input = {"role": "EDITOR"} if how == "demoted" else {"status": "SUSPENDED"}
        await world.ask("owner", UPDATE, **sender, input=input)
    assert await status(world, made) == "cancelled"
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_an_owner_who_is_removed_does_not_come_back_by_their_own_invitation(world, invite):
    admin = {"id": world.members["admin"]}
    await world.ask("owner", UPDATE, **admin, version=1, input={"role": "OWNER"})
    made = await invite("admin", "OWNER")
    await world.ask("owner", REMOVE, **admin, version=2)
    assert await status(world, made) == "cancelled"
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_who_becomes_an_administrator_keeps_what_administrators_may_send(world, invite):
    await world.ask("owner", UPDATE, id=world.members["admin"], version=1, input={"role": "OWNER"})
    made = await invite("admin", "EDITOR")
    await world.ask("owner", UPDATE, id=world.members["admin"], version=2, input={"role": "ADMIN"})
    assert await status(world, made) == "pending"
    assert await world.code("outsider", ACCEPT, token=made["token"]) is None


@pytest.mark.parametrize(
    "lost",
    [
        "UPDATE organization_members SET role = 'editor' WHERE user_id = $1",
        "UPDATE organization_members SET deleted_at = now() WHERE user_id = $1",
        "UPDATE profiles SET status = 'suspended' WHERE id = $1",
    ],
)
async def test_an_invitation_is_of_no_use_whose_sender_lost_their_role_elsewhere(
    world, invite, lost
):
    made = await invite()
    await world.superuser.execute(lost, world.people["admin"])
    assert await world.code("outsider", ACCEPT, token=made["token"]) == "NOT_FOUND"


async def test_the_invitations_of_a_service_account_end_with_it(world, invite):
    key = await make_key(world, role="ADMIN")
    made = await invite("robot")
    await world.ask("owner", DELETE_ACCOUNT, id=key.account)
    assert await status(world, made) == "cancelled"


async def test_an_expired_invitation_is_replaced_by_the_next_one(world, invite):
    late = await invite()
    await world.superuser.execute(EXPIRE, UUID(late["id"]))
    made = await invite()
    assert await status(world, late) == "expired"
    assert await world.code("outsider", ACCEPT, token=late["token"]) == "NOT_FOUND"
    assert await world.code("outsider", ACCEPT, token=made["token"]) is None


def raising(world, what):
    """Return the mutation that makes an owner in this way, and its variables."""
    if what == "invited":
        input = {"organizationId": str(world.organization), "email": world.email("outsider")}
        return INVITE, {"input": input | {"role": "OWNER"}}
    member = {"id": world.members["viewer"], "version": 1}
    return (
        (UPDATE, member | {"input": {"role": "OWNER"}}) if what == "raised" else (RESTORE, member)
    )


@pytest.mark.parametrize("what", ["invited", "raised", "restored"])
async def test_who_makes_an_owner_proves_that_it_is_them_and_the_owners_are_told(
    world, ask_in_session, mails, what
):
    if what == "restored":
        change = "UPDATE organization_members SET role = 'owner', deleted_at = now() WHERE id = $1"
        await world.superuser.execute(change, world.members["viewer"])
    query, values = raising(world, what)
    (refused,) = await ask_in_session("owner", query, **values)
    assert refused["extensions"].items() >= {"code": "FORBIDDEN", "prove": "/prove"}.items()
    await make_token(world, "owner", "organizations:write")
    answer = await world.answer("owner's script", query, **values)
    assert answer["errors"][0]["extensions"].items() >= {"scope": "admin"}.items()
    fresh = "UPDATE sessions SET proved_at = now() WHERE user_id = $1"
    await world.superuser.execute(fresh, world.people["owner"])
    assert await ask_in_session("owner", query, **values) is None
    [*_, (subject, text)] = await mails.arrived(world.email("owner"), 2)
    if what == "invited":
        assert subject == f"Organization {world.name} has invited another owner"
        assert world.email("outsider") in text
    else:
        assert subject == f"Organization {world.name} has another owner"
        assert f"viewer {world.name}" in text


async def test_what_makes_no_owner_takes_no_proof(world, ask_in_session):
    member = {"id": world.members["viewer"], "version": 1}
    assert await ask_in_session("owner", UPDATE, **member, input={"role": "ADMIN"}) is None
