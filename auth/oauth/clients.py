"""Registered applications: what they may ask for, and where answers to them may be sent."""

import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from auth.oauth.scopes import SCOPES
from auth.secret import digest
from db.core.oauth import OAuthClient

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", DEVICE_CODE)
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?(/.*)?")
APP_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""A scheme of an app of its own: a domain's name, backwards (RFC 8252, section 7.1)."""

EXPLORER = "gateway-explorer"
"""The explorer's name; a migration registers it."""


@dataclass(frozen=True)
class Client:
    """An application as Authlib asks about it."""

    row: OAuthClient
    issuer: str

    @property
    def redirect_uris(self) -> list[str]:
        """Where answers may be sent; a path is one of this gateway's own, wherever it is."""
        uris: list[str] = self.row.redirect_uris
        return [self.issuer + uri if uri.startswith("/") else uri for uri in uris]

    @property
    def client_id(self) -> str:
        """Its public name."""
        return self.row.client_id

    def get_client_id(self) -> str:
        """Its public name."""
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Where answers go when the request does not say, if there is only one place."""
        uris = self.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether answers may go there: exactly as registered, on loopback from any port."""
        if not is_redirect_uri(redirect_uri):
            return False
        wanted = without_port(redirect_uri)
        return any(
            uri == redirect_uri or (wanted is not None and wanted == without_port(uri))
            for uri in self.redirect_uris
        )

    def check_client_secret(self, secret: str) -> bool:
        """Whether this is the secret, in the same time for every wrong one."""
        return is_kept_as(secret, self.row.client_secret)

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        """A secret may stand in the header or in the form; who has none sends none."""
        return (method == "none") is self.row.is_public

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask people for codes."""
        return response_type in self.row.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may get tokens in this way."""
        return grant_type in self.row.grant_types

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scopes it gets for this request, its own when none are named; None is a refusal."""
        own = self.row.scope.split()
        wanted = list(dict.fromkeys(scope.split(" "))) if scope else own
        return " ".join(wanted) if wanted and set(wanted) <= set(own) & set(SCOPES) else None


def is_kept_as(secret: str, digested: str | None) -> bool:
    """Whether this is the secret of which that is kept; any text may be asked about."""
    given = digest(secret.encode(errors="replace").decode()).hex()
    return digested is not None and hmac.compare_digest(digested, given)


def is_redirect_uri(uri: str) -> bool:
    """Whether answers may ever be sent there: https, this computer, or an app's own scheme.

    No fragment, no user, no wild card, nothing that a header could not hold.
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
    """Whether it leads to a program on the person's own computer, whichever that is."""
    return LOOPBACK.fullmatch(uri) is not None


def is_app(uri: str) -> bool:
    """Whether it leads to whatever app on the device has taken this scheme."""
    return APP_SCHEME.fullmatch(uri.partition(":")[0]) is not None


def without_port(uri: str) -> tuple[str, str | None] | None:
    """Host and path on loopback, where a port is only known at run time (RFC 8252, 7.3)."""
    found = LOOPBACK.fullmatch(uri)
    return (found[1], found[2]) if found else None
