"""ID tokens: who has signed in, when and how, signed for one application.

OpenID Connect Core, section 2. They hold no profile and no address: the user information does.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from sqlalchemy.orm import Session

from auth.accounts.passkeys.proofs import METHODS as PASSKEYS
from auth.oauth import signing_keys
from auth.oauth.signing_keys import ALGORITHM
from auth.settings import AuthSettings

LIFETIME = timedelta(hours=1)
SINGLE_FACTOR = "https://refeds.org/profile/sfa"
MULTI_FACTOR = "https://refeds.org/profile/mfa"
PHISHING_RESISTANT = "phr"
LEVELS = (SINGLE_FACTOR, MULTI_FACTOR, PHISHING_RESISTANT)
"""The values of `acr`, each of which includes those before it.

Of the REFEDS Assurance profiles, and of the OpenID Connect Extended Authentication Profile.
"""
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash")
MAX_LENGTH = 4000
"""Characters of a token that is returned as a hint, at most."""

REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


class InvalidIdTokenError(Exception):
    """The text is no ID token that this gateway has issued to the application."""


def level(methods: Collection[str]) -> str | None:
    """Return the `acr` of these methods; None where they are not known."""
    if not methods:
        return None
    if not set(methods).isdisjoint(PASSKEYS):
        return PHISHING_RESISTANT
    return MULTI_FACTOR if len(methods) > 1 else SINGLE_FACTOR


def reached(methods: Collection[str]) -> Collection[str]:
    """Return every value of `acr` that these methods reach."""
    found = level(methods)
    return LEVELS[: LEVELS.index(found) + 1] if found else ()


def authentication(authenticated_at: datetime | None, methods: Sequence[str]) -> dict[str, Any]:
    """Return the claims on how and when a person has proved who they are, as far as known."""
    found: dict[str, Any] = {}
    if authenticated_at is not None:
        found["auth_time"] = int(authenticated_at.timestamp())
    if acr := level(methods):
        found |= {"acr": acr, "amr": [*methods, *(["mfa"] if acr != SINGLE_FACTOR else [])]}
    return found


def issue(
    session: Session,
    settings: AuthSettings,
    claims: dict[str, Any],
    access_token: str,
    now: datetime,
) -> str:
    """Return an ID token with these claims, which belongs to the access token.

    Raises NoSigningKeyError.
    """
    key = signing_keys.signing_key(session, settings)
    issued = int(now.timestamp())
    whole = {
        "iss": settings.url,
        **claims,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "at_hash": half_hash(access_token),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}, whole, key)


def half_hash(text: str) -> str:
    """Return the left half of the SHA-256 digest in base64url (Core, section 3.1.3.6)."""
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def subject_of(
    session: Session, settings: AuthSettings, text: str, client_id: str | None = None
) -> tuple[UUID, str]:
    """Return the person and the application of an ID token that is returned as a hint.

    It may have expired. With a `client_id`, it must be that application's. Raises
    InvalidIdTokenError.
    """
    try:
        subject, audience = _opened(session, settings, text)
    except (JoseError, KeyError, ValueError, TypeError, RecursionError):
        raise InvalidIdTokenError from None
    if client_id is not None and audience != client_id:
        raise InvalidIdTokenError
    return subject, audience


def _opened(session: Session, settings: AuthSettings, text: str) -> tuple[UUID, str]:
    if len(text) > MAX_LENGTH:
        raise ValueError(text[:20])
    opened = jws.extract_compact(text.encode("ascii"), registry=REGISTRY)
    header = opened.protected
    if header["alg"] != ALGORITHM:
        raise ValueError(header["alg"])
    key = RSAKey.import_key(signing_keys.public_keys(session)[header["kid"]])
    if not jws.validate_compact(opened, key, registry=REGISTRY):
        raise ValueError("signature")
    claims = json.loads(opened.payload)
    if claims["iss"] != settings.url or not isinstance(claims["aud"], str):
        raise ValueError(claims["iss"])
    return UUID(claims["sub"]), claims["aud"]
