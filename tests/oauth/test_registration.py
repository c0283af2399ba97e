"""Applications register themselves (D01-D05), within a rate limit."""

import asyncio
import json

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.applications import Starlette

from auth import oauth
from auth.accounts.mail import Outbox
from auth.oauth import limits
from auth.policy.scope_names import OPEN_SCOPES
from tests.oauth.conftest import (
    CALLBACK,
    ISSUER,
    REGISTER,
    WANTED,
    Application,
    bearer,
    manage,
    path_of,
    works,
)


async def test_d01_a_registration_is_answered_with_everything_that_is_kept(http):
    members = {
        "client_name": "Canvas",
        "redirect_uris": [CALLBACK, "https://app.example/second"],
        "client_uri": "https://app.example/",
        "logo_uri": "https://app.example/logo.png",
        "policy_uri": "https://app.example/policy",
        "tos_uri": "https://app.example/terms",
        "contacts": ["team@app.example"],
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
    }
    unknown = {
        "client_name#de": "Leinwand",
        "initiate_login_uri": 5,
        "x": [None, 1.5, {}],
        "scope": None,
    }
    answer = await http.post(REGISTER, json=members | unknown)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert {name: made.pop(name) for name in members} == members
    assert made.pop("client_secret").startswith("rqs_")
    assert made.pop("registration_access_token").startswith("rqg_")
    client_id = made.pop("client_id")
    assert made.pop("registration_client_uri") == f"{ISSUER}{REGISTER}/{client_id}"
    assert made.pop("client_id_issued_at") > 1_700_000_000
    assert made == {
        "client_secret_expires_at": 0,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "web",
        "require_pushed_authorization_requests": False,
        "dpop_bound_access_tokens": False,
        "scope": " ".join(OPEN_SCOPES),
    }


async def test_d02_a_public_application_has_no_secret(announce, dial, person, http):
    answer = await announce(token_endpoint_auth_method="none", client_name=None)
    made = answer.json()
    assert answer.status_code == 201
    assert not {"client_secret", "client_secret_expires_at"} & set(made)
    assert made["client_name"] == "Unnamed application"
    application = Application(dial(), made["client_id"], None, CALLBACK)
    tokens = await application.connect(person)
    assert await works(http, tokens["access_token"])


NO_ADDRESSES = [
    None,
    [],
    CALLBACK,
    {"0": CALLBACK},
    [1, 2],
    [[CALLBACK]],
    ["http://app.example/cb"],
    ["javascript:alert(1)"],
    ["javascript.x://%0aalert(1)#"],
    ["data:text/html,x"],
    ["https://app.example/cb#part"],
    ["https://*.app.example/cb"],
    ["https://user@app.example/cb"],
    ["https://"],
    ["/cb"],
    ["cb"],
    [""],
    ["https://app.example/cb\0"],
    ["https://app.example/\ud800"],
    ["https://app.example/" + "x" * 2000],
    [CALLBACK, "http://app.example/"],
    [f"https://app.example/{n}" for n in range(21)],
]


@pytest.mark.parametrize("uris", NO_ADDRESSES)
async def test_d03_what_is_no_address_is_refused(announce, uris):
    answer = await announce(redirect_uris=uris)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_redirect_uri"
    assert answer.headers["cache-control"] == "no-store"


NATIVE = [
    "https://app.example/claimed",
    "http://127.0.0.1/cb",
    "http://[::1]/cb",
    "http://localhost:7777/cb",
    "com.example.app:/cb",
]


@pytest.mark.parametrize("uri", NATIVE)
async def test_d04_programs_and_apps_have_addresses_of_their_own(announce, uri):
    answer = await announce(application_type="native", redirect_uris=[uri])
    assert answer.status_code == 201
    assert answer.json()["application_type"] == "native"
    if uri in NATIVE[1:]:
        assert (await announce(redirect_uris=[uri])).json()["application_type"] == "native"
        answer = await announce(application_type="web", redirect_uris=[uri])
        assert answer.json()["error"] == "invalid_redirect_uri"


WRONG = [
    {"grant_types": ["client_credentials"]},
    {"grant_types": ["authorization_code", "client_credentials"]},
    {"grant_types": ["password"]},
    {"grant_types": ["implicit"]},
    {"grant_types": ["refresh_token"]},
    {"grant_types": []},
    {"grant_types": "authorization_code"},
    {"grant_types": [["authorization_code"]]},
    {"grant_types": {}},
    {"response_types": ["token"]},
    {"response_types": []},
    {"response_types": ["code", "id_token"]},
    {"response_types": "code"},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"token_endpoint_auth_method": 1},
    {"scope": "admin"},
    {"scope": "requirements:read unheard"},
    {"scope": ""},
    {"scope": " "},
    {"scope": ["requirements:read"]},
    {"application_type": "desk"},
    {"client_name": ""},
    {"client_name": " "},
    {"client_name": "x" * 201},
    {"client_name": "a\0b"},
    {"client_name": "a\nb"},
    {"client_name": "\u202eelpmaxe"},
    {"client_name": "\ud800"},
    {"client_name": 5},
    {"client_uri": "javascript:alert(1)"},
    {"logo_uri": "file:///etc/passwd"},
    {"logo_uri": "https://user:word@app.example/"},
    {"policy_uri": "https://["},
    {"tos_uri": {}},
    {"require_pushed_authorization_requests": "true"},
    {"dpop_bound_access_tokens": 1},
    {"contacts": "team@app.example"},
    {"contacts": [5]},
    {"contacts": ["x"] * 11},
    {"software_id": "x" * 201},
    {"software_version": 2},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
async def test_d05_what_no_unknown_application_may_have_is_refused(announce, change):
    answer = await announce(**change)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"
    assert next(iter(change)) in answer.json()["error_description"]


BODIES = {
    "nothing": b"",
    "no JSON": b"client_name=Canvas",
    "an array": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "cut off": b'{"redirect_uris": ["https://app.ex',
    "no UTF-8": b'{"client_name": "\xff"}',
    "UTF-16": '{"client_name": "x"}'.encode("utf-16"),
    "twice": json.dumps(WANTED).encode()[:-1] + b', "scope": "requirements:read"}',
    "twice deep within": json.dumps(WANTED).encode()[:-1] + b', "x": [{"y": 1, "y": 2}]}',
    "NaN": json.dumps(WANTED).encode()[:-1] + b', "x": NaN}',
    "infinity": json.dumps(WANTED).encode()[:-1] + b', "x": -Infinity}',
    "huge": json.dumps(WANTED).encode()[:-1] + b', "x": ' + b"9" * 5000 + b"}",
    "deep": b"[" * 60_000,
    "deep objects": b'{"x":' * 10_000 + b"1" + b"}" * 10_000,
    "1 MB": json.dumps(WANTED | {"x": "y" * 1_000_000}).encode(),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_d05_no_body_breaks_it(http, canvas, kind):
    made, _ = canvas
    json_body = {"content-type": "application/json"}
    answer = await http.post(REGISTER, content=BODIES[kind], headers=json_body)
    status = 413 if kind == "1 MB" else 400
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_client_metadata")
    headers = json_body | bearer(made["registration_access_token"])
    answer = await http.put(path_of(made), content=BODIES[kind], headers=headers)
    assert answer.status_code == status


async def test_d05_nor_does_another_kind_of_body(http):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/json-seq"):
        answer = await http.post(
            REGISTER, content=json.dumps(WANTED), headers={"content-type": kind}
        )
        assert answer.status_code == 400


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = (*WANTED, "client_id", "contacts", "logo_uri", "response_types", "application_type")


@pytest.mark.slow
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=st.dictionaries(st.sampled_from(MEMBERS) | st.text(), ANYTHING, max_size=5))
async def test_d05_no_json_at_all_does(http, canvas, members):
    made, _ = canvas
    content = json.dumps(WANTED | {"redirect_uris": ["no address"]} | members)
    headers = {"content-type": "application/json"}
    answer = await http.post(REGISTER, content=content, headers=headers)
    assert answer.status_code == 400
    content = json.dumps(WANTED | {"client_id": made["client_id"]} | members)
    headers |= bearer(made["registration_access_token"])
    answer = await http.put(path_of(made), content=content, headers=headers)
    assert answer.status_code in (200, 400, 429)


async def test_pages_of_other_sites_may_register(http):
    preflight = await http.options(REGISTER, headers={"origin": "https://spa.example"})
    assert preflight.headers["access-control-allow-methods"] == "POST"
    answer = await http.post(REGISTER, json=WANTED, headers={"origin": "https://spa.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    one = await http.options(f"{REGISTER}/x", headers={"origin": "https://spa.example"})
    assert one.headers["access-control-allow-methods"] == "GET, PUT, DELETE"
    assert (await http.get(REGISTER)).status_code == 405


@pytest.fixture
async def other_settings(database, settings):
    """Yield a function that makes endpoints of a gateway with other settings."""
    opened = []

    def changed(**update):
        other = settings.model_copy(update=update)
        app = Starlette(routes=oauth.routes(database, other, Outbox(other)))
        transport = httpx.ASGITransport(app, client=("10.98.1.1", 5))
        opened.append(httpx.AsyncClient(transport=transport, base_url=ISSUER))
        return opened[-1]

    yield changed
    for http in opened:
        await http.aclose()


async def test_where_it_is_closed_an_operator_registers(other_settings, canvas):
    made, _ = canvas
    for update in ({"client_registration": "closed"}, {"gateway_env": "production"}):
        closed = other_settings(**update)
        answer = await closed.post(REGISTER, json=WANTED)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
        server = (await closed.get("/.well-known/oauth-authorization-server")).json()
        assert "registration_endpoint" not in server
        assert (await manage(closed, made)).status_code == 200  # those that are there go on


async def test_so_many_register_from_one_network(dial):
    http = dial()
    calls = [http.post(REGISTER, json=WANTED) for _ in range(limits.REGISTRATIONS + 3)]
    answers = await asyncio.gather(*calls)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (await dial().post(REGISTER, json=WANTED)).status_code == 201


PROTECTIONS = {
    "authorization_details_types": ["payment"],
    "default_acr_values": ["urn:mace:incommon:iap:silver"],
    "default_max_age": 60,
    "require_signed_request_object": True,
    "software_statement": "eyJhbGciOiJub25lIn0.e30.",
    "subject_type": "pairwise",
    "userinfo_signed_response_alg": "RS256",
    "id_token_encrypted_response_alg": "RSA-OAEP",
    "tls_client_certificate_bound_access_tokens": True,
}


async def test_a_protection_that_there_is_not_is_refused(announce):
    for name, value in PROTECTIONS.items():
        answer = await announce(**{name: value})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
        assert name in answer.json()["error_description"]
    harmless = {"require_auth_time": False, "subject_type": "public", "default_acr_values": []}
    assert (await announce(**harmless)).status_code == 201
