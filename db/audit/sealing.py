"""Sealing: giving the events of the record their places in the chains, beside whoever writes."""

import asyncio
from typing import NamedTuple

import asyncpg
import structlog

from db.pool import NOBODY, Database, Lent

log = structlog.get_logger(__name__)

BATCH = 2000
"""Events a call looks at: a fraction of a second, which any statement timeout allows."""
SEALING = 7_310_942_026_112_003
"""The key of the advisory lock that whoever seals holds, here and in `ctx.seal_audit_logs`."""
BUSY_PAUSE, IDLE_PAUSE = 1.0, 10.0
"""Seconds between two looks while events come, and at most when none do."""


class Sealed(NamedTuple):
    """How many events a call has sealed, and whether it came to the end of what is due.

    It also came to the end when somebody else is sealing.
    """

    events: int
    done: bool


async def seal(connection: "asyncpg.Connection | Lent", batch: int = BATCH) -> Sealed:
    """Seal some of what has been committed. The connection must not be in a transaction."""
    row = await connection.fetchrow("SELECT sealed, done FROM ctx.seal_audit_logs($1)", batch)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Sealed(row["sealed"], row["done"])


async def seal_everything(connection: asyncpg.Connection) -> int:
    """Seal all that was committed before the call, waiting for whoever is sealing now.

    How many events that were. A server needs no help with this; its next second may be too late.
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
    """Seal what is written, for ever; for a task that ends by being cancelled.

    In every process of every node: one seals, the others find it at work and look more rarely.
    """
    pause = BUSY_PAUSE
    while True:
        try:
            async with database.app.lend(NOBODY) as connection:
                events, done = await seal(connection)
        except Exception:
            log.exception("sealing")
            events, done = 0, True
        if not done:
            continue
        pause = BUSY_PAUSE if events else min(2 * pause, IDLE_PAUSE)
        await asyncio.sleep(pause)
