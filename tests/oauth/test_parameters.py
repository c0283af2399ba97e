"""Parameters that change the prompt, the account or the grant: obeyed or refused, never ignored."""

from urllib.parse import parse_qs, urlsplit

import pytest

from auth.credentials.people import set_password
from tests.oauth.conftest import PASSWORD, hidden, press, told
from tests.oauth.test_pushed import push, pushed, visit

AGO = "UPDATE sessions SET proved_at = now() - make_interval(secs => $2) WHERE user_id = $1"

REFUSED = [
    ("prompt", "create", "invalid_request"),
    ("prompt", "none login", "invalid_request"),
    ("prompt", "consent nonsense", "invalid_request"),
    ("max_age", "soon", "invalid_request"),
    ("max_age", "-1", "invalid_request"),
    ("max_age", "9" * 30, "invalid_request"),
    ("display", "wap", "invalid_request"),
    ("response_mode", "fragment", "invalid_request"),
    ("response_mode", "form_post", "invalid_request"),
    ("response_mode", "query.jwt", "invalid_request"),
    ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
    ("registration", "{}", "registration_not_supported"),
    ("claims", '{"userinfo": {"email": null}}', "invalid_request"),
    ("id_token_hint", "eyJhbGciOiJub25lIn0.e30.", "invalid_request"),
    ("acr_values", "urn:mace:incommon:iap:silver", "unmet_authentication_requirements"),
    ("authorization_details", "[]", "invalid_authorization_details"),
    ("grant_id", "abc", "invalid_request"),
    ("grant_management_action", "merge", "invalid_request"),
]
OBEYED = [
    ("prompt", "select_account"),
    ("prompt", "consent select_account"),
    ("max_age", "3600"),
    ("display", "page"),
    ("display", "popup"),
    ("display", "touch"),
    ("response_mode", "query"),
    ("ui_locales", "fr-CA fr en"),
    ("nonce", "n-0S6_WzA2Mj"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "expected"), REFUSED)
async def test_what_is_not_supported_is_refused(planner, person, name, value, expected):
    await planner.code(person)  # whoever has agreed before is not asked, and would get a code
    said = told(await planner.open(person.browser, **{name: value}))
    assert (said["error"], "code" in said) == (expected, False)
    assert name in said["error_description"]
    pushing = await push(planner, **{name: value})
    assert (pushing.status_code, pushing.json()["error"]) == (400, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), OBEYED)
async def test_what_is_supported_leads_to_a_code(planner, person, name, value):
    assert "code" in told(await planner.decide(person.browser, **{name: value}))


async def test_a_request_by_address_is_refused_on_a_page(planner, person):
    answer = await planner.open(person.browser, request_uri="https://app.example/request.jwt")
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("path", ["token", "device"])
async def test_authorization_details_are_refused_wherever_they_are_sent(robot, path):
    form = {"grant_type": "client_credentials", "authorization_details": "[]"}
    answer = await robot.post(path, form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


async def prove(browser, sent):
    """Prove the password on the page after a redirect; return the next redirect."""
    page = await browser.get(sent.headers["location"])
    assert "current_password" in page.text, page.headers
    form = {**hidden(page.text), "current_password": PASSWORD}
    return await browser.get((await browser.post("/prove", data=form)).headers["location"])


@pytest.mark.slow
@pytest.mark.parametrize("is_pushed", [False, True])
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}])
async def test_a_fresh_login_that_is_asked_for_comes_first(
    planner, person, database, superuser, asked, is_pushed
):
    await set_password(database, person.email, PASSWORD)
    await superuser.execute("UPDATE sessions SET ended_at = NULL WHERE user_id = $1", person.id)
    await superuser.execute(AGO, person.id, 90)
    if is_pushed:
        named = await pushed(planner, **asked)
        first = await visit(person.browser, named)
    else:
        first = await planner.open(person.browser, **asked)
    assert first.headers["location"].startswith("/prove?always=1&next=%2Foauth%2Fauthorize%3F")
    page = await prove(person.browser, first)
    if page.status_code == 200:  # `max_age` alone asks for no page, once they have agreed
        page = await press(person.browser, page)
    assert "code" in told(page)
    again = await planner.open(person.browser, **asked)
    sent_back = again.headers["location"].startswith(f"{planner.callback}?code=")
    assert sent_back is (asked == {"max_age": "60"})


async def test_silence_and_an_old_login_do_not_go_together(planner, person, superuser):
    await planner.code(person)
    await superuser.execute(AGO, person.id, 90)
    answer = await planner.open(person.browser, prompt="none", max_age="60")
    assert told(answer)["error"] == "login_required"
    answer = await planner.open(person.browser, prompt="none", max_age="120")
    assert "code" in told(answer)


async def test_who_signs_in_on_the_way_has_logged_in(planner, people, database, dial):
    person = await people()
    await set_password(database, person.email, PASSWORD)
    browser = dial(origin="https://gateway.example")
    sent = await planner.open(browser, prompt="login")
    back = await browser.get(sent.headers["location"])
    form = hidden(back.text) | {"email": person.email, "password": PASSWORD}
    signed_in = await browser.post("/sign-in", data=form)
    page = await browser.get(signed_in.headers["location"])
    assert "code" in told(await press(browser, page))


async def test_when_it_began_is_believed_of_nobody_else(planner, person, people, superuser):
    await superuser.execute(AGO, person.id, 90)
    sent = await planner.open(person.browser, prompt="login")
    back = sent.headers["location"]
    other = await people()  # whose proof is older than the mark is new, in another browser
    address = parse_qs(urlsplit(back).query)["next"][0]
    assert (await other.browser.get(address)).headers["location"].startswith("/prove?always=1")
    forged = address.replace("began=1", "began=0")
    await superuser.execute(AGO, person.id, 0)
    assert (await person.browser.get(forged)).headers["location"].startswith("/prove?always=1")


async def test_the_account_that_is_hinted_at_is_the_one_that_answers(planner, person, people):
    other = await people()
    await planner.code(person)
    mine = await planner.open(person.browser, login_hint=person.email.upper())
    assert "code" in told(mine)
    theirs = await planner.open(person.browser, login_hint=other.email)
    assert other.email in theirs.text
    assert "Use another account" in theirs.text
    silent = await planner.open(person.browser, login_hint=other.email, prompt="none")
    assert told(silent)["error"] == "login_required"


async def test_the_hint_stands_in_the_form_for_signing_in(planner, person, dial):
    browser = dial()
    sent = await planner.open(browser, login_hint=person.email)
    page = await browser.get(sent.headers["location"])
    assert f'value="{person.email}"' in page.text.replace("&#43;", "+")
