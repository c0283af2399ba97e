"""Each rule for a proof (RFC 9449, section 4.3), at the API (B06)."""

import hashlib
import json
import time
import warnings

import pytest
from joserfc.jwk import OctKey, RSAKey

from auth.oauth.cleanup import clean
from tests.oauth.conftest import API, ISSUER
from tests.oauth.dpop.conftest import ALGS, KEYS, Holder, ask, b64, bound, refused
from tests.oauth.test_bearer import METADATA, WHO
from tests.oauth.test_tokens import error

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k", "oth")


async def test_b06_a_bound_token_is_no_bearer_token(http, holder, token):
    refused(await ask(http, ("authorization", f"Bearer {token}")), "invalid_token")
    proof = ("dpop", holder.proof(API, token=token))
    refused(await ask(http, ("authorization", f"Bearer {token}"), proof), "invalid_token")


async def test_b06_without_a_proof_a_bound_token_is_of_no_use(http, token):
    refused(await ask(http, ("authorization", f"DPoP {token}")), "invalid_dpop_proof")


async def test_whoever_shows_nothing_is_offered_both_ways(http):
    answer = await http.post(
        "/graphql",
        json={"query": "{ __schema { queryType { name } } }"},
        headers={"accept": "application/graphql-response+json"},
    )
    assert answer.status_code == 401
    offered = answer.headers.get_list("www-authenticate")
    assert offered == [f"Bearer {METADATA}", f"DPoP {ALGS}, {METADATA}"]


async def test_a_proof_is_not_shown_twice(http, holder, token):
    headers = holder.shows(token).items()
    assert (await ask(http, *headers)).status_code == 200
    refused(await ask(http, *headers), "invalid_dpop_proof")


async def test_nor_is_it_with_another_signature(http, holder, token):
    one, other = (holder.shows(token, jti="same") for _ in range(2))
    assert (await ask(http, *one.items())).status_code == 200
    refused(await ask(http, *other.items()), "invalid_dpop_proof")


async def test_there_is_one_proof(http, holder, token):
    proofs = [("dpop", holder.proof(API, token=token)) for _ in range(2)]
    refused(await ask(http, ("authorization", f"DPoP {token}"), *proofs), "invalid_dpop_proof")
    joined = ("dpop", ", ".join(proof for _, proof in proofs))
    refused(await ask(http, ("authorization", f"DPoP {token}"), joined), "invalid_dpop_proof")


async def test_a_wrong_token_is_told_as_one(http, holder):
    for wrong in ("x", "", "rqt_" + "x" * 49):
        refused(await ask(http, *holder.shows(wrong).items()), "invalid_token")


async def test_a_missing_scope_is_named_in_the_scheme_of_the_token(planner, person, http, holder):
    tokens = await bound(planner, person, holder, scope="requirements:read")
    answer = await http.post(
        "/graphql",
        json={"query": "{ organizations { totalCount } }"},
        headers=holder.shows(tokens["access_token"]),
    )
    challenge = 'DPoP error="insufficient_scope", scope="organizations:read"'
    assert answer.headers["www-authenticate"] == f"{challenge}, {ALGS}, {METADATA}"


NOW = time.time
CLAIMS = {
    "no jti": lambda: {"jti": None},
    "an empty jti": lambda: {"jti": ""},
    "a number as jti": lambda: {"jti": 1},
    "a long jti": lambda: {"jti": "x" * 501},
    "no htm": lambda: {"htm": None},
    "another htm": lambda: {"htm": "GET"},
    "a small htm": lambda: {"htm": "post"},
    "no htu": lambda: {"htu": None},
    "a number as htu": lambda: {"htu": 1},
    "another host": lambda: {"htu": "https://other.example/graphql"},
    "another scheme": lambda: {"htu": "http://gateway.example/graphql"},
    "another port": lambda: {"htu": "https://gateway.example:444/graphql"},
    "another path": lambda: {"htu": f"{ISSUER}/graphql/"},
    "a path in capitals": lambda: {"htu": f"{ISSUER}/GraphQL"},
    "a user": lambda: {"htu": "https://me@gateway.example/graphql"},
    "no address": lambda: {"htu": "https://[x"},
    "a port that is none": lambda: {"htu": f"{ISSUER}:x/graphql"},
    "no iat": lambda: {"iat": None},
    "a text as iat": lambda: {"iat": str(int(NOW()))},
    "true as iat": lambda: {"iat": True},
    "no ath": lambda: {"ath": None},
    "another ath": lambda: {"ath": b64(hashlib.sha256(b"x").digest())},
    "an ath that is no text": lambda: {"ath": 7},
    "an ath that is no ASCII": lambda: {"ath": "é" * 43},
}
HEADERS = {
    "no typ": {"typ": None},
    "another typ": {"typ": "JWT"},
    "no alg": {"alg": None},
    "alg none": {"alg": "none"},
    "another alg": {"alg": "ES384"},
    "an alg for secrets": {"alg": "HS256"},
    "an alg that is none": {"alg": ["ES256"]},
    "no key": {"jwk": None},
    "a key that is none": {"jwk": "x"},
    "a secret as key": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "an unknown key": {"jwk": {"kty": "x"}},
    "a point beside the curve": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}},
    "a huge point": {"jwk": {"kty": "EC", "crv": "P-256", "x": "_" * 999, "y": "AQ"}},
    "a curve for other things": {"jwk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}},
    "a key to encrypt with": {"jwk": KEYS["ES256"].as_dict(private=False) | {"use": "enc"}},
    "something critical": {"crit": ["x"], "x": 1},
    "something critical that is none": {"crit": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLAIMS)
async def test_a_claim_that_does_not_fit_is_refused(http, holder, token, kind):
    refused(await ask(http, *holder.shows(token, **CLAIMS[kind]()).items()), "invalid_dpop_proof")


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADERS)
async def test_a_header_that_does_not_fit_is_refused(http, holder, token, kind):
    shown = holder.shows(token, header=HEADERS[kind])
    refused(await ask(http, *shown.items()), "invalid_dpop_proof")


@pytest.mark.slow
@pytest.mark.parametrize("member", PRIVATE)
async def test_a_private_key_is_refused_wherever_it_is_hidden(http, holder, token, member):
    jwk = holder.key.as_dict(private=False) | {member: "AQ"}
    refused(
        await ask(http, *holder.shows(token, header={"jwk": jwk}).items()), "invalid_dpop_proof"
    )


async def test_another_signature_is_refused(http, holder, token):
    head, body, signature = holder.proof(API, token=token).split(".")
    other = Holder().proof(API, token=token).split(".")[2]
    short, none = b64(b"x" * 63), ""
    for wrong in (other, short, none, signature[:-4], signature + "AAAA", signature + "="):
        headers = [("authorization", f"DPoP {token}"), ("dpop", f"{head}.{body}.{wrong}")]
        refused(await ask(http, *headers), "invalid_dpop_proof")


async def test_a_public_key_is_no_secret_to_sign_with(http, holder, token):
    public = holder.key.as_dict(private=False)
    secret = OctKey.import_key(json.dumps(public))
    thief = Holder(secret, "HS256")
    said = {"jti": "x", "htm": "POST", "htu": API, "iat": int(time.time())}
    said["ath"] = b64(hashlib.sha256(token.encode()).digest())
    proof = thief.sign({"typ": "dpop+jwt", "alg": "HS256", "jwk": public}, json.dumps(said))
    headers = [("authorization", f"DPoP {token}"), ("dpop", proof)]
    refused(await ask(http, *headers), "invalid_dpop_proof")


@pytest.mark.slow
@pytest.mark.parametrize("bits", [1024, 4104])
async def test_rsa_keys_that_are_weak_or_costly_are_refused(robot, bits):
    with warnings.catch_warnings(action="ignore"):
        key = RSAKey.generate_key(bits)
    answer = await robot.token(grant_type="client_credentials", proof=Holder(key, "PS256").proof())
    assert error(answer) == "invalid_dpop_proof"


SAME = [
    f"{ISSUER}/graphql?query=x#y",
    "HTTPS://Gateway.Example:443/graphql",
    f"{ISSUER}/%67raphql",
    f"{ISSUER}:443/graphql#",
]


@pytest.mark.parametrize("htu", SAME)
async def test_an_address_may_be_written_otherwise(http, holder, token, htu):
    assert (await ask(http, *holder.shows(token, htu=htu).items())).status_code == 200


async def test_a_query_by_get_is_proved_as_one(http, holder, token):
    headers = holder.shows(token, method="GET")
    answer = await http.get("/graphql", params=WHO, headers=headers)
    assert answer.status_code == 200


async def test_members_that_nobody_knows_are_ignored(http, holder, token):
    shown = holder.shows(token, header={"kid": "1", "x": [1]}, more={"a": 1})
    assert (await ask(http, *shown.items())).status_code == 200


async def test_proofs_that_are_over_are_forgotten_in_batches(
    http, holder, token, database, superuser
):
    kept = "SELECT count(*) FROM oauth_proofs WHERE proof = ANY($1)"
    ids = [f"{n}" for n in range(5)]
    proofs = [hashlib.sha256(f"{holder.thumbprint}\0{id}".encode()).digest() for id in ids]
    for id in ids:
        assert (await ask(http, *holder.shows(token, jti=id).items())).status_code == 200
    await clean(database, batch=2)
    assert await superuser.fetchval(kept, proofs) == 5
    await superuser.execute(
        "UPDATE oauth_proofs SET expires_at = now() - interval '1 second' WHERE proof = ANY($1)",
        proofs,
    )
    assert await clean(database, batch=2) >= 5
    assert await superuser.fetchval(kept, proofs) == 0
