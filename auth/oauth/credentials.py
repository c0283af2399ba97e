"""How an application proves itself: a secret in the header or in the form, or, without one, not.

Every failure has the same answer, so that nobody learns which applications there are.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from auth.oauth.clients import Client
from auth.oauth.requests import Asked, is_clean

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
WITH_SECRET = [BASIC, POST]
METHODS = [*WITH_SECRET, NONE]

Find = Callable[[str | None], Client | None]


class Unauthenticated(InvalidClientError):  # type: ignore[misc] # Authlib has no types
    """The application is not who it says (RFC 6749, section 5.2)."""

    def __init__(self) -> None:
        super().__init__("Client authentication failed.", status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers of its answer."""
        headers = [(name, value) for name, value in super().get_headers() if "Auth" not in name]
        return [*headers, ("WWW-Authenticate", 'Basic realm="oauth", charset="UTF-8"')]


def claimed(asked: Asked) -> str:
    """Which application the request says it is from; empty when it does not."""
    try:
        pair = _basic(asked)
    except Unauthenticated:
        return ""
    return pair[0] if pair else asked.form.get("client_id", "")


def require_one_way(asked: Asked) -> None:
    """Refuse credentials in two places, or for two applications (RFC 6749, section 2.3)."""
    pair, form = _basic(asked), asked.form
    if pair and ("client_secret" in form or form.get("client_id", pair[0]) != pair[0]):
        raise InvalidRequestError("The client authenticates in more than one way.")


def by_header(find: Find, asked: Asked) -> Client | None:
    """HTTP Basic, both parts form-encoded (RFC 6749, section 2.3.1)."""
    pair = _basic(asked)
    return _with_secret(find, *pair) if pair else None


def by_form(find: Find, asked: Asked) -> Client | None:
    """`client_id` and `client_secret` in the form."""
    form = asked.form
    if "client_id" not in form or "client_secret" not in form:
        return None
    return _with_secret(find, form["client_id"], form["client_secret"])


def by_name(find: Find, asked: Asked) -> Client | None:
    """A public application just says its name."""
    if "client_secret" in asked.form or "authorization" in asked.headers:
        return None
    client = find(asked.form.get("client_id"))
    return client if client and client.row.is_public else None


def _with_secret(find: Find, client_id: str, secret: str) -> Client | None:
    client = find(client_id)
    return client if client and client.check_client_secret(secret) else None


def _basic(asked: Asked) -> tuple[str, str] | None:
    scheme, _, encoded = asked.headers.get("authorization", "").partition(" ")
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
