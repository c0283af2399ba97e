"""Signing in at the identity provider of an organization."""

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, hidden, send, sign_in
from tests.conftest import running
from tests.identity.signing_on import browse, connect, person_at, provide, provider, second_factor

__all__ = ["browse", "connect", "provide", "provider"]

MEMBER = """SELECT role::text, status::text, joined_domain FROM organization_members
    WHERE organization_id = $1 AND user_id = (SELECT id FROM profiles WHERE email = $2)
    AND deleted_at IS NULL"""
ACCOUNT = "SELECT id FROM profiles WHERE email = $1 AND deleted_at IS NULL"
IDENTITIES = "SELECT subject, issuer FROM profile_identities WHERE user_id = $1"


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, autoJoinRole="EDITOR", verificationRequired=False)


@pytest.fixture
async def connection(world, provider, connect, domain):
    return await connect(world, provider)


async def test_the_address_leads_to_the_provider_of_its_domain(browse, connection, domain):
    browser = await browse()
    assert "/sign-in/organization" in (await browser.get("/sign-in")).text
    shown = await send(
        browser, "/sign-in/organization?next=/account", email=f"someone@{domain['domain'].upper()}"
    )
    assert "Continue with Directory" in shown.text
    assert f"/sso/{connection}?next=%2Faccount" in shown.text
    unknown = await send(browser, "/sign-in/organization", email="someone@unknown.example")
    assert "No organization has set up single sign-on" in unknown.text


async def test_a_newcomer_gets_an_account_without_a_password(
    world, browse, provider, connection, domain, superuser
):
    browser, person = await browse(), person_at(domain)
    answer = await browser.sign_on(connection, provider, person, "/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert await browser.email() == person["email"]
    member = await superuser.fetchrow(MEMBER, world.organization, person["email"])
    assert dict(member) == {
        "role": "editor",
        "status": "active",
        "joined_domain": domain["domain"],
    }
    id = await superuser.fetchval(ACCOUNT, person["email"])
    [identity] = await superuser.fetch(IDENTITIES, id)
    assert dict(identity) == {"subject": person["sub"], "issuer": provider.issuer}
    credential = "SELECT count(*) FROM profile_credentials WHERE user_id = $1"
    assert await superuser.fetchval(credential, id) == 0
    actions = "SELECT action FROM audit_logs WHERE user_id = $1 ORDER BY created_at"
    recorded = [row["action"] for row in await superuser.fetch(actions, id)]
    assert {"create", "identity_link", "sign_in"} <= set(recorded)
    again = await browse()
    assert (await again.sign_on(connection, provider, person)).status_code == 303
    assert (
        await superuser.fetchval("SELECT count(*) FROM profiles WHERE email = $1", person["email"])
        == 1
    )


async def test_who_has_no_password_sets_one_by_mail(browse, provider, connection, domain, mails):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    other = await browse()
    assert (await sign_in(other, person["email"], "")).status_code in (400, 401)
    await send(other, "/forgotten-password", email=person["email"])
    link = await mails.link(person["email"])
    await send(other, link, to="/forgotten-password/choose", password=PASSWORD)
    assert (await sign_in(other, person["email"])).status_code == 303


async def test_an_identity_is_known_by_its_subject_and_not_by_its_address(
    browse, provider, connection, domain, superuser
):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    renamed = person | {"email": person_at(domain, "renamed")["email"]}
    again = await browse()
    await again.sign_on(connection, provider, renamed)
    assert await again.email() == person["email"]
    elsewhere = await browse()
    await elsewhere.sign_on(connection, provider, person | {"email": "x@evil.example"})
    assert await elsewhere.email() == person["email"]
    reassigned = await browse()
    answer = await reassigned.sign_on(connection, provider, person | {"sub": "another"})
    assert answer.status_code == 403
    assert "another identity" in answer.text
    assert await reassigned.email() is None


async def test_an_account_is_connected_if_the_domain_and_the_address_are_verified(
    browse, provider, connection, domain, database, superuser, mails
):
    person = person_at(domain)
    id = await create_person(database, person["email"], "Old", PASSWORD)
    browser = await browse()
    assert (await browser.sign_on(connection, provider, person)).status_code == 303
    assert await browser.email() == person["email"]
    assert len(await superuser.fetch(IDENTITIES, id)) == 1
    [(subject, text)] = await mails.arrived(person["email"])
    assert "Directory" in subject
    assert "signs in to your account" in text.replace("\n", " ")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_the_provider_has_not_verified_names_nobody(
    browse, provider, connection, domain, database, superuser, verified
):
    person = person_at(domain, email_verified=verified)
    id = await create_person(database, person["email"], "Old", PASSWORD)
    browser = await browse()
    answer = await browser.sign_on(connection, provider, person)
    assert answer.status_code == 403
    assert "has not confirmed" in answer.text
    assert await superuser.fetch(IDENTITIES, id) == []
    newcomer = person_at(domain, email_verified=verified)
    assert (await browser.sign_on(connection, provider, newcomer)).status_code == 403
    assert await superuser.fetchval(ACCOUNT, newcomer["email"]) is None


async def test_a_provider_of_another_organization_does_not_assert_our_people(
    world,
    other_world,
    browse,
    provide,
    provider,
    connection,
    connect,
    domain,
    domains,
    superuser,
    database,
):
    person = person_at(domain)
    id = await create_person(database, person["email"], "Ours", PASSWORD)
    theirs = await provide()
    await domains.verified(other_world)
    hostile = await connect(other_world, theirs)
    browser = await browse()
    assert (await browser.sign_on(hostile, theirs, person)).status_code == 403
    assert await superuser.fetch(IDENTITIES, id) == []
    assert (await browser.sign_on(connection, provider, person)).status_code == 303
    again = await browse()  # with the same subject, at another issuer
    assert (await again.sign_on(hostile, theirs, person)).status_code == 403
    assert await again.email() is None


@pytest.mark.parametrize("change", ["lapsed", "moved", "deleted"])
async def test_a_domain_without_effect_brings_nobody_in_and_locks_nobody_out(
    world, other_world, browse, provider, connection, domain, domains, superuser, change
):
    known, newcomer = person_at(domain), person_at(domain)
    assert (await (await browse()).sign_on(connection, provider, known)).status_code == 303
    if change == "moved":
        theirs = await domains.add(other_world, domain["domain"])
        domains.publish(theirs)
        await domains.verify(other_world, theirs)
    else:
        column = {"lapsed": "verified_at = NULL", "deleted": "deleted_at = now()"}[change]
        statement = f"UPDATE organization_domains SET {column} WHERE id = $1"
        await superuser.execute(statement, domain["id"])
    browser = await browse()
    assert (await browser.sign_on(connection, provider, newcomer)).status_code == 403
    assert (await browser.sign_on(connection, provider, known)).status_code == 303


async def test_a_second_factor_is_asked_for_before_an_account_is_connected(
    browse, provider, connection, domain, database, superuser
):
    person = person_at(domain)
    id = await create_person(database, person["email"], "Careful", PASSWORD)
    codes = await second_factor(await browse(person["email"]))
    browser = await browse()
    shown = await browser.sign_on(connection, provider, person, "/account")
    assert "Connect your account" in shown.text
    assert await browser.email() is None
    form = hidden(shown.text)
    wrong = await browser.post("/sso/code", data={**form, "code": "000000"})
    assert wrong.status_code == 400
    assert await superuser.fetch(IDENTITIES, id) == []
    stranger = await browse()
    stolen = await send(stranger, "/sign-in", to="/sso/code", code=codes[0])
    assert stolen.status_code == 401
    answer = await browser.post("/sso/code", data={**form, "code": codes[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert await browser.email() == person["email"]
    again = await browse()  # the identity is known from now on
    assert (await again.sign_on(connection, provider, person)).status_code == 303


async def test_suspended_closed_and_removed_people_do_not_come_in(
    world, browse, provider, connection, domain, superuser
):
    person = person_at(domain)
    assert (await (await browse()).sign_on(connection, provider, person)).status_code == 303
    id, browser = await superuser.fetchval(ACCOUNT, person["email"]), await browse()
    for change, back in (
        ("UPDATE profiles SET status = 'suspended' WHERE id = $1", "status = 'active'"),
        ("UPDATE profiles SET is_approved = false WHERE id = $1", "is_approved = true"),
        ("UPDATE profiles SET deleted_at = now() WHERE id = $1", "deleted_at = NULL"),
    ):
        await superuser.execute(change, id)
        assert (await browser.sign_on(connection, provider, person)).status_code == 403
        await superuser.execute(f"UPDATE profiles SET {back} WHERE id = $1", id)
    for change in ("deleted_at = now()", "deleted_at = NULL, status = 'suspended'"):
        statement = f"UPDATE organization_members SET {change} WHERE user_id = $1"
        statement += " AND organization_id = $2"
        await superuser.execute(statement, id, world.organization)
        answer = await browser.sign_on(connection, provider, person)
        assert answer.status_code == 403
        assert "not a member" in answer.text
    assert await browser.email() is None
    event = await superuser.fetchrow(
        "SELECT * FROM audit_logs WHERE organization_id = $1 AND entity_type = 'IdentityProvider'"
        " AND event_type = 'login_failed' LIMIT 1",
        world.organization,
    )
    assert event is not None


async def test_nobody_is_let_in_whom_no_rule_lets_in(
    world, browse, provider, connect, domains, superuser
):
    domain = await domains.verified(world, autoJoin=False)
    connection = await connect(world, provider)
    person, browser = person_at(domain), await browse()
    answer = await browser.sign_on(connection, provider, person)
    assert answer.status_code == 403
    assert "invite you" in answer.text
    assert await superuser.fetchval(ACCOUNT, person["email"]) is None


async def test_a_newcomer_waits_where_the_domain_asks_for_it(
    world, browse, provider, connect, domains, superuser
):
    domain = await domains.verified(world)
    connection = await connect(world, provider)
    person, browser = person_at(domain), await browse()
    assert (await browser.sign_on(connection, provider, person)).status_code == 303
    member = await superuser.fetchrow(MEMBER, world.organization, person["email"])
    assert member["status"] == "pending"
    asked = await browser.post(
        "/graphql", json={"query": "{ organizations(first: 9) { nodes { id } } }"}
    )
    assert str(world.organization) not in asked.text


async def test_a_provider_that_was_not_tried_signs_nobody_in(
    world, browse, provider, connect, domain
):
    connection = await connect(world, provider, tested=False)
    browser = await browse()
    assert (await browser.get(f"/sso/{connection}")).status_code == 403


async def test_sign_up_that_is_closed_is_closed_for_newcomers_of_providers(
    world, browse, provider, connection, domain, settings, superuser
):
    async with running(settings.model_copy(update={"sign_up": "closed"})) as site:
        browser, person = await browse(site=site), person_at(domain)
        answer = await browser.sign_on(connection, provider, person)
    assert answer.status_code == 403
    assert await superuser.fetchval(ACCOUNT, person["email"]) is None


async def test_the_provider_ends_the_sessions_that_began_there(
    browse, provider, connection, domain
):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    other, second = await browse(), person_at(domain)
    await other.sign_on(connection, provider, second)
    path = f"/sso/{connection}/logout"
    hostile = await browse()
    for changed in (
        {"sub": person["sub"], "nonce": "n"},
        {"sub": person["sub"], "events": {}},
        {"sub": person["sub"], "aud": "another"},
        {"sub": person["sub"], "iss": "https://evil.example"},
        {"sub": person["sub"], "exp": 1, "iat": 0},
        {"sub": person["sub"], "jti": None},
        {},
    ):
        form = {"logout_token": provider.logout_token(**changed)}
        assert (await hostile.post(path, data=form)).status_code == 400, changed
    assert await browser.email() == person["email"]
    form = {"logout_token": provider.logout_token(sub=person["sub"], sid="another session")}
    assert (await hostile.post(path, data=form)).status_code == 200
    assert await browser.email() == person["email"]
    form = {"logout_token": provider.logout_token(sub=person["sub"])}
    assert (await hostile.post(path, data=form)).status_code == 200
    assert await browser.email() is None
    assert await other.email() == second["email"]
    form = {"logout_token": provider.logout_token(sid=f"session of {second['sub']}")}
    assert (await hostile.post(path, data=form)).status_code == 200
    assert await other.email() is None


async def test_a_fresh_proof_is_given_at_the_provider(
    world, browse, provider, connection, domain, superuser
):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    stale = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    id = await superuser.fetchval(ACCOUNT, person["email"])
    await superuser.execute(stale, id)
    shown = await browser.get("/prove?next=/account/sessions")
    assert f"/sso/{connection}?prove=1" in shown.text
    url = await browser.to_provider(connection, "/account/sessions", prove="1")
    assert "prompt=login" in url
    assert "max_age=0" in url
    provider.claims = {"auth_time": 1000}
    assert (await browser.get(provider.answer(url, person))).status_code == 401
    provider.claims = {}
    url = await browser.to_provider(connection, "/account/sessions", prove="1")
    other = person_at(domain)
    assert (await browser.get(provider.answer(url, other))).status_code == 403
    url = await browser.to_provider(connection, "/account/sessions", prove="1")
    answer = await browser.get(provider.answer(url, person))
    assert answer.headers["location"] == "/account/sessions"
    assert (await browser.get("/account/sessions")).status_code == 200


async def test_who_is_signed_in_connects_an_identity_of_any_address(
    world, browse, provider, connection, superuser
):
    browser = await browse(world.email("viewer"))
    shown = await browser.get("/account/identities")
    assert "Connect Directory" in shown.text
    form = hidden(shown.text)
    away = await browser.post("/account/identities/connect", data=form)
    target = away.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    person = {"sub": "private", "email": "x@elsewhere.example", "email_verified": False}
    answer = await browser.get(provider.answer(target, person))
    assert answer.headers["location"] == "/account/identities?news=connected"
    again = await browse()
    await again.sign_on(connection, provider, person)
    assert await again.email() == world.email("viewer")
    form = hidden((await browser.get("/account/identities")).text)
    answer = await browser.post("/account/identities/remove", data=form)
    assert answer.headers["location"] == "/account/identities?news=removed"
    assert (await again.sign_on(connection, provider, person)).status_code == 403
    outsider = await browse(world.email("outsider"))
    form = hidden((await outsider.get("/account/identities")).text) | {"id": connection}
    form |= {"csrf_token": hidden((await outsider.get("/account/profile")).text)["csrf_token"]}
    assert (await outsider.post("/account/identities/connect", data=form)).status_code == 404


async def test_identities_are_exported_and_erased(browse, provider, connection, domain, superuser):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    id = await superuser.fetchval(ACCOUNT, person["email"])
    kinds = "SELECT content FROM ctx.export_person($1) WHERE kind = 'profile_identities'"
    assert person["sub"] in await superuser.fetchval(kinds, id)
    await superuser.execute("UPDATE profiles SET deleted_at = now() WHERE id = $1", id)
    await superuser.fetchval("SELECT ctx.erase_person($1)", id)
    assert await superuser.fetch(IDENTITIES, id) == []
