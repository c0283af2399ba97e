"""A pool of one role: it lends connections, each in the context of one viewer.

A connection that was returned in good order is spare: the next loan takes it without a task or a
timer. asyncpg's pool opens, resets and closes connections; it gets a spare one back after
SPARE_TIME, after LOANS, and whatever was returned in another state.
"""

import asyncio
import time
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from db.connection import BROKEN, NOTICED, UNREACHABLE, Context, Remembering
from db.fair_queue import Turns, no_connection
from db.metering import too_much_read
from db.patience import Patience
from db.problem import Problem
from db.signing import Settings

Lent: TypeAlias = "PoolConnectionProxy[Any]"
"""A connection that `Pool.lend` has lent."""

SPARE_TIME = 60.0
"""Seconds for which a connection is kept as spare without a loan."""
LOANS = 1_000
"""Loans after which a spare connection goes through asyncpg's pool, which replaces old ones."""


def bytes_received(connection: Lent) -> int:
    """Return the bytes that a connection has received since it was acquired."""
    return cast(Remembering, connection).meter.received


class _Member:
    """A connection that was acquired of asyncpg's pool: the proxy it is returned by, and itself."""

    __slots__ = ("connection", "loans", "proxy", "returned")

    def __init__(self, proxy: Lent) -> None:
        self.proxy = proxy
        self.connection: Remembering = cast(Remembering, proxy).itself
        self.loans = 0
        self.returned = 0.0
        """The time of the last return, by the clock of `time.monotonic`."""


class Pool:
    """Connections of one role, acquired by `lend` only."""

    def __init__(
        self, pool: "asyncpg.Pool[Any]", turns: Turns, wait: float, per_transaction: bool
    ) -> None:
        self._pool, self.turns, self._patience = pool, turns, Patience()
        self._wait, self.per_transaction = wait, per_transaction
        self._spare: deque[_Member] = deque()
        """The most recently returned one is the last."""
        self._trimming: asyncio.TimerHandle | None = None
        self._returning: set[asyncio.Task[None]] = set()

    def lend(
        self,
        context: Context,
        holder: Hashable | None = None,
        *,
        planned_once: bool = False,
        in_transaction: bool = False,
    ) -> "Loan":
        """Lend a connection in this context; BUSY when none is free in time, or the server ends it.

        Tenants wait for each other fairly, and a `holder`, such as a request, has a few at a time.
        QUERY_TOO_COMPLEX when it receives more than may be read at once. `planned_once` is for
        statements of which one plan serves all values. `in_transaction` begins one that commits at
        the end of the loan, or before, by `Loan.commit`.
        """
        return Loan(self, context, holder, planned_once, in_transaction)

    def take_now(self, settings: Settings, *, planned_once: bool) -> _Member | None:
        """Return a spare connection that needs no statement to be in this state, if there is one.

        Its context is signed for long enough.
        """
        member = self._ready(settings, planned_once) if self._spare else None
        if member is not None and (
            member.connection.is_closed() or not member.connection.knows(settings)
        ):
            self._spare.append(member)
            return None
        return member

    async def take(self, settings: Settings, *, planned_once: bool) -> _Member:
        """Return a connection that nobody uses, one in this state if there is. Raises BUSY."""
        if (member := await self._taken(settings, planned_once)) is not None:
            return member

        async def acquire(timeout: float) -> _Member:  # noqa: ASYNC109 (asyncpg's)
            # While the server refuses to open another, one may have been returned.
            member = await self._taken(settings, planned_once)
            return member or _Member(await self._pool.acquire(timeout=timeout))

        try:
            return await self._patience.have(acquire, self._wait)
        except UNREACHABLE as error:
            raise no_connection() from error

    async def _taken(self, settings: Settings, planned_once: bool) -> _Member | None:
        """Remove and return a spare connection that is open, if there is one."""
        while self._spare:
            member = self._ready(settings, planned_once) or self._spare.pop()
            if not member.connection.is_closed():
                return member
            await self._release(member)
        return None

    def _ready(self, settings: Settings, planned_once: bool) -> _Member | None:
        """Remove and return the spare connection that needs no statement to be in this state."""
        for place in range(len(self._spare) - 1, -1, -1):
            member = self._spare[place]
            connection = member.connection
            if connection.settings == settings and connection.plans_once is planned_once:
                del self._spare[place]
                return member
        return None

    async def give(self, member: _Member, *, in_order: bool) -> None:
        """Take a connection back; it is spare if its last use has ended `in_order`."""
        if in_order and self.give_now(member):
            return
        member.loans += 1
        await self._release(member)
        self._patience.one_is_free()

    def give_now(self, member: _Member) -> bool:
        """Keep a connection whose last use has ended in order; False if it is to be released."""
        connection = member.connection
        if member.loans + 1 >= LOANS or connection.is_closed() or connection.is_in_transaction():
            return False
        member.loans += 1
        member.returned = time.monotonic()
        self._spare.append(member)
        if self._trimming is None:
            self._trimming = asyncio.get_running_loop().call_later(SPARE_TIME, self._trim)
        self._patience.one_is_free()
        return True

    async def close(self) -> None:
        """Return the spare connections to asyncpg's pool, which waits for all of its own."""
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None
        while self._spare:
            await self._release(self._spare.pop())
        await asyncio.gather(*self._returning, return_exceptions=True)

    async def _release(self, member: _Member) -> None:
        with suppress(*NOTICED):
            await asyncio.shield(self._pool.release(member.proxy))

    def _trim(self) -> None:
        """Return the connections that have been spare for SPARE_TIME to asyncpg's pool."""
        loop, now = asyncio.get_running_loop(), time.monotonic()
        while self._spare and now - self._spare[0].returned >= SPARE_TIME:
            task = loop.create_task(self._release(self._spare.popleft()))
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)
        self._trimming = loop.call_later(SPARE_TIME, self._trim) if self._spare else None

    @property
    def size(self) -> int:
        """Return the number of open connections."""
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        """Return the number of idle connections."""
        return self._pool.get_idle_size() + len(self._spare)


class Loan:
    """One loan of a connection, an async context manager."""

    __slots__ = (
        "_context",
        "_holder",
        "_in_transaction",
        "_member",
        "_planned_once",
        "_pool",
        "_transaction",
    )

    def __init__(
        self,
        pool: Pool,
        context: Context,
        holder: Hashable | None,
        planned_once: bool,
        in_transaction: bool,
    ) -> None:
        self._pool, self._context, self._holder = pool, context, holder
        self._planned_once, self._in_transaction = planned_once, in_transaction
        self._transaction: Any = None

    async def __aenter__(self) -> Lent:
        pool, tenant = self._pool, self._context.tenant
        if not pool.turns.take_now(tenant, self._holder):
            await pool.turns.take(tenant, self._holder)
        try:
            settings, member = self._context.settings(), None
            if not (self._in_transaction or pool.per_transaction):
                member = pool.take_now(settings, planned_once=self._planned_once)
            if member is not None:  # in this state, so that there is nothing to wait for
                self._member = member
                member.connection.meter.received = 0
                return cast(Lent, member.connection)
            member = await pool.take(settings, planned_once=self._planned_once)
            self._member = member
            try:
                await self._prepare(member.connection)
            except BaseException as error:
                await self._return(error)
                raise
        except BaseException:
            pool.turns.give(tenant, self._holder)
            raise
        return cast(Lent, member.connection)

    async def commit(self) -> None:
        """Commit the transaction of the loan now."""
        transaction, self._transaction = self._transaction, None
        await transaction.commit()

    async def rollback(self) -> None:
        """Roll the transaction of the loan back now, if it has not ended."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            await transaction.rollback()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._transaction is None and self._pool.give_now(self._member):
                return
            if self._transaction is not None:
                try:
                    await self._transaction.__aexit__(kind, error, trace)
                except BaseException as failed:
                    if error is None:
                        await self._return(failed)
                        raise
            await self._return(error)
        finally:
            self._pool.turns.give(self._context.tenant, self._holder)

    async def _prepare(self, connection: Remembering) -> None:
        connection.meter.received = 0
        settings = self._context.settings()
        if self._pool.per_transaction:
            await self._begin(connection)
            await connection.enter_locally(settings)
        elif not connection.knows(settings):
            await connection.enter(settings)
        if connection.plans_once is not self._planned_once:
            await connection.plan(once=self._planned_once)
        if self._in_transaction and self._transaction is None:
            await self._begin(connection)

    async def _begin(self, connection: Remembering) -> None:
        transaction = connection.transaction()
        await transaction.start()
        self._transaction = transaction

    async def _return(self, error: BaseException | None) -> None:
        """Return the connection. Raises the Problem that an error of the connection means."""
        member = self._member
        is_lost = isinstance(error, BROKEN) or (
            isinstance(error, NOTICED) and member.connection.is_closed()
        )
        try:
            if is_lost:
                with suppress(*NOTICED):
                    member.connection.terminate()
                lost = Problem("BUSY", "The connection to the database was lost.")
                raise (too_much_read(error) if error else None) or lost from error
        finally:
            await self._pool.give(member, in_order=error is None)
