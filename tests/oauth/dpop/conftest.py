"""Keys of applications, and the proofs they make with them (DPoP, RFC 9449)."""

import base64
import hashlib
import json
import time
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth.credentials.dpop import ALGORITHMS
from tests.oauth.conftest import API, ISSUER
from tests.oauth.test_bearer import METADATA, WHO

ALGS = f'algs="{" ".join(ALGORITHMS)}"'
TOKEN = f"{ISSUER}/oauth/token"
KEYS = {
    "ES256": ECKey.generate_key("P-256"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
    "PS256": RSAKey.generate_key(2048),
}


def b64(value: bytes | str | object) -> str:
    if not isinstance(value, bytes | str):
        value = json.dumps(value)
    if isinstance(value, str):
        value = value.encode()
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


class Holder:
    """A holder of a key of their own, unless it is given."""

    def __init__(self, key: Any = None, alg: str = "ES256") -> None:
        self.key, self.alg = key or ECKey.generate_key("P-256"), alg

    @property
    def thumbprint(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        url: str = TOKEN,
        method: str = "POST",
        token: str | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a proof; None leaves a claim or a member of the header out."""
        said = {"jti": str(uuid4()), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            said["ath"] = b64(hashlib.sha256(token.encode()).digest())
        jwk = self.key.as_dict(private=False)
        top = {"typ": "dpop+jwt", "alg": self.alg, "jwk": jwk} | (header or {})
        return self.sign(_without(top), json.dumps(_without(said | claims)))

    def sign(self, header: dict[str, Any], payload: str | bytes) -> str:
        """Sign any claims, as far as the key can."""
        registry = jws.JWSRegistry(algorithms=[self.alg], strict_check_header=False)
        text = f"{b64(header)}.{b64(payload)}"
        signature = registry.get_alg(self.alg).sign(text.encode(), self.key)
        return f"{text}.{b64(signature)}"

    def shows(self, token: str, **change: Any) -> dict[str, str]:
        """Return the headers of a request to the API."""
        change = {"url": API, "token": token} | change
        return {"authorization": f"DPoP {token}", "dpop": self.proof(**change)}


def _without(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


async def bound(application, person, holder, **change):
    """Return the tokens that a person grants an application, bound to its key."""
    code = await application.code(person, **change)
    answer = await application.redeem(code, proof=holder.proof())
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
async def token(planner, person, holder) -> str:
    return (await bound(planner, person, holder))["access_token"]


async def ask(http, *headers):
    return await http.post("/graphql", json=WHO, headers=list(headers))


def refused(answer, kind):
    """Return the challenge of a refusal, with the error and the algorithms."""
    assert answer.status_code == 401, answer.text
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'DPoP error="{kind}", error_description="'), challenge
    assert ALGS in challenge
    assert challenge.endswith(METADATA)
    return answer
