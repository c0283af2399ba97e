"""Proofs that the sender of a token holds the key it is bound to (DPoP, RFC 9449).

A proof is a small JWT that the application signs anew for each request. Its time of creation is
judged by the application's clock (`iat`) or, where that is wrong or the operator trusts no clock
but the server's, by a nonce of the server. A nonce is a time and its HMAC: no node has to store
those it issued.
"""

import hmac
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import Key

from auth.credentials.public_keys import InvalidKeyError, public_key
from auth.secret import digest
from auth.settings import AuthSettings
from db.pool import Lent

ALGORITHMS = ("ES256", "Ed25519", "PS256")
"""The signature algorithms of proofs: with a private key that the server never sees."""
TYPE = "dpop+jwt"
BACK, AHEAD = 60, 10
"""Seconds that a proof may be old, for its transit, and early, for a clock that is fast."""
NONCE_LIFETIME = 300
"""Seconds that a nonce is good for."""
NONCE_INTERVAL = 30
"""Seconds for which the same nonce is issued."""
CLOCK_SKEW = 60
"""Seconds by which the clocks of the nodes and of the database may differ."""

MAX_PROOF_LENGTH = 4096
"""Characters of a proof, at most; with the longest RSA key it has about 2,500."""
MAX_ID_LENGTH = 500
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
NONCE = re.compile(r"([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
PORTS = {"http": 80, "https": 443}

REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
REGISTRY.max_header_length = REGISTRY.max_payload_length = MAX_PROOF_LENGTH
REMEMBER = """
INSERT INTO oauth_proofs (proof, expires_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (proof) DO NOTHING
"""


class InvalidProof(Exception):
    """The proof is not valid; with a `nonce`, the client must make another that holds it."""

    def __init__(self, description: str, nonce: str | None = None) -> None:
        super().__init__(description)
        self.description, self.nonce = description, nonce
        self.error = "use_dpop_nonce" if nonce else "invalid_dpop_proof"


@dataclass(frozen=True)
class Proof:
    """A verified proof, for one request.

    `thumbprint` names the key (RFC 7638), `id` the proof, `lasts` the seconds in which it could be
    replayed. To a client that uses nonces the answer carries the `nonce` for the next proof.
    """

    thumbprint: str
    id: str
    lasts: int
    nonce: str | None = None


def verify(
    proofs: Sequence[str], method: str, url: str, settings: AuthSettings, token: str | None = None
) -> Proof:
    """Verify the proof in these headers for this request and access token, and return it.

    `url` is the public address. Raises InvalidProof (RFC 9449, section 4.3). `remember` refuses a
    replay.
    """
    if len(proofs) != 1:
        raise InvalidProof("One DPoP proof is needed." if not proofs else "Send one proof only.")
    key, claims = _opened(proofs[0])
    if claims.get("htm") != method:
        raise InvalidProof("htm is not the method of this request.")
    if not isinstance(claims.get("htu"), str) or _plain(claims["htu"]) != _plain(url):
        raise InvalidProof("htu is not the address of this request.")
    if token is not None:
        ath = claims.get("ath")
        if not isinstance(ath, str) or not hmac.compare_digest(ath.encode(), hash_of(token)):
            raise InvalidProof("ath is not the hash of the access token.")
    id = claims.get("jti")
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID_LENGTH:
        raise InvalidProof("jti is missing or malformed.")
    lasts = _lasts(claims, settings)
    uses_nonces = settings.require_dpop_nonce or "nonce" in claims
    return Proof(key.thumbprint(), id, lasts, fresh_nonce(settings) if uses_nonces else None)


async def remember(connection: Lent, proof: Proof) -> None:
    """Record the proof as used, on every node. Raises InvalidProof when it was used before."""
    kept = digest(f"{proof.thumbprint}\0{proof.id}")
    status = await connection.execute(REMEMBER, kept, timedelta(seconds=proof.lasts + CLOCK_SKEW))
    if status.endswith(" 0"):
        raise InvalidProof("This proof has been used before.")


def hash_of(token: str) -> bytes:
    """Return the hash of the token that its proof must hold (`ath`)."""
    return urlsafe_b64encode(sha256(token.encode(errors="replace")).digest()).rstrip(b"=")


def fresh_nonce(settings: AuthSettings) -> str:
    """Return a nonce of the current time."""
    made = f"{int(time.time()) // NONCE_INTERVAL * NONCE_INTERVAL:x}"
    return f"{made}.{_seal(settings, made)}"


def is_thumbprint(text: str) -> bool:
    """Return whether it has the form of a thumbprint (RFC 7638): 43 characters of base64url."""
    return THUMBPRINT.fullmatch(text) is not None


def _opened(text: str) -> tuple[Key, dict[str, Any]]:
    """Return the key and the claims of a proof, its signature verified. Raises InvalidProof."""
    if len(text) > MAX_PROOF_LENGTH:
        raise InvalidProof("The proof is too long.")
    try:
        key, claims = _signed(text)
    except InvalidProof:
        raise
    except Exception:  # noqa: BLE001 (a stranger has made it, to whatever end)
        raise InvalidProof("The proof is not a well-formed, signed JWT.") from None
    if not isinstance(claims, dict):
        raise InvalidProof("A proof holds claims.")
    return key, claims


def _signed(text: str) -> tuple[Key, Any]:
    """Return the key and the claims, the signature verified; malformed text raises any error."""
    opened = jws.extract_compact(text.encode("ascii"), registry=REGISTRY)
    header = opened.protected
    if header["typ"] != TYPE or header["alg"] not in ALGORITHMS or "crit" in header:
        raise InvalidProof(f"A proof is a {TYPE}, signed by {', '.join(ALGORITHMS)}.")
    try:
        key = public_key(header["jwk"])
    except InvalidKeyError as refused:
        raise InvalidProof(str(refused)) from None
    if not jws.validate_compact(opened, key, registry=REGISTRY):
        raise InvalidProof("The signature does not fit the key.")
    claims = json.loads(opened.payload)
    json.dumps(claims, ensure_ascii=False).encode()  # an escape may stand for half a character
    return key, claims


def _lasts(claims: dict[str, Any], settings: AuthSettings) -> int:
    """Return the seconds from now in which this proof is accepted. Raises InvalidProof."""
    now, made = time.time(), claims.get("iat")
    if isinstance(made, bool) or not isinstance(made, int | float):
        raise InvalidProof("iat is missing or malformed.")
    if "nonce" in claims:
        given = _time_of(claims["nonce"], settings)
        if given is None or not now - NONCE_LIFETIME <= given <= now + AHEAD:
            raise InvalidProof("The nonce is not, or no longer, ours.", fresh_nonce(settings))
        return NONCE_LIFETIME
    if settings.require_dpop_nonce:
        raise InvalidProof("A nonce of the server is needed.", fresh_nonce(settings))
    if not now - BACK <= made <= now + AHEAD:
        message = "The proof is too old, or the clock is wrong. Use a nonce of the server."
        raise InvalidProof(message, fresh_nonce(settings))
    return BACK + AHEAD


def _time_of(nonce: object, settings: AuthSettings) -> int | None:
    """Return the time at which the nonce was issued, in Unix seconds; None when it is not ours."""
    found = NONCE.fullmatch(nonce) if isinstance(nonce, str) else None
    if found is None or not hmac.compare_digest(found[2], _seal(settings, found[1])):
        return None
    return int(found[1], 16)


def _seal(settings: AuthSettings, made: str) -> str:
    key = settings.gateway_secret.get_secret_value().encode()
    seal = hmac.new(key, f"dpop nonce\0{made}".encode(), sha256).digest()
    return urlsafe_b64encode(seal).decode().rstrip("=")


def _plain(url: str) -> tuple[str, str, int | None, str] | None:
    """Return a normalised address without query and fragment, for comparison.

    It is normalised as RFC 3986 says in sections 6.2.2 and 6.2.3; None for text that is no address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port, ESCAPE.sub(_unescaped, parts.path) or "/"


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if UNRESERVED.fullmatch(character) else escape[0].upper()
