"""Secrets we hand out: 256 random bits, of which we keep nothing but a SHA-256 digest.

A slow hash would add nothing: unlike a password, such a secret cannot be guessed.
"""

import hmac
import re
import secrets
from hashlib import sha256

from auth.settings import AuthSettings

SECRET = r"[A-Za-z0-9_-]{43}"  # noqa: S105 (a pattern)
"""What `fresh` gives."""


def fresh() -> str:
    """A new secret: 43 characters that need no quoting in a header, cookie or address."""
    return secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Whether `text` could have come from `fresh`; what could not is never looked up."""
    return re.fullmatch(SECRET, text) is not None


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return sha256(secret.encode()).digest()


def keyed_digest(settings: AuthSettings, kind: str, of: str) -> bytes:
    """What is kept of what could be guessed: an HMAC with the gateway's secret, by its kind."""
    key = settings.gateway_secret.get_secret_value().encode()
    return hmac.new(key, f"{kind}\0{of}".encode(), sha256).digest()
