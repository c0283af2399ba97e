"""Secrets of 256 random bits, of which only a SHA-256 digest is stored.

A slow hash would add nothing: unlike a password, such a secret cannot be guessed.
"""

import hmac
import re
import secrets
from hashlib import sha256

from auth.settings import AuthSettings

SECRET = r"[A-Za-z0-9_-]{43}"  # noqa: S105 (a pattern)
"""The pattern of a secret that `fresh` returns."""


def fresh() -> str:
    """Return a new secret: 43 characters that need no quoting in a header, cookie or address."""
    return secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Return whether `text` has the form of a secret of `fresh`; other text is never looked up."""
    return re.fullmatch(SECRET, text) is not None


def digest(secret: str) -> bytes:
    """Return the SHA-256 digest that is stored in place of the secret."""
    return sha256(secret.encode()).digest()


def keyed_digest(settings: AuthSettings, kind: str, of: str) -> bytes:
    """Return the HMAC that is stored in place of a text that could be guessed, keyed by kind."""
    key = settings.gateway_secret.get_secret_value().encode()
    return hmac.new(key, f"{kind}\0{of}".encode(), sha256).digest()
