"""Ending a token (RFC 7009), and asking what a token stands for (RFC 7662)."""

from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from auth.identify import BEARER, DPOP
from auth.oauth.clients import Client
from auth.oauth.credentials import METHODS, WITH_SECRET
from auth.oauth.families import Held, end, in_good_standing, locked, seen
from auth.oauth.requests import Asked
from auth.tokens import PREFIX, REFRESH, is_token
from db.core.oauth import OAuthAccessToken, OAuthRefreshToken

if TYPE_CHECKING:
    from auth.oauth.server import Server

TokenRow = OAuthAccessToken | OAuthRefreshToken


def _kind(token: str) -> type[TokenRow] | None:
    """Which it is shows in how it begins; a hint about it is not needed (RFC 7009, 2.1)."""
    if is_token(token, PREFIX):
        return OAuthAccessToken
    return OAuthRefreshToken if is_token(token, REFRESH) else None


class Revocation(RevocationEndpoint):  # type: ignore[misc] # Authlib has no types
    """An application gives a token back; a refresh token takes its access tokens along."""

    CLIENT_AUTH_METHODS = METHODS

    server: "Server"

    def check_params(self, request: Asked, _: Client) -> None:
        """Raises InvalidRequestError without a token."""
        _require_token(request)

    def query_token(self, token: str, _: str | None) -> Held[Any] | None:
        """The token, with its family locked."""
        kind = _kind(token)
        return locked(self.server.session, kind, token) if kind else None

    def revoke_token(self, token: Held[Any], request: Asked) -> None:
        """End it, or all of its family."""
        del request
        if isinstance(token.row, OAuthRefreshToken):
            if end(self.server.session, token.row.grant_id):
                self.server.note("revoke", token.row, "Application gave its tokens back.")
        elif token.row.revoked_at is None:
            self.server.stamp(token.row, "revoked_at")
            self.server.note("revoke", token.row, "Application gave an access token back.")


class Introspection(IntrospectionEndpoint):  # type: ignore[misc] # Authlib has no types
    """What a token stands for, told to its own application and to resource servers."""

    CLIENT_AUTH_METHODS = WITH_SECRET

    server: "Server"

    def check_params(self, request: Asked, _: Client) -> None:
        """Raises InvalidRequestError without a token."""
        _require_token(request)

    def query_token(self, token: str, _: str | None) -> Held[Any] | None:
        """The token; None for one whose person is locked out."""
        kind = _kind(token)
        held = seen(self.server.session, kind, token) if kind else None
        if held is None or self.server.query_client(held.row.client_id) is None:
            return None
        person = held.row.user_id
        if person is not None and in_good_standing(self.server.session, person) is None:
            return None
        return held

    def check_permission(self, token: Held[Any], client: Client, request: Asked) -> bool:
        """Whether this application may know."""
        del request
        return client.row.is_resource_server or token.check_client(client)

    def introspect_token(self, token: Held[Any]) -> dict[str, Any]:
        """The members of the answer (RFC 7662, section 2.2; RFC 9449, section 6.2)."""
        row = token.row
        answer = {
            "active": True,
            "client_id": row.client_id,
            "sub": str(row.user_id) if row.user_id else row.client_id,
            "iss": self.server.issuer,
            "aud": row.resource or [self.server.api],
            "iat": int(row.created_at.timestamp()),
            "exp": int(row.expires_at.timestamp()),
        }
        if row.scope is not None:
            answer["scope"] = token.get_scope()
        if isinstance(row, OAuthAccessToken):
            answer["token_type"] = DPOP if row.jkt else BEARER
        if row.jkt is not None:
            answer["cnf"] = {"jkt": row.jkt}
        return answer


def _require_token(request: Asked) -> None:
    if "token" not in request.form:
        raise InvalidRequestError("token is required.")
