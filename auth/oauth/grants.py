"""Grants: an authorization code with PKCE, a refresh token, client credentials.

Authlib's classes are completed where they leave rules of RFC 9700 open: S256 for all clients, one
use of each code and refresh token, and the end of the whole family when one is used twice.
"""

import hmac
import re
from datetime import timedelta
from typing import Any
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

from auth.credentials.dpop import is_thumbprint
from auth.credentials.tokens import CODE, is_token, new_token
from auth.credentials.tokens import REFRESH as REFRESH_PREFIX
from auth.oauth.base_server import BaseServer
from auth.oauth.clients import Client
from auth.oauth.credentials import CONFIDENTIAL, METHODS
from auth.oauth.requests import InvalidDpopProof, OAuthRequest, audience
from auth.oauth.token_families import (
    Held,
    digest_of,
    in_good_standing,
    is_younger,
    locked,
    may_repeat,
)
from db.core.oauth import OAuthAuthorizationCode, OAuthRefreshToken

CODE_LIFETIME = timedelta(seconds=60)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def _same_s256(verifier: str, challenge: str) -> bool:
    return hmac.compare_digest(create_s256_code_challenge(verifier), challenge)


class Pkce(CodeChallenge):  # type: ignore[misc] # Authlib has no types
    """Proof that the redeemer of a code is its requester (RFC 7636): S256, for every client."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]
    CODE_CHALLENGE_METHODS = {"S256": _same_s256}

    def validate_code_challenge(self, grant: "CodeGrant", redirect_uri: str) -> None:
        """Refuse a request for a code without a valid challenge."""
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
    """The authorization code grant: a code, after a person's consent."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    request: OAuthRequest
    server: BaseServer
    client: Client

    @staticmethod
    def validate_authorization_redirect_uri(request: OAuthRequest, client: Client) -> str:
        """Return the redirect URI; errors never repeat the one that was sent."""
        uri = request.form.get("redirect_uri")
        if uri is None and (only := client.get_default_redirect_uri()):
            return only
        if uri is None:
            raise InvalidRequestError("redirect_uri is required.")
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("redirect_uri is not registered for this client.")
        return uri

    def generate_authorization_code(self) -> str:
        """Return a new code."""
        return new_token(CODE)

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        """Store the digest of the code, and the rights that it stands for."""
        self.server.session.add(
            OAuthAuthorizationCode(
                code=digest_of(code),
                client_id=self.client.client_id,
                user_id=request.user,
                scope=request.scope,
                redirect_uri=request.form.get("redirect_uri", ""),
                code_challenge=request.form["code_challenge"],
                resource=audience(request, self.server.api),
                jkt=request.form.get("dpop_jkt"),
                session_id=request.session_id,
                **request.confinement.columns,
                nonce=request.form.get("nonce"),
                authenticated_at=request.proof_of_person and request.proof_of_person.at,
                methods=list(request.proof_of_person.methods if request.proof_of_person else ()),
                expires_at=func.now() + CODE_LIFETIME,
            )
        )

    def query_authorization_code(
        self, code: str, client: Client
    ) -> Held[OAuthAuthorizationCode] | None:
        """Return the code, locked; None when it is not this client's, used before, or too old."""
        stored = locked(self.server.session, OAuthAuthorizationCode, code)
        if stored is None or not is_token(code, CODE) or not stored.check_client(client):
            return None
        require_key(self.request, stored)
        if stored.row.used_at is not None:
            self.server.end_reused(stored.row, "code")
            return None
        return stored if stored.in_time and _is_still_for(stored, client) else None

    def authenticate_user(self, code: Held[OAuthAuthorizationCode]) -> UUID | None:
        """Return the person who gave the code, if their account is open."""
        return in_good_standing(self.server.session, code.row.user_id)

    def delete_authorization_code(self, code: Held[OAuthAuthorizationCode]) -> None:
        """Mark the code as used; it stays, so that a second use is noticed."""
        code.row.used_at = func.now()


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc] # Authlib has no types
    """A refresh token, exchanged once for the next pair, or at once by several that share it."""

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    request: OAuthRequest
    server: BaseServer

    def authenticate_refresh_token(self, token: str) -> Held[OAuthRefreshToken] | None:
        """Return the token, locked; None when it cannot be exchanged, which may end its family."""
        session = self.server.session
        stored = locked(session, OAuthRefreshToken, token)
        if stored is None or not is_token(token, REFRESH_PREFIX):
            return None
        if not stored.check_client(self.request.client):
            return None
        require_key(self.request, stored)
        used = stored.row.revoked_at is not None or stored.row.rotated_at is not None
        if used and not may_repeat(session, stored.row):
            self.server.end_reused(stored.row, "refresh token")
            return None
        longest = timedelta(days=self.server.settings.refresh_token_max_days)
        if not (stored.in_time and stored.get_scope() and is_younger(session, stored.row, longest)):
            return None
        return stored

    def authenticate_user(self, token: Held[OAuthRefreshToken]) -> UUID:
        """Return the person the token acts for.

        Raises InvalidGrantError when their account is closed.
        """
        person = in_good_standing(self.server.session, token.row.user_id)
        if person is None:
            raise InvalidGrantError
        return person

    def revoke_old_credential(self, token: Held[OAuthRefreshToken]) -> None:
        """Mark the token as exchanged; it stays, so that a later use is noticed.

        Tokens issued for it before stay valid: a client that exchanged it a moment ago keeps them.
        """
        token.row.last_used_at = func.now()
        if token.row.rotated_at is None:
            token.row.rotated_at = func.now()


class ClientCredentialsGrant(
    grants.ClientCredentialsGrant  # type: ignore[misc] # Authlib has no types
):
    """An application that acts for itself: as its service account, if it has one."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    request: OAuthRequest
    server: BaseServer

    def validate_token_request(self) -> None:
        """Raise UnauthorizedClientError, too, when its service account does not serve."""
        super().validate_token_request()
        account = self.request.client.row.service_account_id
        if account is not None and in_good_standing(self.server.session, account) is None:
            raise UnauthorizedClientError("The service account of the client does not serve.")
        self.request.user = account


def _is_still_for(stored: Held[OAuthAuthorizationCode], client: Client) -> bool:
    """Return whether the client's registration is unchanged since the code was given."""
    row = stored.row
    if row.created_at < client.row.updated_at:
        return False
    return not row.redirect_uri or client.check_redirect_uri(row.redirect_uri)


def require_thumbprint(oauth_request: OAuthRequest) -> None:
    """Raise InvalidRequestError when `dpop_jkt` is no thumbprint (RFC 9449, section 10)."""
    wanted = oauth_request.form.get("dpop_jkt")
    if wanted is not None and not is_thumbprint(wanted):
        raise InvalidRequestError("dpop_jkt must be the SHA-256 thumbprint of a key in base64url.")


def require_key(oauth_request: OAuthRequest, stored: Held[Any]) -> None:
    """Refuse a code or token bound to a key without a proof of that key, and change nothing."""
    if stored.row.jkt is None or stored.row.jkt == oauth_request.key:
        return
    if oauth_request.key is None:
        raise InvalidDpopProof("A proof of the key that it is bound to is needed.")
    raise InvalidGrantError("It is bound to another key.")


def require_code_allowed(client: Client) -> None:
    """Raise UnauthorizedClientError unless the application may ask people for codes."""
    if not client.check_grant_type(CodeGrant.GRANT_TYPE):
        raise UnauthorizedClientError("The client may not ask for codes.")
