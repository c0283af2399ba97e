"""Client authentication by a signed assertion, `private_key_jwt`.

RFC 7523, section 3; OpenID Connect Core, section 9. The application keeps its private key to
itself: the gateway knows the public ones, from the registration or from their `jwks_uri`.
"""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from joserfc import jws
from joserfc.jwk import Key

from auth.credentials.dpop import CLOCK_SKEW, MAX_ID_LENGTH, REMEMBER
from auth.credentials.public_keys import public_key
from auth.oauth.clients import JWKS, JWKS_URI, PRIVATE_KEY
from auth.oauth.fetched import Documents, NoDocumentError
from auth.oauth.requests import OAuthRequest, is_clean
from auth.secret import digest
from auth.settings import AuthSettings
from db.pool import NOBODY, Database

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "Ed25519", "PS256", "RS256")
"""The signature algorithms of assertions: with a private key that the gateway never sees."""
MAX_LIFETIME = 3600 + 60
"""Seconds from now in which an assertion must expire, as it does by default in common clients.

For so long its `jti` is remembered.
"""
AHEAD = 10
"""Seconds by which the clock of the application may be fast."""
MAX_KEYS = 10
"""Keys of an application that are tried."""

REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
FIND = f"""
SELECT metadata FROM oauth_clients
WHERE client_id = $1 AND token_endpoint_auth_method = '{PRIVATE_KEY}' AND disabled_at IS NULL
"""  # noqa: S608 (ours)


class InvalidAssertionError(Exception):
    """The assertion does not prove who has sent the request."""


def claimed(oauth_request: OAuthRequest) -> str:
    """Return the client id that an assertion names, unverified; empty without one."""
    try:
        payload = oauth_request.form.get("client_assertion", "").split(".")[1]
        subject = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return ""
    return subject if isinstance(subject, str) and is_clean(subject) else ""


class Assertions:
    """Verifies assertions, for one database and one set of settings."""

    def __init__(self, database: Database, settings: AuthSettings, documents: Documents) -> None:
        self._database, self._settings, self._documents = database, settings, documents

    async def authenticated(self, oauth_request: OAuthRequest) -> str | None:
        """Return the application whose assertion the request has; None for none or a wrong one.

        It is recorded as used. Raises BUSY, and InvalidRequestError for an unknown type.
        """
        form = oauth_request.form
        if "client_assertion" not in form and "client_assertion_type" not in form:
            return None
        if form.get("client_assertion_type") != TYPE:
            raise InvalidRequestError("client_assertion_type must be that of a JWT (RFC 7523).")
        client_id = claimed(oauth_request)
        try:
            await self._require_valid(oauth_request, client_id)
        except InvalidAssertionError:
            return None
        return client_id

    async def _require_valid(self, oauth_request: OAuthRequest, client_id: str) -> None:
        if not client_id or oauth_request.form.get("client_id", client_id) != client_id:
            raise InvalidAssertionError
        async with self._database.auth.lend(NOBODY) as lent:
            metadata = await lent.fetchval(FIND, client_id)
        if metadata is None:
            raise InvalidAssertionError
        claims = await self._claims(oauth_request.form["client_assertion"], metadata)
        left = self._checked(claims, client_id, oauth_request.uri)
        used = digest(f"assertion\0{client_id}\0{claims['jti']}")
        async with self._database.auth.lend(NOBODY) as lent:
            lasts = timedelta(seconds=left + CLOCK_SKEW)
            if (await lent.execute(REMEMBER, used, lasts)).endswith(" 0"):
                raise InvalidAssertionError

    async def _claims(self, text: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims, the signature verified by a key of the application."""
        claims = _verified(text, await self._keys(metadata))
        if claims is None and JWKS_URI in metadata:  # perhaps it has another key by now
            claims = _verified(text, await self._keys(metadata, again=True))
        if claims is None:
            raise InvalidAssertionError
        return claims

    async def _keys(self, metadata: Mapping[str, Any], *, again: bool = False) -> list[Any]:
        if JWKS_URI not in metadata:
            return list(metadata.get(JWKS, {}).get("keys", []))
        try:
            document = await self._documents.read(metadata[JWKS_URI], again=again)
        except NoDocumentError:
            raise InvalidAssertionError from None
        keys = (document.content or {}).get("keys")
        return keys if isinstance(keys, list) else []

    def _checked(self, claims: Mapping[str, Any], client_id: str, url: str) -> int:
        """Return the seconds until it expires. Raises InvalidAssertionError."""
        now, id = time.time(), claims.get("jti")
        expires: Any = claims.get("exp")
        audiences = claims.get("aud")
        audiences = [audiences] if isinstance(audiences, str) else audiences
        ours = (self._settings.url, f"{self._settings.url}/oauth/token", url)
        if (
            (claims.get("iss"), claims.get("sub")) != (client_id, client_id)
            or not isinstance(audiences, list)
            or not audiences
            or not all(audience in ours for audience in audiences)
            or not _is_time(expires)
            or not now < expires <= now + MAX_LIFETIME
            or not isinstance(id, str)
            or not 0 < len(id) <= MAX_ID_LENGTH
            or any(name in claims and not _is_past(claims[name], now) for name in ("iat", "nbf"))
        ):
            raise InvalidAssertionError
        return int(expires - now) + 1


def _verified(text: str, keys: list[Any]) -> dict[str, Any] | None:
    """Return the claims when one of the keys has signed them; None otherwise."""
    try:
        opened = jws.extract_compact(text.encode("ascii"), registry=REGISTRY)
        header = opened.protected
        if header["alg"] not in ALGORITHMS or "crit" in header:
            return None
        claims = json.loads(opened.payload)
        json.dumps(claims, ensure_ascii=False).encode()  # an escape may stand for half a character
    except Exception:  # noqa: BLE001 (a stranger has made it, to whatever end)
        return None
    named = header.get("kid")
    fitting = [key for key in keys if isinstance(key, dict) and named in (None, key.get("kid"))]
    for jwk in fitting[:MAX_KEYS]:
        try:
            key: Key = public_key(jwk)
            if jws.validate_compact(opened, key, registry=REGISTRY) and isinstance(claims, dict):
                return claims
        except Exception:  # noqa: BLE001, S112 (one of another kind, or malformed)
            continue
    return None


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_past(value: Any, now: float) -> bool:
    return _is_time(value) and value <= now + AHEAD
