"""Client authentication: a secret, a signed assertion or, for public clients, none.

Every failure has the same answer, so that nobody learns which applications exist.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from auth.oauth import assertions
from auth.oauth.clients import PRIVATE_KEY, Client
from auth.oauth.requests import OAuthRequest, is_clean

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
CONFIDENTIAL = [BASIC, POST, PRIVATE_KEY]
METHODS = [*CONFIDENTIAL, NONE]
ASSERTION = "client_assertion"

Find = Callable[[str | None], Client | None]


class Unauthenticated(InvalidClientError):  # type: ignore[misc] # Authlib has no types
    """The application failed to authenticate (RFC 6749, section 5.2)."""

    def __init__(self) -> None:
        super().__init__("Client authentication failed.", status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        """Return the headers of its answer."""
        headers = [(name, value) for name, value in super().get_headers() if "Auth" not in name]
        return [*headers, ("WWW-Authenticate", 'Basic realm="oauth", charset="UTF-8"')]


def claimed(oauth_request: OAuthRequest) -> str:
    """Return the client id that the request names; empty when it names none."""
    try:
        pair = _basic(oauth_request)
    except Unauthenticated:
        return ""
    if pair:
        return pair[0]
    return oauth_request.form.get("client_id", "") or assertions.claimed(oauth_request)


def presented_secret(oauth_request: OAuthRequest) -> str:
    """Return the secret in the request; empty when there is none that could be one."""
    try:
        pair = _basic(oauth_request)
    except Unauthenticated:
        return ""
    return pair[1] if pair else oauth_request.form.get("client_secret", "")


def require_one_way(oauth_request: OAuthRequest) -> None:
    """Refuse credentials in two places, or for two applications (RFC 6749, section 2.3)."""
    pair, form = _basic(oauth_request), oauth_request.form
    ways = (pair is not None, "client_secret" in form, ASSERTION in form)
    if sum(ways) > 1 or (pair and form.get("client_id", pair[0]) != pair[0]):
        raise InvalidRequestError("The client authenticates in more than one way.")


def by_header(find: Find, oauth_request: OAuthRequest) -> Client | None:
    """Authenticate by HTTP Basic, both parts form-encoded (RFC 6749, section 2.3.1)."""
    pair = _basic(oauth_request)
    return _with_secret(find, *pair) if pair else None


def by_form(find: Find, oauth_request: OAuthRequest) -> Client | None:
    """Authenticate by `client_id` and `client_secret` in the form."""
    form = oauth_request.form
    if "client_id" not in form or "client_secret" not in form:
        return None
    return _with_secret(find, form["client_id"], form["client_secret"])


def by_name(find: Find, oauth_request: OAuthRequest) -> Client | None:
    """Identify a public application by its name alone."""
    form = oauth_request.form
    if {"client_secret", ASSERTION} & form.keys() or "authorization" in oauth_request.headers:
        return None
    client = find(form.get("client_id"))
    return client if client and client.row.is_public else None


def by_assertion(find: Find, oauth_request: OAuthRequest) -> Client | None:
    """Authenticate by an assertion, which has been verified before (`auth.oauth.assertions`)."""
    return find(oauth_request.asserted) if oauth_request.asserted else None


def _with_secret(find: Find, client_id: str, secret: str) -> Client | None:
    client = find(client_id)
    return client if client and client.check_client_secret(secret) else None


def _basic(oauth_request: OAuthRequest) -> tuple[str, str] | None:
    scheme, _, encoded = oauth_request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):  # of which UnicodeDecodeError is one
        raise Unauthenticated from None
    client_id, colon, secret = pair.partition(":")
    if not colon or not is_clean(pair):
        raise Unauthenticated
    return unquote_plus(client_id), unquote_plus(secret)
