"""The scope `admin` needs a recent authentication on every path, and ends with its grant."""

import asyncio

import pytest

from auth.credentials.people import set_password
from auth.oauth.clients import EXPLORER
from tests.locks import held
from tests.oauth.conftest import ISSUER, PASSWORD, Application, bearer, hidden, told, works
from tests.oauth.test_pushed import pushed, visit
from tests.oauth.test_tokens import error
from tests.oauth.waiting import DEVICE_CODE, answer, device, enter

LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '19 minutes' WHERE user_id = $1"
JUST_NOW = "UPDATE sessions SET proved_at = now() WHERE user_id = $1"
PROVE = "/prove?next=%2Foauth%2Fauthorize%3F"


@pytest.fixture
def explorer(http) -> Application:
    return Application(http, EXPLORER, None, f"{ISSUER}/explorer/callback")


@pytest.fixture
async def ways(explorer, planner, person, applications, superuser):
    """Return applications whose requests for `admin` needed no page until now."""
    ours = await applications(first_party=True, name="Ours")
    for application in (explorer, ours):
        assert "code" in told(await application.open(person.browser, scope="admin"))
    assert (await planner.decide(person.browser, scope="admin")).status_code == 303
    assert "code" in told(await planner.open(person.browser, scope="admin", prompt="none"))
    await superuser.execute(LONG_AGO, person.id)
    return explorer, ours, planner


async def test_no_way_to_everything_leads_past_a_fresh_proof(ways, person, superuser):
    for application in ways:
        silent = await application.open(person.browser, scope="admin", prompt="none")
        assert told(silent)["error"] == "login_required"
        seen = await application.open(person.browser, scope="admin")
        assert seen.headers["location"].startswith(PROVE)
        less = await application.open(person.browser, scope="requirements:write", prompt="none")
        assert told(less).get("error", "consent_required") == "consent_required"
    await superuser.execute(JUST_NOW, person.id)
    for application in ways:
        assert "code" in told(await application.open(person.browser, scope="admin", prompt="none"))


async def test_a_pushed_request_leads_past_none_either(ways, person):
    for application in ways:
        for prompt in ("none", None):
            asked = await pushed(application, scope="admin", prompt=prompt)
            answer = await visit(person.browser, asked)
            if prompt:
                assert told(answer)["error"] == "login_required"
            else:
                assert answer.headers["location"].startswith(PROVE)


async def test_a_device_of_our_own_leads_past_none_either(applications, person, superuser):
    grants = (DEVICE_CODE, "refresh_token")
    screen = await applications(name="Screen", grant_types=grants, first_party=True)
    waiting = await device(screen, scope="admin")
    early = await enter(person.browser, waiting.user_code)
    await superuser.execute(LONG_AGO, person.id)
    for sent in (
        await answer(person.browser, early),
        await enter(person.browser, waiting.user_code),
    ):
        assert sent.headers["location"].startswith("/prove?next=%2Fdevice")


ENDINGS = {
    "signed out": "UPDATE sessions SET ended_at = now() WHERE user_id = $1",
    "expired": "UPDATE sessions SET created_at = now() - interval '9 days',"
    " expires_at = now() - interval '1 second' WHERE user_id = $1",
    "forgotten": "DELETE FROM sessions WHERE user_id = $1",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_one_of_ours_got_ends_with_its_session(
    explorer, spa, person, http, superuser, ending
):
    mine = (await explorer.redeem(told(await explorer.open(person.browser))["code"])).json()
    code = told(await explorer.open(person.browser))["code"]
    theirs = await spa.connect(person)
    assert await works(http, mine["access_token"])
    await superuser.execute(ENDINGS[ending], person.id)
    assert not await works(http, mine["access_token"])
    assert error(await explorer.refresh(mine["refresh_token"])) == "invalid_grant"
    assert error(await explorer.redeem(code)) == "invalid_grant"
    assert await works(
        http, theirs["access_token"]
    )  # what is not ours asks its person, and goes on
    assert (await spa.refresh(theirs["refresh_token"])).status_code == 200


@pytest.mark.slow
async def test_signing_the_others_out_ends_what_was_given_in_them(
    explorer, person, dial, database, settings, http
):
    await set_password(database, person.email, PASSWORD)
    owner, thief = dial(origin=ISSUER), dial(origin=ISSUER)
    for browser in (owner, thief):
        form = hidden((await browser.get("/sign-in")).text)
        form |= {"email": person.email, "password": PASSWORD}
        assert (await browser.post("/sign-in", data=form)).status_code == 303
    got = [
        (await explorer.redeem(told(await explorer.open(browser, scope="admin"))["code"])).json()
        for browser in (owner, thief)
    ]
    form = hidden((await owner.get("/account/sessions")).text)
    ended = await owner.post("/account/sessions/end-others", data=form)
    assert ended.headers["location"].endswith("news=others-ended")
    assert [await works(http, tokens["access_token"]) for tokens in got] == [True, False]
    assert error(await explorer.refresh(got[1]["refresh_token"])) == "invalid_grant"
    refreshed = (await explorer.refresh(got[0]["refresh_token"])).json()
    form = hidden((await owner.get("/account/password")).text)
    form |= {"current_password": PASSWORD, "password": "another horse battery"}
    assert (await owner.post("/account/password", data=form)).status_code == 303
    assert await works(http, refreshed["access_token"])  # of the browser that stays signed in


TOKEN = """mutation { personalTokenCreate(input: {name: "Long", scopes: ["admin"],
    expiresAt: "2027-08-01T00:00:00Z"}) { secret } }"""


async def test_a_key_is_not_written_with_a_token_whose_session_is_ending(
    explorer, person, http, superuser
):
    code = told(await explorer.open(person.browser, scope="admin"))["code"]
    token = bearer((await explorer.redeem(code)).json()["access_token"])
    made = await http.post("/graphql", json={"query": TOKEN}, headers=token)
    assert made.json()["data"]["personalTokenCreate"]["secret"], made.text
    async with held(superuser, "sessions WHERE user_id = $1", person.id) as waiting:
        await superuser.execute(ENDINGS["signed out"], person.id)
        late = asyncio.ensure_future(http.post("/graphql", json={"query": TOKEN}, headers=token))
        await waiting(1)
    assert "just ended" in (await late).text
