"""Secrets we hand out: 256 random bits, of which we keep nothing but a SHA-256 digest.

A slow hash would add nothing: unlike a password, such a secret cannot be guessed.
"""

import re
import secrets
from hashlib import sha256

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
