"""Pushed authorization requests (A18; RFC 9126)."""

import asyncio

import pytest

from auth.credentials.people import set_password
from tests.oauth.conftest import CALLBACK, ISSUER, PASSWORD, hidden, press, sign_in, told
from tests.oauth.test_authorize import refused
from tests.oauth.test_tokens import error

URN = "urn:ietf:params:oauth:request_uri:"


async def push(application, **change):
    """Push a request; return the answer. A public application identifies itself in it."""
    return await application.post("par", application.question(**change))


async def pushed(application, **change):
    """Return the parameters of the authorization request after a push."""
    answer = await push(application, **change)
    assert answer.status_code == 201, answer.text
    uri = answer.json()["request_uri"]
    return {"client_id": application.client_id, "request_uri": uri}


async def visit(browser, asked):
    return await browser.get("/oauth/authorize", params=asked)


@pytest.mark.slow
async def test_a18_a_pushed_request_leads_to_a_code(planner, spa, person):
    for application in (planner, spa):
        answer = await push(application)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        named = answer.json()
        assert set(named) == {"request_uri", "expires_in"}
        assert named["request_uri"].startswith(URN)
        assert len(named["request_uri"]) >= len(URN) + 43
        assert 60 <= named["expires_in"] <= 90
        asked = {"client_id": application.client_id, "request_uri": named["request_uri"]}
        said = told(await press(person.browser, await visit(person.browser, asked)))
        assert (said["state"], said["iss"]) == ("s t/a+te&é", ISSUER)
        assert (await application.redeem(said["code"])).status_code == 200


async def test_a18_it_is_good_for_one_answer(planner, person):
    for decision in ("allow", "cancel"):
        asked = await pushed(planner, prompt="consent")
        await press(person.browser, await visit(person.browser, asked), decision)
        assert refused(await visit(person.browser, asked))
    asked = await pushed(planner)
    assert "code" in told(await visit(person.browser, asked))  # nobody had to be asked again
    assert refused(await visit(person.browser, asked))
    asked = await pushed(planner, prompt="none", scope="admin")
    assert told(await visit(person.browser, asked))["error"] == "consent_required"
    assert refused(await visit(person.browser, asked))


async def test_a18_of_eight_browser_windows_one_is_answered(planner, person):
    await planner.code(person)
    asked = await pushed(planner)
    assert (await visit(person.browser, asked | {"client_id": "x"})).status_code == 400
    answers = await asyncio.gather(*(visit(person.browser, asked) for _ in range(8)))
    codes = [told(answer)["code"] for answer in answers if answer.status_code == 303]
    assert len(codes) == 1
    assert [answer.status_code for answer in answers].count(400) == 7


async def test_a18_it_is_of_use_to_its_own_application_alone(planner, spa, person):
    asked = await pushed(planner)
    assert refused(await visit(person.browser, asked | {"client_id": spa.client_id}))
    assert refused(await visit(person.browser, {"request_uri": asked["request_uri"]}))
    assert (await visit(person.browser, asked)).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        URN,
        URN + "x" * 43,
        URN + "\u00e9" * 43,
        URN + "a\0b",
        "x" * 43,
        "https://app.example/request.jwt",
        "javascript:alert(1)",
        "urn:ietf:params:oauth:request_uri",
    ],
)
async def test_a18_an_unknown_name_is_answered_by_a_page(planner, person, uri):
    asked = planner.question(request_uri=uri)
    assert refused(await visit(person.browser, asked))


async def test_a18_an_empty_name_is_none(planner, person):
    page = await planner.open(person.browser, request_uri="")
    assert page.status_code == 200


async def test_a18_whoever_comes_too_late_starts_again(planner, person, superuser):
    late = (
        "UPDATE oauth_pushed_requests SET created_at = now() - interval '2 hours',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1"
    )
    asked = await pushed(planner)
    await superuser.execute(late, planner.client_id)
    assert refused(await visit(person.browser, asked))
    asked = await pushed(planner)
    page = await visit(person.browser, asked)
    left = "SELECT expires_at - now() FROM oauth_pushed_requests WHERE browser IS NOT NULL AND"
    waits = await superuser.fetchval(f"{left} client_id = $1", planner.client_id)
    assert waits.total_seconds() > 1800  # time to sign in, and to think
    await superuser.execute(late, planner.client_id)
    assert refused(await press(person.browser, page))
    assert refused(await visit(person.browser, asked))


async def test_nothing_else_in_the_address_counts(planner, person):
    asked = await pushed(planner, scope="requirements:read")
    more = {
        "scope": "admin",
        "state": "other",
        "redirect_uri": "https://evil.example/cb",
        "response_type": "token",
        "prompt": "none",
        "code_challenge": "y" * 43,
    }
    page = await visit(person.browser, asked | more)
    assert "See your documents" in page.text
    assert "Do everything" not in page.text
    answer = await press(person.browser, page)
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    assert told(answer)["state"] == "s t/a+te&é"
    assert (await planner.redeem(told(answer)["code"])).json()["scope"] == "requirements:read"


async def test_a_name_twice_is_no_name(planner, person):
    asked = await pushed(planner)
    for name in asked:
        twice = [*asked.items(), (name, asked[name])]
        assert refused(await visit(person.browser, twice))
    assert (await visit(person.browser, asked)).status_code == 200


async def test_a_name_cannot_be_pushed(planner):
    asked = await pushed(planner)
    answer = await push(planner, request_uri=asked["request_uri"])
    assert error(answer) == "invalid_request"


WRONG = {
    "redirect_uri": ("https://evil.example/cb", "invalid_request"),
    "response_type": ("token", "unsupported_response_type"),
    "scope": ("nonsense", "invalid_scope"),
    "code_challenge": ("x", "invalid_request"),
    "code_challenge_method": ("plain", "invalid_request"),
    "resource": ("https://other.example", "invalid_target"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_it_is_looked_at_when_it_is_pushed(planner, superuser, name):
    value, expected = WRONG[name]
    answer = await push(planner, **{name: value})
    assert error(answer) == expected
    assert set(answer.json()) <= {"error", "error_description"}
    kept = "SELECT count(*) FROM oauth_pushed_requests WHERE client_id = $1"
    assert await superuser.fetchval(kept, planner.client_id) == 0


@pytest.mark.parametrize(
    "name", ["client_id", "response_type", "code_challenge", "code_challenge_method"]
)
async def test_a18_what_is_required_must_be_pushed(planner, name):
    assert error(await push(planner, **{name: None})) == "invalid_request"


@pytest.mark.parametrize("name", ["redirect_uri", "scope", "state", "code_challenge", "client_id"])
async def test_no_parameter_is_pushed_twice(planner, name):
    asked = planner.question()
    answer = await planner.post("par", asked | {name: [asked[name]] * 2})
    assert error(answer) == "invalid_request"


async def test_an_application_that_may_not_ask_people_cannot_push(robot):
    answer = await push(robot, redirect_uri=None)
    assert error(answer) in ("invalid_request", "unauthorized_client")


async def test_applications_authenticate_as_for_tokens(planner, spa, robot):
    asked = planner.question()
    wrong = await planner.post("par", asked, auth=(planner.client_id, "wrong"))
    unknown = await planner.post("par", asked | {"client_id": "no"}, auth=("no", "wrong"))
    assert error(wrong, 401) == error(unknown, 401) == "invalid_client"
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert wrong.content == unknown.content
    assert error(await planner.http.post("/oauth/par", data=asked), 401) == "invalid_client"
    other = robot.client_id, robot.secret
    assert error(await planner.post("par", asked, auth=other)) == "invalid_request"
    in_form = asked | {"client_secret": planner.secret}
    assert error(await planner.post("par", in_form)) == "invalid_request"  # twice is too much
    assert (await planner.http.post("/oauth/par", data=in_form)).status_code == 201
    assert (await spa.http.post("/oauth/par", data=spa.question())).status_code == 201
    # The client_id is part of every request, also of one whose header names it.
    assert error(await push(planner, client_id=None)) == "invalid_request"


async def test_other_methods_and_too_much_are_told(planner):
    for method in ("GET", "PUT", "DELETE"):
        answer = await planner.http.request(method, "/oauth/par")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await push(planner, state="x" * 20_000)
    assert error(answer, 413) == "invalid_request"


async def test_a_request_longer_than_an_address_can_be_pushed(planner, person):
    state = "x" * 4000
    asked = await pushed(planner, state=state)
    assert told(await press(person.browser, await visit(person.browser, asked)))["state"] == state


async def test_a_reload_and_a_second_tab_show_the_same_page(planner, person):
    asked = await pushed(planner)
    first, second = [await visit(person.browser, asked) for _ in range(2)]
    assert "Allow Planner?" in first.text
    assert "Allow Planner?" in second.text
    assert "code" in told(await press(person.browser, second))
    assert refused(await visit(person.browser, asked))  # so has the back button, after the answer


async def test_a_double_click_gives_two_codes_and_a_late_one_none(planner, person, superuser):
    page = await visit(person.browser, await pushed(planner))
    answers = await asyncio.gather(*(press(person.browser, page) for _ in range(2)))
    for answer in answers:
        assert (await planner.redeem(told(answer)["code"])).status_code == 200
    later = "UPDATE oauth_pushed_requests SET used_at = now() - interval '11 seconds'"
    await superuser.execute(f"{later} WHERE client_id = $1", planner.client_id)
    assert refused(await press(person.browser, page))


async def test_it_belongs_to_the_first_browser(planner, people):
    first, second = await people(), await people()
    asked = await pushed(planner)
    page = await visit(first.browser, asked)
    assert refused(await visit(second.browser, asked))
    first.browser.cookies.delete("__Host-gateway-form")
    assert refused(await visit(first.browser, asked))
    assert refused(await press(first.browser, page))


async def test_a_look_at_the_head_takes_nothing(planner, person, dial):
    asked = await pushed(planner)
    assert (await dial().head("/oauth/authorize", params=asked)).status_code == 405
    assert (await visit(person.browser, asked)).status_code == 200


async def test_whoever_is_not_signed_in_does_that_first(database, planner, person, dial):
    await set_password(database, person.email, PASSWORD)
    browser, asked = dial(origin=ISSUER), await pushed(planner)
    sent = await visit(browser, asked)
    assert sent.headers["location"].startswith("/sign-in?next=")
    assert (await visit(browser, asked)).headers["location"] == sent.headers["location"]
    form = await browser.get(sent.headers["location"])
    # The redirect address is in the database: signing in may end anywhere on https.
    assert "form-action 'self' https:;" in form.headers["content-security-policy"]
    answer = await sign_in(browser, person.email, hidden(form.text)["next"])
    page = await browser.get(answer.headers["location"])
    assert "Allow Planner?" in page.text
    again = hidden(page.text.partition('action="/sign-out"')[2])
    answer = await browser.post("/sign-out", data=again)
    answer = await sign_in(browser, person.email, answer.headers["location"])
    page = await browser.get(answer.headers["location"])
    assert told(await press(browser, page))["state"] == "s t/a+te&é"


async def test_the_form_may_lead_to_the_application(applications, person):
    app = await applications("com.example.planner:/cb", public=True)
    page = await visit(person.browser, await pushed(app))
    rule = "form-action 'self' https: com.example.planner:;"
    assert rule in page.headers["content-security-policy"]


async def test_an_application_can_bind_itself_to_pushing(applications, person):
    strict = await applications(require_pushed=True)
    assert told(await strict.open(person.browser))["error"] == "invalid_request"
    page = await visit(person.browser, await pushed(strict))
    assert "code" in told(await press(person.browser, page))


async def test_a_disabled_application_is_not_answered(planner, person, superuser):
    asked = await pushed(planner)
    page = await visit(person.browser, asked)
    disable = "UPDATE oauth_clients SET disabled_at = now() WHERE client_id = $1"
    await superuser.execute(disable, planner.client_id)
    assert refused(await visit(person.browser, asked))
    assert refused(await press(person.browser, page))
    assert error(await push(planner), 401) == "invalid_client"


async def test_no_secret_is_kept(planner, person, superuser, events):
    form = planner.question(nonsense="kept", **{"a\0b": "x"}) | {"client_secret": planner.secret}
    answer = await planner.http.post("/oauth/par", data=form)
    uri = answer.json()["request_uri"]
    await visit(person.browser, {"client_id": planner.client_id, "request_uri": uri})
    row = await superuser.fetchrow(
        "SELECT * FROM oauth_pushed_requests WHERE client_id = $1", planner.client_id
    )
    recorded = await events(planner.client_id)
    assert [event["action"] for event in recorded] == ["register", "push"]
    assert recorded[-1]["soc2_control"] == "CC6.1"
    browser = person.browser.cookies["__Host-gateway-form"]
    for secret in (planner.secret[4:47], uri.removeprefix(URN), browser):
        assert secret not in str(row)
        assert secret not in str(recorded)
    assert "nonsense" in row["parameters"]
    assert "client_secret" not in row["parameters"]
