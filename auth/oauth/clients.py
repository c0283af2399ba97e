"""Registered applications: their scopes and grants, their secrets and redirect URIs."""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from auth.policy.scope_names import OPENID_SCOPES, SCOPES
from auth.secret import digest
from auth.web.app_schemes import app_scheme
from db.core.oauth import OAuthClient

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_CODE,
    EXCHANGE,
)
FOR_OPERATORS = frozenset({"client_credentials", EXCHANGE})
"""Grant types of applications with a secret or a key, which do not register themselves."""
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?(/.*)?")
FORMER_SECRET_LIFETIME = timedelta(hours=24)
"""The lifetime of the former secret of an application after a rotation."""

PRIVATE_KEY = "private_key_jwt"
"""The authentication method of applications that sign assertions (`auth.oauth.assertions`)."""
JWKS, JWKS_URI = "jwks", "jwks_uri"
"""Members of the metadata: the public keys, or the address where they are published."""

POST_LOGOUT = "post_logout_redirect_uris"
"""The member of the metadata for returning from signing out (RP-Initiated Logout, section 3.1)."""

EXPLORER = "gateway-explorer"
"""The explorer's name; a migration registers it."""


@dataclass(frozen=True)
class Client:
    """An application with the methods that Authlib calls."""

    row: OAuthClient
    issuer: str

    @property
    def redirect_uris(self) -> list[str]:
        """Return the redirect URIs; one that is a path is at this gateway, whatever its address."""
        uris: list[str] = self.row.redirect_uris
        return [self.issuer + uri if uri.startswith("/") else uri for uri in uris]

    @property
    def is_document(self) -> bool:
        """Return whether it is named by the address of its metadata (`client_documents`)."""
        return self.row.document_expires_at is not None

    @property
    def post_logout_redirect_uris(self) -> list[str]:
        """Return the addresses to which people may return when it has signed them out."""
        uris: list[str] = self.row.metadata_.get(POST_LOGOUT, [])
        return uris

    @property
    def client_id(self) -> str:
        """Return its public name."""
        return self.row.client_id

    def get_client_id(self) -> str:
        """Return its public name."""
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return the redirect URI when there is only one; None otherwise."""
        uris = self.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether it is registered: the same exactly, or on loopback with any port.

        One of a metadata document is the same exactly.
        """
        if not is_redirect_uri(redirect_uri):
            return False
        if self.is_document:
            return redirect_uri in self.redirect_uris
        wanted = without_port(redirect_uri)
        return any(
            uri == redirect_uri or (wanted is not None and wanted == without_port(uri))
            for uri in self.redirect_uris
        )

    def check_client_secret(self, secret: str) -> bool:
        """Return whether this is the secret, or the former one until it expires.

        It takes the same time for every wrong one.
        """
        is_present, is_former = (
            is_kept_as(secret, kept) for kept in (self.row.client_secret, self.row.former_secret)
        )
        until = self.row.former_secret_expires_at
        return is_present or (is_former and until is not None and until > datetime.now(UTC))

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        """Return whether it authenticates in this way: by its key, any with a secret, or none."""
        registered = self.row.token_endpoint_auth_method
        if PRIVATE_KEY in (method, registered):
            return method == registered
        return (method == "none") is self.row.is_public

    def check_response_type(self, response_type: str) -> bool:
        """Return whether it may ask people for codes."""
        return response_type in self.row.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether it may get tokens by this grant."""
        return grant_type in self.row.grant_types

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the scopes of this request, its own when none are named; None is a refusal."""
        own = self.row.scope.split()
        wanted = list(dict.fromkeys(scope.split(" "))) if scope else own
        known = set(own) & set(SCOPES) | set(OPENID_SCOPES)
        return " ".join(wanted) if wanted and set(wanted) <= known else None


def is_kept_as(secret: str, digested: str | None) -> bool:
    """Return whether the digest is that of this secret, which may be any text."""
    given = digest(secret.encode(errors="replace").decode()).hex()
    return digested is not None and hmac.compare_digest(digested, given)


def is_redirect_uri(uri: str) -> bool:
    """Return whether it may ever be a redirect URI: https, this computer, or an app's own scheme.

    It has no fragment, no user, no wildcard, and only characters that a header can hold.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,2000}", uri) or re.search(r"[#\\\"<>{}|^`]", uri):
        return False
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 (raises)
    except ValueError:
        return False
    if "@" in parts.netloc or "*" in parts.netloc:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return LOOPBACK.fullmatch(uri) is not None or is_app(uri)


def is_loopback(uri: str) -> bool:
    """Return whether it leads to a program on the person's own computer."""
    return LOOPBACK.fullmatch(uri) is not None


def is_app(uri: str) -> bool:
    """Return whether it leads to the app on the device that has registered this scheme."""
    return app_scheme(uri) is not None


def without_port(uri: str) -> tuple[str, str | None] | None:
    """Return host and path on loopback, where the port varies (RFC 8252, section 7.3)."""
    found = LOOPBACK.fullmatch(uri)
    return (found[1], found[2]) if found else None
