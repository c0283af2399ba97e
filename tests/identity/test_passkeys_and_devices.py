"""Passkeys and devices of people who sign in at the identity provider of their organization."""

import pytest

from auth.credentials.people import create_person
from tests.auth.authenticator import Authenticator
from tests.auth.conftest import PASSWORD
from tests.auth.with_passkeys import add, answer, reply
from tests.identity.signing_on import browse, connect, person_at, provide, provider

__all__ = ["browse", "connect", "provide", "provider"]

HERE = "http://localhost"
JOIN = "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)"
DEVICES = """SELECT count(*) FROM devices AS d JOIN profiles AS p ON p.id = d.user_id
WHERE p.email = $1"""
INDICATORS = """SELECT threat_indicators FROM audit_logs AS e JOIN profiles AS p ON p.id = e.user_id
WHERE p.email = $1 AND e.event_type = 'login' ORDER BY e.created_at DESC, e.id DESC LIMIT 1"""


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, autoJoinRole="EDITOR", verificationRequired=False)


async def test_where_single_sign_on_is_enforced_passkeys_sign_in_owners_alone(
    world, browse, provider, connect, domain, database, superuser
):
    passkeys = {}
    for role in ("editor", "owner"):
        email = person_at(domain, role)["email"]
        id = await create_person(database, email, "Somebody", PASSWORD)
        await superuser.execute(JOIN, world.organization, id, role)
        passkeys[role], added = await add(await browse(email), passkey=Authenticator(origin=HERE))
        assert added.status_code == 200
    await connect(world, provider, enforced=True)
    browser = await browse()
    refused = await answer(browser, passkeys["editor"])
    assert (refused.status_code, "sign in with Directory" in refused.text) == (403, True)
    assert await browser.email() is None
    assert (await answer(browser, passkeys["owner"])).status_code == 303  # their way back


async def test_an_identity_is_connected_to_an_account_by_its_passkey(
    world, browse, provider, connect, domain, database
):
    connection, person = await connect(world, provider), person_at(domain)
    await create_person(database, person["email"], "Somebody", PASSWORD)
    passkey, _ = await add(await browse(person["email"]), passkey=Authenticator(origin=HERE))
    other = person_at(domain, "thief")["email"]
    await create_person(database, other, "A Thief", PASSWORD)
    theirs, _ = await add(await browse(other), passkey=Authenticator(origin=HERE))
    browser = await browse()
    asked = await browser.sign_on(connection, provider, person)
    refused = await reply(browser, asked.text, theirs, "/sso/code")
    assert refused.status_code == 400
    assert await browser.email() is None
    connected = await reply(browser, refused.text, passkey, "/sso/code")
    assert connected.status_code == 303
    assert await browser.email() == person["email"]


async def test_a_sign_in_at_a_provider_from_a_new_browser_is_told(
    world, browse, provider, connect, domain, mails, superuser
):
    connection, person = await connect(world, provider), person_at(domain)
    first, second = await browse(), await browse()
    await first.sign_on(connection, provider, person)
    assert "unknown_browser" not in await superuser.fetchval(INDICATORS, person["email"])
    await first.sign_on(connection, provider, person)
    assert await superuser.fetchval(DEVICES, person["email"]) == 1
    await second.sign_on(connection, provider, person)
    assert await superuser.fetchval(DEVICES, person["email"]) == 2
    assert "unknown_browser" in await superuser.fetchval(INDICATORS, person["email"])
