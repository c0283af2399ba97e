"""Revoke a token (RFC 7009), and introspect a token (RFC 7662)."""

from collections.abc import Sequence
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from auth.credentials.identify import BEARER, DPOP
from auth.credentials.tokens import PREFIX, REFRESH, is_token
from auth.oauth.base_server import BaseServer
from auth.oauth.clients import Client
from auth.oauth.confinement import Confinement
from auth.oauth.credentials import CONFIDENTIAL, METHODS
from auth.oauth.id_tokens import authentication
from auth.oauth.interaction import DETAILS
from auth.oauth.requests import OAuthRequest
from auth.oauth.token_families import Held, end, in_good_standing, locked, seen
from db.core.oauth import OAuthAccessToken, OAuthRefreshToken

TokenRow = OAuthAccessToken | OAuthRefreshToken


def _kind(token: str) -> type[TokenRow] | None:
    """Return the kind of a token, by its prefix; a hint is not needed (RFC 7009, section 2.1)."""
    if is_token(token, PREFIX):
        return OAuthAccessToken
    return OAuthRefreshToken if is_token(token, REFRESH) else None


class Revocation(RevocationEndpoint):  # type: ignore[misc] # Authlib has no types
    """Revocation of a token by its application; a refresh token takes its access tokens along."""

    CLIENT_AUTH_METHODS = METHODS

    server: BaseServer

    def check_params(self, request: OAuthRequest, _: Client) -> None:
        """Raise InvalidRequestError without a token."""
        _require_token(request)

    def query_token(self, token: str, _: str | None) -> Held[Any] | None:
        """Return the token, with its family locked."""
        kind = _kind(token)
        return locked(self.server.session, kind, token) if kind else None

    def revoke_token(self, token: Held[Any], request: OAuthRequest) -> None:
        """Revoke the token, or all of its family."""
        del request
        if isinstance(token.row, OAuthRefreshToken):
            if end(self.server.session, token.row.grant_id):
                self.server.note("revoke", token.row, "Application gave its tokens back.")
        elif token.row.revoked_at is None:
            self.server.stamp(token.row, "revoked_at")
            self.server.note("revoke", token.row, "Application gave an access token back.")


class Introspection(IntrospectionEndpoint):  # type: ignore[misc] # Authlib has no types
    """Introspection of a token, for its own application and for resource servers."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL

    server: BaseServer

    def check_params(self, request: OAuthRequest, _: Client) -> None:
        """Raise InvalidRequestError without a token."""
        _require_token(request)

    def query_token(self, token: str, _: str | None) -> Held[Any] | None:
        """Return the token; None when its person is not in good standing."""
        kind = _kind(token)
        stored = seen(self.server.session, kind, token) if kind else None
        if stored is None or self.server.query_client(stored.row.client_id) is None:
            return None
        person = stored.row.user_id
        if person is not None and in_good_standing(self.server.session, person) is None:
            return None
        return stored

    def check_permission(self, token: Held[Any], client: Client, request: OAuthRequest) -> bool:
        """Return whether this application may introspect the token."""
        del request
        return client.row.is_resource_server or token.check_client(client)

    def introspect_token(self, token: Held[Any]) -> dict[str, Any]:
        """Return the members of the answer.

        RFC 7662, section 2.2; RFC 9396, section 9.2; RFC 9449, section 6.2; RFC 9470, section 6.2.
        """
        row = token.row
        answer = {
            "active": True,
            "client_id": row.client_id,
            "sub": str(row.user_id) if row.user_id else row.client_id,
            "iss": self.server.issuer,
            "aud": row.resource or [self.server.api],
            "iat": int(row.created_at.timestamp()),
            "exp": int(row.expires_at.timestamp()),
            **authentication(row.authenticated_at, row.methods),
        }
        if row.scope is not None:
            answer["scope"] = token.get_scope()
        if isinstance(row, OAuthAccessToken):
            answer["token_type"] = DPOP if row.jkt else BEARER
            if row.actors:
                answer["act"] = _chain(row.actors)
        if details := Confinement.of(row).details:
            answer[DETAILS] = details
        if row.jkt is not None:
            answer["cnf"] = {"jkt": row.jkt}
        return answer


def _chain(actors: Sequence[str]) -> dict[str, Any]:
    """Return who acts, and for whom they act in turn (RFC 8693, section 4.1)."""
    current, *before = actors
    return {"sub": current, **({"act": _chain(before)} if before else {})}


def _require_token(request: OAuthRequest) -> None:
    if "token" not in request.form:
        raise InvalidRequestError("token is required.")
