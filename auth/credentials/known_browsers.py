"""Browsers that people have signed in with: failures elsewhere do not delay these.

An attacker who knows an address can fail to sign in with it, from many networks, and so delay
everybody who tries that address. A browser in which its owner has signed in, or opened a link from
a mail to the address, keeps a signed cookie, and has a count of failures of its own (OWASP, "Slow
Down Online Guessing Attacks with Device Cookies"). The cookie signs nobody in.
"""

import binascii
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from auth.secret import keyed_digest
from auth.settings import AuthSettings

BROWSER, LINK = "known browser", "link for a browser"
LIFETIME = 400 * 86_400
"""Seconds that a browser stays known without signing in; browsers keep no cookie for longer."""
LINK_LIFETIME = 2 * 86_400
"""Seconds that a mailed link makes a browser known."""
MAX_PEOPLE = 5
"""The number of people that one browser is known for, at most."""


class _Entry(NamedTuple):
    """One person of a browser: their address, the browser's name for them, since when."""

    email: str
    name: str
    since: int

    def signed(self, settings: AuthSettings, purpose: str) -> str:
        """Return the entry with its signature, in characters that cookies and addresses hold."""
        address = urlsafe_b64encode(self.email.encode()).decode().rstrip("=")
        text = f"{address}.{self.name}.{self.since}"
        return f"{text}.{keyed_digest(settings, purpose, text).hex()}"


def after_sign_in(settings: AuthSettings, cookie: str, email: str, name: str | None = None) -> str:
    """Return the cookie of a browser in which the owner of this address has just signed in.

    `name` is the name of the browser for them from now on; by default, the one that it has.
    """
    entries = _entries(settings, cookie)
    known = next((entry for entry in entries if entry.email == email), None)
    name = name or (known.name if known else fresh_name())
    others = [entry for entry in entries if entry.email != email]
    kept = [_Entry(email, name, int(time.time())), *others[: MAX_PEOPLE - 1]]
    return "~".join(entry.signed(settings, BROWSER) for entry in kept)


def fresh_name() -> str:
    """Return a name for a browser that has none at an address."""
    return secrets.token_hex(16)


def name_for(settings: AuthSettings, cookie: str, email: str) -> str | None:
    """Return the id of the browser with this cookie at this address; None when it is not known."""
    return next((e.name for e in _entries(settings, cookie) if e.email == email), None)


def latest_address(settings: AuthSettings, cookie: str) -> str:
    """Return the address that signed in or up last in this browser; empty when not known."""
    return next((entry.email for entry in _entries(settings, cookie)), "")


def link(settings: AuthSettings, email: str) -> str:
    """Return a link to mail: a browser in which it is opened becomes known at this address."""
    token = _Entry(email, "", int(time.time())).signed(settings, LINK)
    return f"{settings.url}/sign-in?known={token}"


def address_of(settings: AuthSettings, token: str) -> str | None:
    """Return the address that such a link was mailed to; None when it is invalid or expired."""
    entry = _read(settings, LINK, token, LINK_LIFETIME)
    return entry.email if entry else None


def _entries(settings: AuthSettings, cookie: str) -> list[_Entry]:
    read = (_read(settings, BROWSER, text, LIFETIME) for text in cookie.split("~")[:MAX_PEOPLE])
    return [entry for entry in read if entry]


def _read(settings: AuthSettings, purpose: str, text: str, life: int) -> _Entry | None:
    try:
        address, name, since, _ = text.split(".")
        padded = address + "=" * (-len(address) % 4)
        entry = _Entry(urlsafe_b64decode(padded).decode(), name, int(since))
    except (ValueError, binascii.Error):
        return None
    genuine = hmac.compare_digest(entry.signed(settings, purpose).encode(), text.encode())
    return entry if genuine and time.time() - entry.since < life else None
