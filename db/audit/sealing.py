"""Sealing: add the events of the audit log to the chains, concurrently with writers."""

import asyncio
from typing import NamedTuple

import asyncpg

from db.attempts import Attempts
from db.pool import NOBODY, Database, Lent

BATCH = 2000
"""Events examined in a call: a fraction of a second, which any statement timeout allows."""
SEALING = 7_310_942_026_112_003
"""The key of the advisory lock for sealing, here and in `ctx.seal_audit_logs`."""
BUSY_PAUSE, IDLE_PAUSE = 1.0, 10.0
"""Seconds between two calls while events arrive, and at most when none do."""


class Sealed(NamedTuple):
    """The number of events that a call has sealed, and whether none is left to seal.

    `done` is also true when another process is sealing.
    """

    events: int
    done: bool


async def seal(connection: "asyncpg.Connection | Lent", batch: int = BATCH) -> Sealed:
    """Seal a batch of committed events. The connection must not be in a transaction."""
    row = await connection.fetchrow("SELECT sealed, done FROM ctx.seal_audit_logs($1)", batch)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Sealed(row["sealed"], row["done"])


async def seal_everything(connection: asyncpg.Connection) -> int:
    """Seal all events committed before the call, waiting for another sealer; return their number.

    A running server seals by itself within seconds; this is for callers that cannot wait.
    """
    total = 0
    await connection.execute(f"SELECT pg_advisory_lock({SEALING})")
    try:
        for _ in range(2):  # the first may only end what another has begun some time ago
            done = False
            while not done:
                events, done = await seal(connection)
                total += events
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({SEALING})")
    return total


async def keep_sealing(database: Database) -> None:
    """Seal new events until the task is cancelled.

    It runs in every process of every node: one seals, the others find the lock taken and poll less
    often.
    """
    pause, attempts = BUSY_PAUSE, Attempts("sealing")
    while True:
        events, done = 0, True
        with attempts.attempt():
            async with database.app.lend(NOBODY) as connection:
                events, done = await seal(connection)
        if not done:
            continue
        pause = BUSY_PAUSE if events else min(2 * pause, IDLE_PAUSE)
        await asyncio.sleep(pause)
