"""One database transaction for a whole request: all it writes, and what it reads besides.

What would be a transaction of its own is a savepoint within it, and reads see what is not yet
committed. A read that fails leaves the transaction as it was before, so that an answer may hold
errors and its effects still commit; an effect that fails, undoes itself alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, Self

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from auth.session.origin import Origin
from auth.session.refusal import no_connection, refusal
from auth.session.transaction import Transaction
from auth.viewer import Viewer
from db.base import Base
from db.pool import SET, Context, Database
from db.problem import Problem


class Joined:
    """The transaction of one request. Made by `begin`; `commit` ends it, or it is rolled back.

    One thing happens at a time on a connection, and resolvers run concurrently: every use takes the
    lock that SQLAlchemy's own statements take.
    """

    def __init__(self, connection: AsyncConnection, driver: Any, mutex: asyncio.Lock) -> None:
        self.connection = connection
        self._driver, self._mutex = driver, mutex
        self._context: tuple[str, str, str] | None = None
        self._doomed: Problem | None = None
        self._writing = self._saved = self._aborted = False
        self.afterwards: list[Callable[[], None]] = []
        """What is to be done once everything is kept, and not at all otherwise."""

    @classmethod
    @asynccontextmanager
    async def begin(cls, database: Database, viewer: Viewer) -> AsyncIterator[Self]:
        """A transaction in the viewer's context. BUSY when there is no connection."""
        connection = database.orm.connect()
        try:
            await connection
        except PoolTimeout:
            raise no_connection() from None
        except DBAPIError as error:
            raise refusal(error) from error
        try:
            try:
                await connection.exec_driver_sql(SET, (*viewer.context.settings(), True))
                pooled = await connection.get_raw_connection()
            except DBAPIError as error:
                raise refusal(error) from error
            mutex = pooled.dbapi_connection._execute_mutex  # type: ignore[union-attr] # noqa: SLF001
            joined = cls(connection, pooled.driver_connection, mutex)
            joined._context = viewer.context.settings()
            yield joined
        finally:
            await asyncio.shield(_close(connection))

    def doom(self, problem: Problem) -> None:
        """Let nothing more be done: the whole request is going to be rolled back."""
        self._doomed = self._doomed or problem

    @asynccontextmanager
    async def effect(self, viewer: Viewer, origin: Origin) -> AsyncIterator[Transaction]:
        """What is a transaction of its own elsewhere: all or nothing of it is kept."""
        async with self._alone():
            await self._leave_savepoint()
            told = self._context == viewer.context.settings()
            self._writing, self._context = True, None
        try:
            async with Transaction.begin(self.connection, viewer, origin, told=told) as writing:
                yield writing
                await self._settle(writing)
            self._context = writing.viewer.context.settings()
        except Problem as problem:
            if problem.extensions["retryable"]:
                self.doom(problem)
            raise
        finally:
            self._writing = False

    async def _settle(self, writing: Transaction) -> None:
        """Check what PostgreSQL would else check at the end, when it is too late to say where.

        The feed's trigger is not among it: the documents that it locks are others' until the end.
        """
        if await writing.flushed():
            names = _deferred()
            async with self._alone():
                await self._driver.execute(
                    f"SET CONSTRAINTS {names} IMMEDIATE; SET CONSTRAINTS {names} DEFERRED"
                )

    async def fetch(
        self,
        context: Context,
        text: str,
        arguments: Sequence[object],
        record_class: type[asyncpg.Record] | None = None,
    ) -> list[Any]:
        """The rows of one statement that changes nothing, in this context."""
        async with self._alone():
            try:
                await self._ready_to_read(context.settings())
                rows: list[Any] = await self._driver.fetch(
                    text, *arguments, record_class=record_class
                )
            except BaseException:
                self._aborted = not self._writing
                if self._aborted and not self._saved:  # there is nothing to go back to
                    self.doom(lost())
                raise
            return rows

    async def statement(self, text: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a statement of the gateway's own."""
        async with self._alone():
            await self._recover()
            row: asyncpg.Record | None = await self._driver.fetchrow(text, *arguments)
            return row

    async def commit(self) -> None:
        """Keep everything. Whatever it raises, everything may have been kept or nothing."""
        async with self._alone():
            self.doom(Problem("BUSY", "The request is over."))  # for reads that nobody waits for
            await self.connection.commit()
        for work in self.afterwards:
            work()

    async def _ready_to_read(self, settings: tuple[str, str, str]) -> None:
        if self._writing:  # the effect has a savepoint and a context, which may be wider already
            return
        await self._recover()
        if not self._saved:
            await self._driver.execute("SAVEPOINT answer")
            self._saved = True
        if self._context != settings:
            self._context = None
            await self._driver.execute(SET, *settings, True)
            self._context = settings

    async def _recover(self) -> None:
        """Go back to before the reads when one of them has failed."""
        if self._aborted:
            self._context = None
            await self._driver.execute("ROLLBACK TO SAVEPOINT answer")
            self._aborted = False

    async def _leave_savepoint(self) -> None:
        """Take leave of the savepoint of the reads: what comes now must not be undone with them."""
        await self._recover()
        if self._saved:
            await self._driver.execute("RELEASE SAVEPOINT answer")
            self._saved = False

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """The connection, for one task at a time. BUSY when it is broken."""
        async with self._mutex:
            if self._doomed:
                raise Problem(self._doomed.code, self._doomed.message)
            try:
                yield
            except Exception as error:
                if not self._driver.is_closed():
                    raise
                self.doom(lost())
                raise lost() from error


def lost() -> Problem:
    """The connection broke: what was not committed is undone."""
    return Problem("BUSY", "The connection to the database was lost; try again.")


async def _close(connection: AsyncConnection) -> None:
    """Roll back what is not committed, and give the connection back."""
    with suppress(DBAPIError):  # it broke: PostgreSQL rolls back by itself, and the pool drops it
        await connection.close()


@cache
def _deferred() -> str:
    """The constraints of the tables that are checked at the end of a transaction."""
    tables = Base.metadata.tables.values()
    constraints = (constraint for table in tables for constraint in table.constraints)
    return ", ".join(sorted(str(one.name) for one in constraints if one.initially == "DEFERRED"))
