"""Any value in place of a proof is valid or refused, and never an internal error."""

import pytest
from hypothesis import given, settings, strategies

from auth.credentials.dpop import InvalidProof, verify
from graph.settings import Settings
from tests.conftest import SECRET
from tests.oauth.conftest import API, ISSUER
from tests.oauth.dpop.conftest import KEYS, Holder, ask, b64, refused
from tests.oauth.test_tokens import error

SETTINGS = Settings(gateway_secret=SECRET, public_url=ISSUER)
DEEP = "[" * 1400

HOSTILE = {
    "30 kB": "x" * 30_000,
    "30 kB in parts": ".".join(["x" * 10_000] * 3),
    "dots": "." * 3000,
    "nothing": "",
    "two parts": "e30.e30",
    "five parts": "e30.e30.e30.e30.e30",
    "no base64": "!!!.???.###",
    "no JSON": f"{b64('{')}.{b64('{')}.AA",
    "no object": f"{b64([1, 'alg'])}.{b64([1])}.AA",
    "a number": f"{b64(7)}.{b64(7)}.AA",
    "deep": f"{b64(DEEP)}.{b64(DEEP)}.AA",
    "deep claims": "deep",
    "not UTF-8": f"{b64(bytes([255, 254]))}.{b64(bytes([255]))}.AA",
    "a huge number": f"{b64('{' + chr(34) + 'alg' + chr(34) + ':' + '9' * 2500 + '}')}.e30.AA",
    "no ASCII": "é.é.é",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
async def test_nothing_that_is_sent_makes_it_fail(http, holder, token, robot, kind):
    proof = HOSTILE[kind]
    if proof == "deep":
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.key.as_dict(private=False)}
        proof = holder.sign(header, DEEP)
    headers = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode("latin-1"))]
    answer = await ask(http, *headers)
    refused(answer, "invalid_dpop_proof")
    form = {"grant_type": "client_credentials"}
    answer = await robot.post("token", form, headers=[(b"dpop", proof.encode("latin-1"))])
    assert error(answer) == "invalid_dpop_proof"
    assert "x" * 50 not in answer.text


async def test_half_a_character_is_no_claim(http, holder, token, robot):
    for claim in ("jti", "ath"):
        proof = holder.proof(API, token=token, **{claim: "\ud800"})
        answer = await ask(
            http, (b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())
        )
        refused(answer, "invalid_dpop_proof")
    form, proof = {"grant_type": "client_credentials"}, holder.proof(jti="\udfff")
    answer = await robot.post("token", form, headers=[(b"dpop", proof.encode())])
    assert error(answer) == "invalid_dpop_proof"


HALVES = strategies.characters(categories=["Cs"])
"""Halves of surrogate pairs, which JSON can escape and no encoding holds."""
JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.floats()
    | strategies.integers()
    | strategies.text()
    | strategies.text(HALVES, min_size=1, max_size=2),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(strategies.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = strategies.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "exp"])
MEMBERS = strategies.sampled_from(["typ", "alg", "jwk", "crit", "kid", "b64"])
PARTS = strategies.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg"])


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    claims=strategies.dictionaries(NAMES, JSON, max_size=3),
    header=strategies.dictionaries(MEMBERS, JSON, max_size=2),
    jwk=strategies.dictionaries(PARTS, JSON, max_size=2),
)
def test_a_proof_is_good_or_invalid_and_nothing_else(claims, header, jwk):
    holder = Holder(KEYS["ES256"])
    public = holder.key.as_dict(private=False) | jwk
    proof = holder.proof(API, header={"jwk": public} | header, **claims)
    try:
        proof = verify([proof], "POST", API, SETTINGS)
    except InvalidProof as invalid:
        changed, said = claims or header or jwk, invalid.description
    else:
        changed, said = True, proof.id.encode()
    assert changed
    assert said


@settings(max_examples=300, deadline=None)
@given(strategies.text(max_size=200))
def test_a_text_is_no_proof(text):
    with pytest.raises(InvalidProof):
        verify([text], "POST", API, SETTINGS)
