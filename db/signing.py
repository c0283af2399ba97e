"""Signed contexts, by which row level security verifies the person.

The application role may set any setting, and so a context counts only with a signature (HMAC, RFC
2104) by a key that the role cannot read. PostgreSQL verifies it once a statement
(`ctx.organizations()` and its like in the migrations).
"""

import hmac
import time
from typing import NamedTuple

NAMES = ("user_id", "organizations", "projects", "project")
"""The settings of a context, `app.` before each."""
LIFETIME, RENEWED = 3600.0, 1800.0
"""Seconds for which a signature is valid, and after which it is renewed."""
INNER = 0x36
KEY = "SELECT inner_pad FROM ctx.context_keys"
"""The key, as HMAC pads it for the inner digest. gateway_auth alone may read it."""

Settings = tuple[str, str, str, str]
"""Values of app.user_id, app.organizations, app.projects and app.project."""


def key_of(inner_pad: bytes) -> bytes:
    """Return the key of which this is the inner pad."""
    return bytes(byte ^ INNER for byte in inner_pad)


class Server(NamedTuple):
    """The server process a signature is bound to (0 is any), and the seconds its clock is ahead."""

    process: int
    ahead: float


class Signer:
    """Signs the contexts of one connection."""

    def __init__(self, key: bytes, server: Server) -> None:
        self._key, self._server = key, server
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """Return whether the last signature has to be renewed."""
        return time.time() >= self._due

    def sign(self, settings: Settings) -> Settings:
        """Return the values to set, signed. An empty one needs no signature: it gives no access."""
        now = time.time()
        self._due = now + RENEWED
        until = int(now + self._server.ahead + LIFETIME)
        user, organizations, projects, project = (
            self._signed(name, until, value) if value else ""
            for name, value in zip(NAMES, settings, strict=True)
        )
        return user, organizations, projects, project

    def _signed(self, name: str, until: int, value: str) -> str:
        signed = f"{self._server.process};{until};{value}"
        digest = hmac.digest(self._key, f"{name};{signed}".encode(), "sha256")
        return f"{digest.hex()};{signed}"
