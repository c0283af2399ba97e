"""Retries for a connection where the server allows fewer than the pool's maximum.

A pool below its maximum opens a new connection, and fails at once when the server refuses, although
one of its own would be free in a moment: small plans of providers allow ten connections in all.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util.queue import Empty

from db.sqlstates import chain

RETRY = 0.5
"""Seconds until the next attempt, when no connection has been returned."""

TOO_MANY = asyncpg.TooManyConnectionsError.sqlstate

Connected = TypeVar("Connected")


class Patience:
    """Waits, after the server has refused a further connection, until one is returned."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def have(self, acquire: Callable[..., Awaitable[Connected]], seconds: float) -> Connected:
        """Return a connection, with retries for so many seconds. Raises what `acquire` raises."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            try:
                return await acquire(timeout=max(end - loop.time(), 0.001))
            except asyncpg.TooManyConnectionsError:
                if (left := end - loop.time()) <= 0:
                    raise
                await self._wait(min(left, RETRY))

    def one_is_free(self) -> None:
        """Wake the request that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _wait(self, seconds: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await turn


class PatientPool(AsyncAdaptedQueuePool):
    """The pool of an engine of the ORM, with the same patience."""

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except Exception as error:
            if not any(getattr(link, "sqlstate", None) == TOO_MANY for link in chain(error)):
                raise
            try:
                return self._pool.get(True, self._timeout)
            except Empty:
                message = "No connection to the database became available in time."
                raise PoolTimeout(message) from None
