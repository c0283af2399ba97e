"""Commit to personal values in an event: the values stand beside it, and can be erased.

The salt makes the digest useless to whoever guesses at the values once they are erased.
"""

import json
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

SALT = 16
"""Bytes of a salt."""


class Committed(NamedTuple):
    """The salt, the values as JSON, and the digest of both, in hexadecimal, for the event."""

    salt: bytes
    data: str
    digest: str


def commit(old: Mapping[str, Any], new: Mapping[str, Any]) -> Committed:
    """Return the old and new values of an event, in the form of the record, with their digest."""
    salt = secrets.token_bytes(SALT)
    data = json.dumps({"old": old, "new": new}, sort_keys=True, separators=(",", ":"))
    return Committed(salt, data, digest_of(salt, data))


def digest_of(salt: bytes, data: str) -> str:
    """Return the digest that an event has of its personal values."""
    return sha256(salt + data.encode()).hexdigest()
