"""Cursors: positions of a stream, encrypted, that clients send to resume.

Positions count the events of all tenants. A cursor holds one together with the name of its order,
encrypted for the organization that is followed (of notifications: for the person): it reveals
nothing, and is invalid elsewhere. All nodes have the key, which is derived from GATEWAY_SECRET.
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag

from auth.encryption import deterministic
from auth.settings import AuthSettings
from db.problem import Problem
from graph.kit.stream import Stream

CURSOR = re.compile(r"[A-Za-z0-9_-]{64}")
"""48 bytes: the tag of AES-SIV, an epoch, a position, and salt."""
IN_CLEAR = re.compile(r"[0-9a-f]{32}\.(0|[1-9][0-9]{0,17})")
"""The format of cursors before they were encrypted; a client with such a cursor starts anew."""
EPOCH, POSITION, SALT = 16, 8, 8
"""Bytes of each part."""
UNSALTED = bytes(SALT)
MAX_RECENT = 10_000
"""Cursors of events that are cached: each event has the same one for all followers."""


class Cursor(NamedTuple):
    """A position of the feed, in the order that `epoch` names."""

    epoch: UUID
    position: int


class Cursors:
    """Writes and reads cursors."""

    def __init__(self, settings: AuthSettings) -> None:
        self._cipher = deterministic(settings, "feed cursor")
        self._of_event = lru_cache(MAX_RECENT)(partial(self._written, salt=UNSALTED))

    def of_event(self, stream: Stream, cursor: Cursor) -> str:
        """Return the cursor of an event, the same for all followers, who share a payload."""
        return self._of_event(_owner(stream), cursor)

    def of_place(self, stream: Stream, cursor: Cursor) -> str:
        """Return a cursor of a position, different each time, to hide the writes of others."""
        return self._written(_owner(stream), cursor, secrets.token_bytes(SALT))

    def read(self, text: str, stream: Stream) -> Cursor | None:
        """Return the cursor a client has sent; None for that of another stream, secret or release.

        Raises INVALID when the text is no cursor at all.
        """
        if IN_CLEAR.fullmatch(text):
            return None
        if not CURSOR.fullmatch(text):
            raise Problem("INVALID", "This is not a cursor of an event.", field=["after"])
        try:
            plain = self._cipher.decrypt(urlsafe_b64decode(text), [_owner(stream)])
        except InvalidTag:
            return None
        epoch, position = plain[:EPOCH], plain[EPOCH : EPOCH + POSITION]
        return Cursor(UUID(bytes=epoch), int.from_bytes(position))

    def _written(self, owner: bytes, cursor: Cursor, salt: bytes) -> str:
        plain = cursor.epoch.bytes + cursor.position.to_bytes(POSITION) + salt
        return urlsafe_b64encode(self._cipher.encrypt(plain, [owner])).decode()


def _owner(stream: Stream) -> bytes:
    return (stream.organization_id or stream.id).bytes
