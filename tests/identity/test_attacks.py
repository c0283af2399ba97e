"""Attacks on single sign-on: forged and replayed tokens, mix-up, redirects and requests inside."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.identity.provider import CLIENT, SECRET
from tests.identity.signing_on import browse, connect, person_at, provide, provider

__all__ = ["browse", "connect", "provide", "provider"]

OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, verificationRequired=False)


@pytest.fixture
async def connection(world, provider, connect, domain):
    return await connect(world, provider)


def unsigned(claims):
    parts = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("0" * 32)).split(".")
    head = jwt.encode({"alg": "HS256"}, {"alg": "none"}, OctKey.import_key("0" * 32)).split(".")[1]
    return f"{head}.{parts[1]}."


def by_secret(claims):
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def by_public_key(provider):
    pem = provider.key.as_pem(private=False)
    return lambda claims: jwt.encode(
        {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(pem.replace(b"-", b"_"))
    )


FORGED = {
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "audience": {"aud": "another client"},
    "no audience": {"aud": None},
    "two audiences": {"aud": [CLIENT, "another"]},
    "another party": {"aud": [CLIENT, "another"], "azp": "another"},
    "issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": int(time.time()) - 120},
    "no expiry": {"exp": None},
    "expiry is a text": {"exp": "tomorrow"},
    "not yet": {"nbf": int(time.time()) + 86_400},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "subject is a number": {"sub": 7},
    "subject is too long": {"sub": "x" * 256},
    "access token": {"at_hash": "of another"},
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_token_with_wrong_claims_signs_nobody_in(
    browse, provider, connection, domain, name
):
    provider.claims = FORGED[name]
    browser = await browse()
    answer = await browser.sign_on(connection, provider, person_at(domain))
    assert answer.status_code == 401, answer.text
    assert await browser.email() is None


@pytest.mark.parametrize("name", ["none", "secret", "public key", "other key", "junk", "no token"])
async def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    browse, provider, connection, domain, name
):
    provider.sign = {
        "none": unsigned,
        "secret": by_secret,
        "public key": by_public_key(provider),
        "other key": lambda claims: provider.signed(claims, OTHER_KEY),
        "junk": lambda _: "a.b.c",
        "no token": lambda _: None,
    }[name]
    browser = await browse()
    answer = await browser.sign_on(connection, provider, person_at(domain))
    assert answer.status_code == 401, answer.text
    assert await browser.email() is None


async def test_a_clock_that_differs_by_less_than_a_minute_is_allowed(
    browse, provider, connection, domain
):
    provider.claims = {"exp": int(time.time()) - 30, "iat": int(time.time()) + 30}
    browser = await browse()
    assert (await browser.sign_on(connection, provider, person_at(domain))).status_code == 303


async def test_keys_are_rotated_and_unknown_ones_are_not_asked_for_each_time(
    browse, provider, connection, domain, monkeypatch
):
    browser = await browse()
    await browser.sign_on(connection, provider, person_at(domain))
    before = provider.calls.count("jwks")
    provider.key = RSAKey.generate_key(2048, {"kid": "two"}, auto_kid=False)
    monkeypatch.setattr("auth.accounts.sso.provider.ASKED_AGAIN", 0.0)
    refused = await browser.sign_on(connection, provider, person_at(domain))
    assert refused.status_code == 401  # the provider has not published it
    provider.published.append(provider.key)
    assert (await browser.sign_on(connection, provider, person_at(domain))).status_code == 303
    provider.published = [provider.key]
    assert (await browser.sign_on(connection, provider, person_at(domain))).status_code == 303
    assert provider.calls.count("jwks") == before + 2
    monkeypatch.setattr("auth.accounts.sso.provider.ASKED_AGAIN", 30.0)
    provider.key = RSAKey.generate_key(2048, {"kid": "three"}, auto_kid=False)
    for _ in range(3):
        assert (await browser.sign_on(connection, provider, person_at(domain))).status_code == 401
    assert provider.calls.count("jwks") == before + 2


async def test_an_answer_is_good_once_and_in_the_browser_that_began(
    browse, provider, connection, domain
):
    browser, person = await browse(), person_at(domain)
    url = await browser.to_provider(connection)
    back = provider.answer(url, person)
    stranger = await browse()
    assert (await stranger.get(back)).status_code == 401  # without the cookie
    await stranger.to_provider(connection)
    assert (await stranger.get(back)).status_code == 401  # with one of another attempt
    assert (await browser.get(back)).status_code == 303
    await browser.post("/sign-out", data={})
    assert (await browser.get(back)).status_code == 401  # the attempt is over


async def test_a_code_of_another_attempt_is_not_injected(browse, provider, connection, domain):
    victim, attacker, person = await browse(), await browse(), person_at(domain)
    stolen = parse_qs(
        urlsplit(provider.answer(await victim.to_provider(connection), person)).query
    )["code"][0]
    url = await attacker.to_provider(connection)
    back = provider.answer(url, person_at(domain, "attacker"), code=stolen)
    assert (await attacker.get(back)).status_code == 401  # the verifier does not fit
    assert await attacker.email() is None


@pytest.mark.parametrize("issuer", [None, "https://evil.example", ""])
async def test_an_answer_of_another_issuer_is_a_mix_up(
    browse, provider, connection, domain, issuer
):
    browser = await browse()
    url = await browser.to_provider(connection)
    answer = await browser.get(provider.answer(url, person_at(domain), iss=issuer))
    assert answer.status_code == 401
    assert not provider.calls.count("token")


async def test_the_state_of_another_provider_does_not_fit(
    browse, provide, provider, connection, connect, other_world, domain
):
    theirs = await provide()
    hostile = await connect(other_world, theirs)
    browser = await browse()
    url = await browser.to_provider(hostile)
    back = theirs.answer(url, person_at(domain)).replace(hostile, connection)
    answer = await browser.get(back.replace("iss=", "was="))
    assert answer.status_code == 401
    assert await browser.email() is None


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_the_way_back_stays_on_this_site(browse, provider, connection, domain, next):
    browser = await browse()
    answer = await browser.sign_on(connection, provider, person_at(domain), next)
    assert answer.headers["location"] == "/"


async def test_an_error_of_the_provider_is_not_repeated(browse, provider, connection, domain):
    browser = await browse()
    url = await browser.to_provider(connection)
    back = provider.answer(url, person_at(domain), error="<script>alert(1)</script>", code=None)
    answer = await browser.get(back)
    assert answer.status_code == 401
    assert "script>alert" not in answer.text


async def test_user_info_of_another_subject_is_refused(browse, provider, connection, domain):
    provider.metadata = {"userinfo_endpoint": f"{provider.issuer}/userinfo"}
    person = person_at(domain)
    provider.claims = {"email": None, "email_verified": None}
    provider.user_info = {**person, "sub": "another"}
    browser = await browse()
    assert (await browser.sign_on(connection, provider, person)).status_code == 401
    provider.user_info = person
    assert (await browser.sign_on(connection, provider, person)).status_code == 303
    assert await browser.email() == person["email"]


@pytest.mark.parametrize("cookie", ["", "x", "AAAA", "a" * 3000, "\u00e9"])
async def test_a_forged_cookie_is_no_attempt(browse, connection, cookie):
    browser = await browse()
    headers = {"cookie": f"gateway-sso={cookie}".encode()}
    answer = await browser.get(f"/sso/{connection}/callback?state=&code=c", headers=headers)
    assert answer.status_code == 401
    assert (await browser.get("/sso/not-an-id/callback")).status_code == 404
