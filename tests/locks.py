"""Requests that block each other: at a locked row, or at a closed gate."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

GATE = 7310942
"""The advisory lock that a stopped transaction waits for."""
HOLD = f"""
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NEW; END $$
"""
STOPPED = f"""
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

Waits = Callable[..., Awaitable[None]]


@asynccontextmanager
async def held(superuser: asyncpg.Connection, rows: str, *values: object) -> AsyncIterator[Waits]:
    """Lock the rows of `SELECT FROM` until the end of the block.

    The block gets a function that waits until a number of others wait for a lock, which they get in
    that order. With `unless`, it also ends when that is done.
    """

    async def waiting(number: int, unless: "asyncio.Future[object] | None" = None) -> None:
        async with asyncio.timeout(12):  # less than their patience
            while await superuser.fetchval(WAITING) < number and not (unless and unless.done()):
                await superuser.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.005)

    async with superuser.transaction():
        taken = await superuser.fetch(f"SELECT FROM {rows} FOR UPDATE", *values)
        assert taken, "there is nothing to hold"
        yield waiting


class Gate:
    """A place where transactions stop until it is opened."""

    def __init__(self, holder: asyncpg.Connection) -> None:
        self.holder = holder

    async def reached(self) -> int:
        """Return the process ID of the backend that waits at the gate, once there is one."""
        async with asyncio.timeout(12):
            while (pid := await self.holder.fetchval(STOPPED)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # PostgreSQL tells nobody
        return pid

    async def open(self) -> None:
        await self.holder.execute("SELECT pg_advisory_unlock_all()")


@asynccontextmanager
async def gate(dsn: str, trigger: str) -> AsyncIterator[Gate]:
    """Yield a closed gate where this trigger fires, for all transactions of the database."""
    holder = await asyncpg.connect(dsn)
    try:
        await holder.execute(HOLD)
        await holder.execute(f"CREATE {trigger} EXECUTE FUNCTION public.hold()")
        await holder.execute("SELECT pg_advisory_lock($1)", GATE)
        yield Gate(holder)
    finally:
        await holder.execute("SELECT pg_advisory_unlock_all()")
        await holder.execute("DROP FUNCTION public.hold() CASCADE")
        await holder.close()
