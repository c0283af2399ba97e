"""Sequencing: giving what was committed its place in the feed, by one transaction at a time."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.pool import Lent

SEQUENCING = 7_310_942_026_112_104
"""The key of the advisory lock that the sequencing node holds for as long as it is connected."""
KEPT = timedelta(days=7)
"""How long a reader may be away and still resume."""
TRIMMED_AT_ONCE = 10_000


class Head(NamedTuple):
    """How far the feed reaches, in the order that `epoch` names."""

    position: int
    epoch: UUID


class Reach(NamedTuple):
    """`oldest` is the first position that is still kept; the next one, where none is."""

    oldest: int
    position: int
    epoch: UUID


async def lead(connection: asyncpg.Connection) -> bool:
    """Whether this connection's node is the one that sequences; it stays so until it closes.

    It saves the others their looks: whoever sequences at the same time only waits.
    """
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", SEQUENCING))


async def sequence(connection: "asyncpg.Connection | Lent") -> Head:
    """Give positions to what was committed, and say how far the feed reaches then.

    The connection must not be in a transaction. Who calls this at the same time waits.
    """
    return await _head(connection, "SELECT position, epoch FROM ctx.sequence_feed()")


async def head(connection: "asyncpg.Connection | Lent") -> Head:
    """How far the feed reaches now."""
    return await _head(connection, "SELECT position, epoch FROM ctx.feed_reach()")


async def reach(connection: "asyncpg.Connection | Lent") -> Reach:
    """How far the feed goes back, and how far it reaches now."""
    row = await connection.fetchrow("SELECT oldest, position, epoch FROM ctx.feed_reach()")
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Reach(**row)


async def trim(connection: "asyncpg.Connection | Lent", keep: timedelta = KEPT) -> bool:
    """Forget what is older; whether there may be more."""
    trimmed: int = await connection.fetchval("SELECT ctx.trim_feed($1, $2)", keep, TRIMMED_AT_ONCE)
    return trimmed == TRIMMED_AT_ONCE


async def _head(connection: "asyncpg.Connection | Lent", statement: str) -> Head:
    row = await connection.fetchrow(statement)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Head(row["position"], row["epoch"])
