"""The token endpoint: codes, credentials, and client authentication (T01-T22)."""

from base64 import b64encode

import pytest

from tests.oauth.conftest import API, CALLBACK, SCOPE, VERIFIER, told, works


def error(answer, status=400):
    """Return the error in an answer that must not be cached."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "access_token" not in answer.text
    return answer.json()["error"]


async def test_t01_a_code_and_its_verifier_give_tokens(planner, person, http):
    answer = await planner.redeem(await planner.code(person))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert set(tokens["scope"].split()) == set(SCOPE.split())
    assert await works(http, tokens["access_token"])


async def test_t02_another_verifier_gives_nothing(planner, person):
    code = await planner.code(person)
    assert error(await planner.redeem(code, code_verifier="w" * 64)) == "invalid_grant"
    assert (await planner.redeem(code)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("verifier", [None, "", "short", "v" * 129, VERIFIER + "\n", "é" * 64])
async def test_t03_without_a_good_verifier_there_is_no_token(planner, spa, person, verifier):
    for application in (planner, spa):
        answer = await application.redeem(await application.code(person), code_verifier=verifier)
        assert error(answer) in ("invalid_grant", "invalid_request")


async def test_t04_a_code_used_twice_ends_what_it_gave(planner, person, http):
    code = await planner.code(person)
    tokens = (await planner.redeem(code)).json()
    assert error(await planner.redeem(code)) == "invalid_grant"
    assert not await works(http, tokens["access_token"])
    assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_t06_a_code_is_of_use_to_its_own_application_alone(
    applications, planner, spa, person
):
    code, other = await planner.code(person), await applications()
    for thief in (other, spa):
        assert error(await thief.redeem(code)) == "invalid_grant"
    assert (await planner.redeem(code)).status_code == 200


async def test_t07_the_address_is_that_of_the_request(applications, person):
    application = await applications(CALLBACK, "https://app.example/other")
    code = await application.code(person)
    for uri in ("https://app.example/other", "https://evil.example", None):
        answer = await application.redeem(code, redirect_uri=uri)
        assert error(answer) in ("invalid_grant", "invalid_request")


@pytest.mark.parametrize("code", ["", None, "garbage", "rqc_" + "x" * 49, "'; --", "é"])
async def test_t08_what_is_no_code_gives_nothing(planner, code):
    assert error(await planner.redeem(code)) in ("invalid_grant", "invalid_request")


async def test_t09_a_wrong_secret_and_an_unknown_application_are_answered_alike(planner):
    form = {"grant_type": "client_credentials"}
    wrong = await planner.post("token", form, auth=(planner.client_id, "wrong"))
    unknown = await planner.post("token", form, auth=("unknown", "wrong"))
    assert error(wrong, 401) == error(unknown, 401) == "invalid_client"
    assert wrong.content == unknown.content
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    assert planner.secret not in wrong.text


async def test_t10_the_secret_may_stand_in_the_body_and_never_in_the_address(robot):
    form = {"grant_type": "client_credentials"}
    secret = {"client_id": robot.client_id, "client_secret": robot.secret}
    assert (await robot.http.post("/oauth/token", data=form | secret)).status_code == 200
    answer = await robot.http.post("/oauth/token", data=form, params=secret)
    assert error(answer, 401) == "invalid_client"


async def test_t11_one_way_to_authenticate_is_enough(robot, planner):
    form = {"grant_type": "client_credentials"}
    both = form | {"client_id": robot.client_id, "client_secret": robot.secret}
    assert error(await robot.post("token", both)) == "invalid_request"
    other = form | {"client_id": planner.client_id}
    assert error(await robot.post("token", other)) == "invalid_request"
    same = form | {"client_id": robot.client_id}
    assert (await robot.post("token", same)).status_code == 200


async def test_t12_the_header_is_form_encoded(robot):
    form = {"grant_type": "client_credentials"}
    encoded = "".join(f"%{ord(sign):02X}" for sign in robot.secret)
    answer = await robot.post("token", form, auth=(robot.client_id.replace("-", "%2D"), encoded))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Basic !!!",
        "Basic",
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + b64encode("rqc-1:gehéim".encode()).decode(),
        "Basic " + b64encode(b"a\x00b:c").decode(),
        "Basic " + b64encode(b"%00:%ff").decode(),
        "Basic " + b64encode(b"x" * 20_000 + b":y").decode(),
        "Digest x",
        "Bearer x",
    ],
)
async def test_t12_a_broken_header_is_no_credential(http, header):
    answer = await http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"authorization": header},
    )
    assert error(answer, 401) == "invalid_client"


async def test_t13_an_application_may_act_for_itself(robot, applications, spa, guard):
    answer = await robot.token(grant_type="client_credentials", scope="requirements:read")
    assert answer.status_code == 200
    tokens = answer.json()
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "requirements:read"
    about = await guard.introspect(tokens["access_token"])
    assert (about["sub"], about["client_id"]) == (robot.client_id, robot.client_id)
    public = await spa.token(grant_type="client_credentials")
    assert error(public, 401) == "invalid_client"
    narrow = await applications(grant_types=("client_credentials",), scope="requirements:read")
    answer = await narrow.token(grant_type="client_credentials", scope="admin")
    assert error(answer) == "invalid_scope"


async def test_t13_an_application_gets_tokens_in_its_own_ways_alone(robot, planner):
    answer = await planner.token(grant_type="client_credentials")
    assert error(answer) == "unauthorized_client"
    assert error(await robot.redeem("x")) == "unauthorized_client"
    assert error(await robot.refresh("x")) == "unauthorized_client"


@pytest.mark.parametrize("kind", ["password", "implicit", 'non"sense\\', "é", "urn:x", "CODE"])
async def test_t14_there_are_no_other_ways(planner, kind):
    answer = await planner.token(grant_type=kind)
    assert error(answer) == "unsupported_grant_type"
    assert kind not in answer.text


async def test_t14_the_way_must_be_said(planner):
    assert error(await planner.token()) == "invalid_request"


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "par", "device"])
async def test_t15_only_forms_are_taken(planner, path):
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = await planner.http.request(method, f"/oauth/{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    json = {"grant_type": "authorization_code", "token": "x"}
    answer = await planner.http.post(f"/oauth/{path}", json=json, **planner.credentials())
    assert error(answer) == "invalid_request"


@pytest.mark.parametrize("name", ["grant_type", "code", "client_id", "code_verifier"])
async def test_t16_no_parameter_stands_there_twice(spa, person, name):
    form = {
        "grant_type": "authorization_code",
        "code": await spa.code(person),
        "client_id": spa.client_id,
        "redirect_uri": spa.callback,
        "code_verifier": VERIFIER,
    }
    answer = await spa.post("token", form | {name: [form[name]] * 2})
    assert error(answer) == "invalid_request"
    assert (await spa.post("token", form)).status_code == 200


async def test_t17_an_error_repeats_nothing(planner, person):
    code = await planner.code(person)
    answer = await planner.redeem(code, code_verifier="w" * 64)
    assert error(answer) == "invalid_grant"
    for secret in (code, planner.secret, "w" * 64):
        assert secret not in answer.text


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "par", "device"])
async def test_t18_pages_of_other_sites_may_call_without_cookies(planner, path):
    origin = {"origin": "https://spa.example"}
    asks = origin | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    preflight = await planner.http.options(f"/oauth/{path}", headers=asks)
    answer = await planner.http.post(f"/oauth/{path}", headers=origin, data={})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    for one in (preflight, answer):
        assert one.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in one.headers


async def test_t18_nobody_else_reads_the_page(planner, person):
    for method in ("GET", "OPTIONS", "POST"):
        answer = await person.browser.request(
            method,
            "/oauth/authorize",
            params=planner.question(),
            headers={"origin": "https://spa.example", "access-control-request-method": "GET"},
        )
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.slow
async def test_t19_secrets_cannot_be_guessed(planner, person):
    codes = [await planner.code(person) for _ in range(20)]
    tokens = [(await planner.redeem(code)).json() for code in codes]
    for kind, values in (
        ("rqc_", codes),
        ("rqt_", [pair["access_token"] for pair in tokens]),
        ("rqr_", [pair["refresh_token"] for pair in tokens]),
    ):
        assert len(set(values)) == 20
        assert all(value.startswith(kind) and len(value) == 53 for value in values)


async def test_t20_a_token_is_for_what_was_authorized(planner, person):
    for resource in ("https://other.example", f"{API}#x", "graphql"):
        answer = await planner.redeem(await planner.code(person), resource=resource)
        assert error(answer) == "invalid_target"
    answer = await planner.redeem(await planner.code(person), resource=API)
    assert answer.status_code == 200
    assert (await planner.introspect(answer.json()["access_token"]))["aud"] == [API]


async def test_t22_a_code_is_good_for_a_minute(planner, person, superuser):
    code = await planner.code(person)
    lifetime = "SELECT expires_at - created_at FROM oauth_authorization_codes WHERE client_id = $1"
    assert (await superuser.fetchval(lifetime, planner.client_id)).total_seconds() == 60
    await superuser.execute(
        "UPDATE oauth_authorization_codes SET created_at = now() - interval '61 seconds',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1",
        planner.client_id,
    )
    assert error(await planner.redeem(code)) == "invalid_grant"


async def test_only_digests_are_kept(planner, person, superuser):
    code = await planner.code(person)
    tokens = (await planner.redeem(code)).json()
    kept = ""
    for table in ("authorization_codes", "access_tokens", "refresh_tokens", "clients"):
        rows = await superuser.fetch(
            f"SELECT * FROM oauth_{table} WHERE client_id = $1", planner.client_id
        )
        assert rows
        kept += str(rows)
    for secret in (code, tokens["access_token"], tokens["refresh_token"], planner.secret):
        assert secret[4:47] not in kept


async def test_a_client_that_redirects_nowhere_said_gets_its_code_checked_all_the_same(
    planner, person
):
    code = told(await planner.decide(person.browser, redirect_uri=None))["code"]
    assert error(await planner.redeem(code, code_verifier="w" * 64)) == "invalid_grant"
