"""The authorization endpoint: requests and responses (A01-A16)."""

import pytest

from tests.oauth.conftest import API, CALLBACK, CHALLENGE, ISSUER, told

STATE = "s t/a+te&é"


def refused(answer):
    """Return the error page, which redirects nowhere."""
    assert "location" not in answer.headers
    assert "Invalid request" in answer.text
    return answer.status_code == 400


async def error(application, person, **change):
    """Return the error in the redirect to the application, with its state and our issuer."""
    answer = await application.open(person.browser, **change)
    assert answer.headers["location"].startswith(application.callback + "?")
    said = told(answer)
    assert "code" not in said
    assert said["iss"] == ISSUER
    if "state" not in change:
        assert said["state"] == STATE
    return said["error"]


async def test_a01_consent_gives_a_code_the_same_state_and_our_name(planner, person):
    answer = await planner.decide(person.browser)
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=rqc_")
    said = told(answer)
    assert (said["state"], said["iss"]) == (STATE, ISSUER)
    assert set(said) == {"code", "state", "iss"}


async def test_a01_without_a_state_none_is_answered(planner, person):
    assert set(told(await planner.decide(person.browser, state=None))) == {"code", "iss"}


async def test_a01_the_address_keeps_its_own_query(applications, person):
    application = await applications(f"{CALLBACK}?tenant=a%20b")
    answer = await application.decide(person.browser)
    assert answer.headers["location"].startswith(f"{CALLBACK}?tenant=a%20b&code=")


@pytest.mark.parametrize("client_id", [None, "", "unknown", "gateway-cli", "'; --", "x" * 5000])
async def test_a02_an_unknown_application_is_never_sent_anything(planner, person, client_id):
    assert refused(await planner.open(person.browser, client_id=client_id))


async def test_a02_a_disabled_application_is_unknown(planner, person, superuser):
    await superuser.execute(
        "UPDATE oauth_clients SET disabled_at = now() WHERE client_id = $1", planner.client_id
    )
    assert refused(await planner.open(person.browser))


@pytest.mark.parametrize(
    "uri",
    [
        f"{CALLBACK}/more",
        f"{CALLBACK}/",
        f"{CALLBACK}?more=1",
        f"{CALLBACK}#more",
        "https://app.example/CB",
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://user@app.example/cb",
        "https://evil.app.example/cb",
        "https://app.example.evil/cb",
        "https://app.example:444/cb",
        "https://app.example/cb/../evil",
        "http://app.example/cb",
        "//app.example/cb",
        "javascript:alert(1)//app.example/cb",
        "",
    ],
)
async def test_a03_nothing_is_sent_to_an_address_that_is_not_registered(applications, person, uri):
    application = await applications(CALLBACK, "https://app.example/other")
    assert refused(await application.open(person.browser, redirect_uri=uri))


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_a04_on_loopback_any_port_will_do(applications, person, host):
    application = await applications(f"http://{host}/cb", public=True)
    for port in ("", ":51004", ":8"):
        uri = f"http://{host}{port}/cb"
        answer = await application.decide(person.browser, redirect_uri=uri)
        assert answer.headers["location"].startswith(f"{uri}?code=")
    for uri in (
        f"http://{host}:51004/other",
        f"http://{host}:51004/cb?x=1",
        f"http://{host}:51004/cb#x",
        f"https://{host}:51004/cb",
        f"http://{host}:51004@evil.example/cb",
        f"http://{host}.evil.example:51004/cb",
        f"http://{host}:123456/cb",
        "http://127.0.0.2:51004/cb",
    ):
        assert refused(await application.open(person.browser, redirect_uri=uri)), uri


async def test_a05_of_several_addresses_one_must_be_named(applications, person):
    several = await applications(CALLBACK, "https://app.example/other")
    assert refused(await several.open(person.browser, redirect_uri=None))
    one = await applications()
    code = told(await one.decide(person.browser, redirect_uri=None))["code"]
    assert (await one.redeem(code, redirect_uri=None)).status_code == 200


async def test_a06_a_public_application_needs_a_challenge(spa, person):
    assert await error(spa, person, code_challenge=None) == "invalid_request"


async def test_a07_so_does_a_confidential_one(planner, person):
    assert await error(planner, person, code_challenge=None) == "invalid_request"
    both = {"code_challenge": None, "code_challenge_method": None}
    assert await error(planner, person, **both) == "invalid_request"


@pytest.mark.parametrize("method", ["plain", None, "s256", "S512", "nonsense"])
async def test_a08_the_method_is_s256(planner, person, method):
    assert await error(planner, person, code_challenge_method=method) == "invalid_request"


@pytest.mark.parametrize(
    "challenge", ["x" * 42, "x" * 44, "x" * 129, CHALLENGE + "=", CHALLENGE + "\n", "é" * 43]
)
async def test_a09_the_challenge_is_a_digest(planner, person, challenge):
    assert await error(planner, person, code_challenge=challenge) == "invalid_request"


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "token code", "none", "CODE"])
async def test_a10_nothing_but_codes_is_given_out(planner, person, kind):
    assert await error(planner, person, response_type=kind) == "unsupported_response_type"


async def test_a10_what_is_wanted_must_be_said(planner, person):
    assert await error(planner, person, response_type=None) == "invalid_request"


@pytest.mark.parametrize(
    "name",
    ["client_id", "redirect_uri", "scope", "state", "code_challenge", "response_type", "prompt"],
)
async def test_a11_no_parameter_stands_there_twice(planner, person, name):
    twice = [*planner.question(prompt="consent").items()]
    twice.append((name, dict(twice)[name]))
    answer = await person.browser.get("/oauth/authorize", params=twice)
    if name in ("client_id", "redirect_uri"):
        assert refused(answer)
    else:
        assert told(answer)["error"] == "invalid_request"
        assert ("state" in told(answer)) is (name != "state")


@pytest.mark.parametrize(
    "scope", ["nonsense", "requirements:read nonsense", "admin", "requirements:write", " ", "a  b"]
)
async def test_a12_a_scope_must_be_known_and_registered(applications, person, scope):
    application = await applications(scope="requirements:read")
    assert await error(application, person, scope=scope) == "invalid_scope"


async def test_a12_without_a_scope_it_is_the_registered_one(applications, person):
    application = await applications(scope="requirements:read organizations:read")
    tokens = await application.connect(person, scope=None)
    assert tokens["scope"] == "requirements:read organizations:read"


async def test_a13_cancel_is_told(planner, person):
    said = told(await planner.decide(person.browser, "cancel"))
    assert (said["error"], said["state"], said["iss"]) == ("access_denied", STATE, ISSUER)
    assert "code" not in said


@pytest.mark.parametrize(
    "resource", ["https://other.example", "/graphql", "graphql", f"{API}#x", f"{API}/", ISSUER]
)
async def test_a14_codes_are_for_the_api_alone(planner, person, resource):
    assert await error(planner, person, resource=resource) == "invalid_target"


async def test_a14_an_audience_is_a_resource_by_another_name(planner, person):
    assert await error(planner, person, audience="https://other.example") == "invalid_target"
    code = await planner.code(person, audience=API)
    answer = await planner.redeem(code, audience="https://other.example")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_a14_the_api_may_be_named(planner, person):
    tokens = await planner.connect(person, resource=[API, API])
    assert tokens["access_token"]


async def test_a15_without_a_page_nobody_signs_in_or_agrees(planner, person, dial):
    anonymous = await planner.open(dial(), prompt="none")
    assert told(anonymous)["error"] == "login_required"
    assert await error(planner, person, prompt="none") == "consent_required"
    await planner.code(person)
    assert "code" in told(await planner.open(person.browser, prompt="none"))


async def test_a16_a_code_is_kept_by_nobody_on_its_way(planner, person):
    answer = await planner.decide(person.browser)
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_an_application_that_acts_for_itself_cannot_ask_people(applications, person):
    application = await applications(grant_types=("client_credentials",))
    assert await error(application, person) == "unauthorized_client"


async def test_a_request_may_be_posted(planner, person):
    answer = await person.browser.post("/oauth/authorize", data=planner.question())
    assert answer.status_code == 303
    page = await person.browser.get(answer.headers["location"])
    assert "Allow Planner?" in page.text


async def test_a_look_at_the_head_gives_no_code(planner, person):
    await planner.code(person)
    answer = await person.browser.head("/oauth/authorize", params=planner.question())
    assert answer.status_code == 405
