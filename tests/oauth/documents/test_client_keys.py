"""Applications that authenticate by a signed assertion (`private_key_jwt`)."""

import base64
import hashlib
import hmac
import json
import time
from uuid import uuid4

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth.oauth.assertions import TYPE
from auth.oauth.fetched import AGAIN
from auth.oauth.registry import register
from db.problem import Problem
from tests import networks
from tests.oauth.conftest import CALLBACK, ISSUER, Application, send
from tests.oauth.openid.conftest import unsigned

TOKEN = f"{ISSUER}/oauth/token"
KEYS = {
    "ES256": ECKey.generate_key("P-256"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
    "PS256": RSAKey.generate_key(2048),
    "RS256": RSAKey.generate_key(2048),
}
STRANGER = ECKey.generate_key("P-256")


def public(alg="ES256", key=None, **more):
    return {**(key or KEYS[alg]).as_dict(private=False), **more}


def assertion(application, alg="ES256", key=None, header=None, **change):
    """Return an assertion; None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": application.client_id,
        "sub": application.client_id,
        "aud": ISSUER,
        "jti": str(uuid4()),
        "exp": now + 60,
        "iat": now,
    } | change
    said = json.dumps({name: value for name, value in claims.items() if value is not None})
    top = {"alg": alg, **(header or {})}
    return jws.serialize_compact(top, said, key or KEYS[alg], algorithms=[alg])


@pytest.fixture
def robots(database, dial):
    """Return a function that registers applications which act for themselves, with these keys."""

    async def robots(*keys, **options):
        grants = options.pop("grant_types", ("client_credentials",))
        uris = options.pop("redirect_uris", ())
        given = options.pop("keys", {"jwks": {"keys": list(keys)}})
        made = await register(database, "Robot", uris, grant_types=grants, keys=given, **options)
        assert made.secret is None
        return Application(dial(), made.client_id, None, CALLBACK)

    return robots


@pytest.fixture
async def robot(robots):
    return await robots(public())


async def prove(application, text, path="token", **form):
    form = {"grant_type": "client_credentials", "client_assertion_type": TYPE} | form
    return await application.http.post(f"/oauth/{path}", data=form | {"client_assertion": text})


async def is_refused(application, text, **form):
    answer = await prove(application, text, **form)
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("alg", KEYS)
async def test_authlib_proves_itself_by_its_key(app, robots, alg):
    robot = await robots(public(alg))
    client = AsyncOAuth2Client(
        robot.client_id,
        KEYS[alg],
        token_endpoint=TOKEN,
        token_endpoint_auth_method=PrivateKeyJWT(TOKEN, alg=alg),
        transport=httpx2.ASGITransport(app, client=(networks.address(), 50000)),
    )
    async with client:
        token = await client.fetch_token(grant_type="client_credentials")
    assert token["access_token"].startswith("rqt_")


async def test_every_endpoint_of_applications_accepts_it(robot):
    token = (await prove(robot, assertion(robot))).json()["access_token"]
    here = f"{ISSUER}/oauth/introspect"
    found = await prove(robot, assertion(robot, aud=here), "introspect", token=token)
    assert found.json()["active"] is True
    revoked = await prove(robot, assertion(robot, aud=[ISSUER]), "revoke", token=token)
    assert revoked.status_code == 200
    found = await prove(robot, assertion(robot), "introspect", token=token)
    assert found.json() == {"active": False}


async def test_people_are_asked_by_an_application_with_a_key(robots, person):
    grants = ("authorization_code", "refresh_token")
    planner = await robots(public(), grant_types=grants, redirect_uris=(CALLBACK,))
    code = await planner.code(person, scope="openid")
    form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 64}
    answer = await prove(planner, assertion(planner), grant_type="authorization_code", **form)
    assert "id_token" in answer.json()


async def test_an_assertion_is_good_once(robot):
    text = assertion(robot)
    assert (await prove(robot, text)).status_code == 200
    assert await is_refused(robot, text)
    same = assertion(robot, jti="same")
    assert (await prove(robot, same)).status_code == 200
    assert await is_refused(robot, assertion(robot, jti="same", exp=int(time.time()) + 90))


def _wrong(now):
    return [
        {"iss": "rqc-other"},
        {"sub": "rqc-other"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example/token"]},
        {"aud": []},
        {"aud": None},
        {"aud": {"a": 1}},
        {"exp": now - 1},
        {"exp": now + 4000},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 501},
        {"jti": 7},
        {"iat": now + 60},
        {"nbf": now + 60},
        {"nbf": "later"},
    ]


async def test_wrong_claims_are_refused(robot, dial):
    for change in _wrong(int(time.time())):
        robot.http = dial()  # wrong ones delay only further ones from the same network
        assert await is_refused(robot, assertion(robot, **change)), change


def by_secret(claims, secret):
    """Return a token of HS256 with a secret that everybody knows: the public key."""
    text = unsigned(claims, alg="HS256", kid="one")
    signature = hmac.new(secret, text[:-1].encode(), hashlib.sha256).digest()
    return text + base64.urlsafe_b64encode(signature).decode().rstrip("=")


async def test_forged_assertions_are_refused(robots, dial):
    robot = await robots(public("RS256", kid="one"))
    now = int(time.time())
    claims = {"iss": robot.client_id, "sub": robot.client_id, "aud": ISSUER, "jti": "j"}
    claims["exp"] = now + 60
    pem = KEYS["RS256"].as_pem(private=False)
    forged = [
        unsigned(claims),
        unsigned(claims, kid="one"),
        assertion(robot, "RS256", RSAKey.generate_key(2048), {"kid": "one"}),
        assertion(robot, "RS256", header={"kid": "two"}),
        assertion(robot, "ES256", STRANGER),
        by_secret(claims, pem),
        assertion(robot, "RS256", header={"kid": "one"})[:-6] + "AAAAAA",
        "a.b.c",
        "nonsense",
        "..",
    ]
    for text in forged:
        robot.http = dial()
        assert await is_refused(robot, text, client_id=robot.client_id), text


async def test_the_key_of_another_application_does_not_serve(robots, robot):
    other = await robots(public(key=STRANGER))
    assert await is_refused(robot, assertion(robot, key=STRANGER))
    assert await is_refused(robot, assertion(robot), client_id=other.client_id)


@pytest.mark.parametrize("kind", ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", None])
async def test_other_kinds_of_assertions_are_unknown(robot, kind):
    form = {"grant_type": "client_credentials", "client_assertion": assertion(robot)}
    if kind:
        form["client_assertion_type"] = kind
    answer = await robot.post("token", form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_nobody_authenticates_in_two_ways_or_in_a_weaker_one(robot, planner):
    both = await robot.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": assertion(robot),
        },
        auth=(planner.client_id, planner.secret),
    )
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    form = {"grant_type": "client_credentials", "client_id": robot.client_id}
    assert (await robot.http.post("/oauth/token", data=form)).status_code == 401
    secret = form | {"client_secret": "rqs_guess"}
    assert (await robot.http.post("/oauth/token", data=secret)).status_code == 401
    assert await is_refused(planner, assertion(planner))  # it has a secret, and no key


async def test_keys_at_an_address_are_fetched_and_rotated(robots, publisher, monkeypatch):
    path = "/keys/rotated.json"
    url = publisher.publish(path, {"keys": [public("ES256", kid="old")]})
    robot = await robots(keys={"jwks_uri": url})
    for _ in range(2):
        text = assertion(robot, header={"kid": "old"})
        assert (await prove(robot, text)).status_code == 200
    assert publisher.fetched[path] == 1
    publisher.publish(path, {"keys": [public("PS256", kid="new")]})
    new = {"alg": "PS256", "header": {"kid": "new"}}
    assert await is_refused(robot, assertion(robot, **new)), "it was fetched a moment ago"
    assert publisher.fetched[path] == 1
    monkeypatch.setattr("auth.oauth.fetched.AGAIN", 0.0)
    assert (await prove(robot, assertion(robot, **new))).status_code == 200
    assert await is_refused(robot, assertion(robot, header={"kid": "old"}))
    assert AGAIN > 0


@pytest.mark.parametrize(
    "url",
    [
        "https://inside.example/keys.json",
        "https://127.0.0.1:8443/keys.json",
        "https://unknown.example/keys.json",
        "https://apps.example:22/keys.json",
    ],
)
async def test_keys_inside_of_the_network_are_never_fetched(robots, url):
    robot = await robots(keys={"jwks_uri": url})
    assert await is_refused(robot, assertion(robot))


async def test_what_is_no_set_of_keys_proves_nothing(robots, publisher):
    for number, content in enumerate(
        (
            {},
            {"keys": "all"},
            {"keys": [1, None, {}]},
            [],
            b"{",
            {"keys": [{"kty": "oct", "k": "AA"}]},
        )
    ):
        url = publisher.publish(f"/keys/none-{number}.json", content)
        robot = await robots(keys={"jwks_uri": url})
        assert await is_refused(robot, assertion(robot)), content


async def test_the_key_must_be_public_and_strong(robots):
    for keys in ({"jwks": {"keys": []}, "jwks_uri": "https://apps.example/keys.json"},):
        with pytest.raises(Problem, match="private_key_jwt needs either"):
            await robots(keys=keys)


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"jwks": {"keys": [public()]}}, 201),
        ({"jwks_uri": "https://apps.example/keys.json"}, 201),
        ({}, 400),
        ({"jwks": {"keys": [public()]}, "jwks_uri": "https://apps.example/keys.json"}, 400),
        ({"jwks": {"keys": []}}, 400),
        ({"jwks": {"keys": [KEYS["ES256"].as_dict(private=True)]}}, 400),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, 400),
        ({"jwks": {"keys": [public()] * 11}}, 400),
        ({"jwks_uri": "http://apps.example/keys.json"}, 400),
        ({"jwks_uri": "https://user@apps.example/keys.json"}, 400),
    ],
)
async def test_applications_register_their_keys_themselves(announce, keys, status):
    answer = await announce(token_endpoint_auth_method="private_key_jwt", **keys)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert "client_secret" not in answer.json()
        assert {name: answer.json()[name] for name in keys} == keys


async def test_a_registration_with_a_key_is_not_opened_by_a_change(announce, dial):
    keys = {"jwks": {"keys": [public()]}}
    made = (await announce(token_endpoint_auth_method="private_key_jwt", **keys)).json()
    headers = {"authorization": f"Bearer {made['registration_access_token']}"}
    path = made["registration_client_uri"].removeprefix(ISSUER)
    for method in ("client_secret_basic", "none"):
        body = {
            "client_id": made["client_id"],
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": method,
        }
        answer = await send(dial(), "PUT", path, body, **headers)
        assert answer.json()["error"] == "invalid_client_metadata"


async def test_a_document_may_name_its_keys(publisher, dial, person):
    path = "/documents/with-keys.json"
    id = publisher.application(
        path, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public()]}
    )
    board = Application(dial(), id, None, CALLBACK)
    code = await board.code(person)
    form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 64}
    bare = await board.redeem(code)
    assert bare.status_code == 401
    answer = await prove(board, assertion(board), grant_type="authorization_code", **form)
    assert answer.status_code == 200, answer.text
