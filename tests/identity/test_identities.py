"""The viewer's identities, listed and removed through the API."""

from uuid import uuid4

import pytest

from tests.core.keys import make_key, make_token
from tests.identity.signing_on import browse, connect, person_at, provide, provider

__all__ = ["browse", "connect", "provide", "provider"]

READ = """{ viewer { identities {
    id provider organization issuer email createdAt lastUsedAt } } }"""
REMOVE = "mutation ($id: UUID!) { identityRemove(id: $id) { id } }"
STALE = """UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id =
    (SELECT id FROM profiles WHERE email = $1)"""


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, verificationRequired=False)


@pytest.fixture
async def connection(world, provider, connect, domain):
    return await connect(world, provider)


async def ask(browser, query, **variables):
    answer = await browser.post("/graphql", json={"query": query, "variables": variables})
    return answer.json()


async def listed(browser):
    return (await ask(browser, READ))["data"]["viewer"]["identities"]


def code(answer):
    return answer["errors"][0]["extensions"]["code"]


async def test_a_person_lists_their_identities_and_removes_one(
    world, browse, provider, connection, domain, superuser
):
    browser, person, other = await browse(), person_at(domain), person_at(domain)
    await browser.sign_on(connection, provider, person)
    [identity] = await listed(browser)
    assert identity["provider"] == "Directory"
    assert (identity["issuer"], identity["email"]) == (provider.issuer, person["email"])
    assert identity["lastUsedAt"] is None
    await browser.sign_on(connection, provider, person)
    assert (await listed(browser))[0]["lastUsedAt"] is not None
    another = await browse()
    await another.sign_on(connection, provider, other)
    assert [one["email"] for one in await listed(another)] == [other["email"]]
    id = identity["id"]
    assert code(await ask(another, REMOVE, id=id)) == "NOT_FOUND"
    assert code(await ask(browser, REMOVE, id=str(uuid4()))) == "NOT_FOUND"
    assert [one["id"] for one in await listed(browser)] == [id]
    assert (await ask(browser, REMOVE, id=id))["data"] == {"identityRemove": {"id": id}}
    assert await listed(browser) == []
    assert code(await ask(browser, REMOVE, id=id)) == "NOT_FOUND"
    [event] = await superuser.fetch(
        "SELECT organization_id FROM audit_logs WHERE action = 'identity_remove'"
        " AND details->>'identity_id' = $1",
        id,
    )
    assert event["organization_id"] == world.organization


async def test_an_identity_of_a_provider_that_is_not_used_any_more_can_be_removed(
    browse, provider, connection, domain, superuser
):
    browser = await browse()
    await browser.sign_on(connection, provider, person_at(domain))
    await superuser.execute(
        "UPDATE identity_providers SET deleted_at = now() WHERE id = $1", connection
    )
    [identity] = await listed(browser)
    assert identity["provider"] is None
    assert "not in use" in (await browser.get("/account/identities")).text
    assert "errors" not in await ask(browser, REMOVE, id=identity["id"])


async def test_removing_an_identity_takes_a_fresh_proof(
    browse, provider, connection, domain, superuser
):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    [identity] = await listed(browser)
    await superuser.execute(STALE, person["email"])
    refused = await ask(browser, REMOVE, id=identity["id"])
    assert refused["errors"][0]["extensions"]["prove"] == "/prove"
    assert await listed(browser) == [identity]


async def test_a_token_reads_and_removes_identities_with_the_scope_admin_alone(world):
    remove = {"id": str(uuid4())}
    await make_token(world, "editor", "organizations:write")
    assert await world.code("editor's script", READ) == "FORBIDDEN"
    assert await world.code("editor's script", REMOVE, **remove) == "FORBIDDEN"
    await make_token(world, "editor", "admin")
    assert await world.ask("editor's script", READ) == {"identities": []}
    assert await world.code("editor's script", REMOVE, **remove) == "NOT_FOUND"
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", READ) == "FORBIDDEN"
    assert await world.code("robot", REMOVE, **remove) == "FORBIDDEN"


async def test_nobody_has_no_identities(browse):
    browser = await browse()
    assert (await ask(browser, READ))["data"]["viewer"] is None
    assert code(await ask(browser, REMOVE, id=str(uuid4()))) == "UNAUTHENTICATED"
