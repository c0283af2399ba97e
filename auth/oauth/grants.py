"""The ways to a token: a code with PKCE, a refresh token, an application's own credentials.

Authlib's classes are completed where they leave rules of RFC 9700 open: S256 for everybody, one use
of each code and refresh token, and the end of the whole family when one is used twice.
"""

import hmac
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    InvalidGrantError,
    InvalidRequestError,
    UnauthorizedClientError,
    grants,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import create_s256_code_challenge
from sqlalchemy import func

from auth.dpop import is_thumbprint
from auth.oauth.clients import Client
from auth.oauth.credentials import METHODS, WITH_SECRET
from auth.oauth.families import Held, in_good_standing, kept, locked, unused_answer
from auth.oauth.requests import Asked, InvalidDpopProof, audience
from auth.tokens import CODE, is_token, new_token
from auth.tokens import REFRESH as REFRESH_PREFIX
from db.core.oauth import OAuthAccessToken, OAuthAuthorizationCode, OAuthRefreshToken

if TYPE_CHECKING:
    from auth.oauth.server import Server

CODE_LIFETIME = timedelta(seconds=60)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def _same_s256(verifier: str, challenge: str) -> bool:
    return hmac.compare_digest(create_s256_code_challenge(verifier), challenge)


class Pkce(CodeChallenge):  # type: ignore[misc] # Authlib has no types
    """Proof that whoever redeems a code has asked for it (RFC 7636): S256, from every client."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]
    CODE_CHALLENGE_METHODS = {"S256": _same_s256}

    def validate_code_challenge(self, grant: "CodeGrant", redirect_uri: str) -> None:
        """Refuse a request for a code that has no good challenge."""
        del redirect_uri
        form = grant.request.form
        if "code_challenge" not in form:
            raise InvalidRequestError("code_challenge is required.")
        if form.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")
        if not CHALLENGE.fullmatch(form["code_challenge"]):
            raise InvalidRequestError("code_challenge must be a SHA-256 digest in base64url.")

    def validate_code_verifier(self, grant: "CodeGrant", result: object) -> None:
        """Refuse a code without the verifier that its challenge was made from."""
        if not VERIFIER.fullmatch(grant.request.form.get("code_verifier", "")):
            raise InvalidGrantError("code_verifier is missing or malformed.")
        super().validate_code_verifier(grant, result)


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc] # Authlib has no types
    """A code, which a person has let the application have."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    request: Asked
    server: "Server"
    client: Client

    @staticmethod
    def validate_authorization_redirect_uri(request: Asked, client: Client) -> str:
        """Where the answer goes; the address is never repeated in an error."""
        uri = request.form.get("redirect_uri")
        if uri is None and (only := client.get_default_redirect_uri()):
            return only
        if uri is None:
            raise InvalidRequestError("redirect_uri is required.")
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("redirect_uri is not registered for this client.")
        return uri

    def generate_authorization_code(self) -> str:
        """A code that nobody has yet."""
        return new_token(CODE)

    def save_authorization_code(self, code: str, request: Asked) -> None:
        """Keep its digest, and what it stands for."""
        self.server.session.add(
            OAuthAuthorizationCode(
                code=kept(code),
                client_id=self.client.client_id,
                user_id=request.user,
                scope=request.scope,
                redirect_uri=request.form.get("redirect_uri", ""),
                code_challenge=request.form["code_challenge"],
                resource=audience(request, self.server.api),
                jkt=request.form.get("dpop_jkt"),
                expires_at=func.now() + CODE_LIFETIME,
            )
        )

    def query_authorization_code(
        self, code: str, client: Client
    ) -> Held[OAuthAuthorizationCode] | None:
        """The code, locked; None when it is not this client's, used before, or too old."""
        held = locked(self.server.session, OAuthAuthorizationCode, code)
        if held is None or not is_token(code, CODE) or not held.check_client(client):
            return None
        require_key(self.request, held)
        if held.row.used_at is not None:
            self.server.end_reused(held.row, "code")
            return None
        return held if held.in_time and _is_still_for(held, client) else None

    def authenticate_user(self, code: Held[OAuthAuthorizationCode]) -> UUID | None:
        """Whoever gave the code, if their account is open."""
        return in_good_standing(self.server.session, code.row.user_id)

    def delete_authorization_code(self, code: Held[OAuthAuthorizationCode]) -> None:
        """The code stays, so that a second use is noticed."""
        code.row.used_at = func.now()


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc] # Authlib has no types
    """A refresh token, exchanged once for the next pair."""

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    request: Asked
    server: "Server"
    _unused: tuple[OAuthRefreshToken, OAuthAccessToken] | None = None

    def authenticate_refresh_token(self, token: str) -> Held[OAuthRefreshToken] | None:
        """The token, locked; None when it cannot be exchanged, which may end its family."""
        session = self.server.session
        held = locked(session, OAuthRefreshToken, token)
        if held is None or not is_token(token, REFRESH_PREFIX):
            return None
        if not held.check_client(self.request.client):
            return None
        require_key(self.request, held)
        self._unused = None if held.row.revoked_at else unused_answer(session, held.row)
        used = held.row.revoked_at is not None or held.row.rotated_at is not None
        if used and not self._unused:
            self.server.end_reused(held.row, "refresh token")
            return None
        return held if held.in_time and held.get_scope() else None

    def authenticate_user(self, token: Held[OAuthRefreshToken]) -> UUID:
        """Whoever the token acts for. Raises InvalidGrantError when their account is closed."""
        person = in_good_standing(self.server.session, token.row.user_id)
        if person is None:
            raise InvalidGrantError
        return person

    def revoke_old_credential(self, token: Held[OAuthRefreshToken]) -> None:
        """The token has been exchanged; it stays, so that a second use is noticed.

        Only now is withdrawn what was given for it before: a request that is refused loses nothing.
        """
        for given in self._unused or ():
            given.revoked_at = func.now()
        token.row.rotated_at = token.row.last_used_at = func.now()


class ClientCredentialsGrant(
    grants.ClientCredentialsGrant  # type: ignore[misc] # Authlib has no types
):
    """An application that acts for itself: as its service account, if it has one."""

    TOKEN_ENDPOINT_AUTH_METHODS = WITH_SECRET

    request: Asked
    server: "Server"

    def validate_token_request(self) -> None:
        """Raises UnauthorizedClientError, too, when its service account does not serve."""
        super().validate_token_request()
        account = self.request.client.row.service_account_id
        if account is not None and in_good_standing(self.server.session, account) is None:
            raise UnauthorizedClientError("The service account of the client does not serve.")
        self.request.user = account


def _is_still_for(held: Held[OAuthAuthorizationCode], client: Client) -> bool:
    """Whether the client has been registered with the same things since the code was given."""
    row = held.row
    if row.created_at < client.row.updated_at:
        return False
    return not row.redirect_uri or client.check_redirect_uri(row.redirect_uri)


def require_thumbprint(asked: Asked) -> None:
    """Raise InvalidRequestError when a code is to be bound to what is no key (RFC 9449, 10)."""
    wanted = asked.form.get("dpop_jkt")
    if wanted is not None and not is_thumbprint(wanted):
        raise InvalidRequestError("dpop_jkt must be the SHA-256 thumbprint of a key in base64url.")


def require_key(asked: Asked, held: Held[Any]) -> None:
    """Refuse what is bound to a key to whoever does not prove to hold it, and change nothing."""
    if held.row.jkt is None or held.row.jkt == asked.key:
        return
    if asked.key is None:
        raise InvalidDpopProof("A proof of the key that it is bound to is needed.")
    raise InvalidGrantError("It is bound to another key.")


def require_code_allowed(client: Client) -> None:
    """Raise UnauthorizedClientError unless the application may ask people for codes."""
    if not client.check_grant_type(CodeGrant.GRANT_TYPE):
        raise UnauthorizedClientError("The client may not ask for codes.")
