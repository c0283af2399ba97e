"""Sequencing: give committed entries their positions in the feed, one transaction at a time."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.pool import Lent

SEQUENCING = 7_310_942_026_112_104
"""The key of the advisory lock that the sequencing node holds for as long as it is connected."""
TAKES_WRITES = "SELECT NOT current_setting('transaction_read_only')::boolean AS takes_writes"
KEPT = timedelta(days=7)
"""The retention of the feed: the longest absence after which a reader can still resume."""
TRIMMED_AT_ONCE = 10_000


class Head(NamedTuple):
    """The newest position of the feed, in the order that `epoch` names."""

    position: int
    epoch: UUID


class Reach(NamedTuple):
    """`oldest` is the first position that is still kept; the next one, where none is."""

    oldest: int
    position: int
    epoch: UUID


async def takes_writes(connection: asyncpg.Connection) -> bool:
    """Return whether this server can sequence events: a standby cannot until it is promoted."""
    row = await connection.fetchrow(TAKES_WRITES)
    assert row is not None  # noqa: S101 (a SELECT without FROM is one row)
    return bool(row["takes_writes"])


async def lead(connection: asyncpg.Connection) -> bool:
    """Return whether this connection holds the sequencer's lock, which it keeps until it closes.

    The lock only saves the other nodes their polling: a second sequencer would wait for the first.
    """
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", SEQUENCING))


async def sequence(connection: "asyncpg.Connection | Lent") -> Head:
    """Give positions to committed entries; return the newest position.

    The connection must not be in a transaction. Concurrent callers wait.
    """
    return await _head(connection, "SELECT position, epoch FROM ctx.sequence_feed()")


async def head(connection: "asyncpg.Connection | Lent") -> Head:
    """Return the newest position of the feed."""
    return await _head(connection, "SELECT position, epoch FROM ctx.feed_reach()")


async def reach(connection: "asyncpg.Connection | Lent") -> Reach:
    """Return the oldest and the newest position of the feed."""
    row = await connection.fetchrow("SELECT oldest, position, epoch FROM ctx.feed_reach()")
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Reach(**row)


async def trim(connection: "asyncpg.Connection | Lent", keep: timedelta = KEPT) -> bool:
    """Delete entries that are older; return whether there may be more."""
    trimmed: int = await connection.fetchval("SELECT ctx.trim_feed($1, $2)", keep, TRIMMED_AT_ONCE)
    return trimmed == TRIMMED_AT_ONCE


async def _head(connection: "asyncpg.Connection | Lent", statement: str) -> Head:
    row = await connection.fetchrow(statement)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Head(row["position"], row["epoch"])
