"""The cookies: the browser's session, the binding of forms, and the known browser.

All are sent over HTTPS alone, on this host alone and never to scripts: the prefix `__Host-` makes
browsers enforce it (RFC 6265bis, section 4.1.3.2). Browsers store no such cookie for a plain
http://localhost, so there, and only there, the names have no prefix.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.settings import AuthSettings

SESSION, FORM, KNOWN = "gateway", "gateway-form", "gateway-known"
SSO = "gateway-sso"
"""An attempt to sign in at an identity provider."""
SHARE = "gateway-share"
"""The pass of a share, which is sent to its own path alone, and so cannot have the prefix."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def read(connection: HTTPConnection, settings: AuthSettings, cookie: str) -> str:
    """Return the cookie's value, which may be anything; empty without one."""
    return connection.cookies.get(_name(connection, settings, cookie), "")


def write(
    response: Response,
    connection: HTTPConnection,
    settings: AuthSettings,
    cookie: str,
    value: str,
    max_age: int | None = None,
    path: str = "/",
) -> None:
    """Set the cookie for `max_age` seconds, or until the browser is closed.

    `path` is that of SHARE; all others are of the whole site.
    """
    response.set_cookie(
        _name(connection, settings, cookie),
        value,
        max_age=max_age,
        path=path,
        secure=not _is_bare(connection, settings),
        httponly=True,
        samesite="lax",
    )


def clear(
    response: Response, connection: HTTPConnection, settings: AuthSettings, cookie: str
) -> None:
    """Delete the cookie from the browser."""
    write(response, connection, settings, cookie, "", max_age=0)


def _name(connection: HTTPConnection, settings: AuthSettings, cookie: str) -> str:
    prefix = "__Secure-" if cookie == SHARE else "__Host-"
    return cookie if _is_bare(connection, settings) else f"{prefix}{cookie}"


def _is_bare(connection: HTTPConnection, settings: AuthSettings) -> bool:
    if settings.public_url.startswith("https:"):
        return False
    url = connection.base_url
    return url.scheme in ("http", "ws") and url.hostname in LOOPBACK
