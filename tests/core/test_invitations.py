"""Invitations by mail: the link, its page, an account for it, accepting and declining."""

import asyncio
from html import unescape
from uuid import UUID, uuid4

import httpx
import pytest

from auth.credentials.browser_sessions import start
from auth.credentials.people import approve
from auth.origin import Origin
from db.pool import NOBODY
from graph.app import create_app
from tests import networks
from tests.auth.conftest import PASSWORD, hidden
from tests.http.keyed import Keyed, new_key
from tests.mails import captured

INVITE = """mutation ($organization: UUID!, $email: String!, $role: OrganizationRole! = EDITOR) {
    organizationInvite(input: {organizationId: $organization, email: $email, role: $role}) {
        invitation: organizationInvitation { id version } } }"""
CANCEL = """mutation ($id: UUID!) { organizationInvitationCancel(id: $id, expectedVersion: 1) {
    invitation: organizationInvitation { status } } }"""
DELETE = (
    """mutation ($id: UUID!) { organizationDelete(id: $id, expectedVersion: 1) { __typename } }"""
)
RENAME = """mutation ($id: UUID!, $name: String!) {
    organizationUpdate(id: $id, expectedVersion: 1, input: {name: $name}) { merged } }"""
NO_LINK = "has been used, has expired or is incomplete"
STATE = "SELECT status::text FROM organization_invitations WHERE id = $1"
ROLE = "SELECT role::text FROM organization_members WHERE organization_id = $1 AND user_id = $2"


@pytest.fixture
def mails():
    with captured() as mails:
        yield mails


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
def invite(world):
    """Invite an address, by default the outsider's; return the invitation's ID."""

    async def invite(email=None, role="EDITOR"):
        address = email or world.email("outsider")
        input = {"organization": world.organization, "email": address, "role": role}
        return UUID((await world.ask("admin", INVITE, **input))["invitation"]["id"])

    return invite


@pytest.fixture
def email():
    return f"new+{uuid4().hex}@demo.example"


async def press(browser, link, path, **fields):
    """Send the page's form to this path."""
    form = {**hidden((await browser.get(link)).text), **fields}
    return await browser.post(path, data=form)


async def test_the_invited_accepts_by_the_mailed_link(world, invite, mails, browse, superuser):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    [(subject, text)] = mails.to(world.email("outsider"))
    assert subject == f"You are invited to Organization {world.name}"
    assert f"admin {world.name} invites you" in text
    assert "an editor: reading and changing" in text
    browser = await browse(world.email("outsider"))
    page = unescape((await browser.get(link)).text)
    for told in (f"Organization {world.name}", world.email("admin"), "an editor: reading"):
        assert told in page
    answer = await press(browser, link, "/invitation/accept")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?news=joined")
    assert "You have joined" in (await browser.get("/account?news=joined")).text
    person = world.people["outsider"]
    assert await superuser.fetchval(ROLE, world.organization, person) == "editor"
    assert await superuser.fetchval(STATE, id) == "accepted"
    records = await world.records(id)
    assert [(r["action"], r["actor_id"], r["soc2_control"]) for r in records] == [
        ("create", world.people["admin"], "CC6.3"),
        ("update", person, "CC6.3"),
    ]
    assert (await browser.get(link)).status_code == 404


async def test_looking_at_the_link_answers_nothing(world, invite, mails, browse, superuser):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("outsider"))
    for who in (await browse(), browser):
        for _ in range(3):
            assert (await who.get(link)).status_code == 200
            assert (await who.head(link)).status_code == 200
        for path in ("accept", "decline", "sign-up"):
            token = link.partition("?")[2]
            assert (await who.get(f"/invitation/{path}?{token}")).status_code == 405
    assert await superuser.fetchval(STATE, id) == "pending"
    assert (await press(browser, link, "/invitation/accept")).status_code == 303


async def test_who_declines_is_not_in(world, invite, mails, browse, superuser):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("outsider"))
    answer = await press(browser, link, "/invitation/decline")
    assert answer.headers["location"] == "/account?news=declined"
    assert await superuser.fetchval(STATE, id) == "declined"
    person = world.people["outsider"]
    assert await superuser.fetchval(ROLE, world.organization, person) is None
    assert NO_LINK in (await browser.get(link)).text
    await invite()  # they may be asked again


async def test_who_has_no_account_makes_one_and_joins(
    world, invite, mails, browse, email, superuser
):
    await invite(email.upper(), "VIEWER")
    link, browser = await mails.link(email), await browse()
    answer = await press(
        browser, link, "/invitation/sign-up", full_name="New Person", password="short"
    )
    assert answer.status_code == 400
    assert "at least 12 characters" in answer.text
    assert 'value="New Person"' in answer.text
    answer = await press(
        browser, link, "/invitation/sign-up", full_name="New Person", password=PASSWORD
    )
    assert answer.status_code == 303
    page = (await browser.get(answer.headers["location"])).text
    assert "Your account is ready" in page
    form = {**hidden(page), "email": email, "password": PASSWORD}
    assert (await browser.post("/sign-in", data=form)).headers["location"] == link
    assert (await press(browser, link, "/invitation/accept")).status_code == 303
    id = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
    assert await superuser.fetchval(ROLE, world.organization, id) == "viewer"
    assert PASSWORD not in str(mails._logged)


async def test_who_has_an_account_signs_in_first_and_comes_back(world, invite, mails, browse):
    await invite()
    link, browser = await mails.link(world.email("outsider")), await browse()
    page = (await browser.get(link)).text
    assert "Sign in to answer" in page
    assert "password" not in page
    assert f'href="/sign-in?next={link.replace("?", "%3F").replace("=", "%3D")}"' in page.replace(
        "%2F", "/"
    )
    for path in ("accept", "decline"):
        answer = await browser.post(
            f"/invitation/{path}", data={"token": link.partition("=")[2], "csrf_token": "x"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, link)


async def test_an_account_that_exists_is_not_made_again(world, invite, mails, browse):
    await invite()
    link, browser = await mails.link(world.email("outsider")), await browse()
    token = (await browser.get("/sign-up")).text.split('csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "token": link.partition("=")[2]}
    answer = await browser.post(
        "/invitation/sign-up", data={**form, "full_name": "Evil", "password": PASSWORD}
    )
    assert answer.status_code == 409
    assert "set-cookie" not in answer.headers


async def test_whoever_is_signed_in_with_another_address_is_told(
    world, invite, mails, browse, superuser
):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("viewer"))
    page = (await browser.get(link)).text
    assert f"signed in as <strong>{world.email('viewer')}" in page
    assert f"for <strong>{world.email('outsider')}" in page
    assert "/invitation/accept" not in page
    for path in ("accept", "decline"):
        answer = await press(browser, link, f"/invitation/{path}", token=link.partition("=")[2])
        assert answer.headers["location"] == link
    assert await superuser.fetchval(STATE, id) == "pending"
    answer = await press(browser, link, "/sign-out", next=link)
    assert answer.headers["location"] == link
    assert "Sign in to answer" in (await browser.get(link)).text


@pytest.mark.slow
@pytest.mark.parametrize("why", ["unknown", "cancelled", "expired", "deleted", "link expired"])
async def test_a_link_that_leads_nowhere_is_one_page(world, invite, mails, browse, superuser, why):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("outsider"))
    form = hidden((await browser.get(link)).text)
    earlier = "created_at = created_at - interval '15 days', expires_at = now() - interval '1 s'"
    if why == "unknown":
        link = "/invitation?token=" + "x" * 43
        form["token"] = "x" * 43
    elif why == "cancelled":
        await world.ask("admin", CANCEL, id=id)
    elif why == "deleted":
        await world.ask("owner", DELETE, id=world.organization)
    elif why == "expired":
        await superuser.execute(f"UPDATE organization_invitations SET {earlier} WHERE id = $1", id)
    else:
        await superuser.execute(f"UPDATE mailed_links SET {earlier} WHERE invitation_id = $1", id)
    paths = [f"/invitation/{path}" for path in ("accept", "decline", "sign-up")]
    answers = [await browser.get(link), *[await browser.post(path, data=form) for path in paths]]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert NO_LINK in answers[0].text


async def test_an_answer_is_given_once(world, invite, mails, browse, superuser):
    await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("outsider"))
    form = hidden((await browser.get(link)).text)
    answers = await asyncio.gather(
        *(browser.post("/invitation/accept", data=form) for _ in range(4)),
        *(browser.post("/invitation/decline", data=form) for _ in range(4)),
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 404, 409}


async def test_a_form_from_elsewhere_answers_nothing(world, invite, mails, browse, superuser):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser, other = await browse(world.email("outsider")), await browse(world.email("viewer"))
    form = hidden((await browser.get(link)).text)
    theirs = hidden((await other.get("/account")).text)["csrf_token"]
    for fields, headers in (
        (form | {"csrf_token": theirs}, {}),
        (form | {"csrf_token": ""}, {}),
        (form, {"origin": "https://evil.example"}),
    ):
        for path in ("accept", "decline"):
            answer = await browser.post(f"/invitation/{path}", data=fields, headers=headers)
            assert answer.status_code == 403
    assert await superuser.fetchval(STATE, id) == "pending"


async def test_an_organization_without_a_seat_says_so(world, invite, mails, browse, superuser):
    id = await invite()
    link = await mails.link(world.email("outsider"))
    browser = await browse(world.email("outsider"))
    await superuser.execute(
        "UPDATE organizations SET max_members = member_count WHERE id = $1", world.organization
    )
    answer = await press(browser, link, "/invitation/accept")
    assert answer.status_code == 403
    assert "plan allows" in answer.text
    assert await superuser.fetchval(STATE, id) == "pending"


@pytest.mark.slow
async def test_an_invitation_is_no_approval(
    world, invite, mails, browse, email, settings, superuser, database
):
    await invite(email)
    link = await mails.link(email)
    for mode, says in (
        ("closed", "sign-up is closed"),
        ("approval", "administrator has approved"),
    ):
        site = create_app(settings.model_copy(update={"sign_up": mode}))
        async with site.router.lifespan_context(site):
            browser = await browse(site=site)
            assert says in (await browser.get(link)).text
            form = hidden((await browser.get("/sign-in")).text)
            form |= {"token": link.partition("=")[2], "full_name": "N", "password": PASSWORD}
            answer = await browser.post("/invitation/sign-up", data=form)
            if mode == "closed":
                assert answer.status_code == 404
            else:
                assert answer.headers["location"] == "/sign-up/waiting"
                assert "set-cookie" not in answer.headers
    approved = "SELECT is_approved FROM profiles WHERE email = $1"
    assert await superuser.fetchval(approved, email) is False
    await approve(database, email)
    browser = await browse(email)
    assert (await press(browser, link, "/invitation/accept")).status_code == 303


async def test_a_keyed_request_mails_once_it_is_kept(world, mails):
    key, admin = new_key(), Keyed(world, "admin")
    input = {"organization": world.organization, "email": world.email("outsider")}
    for _ in range(3):
        answer = await admin.send(key, INVITE, **input)
        assert "errors" not in answer.json()
    await mails.link(world.email("outsider"))
    refused = await admin.send(new_key(), INVITE, **input)
    assert refused.json()["errors"][0]["extensions"]["code"] == "ALREADY_EXISTS"
    await asyncio.sleep(0.1)
    assert len(mails.to(world.email("outsider"))) == 1


async def test_what_is_refused_is_not_mailed(world, mails):
    input = {"organization": world.organization, "email": world.email("outsider")}
    for person in ("editor", "member", "outsider", None):
        assert await world.code(person, INVITE, **input) is not None
    assert await world.code("admin", INVITE, **input, role="OWNER") == "FORBIDDEN"
    await asyncio.sleep(0.1)
    assert mails.to(world.email("outsider")) == []


async def test_nobody_is_flooded_with_invitations(world, invite, mails):
    for _ in range(3):
        await world.ask("admin", CANCEL, id=await invite())
    input = {"organization": world.organization, "email": world.email("outsider")}
    [error] = (await world.answer("owner", INVITE, **input))["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < error["extensions"]["retryAfter"] <= 3600
    await invite(world.email("viewer"))  # others are invited all the same


async def test_an_organization_writes_no_mail_of_its_own(world, invite, mails, email):
    name = "Win at https://evil.example/now\r\nBcc: x@evil.example " + "x" * 300
    await world.ask("owner", RENAME, id=world.organization, name=name)
    await invite(email)
    [(subject, text)] = await mails.arrived(email)
    for part in (subject, text):
        assert "evil.example" not in part
        assert "https://evil" not in part
    assert "\n" not in subject
    assert len(subject) < 120


async def test_only_a_digest_of_the_link_is_kept(world, invite, mails, superuser):
    id = await invite()
    secret = (await mails.link(world.email("outsider"))).partition("=")[2]
    row = await superuser.fetchrow("SELECT * FROM mailed_links WHERE invitation_id = $1", id)
    assert len(row["token_hash"]) == 32
    kept = [row, *await world.records(id)]
    assert secret not in str([dict(each) for each in kept])
    token = await superuser.fetchval("SELECT token FROM organization_invitations WHERE id=$1", id)
    for guess in (str(token), token.hex):
        assert guess not in str([dict(each) for each in kept])


async def test_an_outbox_that_is_full_costs_the_mail_alone(world, invite, superuser, monkeypatch):
    monkeypatch.setattr("auth.accounts.mail.MAX_BACKGROUND_TASKS", 0)
    id = await invite()
    assert await superuser.fetchval(STATE, id) == "pending"


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 15_000, "%00", "%0d%0aSet-Cookie:%20a=b", "%ff", "'\"><script>"]
)
async def test_what_is_no_link_is_a_page_that_says_so(browse, token):
    browser = await browse()
    answer = await browser.get(f"/invitation?token={token}")
    assert answer.status_code == 404
    assert NO_LINK in answer.text
    assert "set-cookie" not in answer.headers
