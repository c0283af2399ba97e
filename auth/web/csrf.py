"""Proof that a form was sent by the page it stands on, and not by another site.

Two checks, each enough alone. The form carries a token bound by HMAC to a cookie that other sites
can neither read nor, thanks to its `__Host-` prefix, set. And the browser's `Origin` is ours.
"""

import hmac
import secrets
from hashlib import sha256

from starlette.requests import Request

from auth.settings import AuthSettings


def token(settings: AuthSettings, cookie: str) -> str:
    """Return a token for a form of the browser that holds this cookie, different at every call.

    The salt prevents the length of a compressed answer from disclosing the token (BREACH).
    """
    salt = secrets.token_hex(8)
    return f"{salt}.{_signature(settings, salt, cookie)}"


def proves(settings: AuthSettings, token: str, cookie: str) -> bool:
    """Return whether `token` was made for this cookie."""
    salt, _, signature = token.partition(".")
    expected = _signature(settings, salt, cookie)
    return bool(cookie) and hmac.compare_digest(signature.encode(), expected.encode())


def from_here(request: Request, settings: AuthSettings) -> bool:
    """Return whether the browser says that a page of this site sent this request.

    Without `Origin`, which every current browser sends with a form, `Sec-Fetch-Site` decides; for a
    client that sends neither, the token alone decides.
    """
    origin = request.headers.get("origin")
    if origin is not None and settings.public_url:
        return origin == settings.public_url.rstrip("/")
    if origin is not None:  # behind a proxy that ends TLS, our own scheme is not the browser's
        return origin.partition("://")[2] == request.base_url.netloc
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _signature(settings: AuthSettings, salt: str, cookie: str) -> str:
    key = settings.gateway_secret.get_secret_value().encode()
    # The cookie comes from outside and may hold anything; `surrogatepass` never fails.
    text = f"form\0{salt}\0{cookie}".encode(errors="surrogatepass")
    return hmac.new(key, text, sha256).hexdigest()
