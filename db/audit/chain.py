"""Hashes of the audit chain, computed alike in the database, in `verify` and over an export."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID


def genesis(organization_id: UUID) -> bytes:
    """Return the hash before a chain's first event, so that no chain passes for another."""
    return sha256(str(organization_id).encode()).digest()


def following(previous: bytes, seq: int, line: bytes) -> bytes:
    """Return the hash of an event by its number and line, as `ctx.seal_audit_logs` computes it."""
    return sha256(b"%b%d\n%b" % (previous, seq, line)).digest()


class ChainBrokenError(Exception):
    """The audit log was changed; the message says in one sentence which event, and how."""


class Link(NamedTuple):
    """An event in its chain. The line is what is hashed and exported."""

    seq: int
    event_id: UUID
    event_at: datetime
    hash: bytes
    line: bytes


def clock(time: datetime) -> str:
    """Return a time in the format of the lines: UTC, with microseconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
