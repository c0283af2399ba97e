"""Invalid input to register an application, or with its registration token."""

import json

import pytest

from tests.oauth.conftest import CALLBACK, REGISTER, WANTED, bearer, manage, path_of
from tests.oauth.test_hostile import RAW, SPECIAL, VALUES, harmless

LISTS = ("redirect_uris", "grant_types", "response_types", "contacts")
TEXTS = ("client_name", "scope", "client_uri", "logo_uri", "software_id", "software_version")
CHOICES = ("token_endpoint_auth_method", "application_type")
JSON = {"content-type": "application/json"}


def spoilt(members, name, kind):
    """Return the members as they are sent, with an invalid value in this one."""
    value = "hostile" if kind in RAW else VALUES[kind]
    body = json.dumps(members | {name: [value] if name in LISTS else value}).encode()
    return body.replace(b"hostile", RAW[kind]) if kind in RAW else body


def refused_or_kept(answer, status):
    """Check for a registration with the values that were sent, or an error of its own."""
    assert harmless(answer).status_code in (status, 400, 413)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code != status:
        known = ("invalid_client_metadata", "invalid_redirect_uri", "invalid_request")
        assert answer.json()["error"] in known
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_registering_withstands(dial, kind):
    for name in (*LISTS, *TEXTS, *CHOICES, "x"):
        body = spoilt(WANTED, name, kind)
        answer = refused_or_kept(await dial().post(REGISTER, content=body, headers=JSON), 201)
        if answer.status_code == 201 and name in answer.json():
            assert answer.json()[name] == json.loads(body)[name]
        if name in (*LISTS[:3], *CHOICES, "scope"):
            assert answer.status_code in (400, 413)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_changing_a_registration_withstands(canvas, http, kind):
    made, application = canvas
    members = WANTED | {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    headers = JSON | bearer(made["registration_access_token"])
    for name in (*LISTS, *TEXTS, *CHOICES, "client_id", "client_secret", "x"):
        body = spoilt(members, name, kind)
        answer = refused_or_kept(await http.put(path_of(made), content=body, headers=headers), 200)
        if name.startswith("client_") and name not in ("client_name", "client_uri"):
            assert answer.status_code in (400, 413)
    kept = (await manage(http, made)).json()
    assert (kept["client_id"], kept["redirect_uris"]) == (application.client_id, [CALLBACK])


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_the_token_and_the_address_of_a_registration_withstand(canvas, dial, kind):
    made, _ = canvas
    token = made["registration_access_token"]
    value = RAW[kind] if kind in RAW else VALUES[kind].encode()
    query = f"{path_of(made)}?registration_access_token={token}&x="
    for method in ("GET", "PUT", "DELETE"):
        http = dial()
        for credential in (b"Bearer " + value, value, b"Bearer " + token.encode() + b" " + value):
            headers = [(b"authorization", credential), (b"content-type", b"application/json")]
            answer = await http.request(method, path_of(made), headers=headers)
            assert harmless(answer).status_code in (401, 429)
        unknown = f"{REGISTER}/{value.hex()[:3000]}"
        answer = await http.request(method, unknown, headers=bearer(token))
        assert harmless(answer).status_code in (401, 429)
        answer = await http.request(method, query + value.hex()[:30_000])
        assert harmless(answer).status_code in (401, 429)
    assert (await manage(dial(), made)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_is_no_json_changes_nothing(canvas, dial, method):
    made, _ = canvas
    path, headers = (REGISTER, {}) if method == "POST" else (path_of(made), bearer_of(made))
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/x"):
        for body in (b"client_name=Evil&redirect_uris=https://app.example/", json.dumps(WANTED)):
            answer = await dial().request(
                method, path, content=body, headers=headers | {"content-type": kind}
            )
            refused_or_kept(answer, 400)
    assert (await manage(dial(), made)).json()["client_name"] == WANTED["client_name"]


def bearer_of(made):
    return bearer(made["registration_access_token"])
