"""How one hash follows from another: the same in the database, in `verify` and over an export."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID


def genesis(organization_id: UUID) -> bytes:
    """What stands before the first event of a chain, so that no chain passes for another."""
    return sha256(str(organization_id).encode()).digest()


def following(previous: bytes, seq: int, line: bytes) -> bytes:
    """The hash of the event with this number and line, as `ctx.seal_audit_logs` makes it."""
    return sha256(b"%b%d\n%b" % (previous, seq, line)).digest()


class ChainBrokenError(Exception):
    """Something was done to the record; the message says in one sentence to what, and what."""


class Link(NamedTuple):
    """An event in its chain. The line is what is hashed and exported."""

    seq: int
    event_id: UUID
    event_at: datetime
    hash: bytes
    line: bytes


def clock(time: datetime) -> str:
    """A time as the lines write it: UTC, with microseconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
