"""The consent pages of applications (W01-W10), in browsers without script."""

import asyncio
import re
from html import unescape

import pytest

from auth.credentials.people import set_password
from tests.oauth.conftest import CALLBACK, ISSUER, PASSWORD, hidden, press, sign_in, told

DEVICE = "com.example.planner:/cb"
SCRIPTS = [f'<script src="/{name}.js" defer></script>' for name in ("pages", "passkeys")]


async def test_w01_no_other_site_frames_or_scripts_a_page(planner, person, dial):
    consent = (
        await planner.open(person.browser),
        await planner.open(person.browser, client_id="unknown"),
        await person.browser.post("/oauth/authorize", data={"csrf_token": "x"}),
    )
    sign_in = await dial().get("/sign-in")
    for answer in (*consent, sign_in):
        policy = answer.headers["content-security-policy"]
        for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert rule in policy
        if answer is sign_in:  # its scripts show the password that is typed, and use passkeys
            assert "script-src 'self'" in policy
            assert re.findall("<script.*", answer.text) == SCRIPTS
        else:
            assert "script-src" not in policy
            assert "<script" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("uri", "beyond"),
    [
        (CALLBACK, " https:"),
        ("http://127.0.0.1/cb", " https: http:"),
        (DEVICE, " https: com.example.planner:"),
    ],
)
async def test_forms_may_lead_to_the_application(applications, people, dial, uri, beyond):
    application, person = await applications(uri), await people()
    rule = f"form-action 'self'{beyond};"
    page = await application.open(person.browser)
    assert rule in page.headers["content-security-policy"]
    stranger = dial()
    sent = await application.open(stranger)
    page = await stranger.get(sent.headers["location"])
    assert rule in page.headers["content-security-policy"]
    assert "style-src 'self';" in page.headers["content-security-policy"]


@pytest.mark.parametrize("scheme", ["javascript", "data", "x; script-src *", "http:; x"])
async def test_nobody_else_opens_the_policy(dial, scheme):
    next = f"/oauth/authorize?redirect_uri={scheme}:x"
    policy = (await dial().get("/sign-in", params={"next": next})).headers[
        "content-security-policy"
    ]
    plain = (await dial().get("/sign-in")).headers["content-security-policy"]
    assert policy.replace("form-action 'self' https:", "form-action 'self'") == plain
    assert "form-action 'self';" in plain
    assert "script-src 'self'" in plain.split("; ")


async def test_w03_a_decision_is_that_of_the_person_and_of_the_page(planner, people):
    person, other = await people(), await people()
    page = await planner.open(person.browser)
    form = hidden(page.text) | {"decision": "allow"}
    without = {name: value for name, value in form.items() if name != "csrf_token"}
    post = person.browser.post
    edited = form["request"].replace("requirements%3Aread", "admin")
    assert edited != form["request"]
    for answer in (
        await post("/oauth/authorize", data=form | {"csrf_token": "x"}),
        await post("/oauth/authorize", data=form | {"csrf_token": ""}),
        await post("/oauth/authorize", data=without),
        await post("/oauth/authorize", data=form | {"request": edited}),
        await other.browser.post("/oauth/authorize", data=form),
        await post("/oauth/authorize", data=form, headers={"origin": "https://evil.example"}),
        await post("/oauth/authorize", data=form, headers={"origin": "null"}),
    ):
        assert answer.status_code == 403
        assert "location" not in answer.headers
    assert "code" in told(await post("/oauth/authorize", data=form))


async def test_w03_after_signing_out_the_page_is_worth_nothing(planner, person):
    page = await planner.open(person.browser)
    session = (await person.browser.get("/session")).json()
    await person.browser.post("/sign-out", data={"csrf_token": session["csrfToken"]})
    answer = await press(person.browser, page)
    assert answer.status_code == 403


async def test_w06_what_an_application_says_is_shown_as_text(applications, person):
    name = "<b onload='x'>\"&amp; Planner"
    application = await applications(name=name)
    page = await application.open(
        person.browser, scope="requirements:write", state="\"><script>alert('s')</script>"
    )
    assert "<b onload" not in page.text
    assert "<script" not in page.text
    assert name in unescape(page.text)
    assert "<strong>app.example</strong>" in page.text
    assert "See, create, change and delete your documents" in page.text
    assert "requirements:write" not in page.text.partition("<form")[0]
    assert person.email in page.text


async def test_w07_people_are_asked_once_and_again_for_more(planner, person):
    first = await planner.open(person.browser, scope="requirements:read")
    assert first.status_code == 200
    await press(person.browser, first)
    again = await planner.open(person.browser, scope="requirements:read")
    assert "code" in told(again)
    wider = await planner.open(person.browser, scope="requirements:read admin")
    assert wider.status_code == 200
    await press(person.browser, wider)
    for scope in ("admin", "requirements:read", "requirements:read admin"):
        assert "code" in told(await planner.open(person.browser, scope=scope))
    assert (await planner.open(person.browser, prompt="consent")).status_code == 200


async def test_what_is_remembered_is_listed_until_it_is_disconnected(planner, person, superuser):
    """Without a live token, too: another one is issued without a prompt."""
    given = await planner.connect(person, scope="requirements:read")
    await superuser.execute(
        "UPDATE oauth_access_tokens SET created_at = now() - interval '2 hours',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1",
        planner.client_id,
    )
    await planner.revoke(given["refresh_token"])
    listed = await person.browser.get("/account/applications")
    assert "Planner" in listed.text
    assert "See your documents" in listed.text
    assert "code" in told(await planner.open(person.browser, scope="requirements:read"))
    form = {**hidden(listed.text), "client_id": planner.client_id}
    answer = await person.browser.post("/account/applications/disconnect", data=form)
    assert "Planner" not in (await person.browser.get(answer.headers["location"])).text
    assert (await planner.open(person.browser, scope="requirements:read")).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://localhost/cb", DEVICE])
async def test_w07_where_any_program_could_listen_people_are_always_asked(
    applications, people, uri
):
    for options in ({"public": True}, {"public": True, "first_party": True}, {}):
        application, person = await applications(uri, **options), await people()
        for _ in range(2):
            page = await application.open(person.browser)
            assert page.status_code == 200
            assert "code" in told(await press(person.browser, page))


async def test_w07_cancel_is_not_remembered(planner, person):
    await planner.decide(person.browser, "cancel")
    assert (await planner.open(person.browser)).status_code == 200


async def test_of_our_own_applications_nobody_is_asked(applications, person):
    for uri in (CALLBACK, f"{ISSUER}/explorer"):
        ours = await applications(uri, first_party=True, public=True)
        assert "code" in told(await ours.open(person.browser))


async def test_w09_tabs_do_not_know_of_each_other(planner, spa, person):
    one = await planner.open(person.browser, state="one")
    two = await spa.open(person.browser, state="two")
    three = await planner.open(person.browser, state="three", scope="requirements:write")
    answers = [told(await press(person.browser, page)) for page in (three, two, one)]
    assert [answer["state"] for answer in answers] == ["three", "two", "one"]
    assert len({answer["code"] for answer in answers}) == 3


async def test_w10_a_double_click_gives_two_codes(planner, person):
    page = await planner.open(person.browser)
    answers = await asyncio.gather(*(press(person.browser, page) for _ in range(4)))
    codes = {told(answer)["code"] for answer in answers}
    assert len(codes) == 4
    for code in codes:
        assert (await planner.redeem(code)).status_code == 200


async def test_whoever_is_not_signed_in_does_that_first(database, planner, person, dial):
    await set_password(database, person.email, PASSWORD)
    browser = dial(origin=ISSUER)
    sent = await planner.open(browser)
    assert sent.status_code == 303
    next = (await browser.get(sent.headers["location"])).text
    answer = await sign_in(browser, person.email, hidden(next)["next"])
    page = await browser.get(answer.headers["location"])
    assert "Allow Planner?" in page.text
    assert told(await press(browser, page))["state"] == "s t/a+te&é"


async def test_another_account_can_be_used(planner, person):
    page = await planner.open(person.browser)
    form = hidden(page.text.partition('action="/sign-out"')[2])
    answer = await person.browser.post("/sign-out", data=form)
    assert answer.headers["location"].startswith("/oauth/authorize?")
    again = await person.browser.get(answer.headers["location"])
    assert again.headers["location"].startswith("/sign-in?")


async def test_an_answer_that_comes_too_late_is_asked_for_again(planner, person, superuser):
    page = await planner.open(person.browser)
    await superuser.execute("UPDATE sessions SET ended_at = now() WHERE user_id = $1", person.id)
    answer = await press(person.browser, page)
    assert answer.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize%3F")
