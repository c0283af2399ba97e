"""Joining an organization by the domain of a confirmed address."""

from uuid import uuid4

import httpx
import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from tests import networks
from tests.auth.conftest import PASSWORD, hidden, send
from tests.conftest import running

MEMBER = """SELECT role::text, status::text, joined_domain, deleted_at FROM organization_members
    WHERE organization_id = $1 AND user_id = (SELECT id FROM profiles WHERE email = $2)"""
MEMBERS = """query ($id: UUID!) { organization(id: $id) { members(
    first: 10, filter: {status: {eq: PENDING}}) {
        nodes { id version joinedDomain user { email } } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
        organizationMember { status role } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRemove(id: $id, expectedVersion: $version) {
        organizationMember { id } } }"""
INVITE = """mutation ($organization: UUID!, $email: String!) {
    organizationInvite(input: {organizationId: $organization, email: $email, role: VIEWER}) {
        organizationInvitation { id } } }"""
PROJECTS = "{ organizations(first: 10) { nodes { id } } }"
TITLES = "SELECT title FROM notifications WHERE user_id = $1 ORDER BY created_at"


@pytest.fixture
async def browse(app, database, settings, superuser):
    """Yield a function that makes browsers, in which the person with this address is signed in."""
    opened = []

    async def browse(email=None, site=None):
        transport = httpx.ASGITransport(site or app, client=(networks.address(), 50000))
        headers = {"origin": "http://localhost"}
        browser = httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        )
        opened.append(browser)
        if email:
            id = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
            async with database.auth.lend(NOBODY) as lent:
                started = await start(lent, id, Origin(), settings)
            browser.cookies.set("gateway", started.secret, domain="localhost.local")
        return browser

    yield browse
    for browser in opened:
        await browser.aclose()


@pytest.fixture
def sign_up(browse, mails):
    """Sign up with this address, confirmed by the link that is mailed to it."""

    async def sign_up(email, site=None):
        browser = await browse(site=site)
        await send(browser, "/sign-up", email=email)
        link = await mails.link(email)
        await send(browser, link, full_name="New Person", password=PASSWORD)
        return email

    return sign_up


def at(domain, word=""):
    return f"{word or 'new'}+{uuid4().hex[:8]}@{domain['domain']}"


async def test_whoever_signs_up_with_a_confirmed_address_joins(world, domains, sign_up, superuser):
    domain = await domains.verified(world, autoJoinRole="EDITOR", verificationRequired=False)
    email = await sign_up(at(domain))
    row = await superuser.fetchrow(MEMBER, world.organization, email)
    assert (row["role"], row["status"]) == ("editor", "active")
    assert row["joined_domain"] == domain["domain"]
    for person in ("owner", "admin"):
        [told] = await superuser.fetch(TITLES, world.people[person])
        assert told["title"].startswith(f"{email} has joined")
    assert not await superuser.fetch(TITLES, world.people["editor"])
    event = await superuser.fetchrow(
        "SELECT * FROM audit_logs WHERE organization_id = $1 AND entity_type = 'OrganizationMember'"
        " AND action = 'create' ORDER BY created_at DESC LIMIT 1",
        world.organization,
    )
    assert domain["domain"] in event["new_data"]


async def test_a_newcomer_waits_without_rights_where_approval_is_required(
    world, domains, sign_up, browse, superuser
):
    domain = await domains.verified(world)
    email = await sign_up(at(domain))
    assert (await superuser.fetchrow(MEMBER, world.organization, email))["status"] == "pending"
    browser = await browse(email)
    asked = await browser.post("/graphql", json={"query": PROJECTS})
    found = asked.json()["data"]["organizations"]["nodes"]
    assert str(world.organization) not in str(found)
    [waiting] = (await world.ask("admin", MEMBERS, id=world.organization))["members"]["nodes"]
    assert waiting["user"]["email"] == email
    assert waiting["joinedDomain"] == domain["domain"]
    given = {"id": waiting["id"], "version": waiting["version"]}
    assert await world.code("editor", UPDATE, **given, input={"status": "ACTIVE"}) == "FORBIDDEN"
    approved = await world.ask("admin", UPDATE, **given, input={"status": "ACTIVE"})
    assert approved["organizationMember"] == {"status": "ACTIVE", "role": "MEMBER"}
    asked = await browser.post("/graphql", json={"query": PROJECTS})
    assert str(world.organization) in asked.text
    person = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
    [told] = await superuser.fetch(TITLES, person)
    assert told["title"].startswith("You have joined")


async def test_who_was_refused_does_not_ask_again_by_changing_the_address(
    world, domains, sign_up, browse, mails, superuser
):
    domain = await domains.verified(world)
    email = await sign_up(at(domain))
    [waiting] = (await world.ask("admin", MEMBERS, id=world.organization))["members"]["nodes"]
    await world.ask("admin", REMOVE, id=waiting["id"], version=waiting["version"])
    browser = await browse(email)
    await _change_address(browser, mails, at(domain, "again"))
    row = await superuser.fetchrow(
        "SELECT deleted_at FROM organization_members WHERE id = $1", waiting["id"]
    )
    assert row["deleted_at"]
    assert not (await world.ask("admin", MEMBERS, id=world.organization))["members"]["nodes"]


async def _change_address(browser, mails, email):
    assert (await send(browser, "/account/email", email=email)).status_code == 303
    link = await mails.link(email)
    answer = await send(browser, link)
    assert answer.status_code == 303, answer.text


async def test_an_address_that_is_changed_and_confirmed_joins(
    world, domains, browse, mails, superuser
):
    domain = await domains.verified(world, verificationRequired=False)
    browser, email = await browse(world.email("outsider")), at(domain, "moved")
    assert (await send(browser, "/account/email", email=email)).status_code == 303
    link = await mails.link(email)
    assert await superuser.fetchrow(MEMBER, world.organization, world.email("outsider")) is None
    assert (await send(browser, link)).status_code == 303
    row = await superuser.fetchrow(MEMBER, world.organization, email)
    assert (row["role"], row["status"]) == ("member", "active")


@pytest.mark.parametrize("state", ["unverified", "off", "lapsed", "deleted", "subdomain"])
async def test_nobody_joins_by_a_domain_without_effect(world, domains, sign_up, superuser, state):
    if state == "unverified":
        domain = await domains.add(world, verificationRequired=False)
    else:
        domain = await domains.verified(world, autoJoin=state != "off", verificationRequired=False)
    if state == "lapsed":
        change = "UPDATE organization_domains SET verified_at = NULL WHERE id = $1"
        await superuser.execute(change, domain["id"])
    if state == "deleted":
        change = "UPDATE organization_domains SET deleted_at = now() WHERE id = $1"
        await superuser.execute(change, domain["id"])
    email = at(domain)
    if state == "subdomain":
        email = email.replace("@", "@sub.")
    await sign_up(email)
    assert await superuser.fetchrow(MEMBER, world.organization, email) is None


async def test_people_stay_when_a_domain_lapses(world, domains, sign_up, superuser):
    domain = await domains.verified(world, verificationRequired=False)
    email = await sign_up(at(domain))
    change = "UPDATE organization_domains SET verified_at = NULL WHERE id = $1"
    await superuser.execute(change, domain["id"])
    assert (await superuser.fetchrow(MEMBER, world.organization, email))["status"] == "active"


async def test_newcomers_wait_while_no_seat_is_free(world, domains, sign_up, superuser):
    domain = await domains.verified(world, verificationRequired=False)
    change = "UPDATE organizations SET max_members = member_count WHERE id = $1"
    await superuser.execute(change, world.organization)
    email = await sign_up(at(domain))
    assert (await superuser.fetchrow(MEMBER, world.organization, email))["status"] == "pending"
    [told] = await superuser.fetch(TITLES, world.people["owner"])
    assert "no free seat" in told["title"]
    [waiting] = (await world.ask("admin", MEMBERS, id=world.organization))["members"]["nodes"]
    given = {"id": waiting["id"], "version": waiting["version"], "input": {"status": "ACTIVE"}}
    assert await world.code("admin", UPDATE, **given) == "LIMIT_REACHED"
    await superuser.execute(
        "UPDATE organizations SET max_members = max_members + 1 WHERE id = $1", world.organization
    )
    assert await world.code("admin", UPDATE, **given) is None


async def test_an_invitation_is_answered_and_not_overtaken(
    world, domains, browse, mails, superuser
):
    domain = await domains.verified(world, verificationRequired=False)
    email = at(domain)
    await world.ask("admin", INVITE, organization=world.organization, email=email)
    browser, link = await browse(), await mails.link(email)
    form = hidden((await browser.get(link)).text)
    form |= {"full_name": "New Person", "password": PASSWORD}
    answer = await browser.post("/invitation/sign-up", data=form)
    assert answer.status_code == 303, answer.text
    assert await superuser.fetchrow(MEMBER, world.organization, email) is None
    browser = await browse(email)
    answer = await send(browser, link, to="/invitation/accept")
    assert answer.status_code == 303, answer.text
    row = await superuser.fetchrow(MEMBER, world.organization, email)
    assert (row["role"], row["status"], row["joined_domain"]) == ("viewer", "active", None)


async def test_an_invitation_lets_in_who_waits(world, domains, sign_up, browse, mails, superuser):
    domain = await domains.verified(world)
    email = await sign_up(at(domain))
    await world.ask("admin", INVITE, organization=world.organization, email=email)
    link, browser = await mails.link(email, 2), await browse(email)
    answer = await send(browser, link, to="/invitation/accept")
    assert answer.status_code == 303, answer.text
    row = await superuser.fetchrow(MEMBER, world.organization, email)
    assert (row["role"], row["status"]) == ("viewer", "active")


async def test_who_waits_for_approval_of_the_account_joins_when_it_is_given(
    world, domains, sign_up, settings, browse, superuser
):
    domain = await domains.verified(world, verificationRequired=False)
    changed = {"sign_up": "approval", "approvers": (world.email("owner"),)}
    async with running(settings.model_copy(update=changed)) as site:
        email = await sign_up(at(domain), site)
        assert await superuser.fetchrow(MEMBER, world.organization, email) is None
        browser = await browse(world.email("owner"), site)
        page = (await browser.get("/account/approvals")).text
        person = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
        form = {**hidden(page), "id": str(person)}
        answer = await browser.post("/account/approvals/approve", data=form)
        assert answer.status_code == 303, answer.text
    assert (await superuser.fetchrow(MEMBER, world.organization, email))["status"] == "active"
