"""The client of identity providers: discovery, codes, ID tokens, keys and logout tokens.

OpenID Connect Core 1.0 and Discovery 1.0, with PKCE (RFC 7636), by Authlib and joserfc. Every
request goes through `auth.outbound`: an issuer is a URL that a user gives, and so is all that its
document names. Documents and keys are cached for five minutes; a key that is not known is looked
for once more, at most every 30 seconds.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from authlib.common.encoding import to_bytes
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.claims import JWTClaims
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from auth.accounts.sso.connections import Connection
from auth.outbound import Outbound, UnreachableError
from auth.settings import AuthSettings
from db.core.identity_providers import MAX_SUBJECT
from db.problem import Problem

log = structlog.get_logger(__name__)

SCOPE = "openid email profile"
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
"""Signatures by a private key: a shared secret or no signature proves no provider."""
LEEWAY = 60
"""Seconds by which the clock of a provider may differ."""
CACHED, ASKED_AGAIN, MOST_CACHED = 300.0, 30.0, 500
"""Seconds for which a document is used, and after which it may be asked for again; documents."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

UNREACHABLE = "The identity provider does not answer. Try again later."
NO_PROVIDER = "There is no OpenID Connect discovery document of this issuer."
NOT_PROVED = "The identity provider gave no valid proof of who you are. Start again."


@dataclass(frozen=True)
class Metadata:
    """The parts of a discovery document that the gateway uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    auth_methods: tuple[str, ...]
    names_issuer: bool
    """True if every answer names the issuer (RFC 9207)."""


class _Client(OAuth2Client):  # type: ignore[misc]
    """Authlib's client, whose requests are those of `Outbound`."""

    def __init__(self, outbound: Outbound, **options: Any) -> None:
        super().__init__(None, code_challenge_method="S256", scope=SCOPE, **options)
        self._outbound = outbound

    async def _fetch_token(
        self, url: str, body: str = "", headers: Any = None, auth: Any = None, **_: Any
    ) -> dict[str, Any]:
        url, headers, body = auth.prepare("POST", url, dict(headers), body)
        answer = await self._outbound.fetch("POST", url, headers=headers, content=to_bytes(body))
        return _json(answer.body)


class Providers:
    """The identity providers, as one process sees them."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._cached: dict[str, tuple[float, dict[str, Any]]] = {}

    @classmethod
    def of(cls, settings: AuthSettings) -> "Providers":
        return cls(
            Outbound(
                settings.allowed_networks,
                insecure=settings.outbound_http,
                most_bytes=300_000,
                seconds=8.0,
                redirects=0,
            )
        )

    async def discover(self, issuer: str) -> Metadata:
        """Return the metadata of an issuer. Raises INVALID at `issuer`, and BUSY."""
        document = await self._document(get_well_known_url(issuer, external=True))
        if document.get("issuer") != issuer:
            raise Problem("INVALID", NO_PROVIDER, field=["issuer"])
        algorithms = document.get("id_token_signing_alg_values_supported") or ["RS256"]
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Metadata(
            issuer=issuer,
            authorization_endpoint=self._url(document, "authorization_endpoint"),
            token_endpoint=self._url(document, "token_endpoint"),
            jwks_uri=self._url(document, "jwks_uri"),
            userinfo_endpoint=self._optional_url(document, "userinfo_endpoint"),
            end_session_endpoint=self._optional_url(document, "end_session_endpoint"),
            algorithms=tuple(one for one in ALGORITHMS if one in algorithms),
            auth_methods=tuple(str(one) for one in methods),
            names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    async def authorization_url(
        self,
        connection: Connection,
        redirect_uri: str,
        *,
        state: str,
        nonce: str,
        verifier: str,
        **more: str,
    ) -> str:
        """Return the URL at which a person signs in. Raises INVALID and BUSY."""
        metadata = await self.discover(connection.issuer)
        url, _ = self._client(connection, metadata, redirect_uri).create_authorization_url(
            metadata.authorization_endpoint,
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            **more,
        )
        return str(url)

    async def claims(
        self,
        connection: Connection,
        redirect_uri: str,
        *,
        code: str,
        nonce: str,
        verifier: str,
        max_age: int | None = None,
    ) -> dict[str, Any]:
        """Exchange a code; return the claims of the ID token, with those of the user info.

        Raises UNAUTHENTICATED for anything but a valid token of this provider, client and nonce.
        """
        metadata = await self.discover(connection.issuer)
        client = self._client(connection, metadata, redirect_uri)
        try:
            token = await client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=redirect_uri,
            )
        except UnreachableError:
            raise Problem("BUSY", UNREACHABLE) from None
        id_token, access = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            log.info("single sign-on refused", reason="no ID token", error=str(token.get("error")))
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        params = {"nonce": nonce, "client_id": connection.client_id, "access_token": access}
        if max_age is not None:
            params["max_age"] = max_age or 1  # Authlib takes 0 for none
        claims = await self._verified(connection, metadata, id_token, params)
        if "email" not in claims and metadata.userinfo_endpoint and isinstance(access, str):
            claims |= await self._user_info(metadata.userinfo_endpoint, access, claims["sub"])
        return claims

    async def logout_claims(self, connection: Connection, token: str) -> dict[str, Any]:
        """Return the claims of a logout token (Back-Channel Logout 1.0, section 2.6).

        Raises UNAUTHENTICATED.
        """
        metadata = await self.discover(connection.issuer)
        claims = await self._verified(connection, metadata, token, {}, needs_subject=False)
        events = claims.get("events")
        named = claims.get("sub") or claims.get("sid")
        if not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims:
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        if not named or "jti" not in claims:
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        return claims

    async def end_session_url(
        self, connection: Connection, redirect_uri: str, state: str
    ) -> str | None:
        """Return the URL at which a person signs out of the provider, if it has one.

        RP-Initiated Logout 1.0, section 2, with the client ID in place of an ID token.
        """
        endpoint = (await self.discover(connection.issuer)).end_session_endpoint
        if endpoint is None:
            return None
        asked = {
            "client_id": connection.client_id,
            "post_logout_redirect_uri": redirect_uri,
            "state": state,
        }
        return str(add_params_to_uri(endpoint, asked.items()))

    def _client(self, connection: Connection, metadata: Metadata, redirect_uri: str) -> _Client:
        method = "none"
        if connection.secret is not None:
            posts = "client_secret_post" in metadata.auth_methods
            method = "client_secret_post" if posts else "client_secret_basic"
        return _Client(
            self._outbound,
            client_id=connection.client_id,
            client_secret=connection.secret,
            token_endpoint_auth_method=method,
            redirect_uri=redirect_uri,
        )

    async def _verified(
        self,
        connection: Connection,
        metadata: Metadata,
        token: str,
        params: dict[str, Any],
        *,
        needs_subject: bool = True,
    ) -> dict[str, Any]:
        options = {
            "iss": {"essential": True, "value": metadata.issuer},
            "aud": {"essential": True, "value": connection.client_id},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        try:
            decoded = await self._decoded(metadata, token)
            kind = CodeIDToken if needs_subject else JWTClaims
            claims = kind(decoded.claims, decoded.header, options, params)
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            log.info("single sign-on refused", reason=type(error).__name__)
            raise Problem("UNAUTHENTICATED", NOT_PROVED) from None
        subject = claims.get("sub")
        fits = isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT
        if not fits and (needs_subject or subject is not None):
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        return dict(claims)

    async def _decoded(self, metadata: Metadata, token: str) -> Any:
        registry = JWSRegistry(algorithms=list(metadata.algorithms), strict_check_header=False)
        try:
            return jwt.decode(token, await self._keys(metadata.jwks_uri), registry=registry)
        except InvalidKeyIdError:  # the provider may have rotated its keys
            keys = await self._keys(metadata.jwks_uri, within=ASKED_AGAIN)
            return jwt.decode(token, keys, registry=registry)

    async def _keys(self, url: str, within: float = CACHED) -> KeySet:
        return KeySet.import_key_set(await self._document(url, within))  # type: ignore[arg-type]

    async def _user_info(self, url: str, access_token: str, subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            answer = await self._outbound.fetch("GET", url, headers=headers)
        except UnreachableError:
            raise Problem("BUSY", UNREACHABLE) from None
        found = _json(answer.body)
        if found.get("sub") != subject:  # OpenID Connect Core, section 5.3.2
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        names = ("email", "email_verified", "name")
        return {name: found[name] for name in names if name in found}

    async def _document(self, url: str, within: float = CACHED) -> dict[str, Any]:
        now = time.monotonic()
        at, document = self._cached.get(url, (-CACHED, {}))
        if now - at < within:
            return document
        try:
            answer = await self._outbound.fetch("GET", url, headers={"Accept": "application/json"})
        except UnreachableError:
            raise Problem("BUSY", UNREACHABLE) from None
        except Problem as problem:
            raise Problem("INVALID", problem.message, field=["issuer"]) from None
        document = _json(answer.body)
        if answer.status != 200 or not document:  # noqa: PLR2004 (OK)
            raise Problem("INVALID", NO_PROVIDER, field=["issuer"])
        if len(self._cached) >= MOST_CACHED:
            self._cached.pop(next(iter(self._cached)))
        self._cached[url] = (now, document)
        return document

    def _optional_url(self, document: Mapping[str, Any], name: str) -> str | None:
        return self._url(document, name) if document.get(name) else None

    def _url(self, document: Mapping[str, Any], name: str) -> str:
        url = document.get(name)
        schemes = ("https", "http") if self._outbound.insecure else ("https",)
        if not isinstance(url, str) or urlsplit(url).scheme not in schemes:
            raise Problem("INVALID", NO_PROVIDER, field=["issuer"])
        return url


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
