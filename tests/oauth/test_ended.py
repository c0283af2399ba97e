"""Requests in a session, or with a token, that ends before they write.

Each request is stopped at a row that it has not reached yet, while its person sets another password
by a mailed link: all earlier grants end with the password, and so does this request.
"""

import asyncio
import re
from urllib.parse import unquote
from uuid import UUID

import pytest

from auth.accounts import mailed_links
from auth.credentials.people import SET_CREDENTIAL
from db.core.people import LinkPurpose
from db.pool import NOBODY
from tests.locks import held
from tests.oauth.conftest import API, ISSUER, hidden, press, told, works
from tests.oauth.test_keys import code, make
from tests.oauth.waiting import DEVICE_CODE, answer, device, enter
from tests.tenants import organization_of

ANOTHER = "another horse battery"


@pytest.fixture
async def choose(database, dial, person):
    """Return a function that sets another password by a mailed link; the page is open already."""
    site, purpose = ISSUER, LinkPurpose.PASSWORD_RESET
    async with database.auth.lend(NOBODY) as lent:
        await lent.execute(SET_CREDENTIAL, person.id, "nobody's")
        link = await mailed_links.create(lent, site, purpose, person.email, person.id)
    browser = dial(origin=ISSUER)
    form = hidden((await browser.get(link)).text) | {"password": ANOTHER}

    async def choose():
        chosen = await browser.post("/forgotten-password/choose", data=form)
        assert chosen.headers["location"] == "/sign-in?news=changed", chosen.text

    return choose


@pytest.fixture
def stopped(choose, superuser):
    """Return the answer to a request stopped at these rows while its person's grants end."""

    async def stopped(request, rows, *values):
        async with held(superuser, rows, *values) as waiting:
            late = asyncio.ensure_future(request)
            await waiting(1)
            ending = asyncio.create_task(choose())
            await waiting(2, unless=ending)
        await ending
        return await late

    return stopped


@pytest.fixture
def overtaken(choose, person, superuser):
    """Return the answer to a request that reaches its session while that is ending."""

    async def overtaken(request):
        async with held(superuser, "sessions WHERE user_id = $1", person.id) as waiting:
            ending = asyncio.create_task(choose())
            await waiting(1)
            late = asyncio.ensure_future(request)
            await waiting(2)
        await ending
        return await late

    return overtaken


@pytest.fixture
async def waiting(applications):
    """Return a device that shows a code."""
    screen = await applications(name="Screen", public=True, grant_types=(DEVICE_CODE,))
    return await device(screen, scope="requirements:read")


async def test_a_code_is_not_redeemed_after_the_session_it_was_given_in(planner, person, stopped):
    page = await planner.open(person.browser)
    pressed = press(person.browser, page)
    given = await stopped(pressed, "oauth_clients WHERE client_id = $1", planner.client_id)
    refused = await planner.redeem(told(given)["code"])
    assert refused.json()["error"] == "invalid_grant"
    assert (await planner.open(person.browser)).headers["location"].startswith("/sign-in?next=")


async def test_nor_is_one_that_nobody_was_asked_for(planner, person, stopped):
    await planner.connect(person)
    opened = planner.open(person.browser)
    given = await stopped(opened, "oauth_clients WHERE client_id = $1", planner.client_id)
    refused = await planner.redeem(told(given)["code"])
    assert refused.json()["error"] == "invalid_grant"


async def test_a_device_that_was_allowed_too_late_gets_no_tokens(person, waiting, stopped):
    page = await enter(person.browser, waiting.user_code)
    client = waiting.application.client_id
    await stopped(answer(person.browser, page), "oauth_device_codes WHERE client_id = $1", client)
    assert (await waiting.poll()).json()["error"] == "access_denied"


async def test_a_personal_token_made_on_a_page_ends_with_the_others(person, http, stopped):
    page = "/account/tokens/new"
    form = hidden((await person.browser.get(page)).text)
    form |= {"name": "Script", "life": "365", "scope:admin": "on"}
    made = await stopped(person.browser.post(page, data=form), "profiles WHERE id = $1", person.id)
    [text] = re.findall(r"rqp_live_[\w-]+", made.text)
    assert not await works(http, text)


@pytest.mark.parametrize("shown", ["a session", "a token", "another personal token"])
async def test_a_personal_token_ends_whatever_it_was_made_with(
    planner, person, http, stopped, shown
):
    client, held_by = person.browser, None
    if shown == "a token":
        client, held_by = http, (await planner.connect(person, scope="admin"))["access_token"]
    elif shown == "another personal token":
        given = (await make(person.browser))["data"]
        client, held_by = http, given["personalTokenCreate"]["secret"]
    made = await stopped(make(client, held_by), "profiles WHERE id = $1", person.id)
    text = made["data"]["personalTokenCreate"]["secret"]
    assert not await works(http, text)


async def test_whoever_answers_an_application_too_late_signs_in_first(planner, person, overtaken):
    page = await planner.open(person.browser)
    late = await overtaken(press(person.browser, page))
    assert unquote(late.headers["location"]).startswith("/sign-in?next=/oauth/authorize?")


@pytest.mark.parametrize("prompt", [None, "none"])
async def test_whoever_is_not_asked_signs_in_first_or_is_told(planner, person, overtaken, prompt):
    await planner.connect(person)
    late = await overtaken(planner.open(person.browser, prompt=prompt))
    if prompt:
        assert told(late)["error"] == "login_required"
    else:
        assert unquote(late.headers["location"]).startswith("/sign-in?next=/oauth/authorize?")


async def test_whoever_answers_a_device_too_late_signs_in_first(person, waiting, overtaken):
    page = await enter(person.browser, waiting.user_code)
    late = await overtaken(answer(person.browser, page))
    shown = f"/sign-in?next=/device?user_code={waiting.user_code}"
    assert unquote(late.headers["location"]) == shown
    assert (await waiting.poll()).json()["error"] == "authorization_pending"


ACCOUNT = """mutation ($in: UUID!) { serviceAccountCreate(input: {organizationId: $in,
    name: "Robot"}) { serviceAccount { id } } }"""
KEY = """mutation ($account: UUID!) { made: apiKeyCreate(input: {serviceAccountId: $account,
    name: "Night", scopes: ["admin"]}) { row: apiKey { id } secret } }"""
KEY_UPDATE = """mutation ($id: UUID!) { apiKeyUpdate(id: $id, expectedVersion: 1,
    input: {scopes: ["requirements:read"]}) { apiKey { version } } }"""
CLIENT = """mutation ($in: UUID!) { made: oauthClientCreate(input: {organizationId: $in,
    name: "Planner", scopes: ["requirements:read"], redirectUris: ["https://planner.example/cb"]}) {
    row: oauthClient { id } secret } }"""
CLIENT_UPDATE = """mutation ($id: UUID!) { oauthClientUpdate(id: $id, expectedVersion: 1,
    input: {redirectUris: ["https://evil.example/cb"]}) { client: oauthClient { version } } }"""
ROTATE = """mutation ($id: UUID!) { oauthClientSecretRotate(id: $id, expectedVersion: 1) {
    secret } }"""
MEMBER = """mutation ($member: UUID!) { organizationMemberUpdate(id: $member, expectedVersion: 1,
    input: {role: ADMIN}) { member: organizationMember { version } } }"""
LASTING = """
SELECT (SELECT array_agg(version) FROM api_keys WHERE organization_id = $1),
    (SELECT array_agg(version) FROM organization_clients WHERE organization_id = $1),
    (SELECT array_agg(version ORDER BY id) FROM organization_members WHERE organization_id = $1)
"""


async def ask(client, query, **variables):
    """Return the answer to a query, with the variables that it declares."""
    used = {name: str(value) for name, value in variables.items() if f"${name}:" in query}
    body = {"query": query, "variables": used}
    return (await client.post(API, json=body)).json()


@pytest.mark.slow
@pytest.mark.parametrize("what", [KEY, KEY_UPDATE, CLIENT, CLIENT_UPDATE, ROTATE, MEMBER])
async def test_the_api_changes_nothing_that_lasts_in_a_session_that_has_just_ended(
    person, superuser, overtaken, what
):
    organization = await organization_of(superuser, person.id)
    names = {"in": organization}
    made = await ask(person.browser, ACCOUNT, **names)
    names["account"] = made["data"]["serviceAccountCreate"]["serviceAccount"]["id"]
    member = "SELECT id FROM organization_members WHERE user_id = $1"
    names["member"] = await superuser.fetchval(member, UUID(names["account"]))
    before = KEY if what == KEY_UPDATE else CLIENT if "$id" in what else None
    if before:
        names["id"] = (await ask(person.browser, before, **names))["data"]["made"]["row"]["id"]
    kept = await superuser.fetchrow(LASTING, organization)
    refused = await overtaken(ask(person.browser, what, **names))
    assert code(refused) == "UNAUTHENTICATED"
    assert await superuser.fetchrow(LASTING, organization) == kept


async def test_a_session_that_is_just_ending_makes_no_personal_token(person, superuser, overtaken):
    refused = await overtaken(make(person.browser))
    assert code(refused) == "UNAUTHENTICATED"
    count = "SELECT count(*) FROM personal_tokens WHERE user_id = $1"
    assert await superuser.fetchval(count, person.id) == 0
