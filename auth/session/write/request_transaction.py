"""One database transaction for a whole request: all its writes, and the reads among them.

Each transaction of a resolver is a savepoint within it, and reads see uncommitted rows. After a
failed read the transaction is rolled back to before it, so that an answer may hold errors and its
effects still commit; an effect that fails is rolled back alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, Self, cast

import asyncpg

from auth.origin import Origin
from auth.session.write.db_errors import lost
from auth.session.write.transaction import Transaction
from auth.viewer import Viewer
from db.base import Base
from db.connection import BROKEN, NOTICED, Remembering
from db.lending import Loan
from db.metering import too_much_read
from db.pool import Context, Database
from db.problem import Problem
from db.signing import Settings


class RequestTransaction:
    """The transaction of one request. Opened by `begin`; `commit` ends it, or it is rolled back.

    A connection runs one statement at a time, and resolvers run concurrently: every use takes a
    lock, which the statements of effects take as well.
    """

    def __init__(self, loan: Loan, driver: Remembering) -> None:
        self._loan, self._driver, self._mutex = loan, driver, asyncio.Lock()
        self._context: Settings | None = None
        self.doomed: Problem | None = None
        """The reason for which the whole request will be rolled back; None when it will not."""
        self._writing = self._saved = self._aborted = False
        self.shows_secret = self._changes_access = False
        self.on_commit: list[Callable[[], None]] = []
        """Functions to call after the commit, and not at all otherwise."""

    @classmethod
    @asynccontextmanager
    async def begin(cls, database: Database, viewer: Viewer) -> AsyncIterator[Self]:
        """Open a transaction in the viewer's context. Raises BUSY when there is no connection."""
        loan = database.writing.lend(viewer.context, planned_once=True, in_transaction=True)
        joined: RequestTransaction | None = None
        try:
            async with loan as lent:
                joined = cls(loan, cast("Remembering", lent))
                joined._context = viewer.context.settings()
                yield joined
                with suppress(*BROKEN, *NOTICED):
                    await loan.rollback()  # what was not committed
        finally:
            if joined is not None and joined._changes_access:
                database.access_changed()

    def mark_rollback_only(self, problem: Problem) -> None:
        """Refuse all further work: the whole request will be rolled back."""
        self.doomed = self.doomed or problem

    @asynccontextmanager
    async def savepoint(self, viewer: Viewer, origin: Origin) -> AsyncIterator[Transaction]:
        """Open a savepoint in place of a transaction: all or nothing of it is stored."""
        async with self._alone():
            await self._leave_savepoint()
            told = self._context == viewer.context.settings()
            self._writing, self._context = True, None
        try:
            shared = (self._driver, self._mutex, viewer, origin)
            async with Transaction.within(*shared, told=told) as writing:
                yield writing
                await self._settle(writing)
                self._changes_access |= writing.changes_access
            self._context = writing.viewer.context.settings()
        except Problem as problem:
            if problem.extensions["retryable"]:
                self.mark_rollback_only(problem)
            raise
        finally:
            self._writing = False

    async def _settle(self, writing: Transaction) -> None:
        """Check the deferred constraints now, while the error can still name its place.

        The feed's trigger is not among them: it locks documents, which others need until the end.
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
        """Return the rows of one statement that changes nothing, in this context."""
        async with self._alone():
            try:
                await self._ready_to_read(context.settings())
                rows: list[Any] = await self._driver.fetch(
                    text, *arguments, record_class=record_class
                )
            except BaseException:
                self._aborted = not self._writing
                if self._aborted and not self._saved:  # there is nothing to go back to
                    self.mark_rollback_only(lost())
                raise
            return rows

    async def statement(self, text: str, *arguments: Any) -> asyncpg.Record | None:
        """Return the first row of a statement of the gateway's own."""
        async with self._alone():
            await self._recover()
            row: asyncpg.Record | None = await self._driver.fetchrow(text, *arguments)
            return row

    async def commit(self) -> None:
        """Commit. After any error, either everything or nothing may have been stored."""
        async with self._alone():
            self.mark_rollback_only(
                Problem("BUSY", "The request has ended.")
            )  # for reads that nobody waits for
            await self._loan.commit()
        for work in self.on_commit:
            work()

    async def _ready_to_read(self, settings: Settings) -> None:
        if self._writing:  # the effect has a savepoint and a context, which may be wider already
            return
        await self._recover()
        if not self._saved:
            await self._driver.execute("SAVEPOINT answer")
            self._saved = True
        if self._context != settings:
            self._context = None
            await self._driver.enter_locally(settings)
            self._context = settings

    async def _recover(self) -> None:
        """Roll back to before the reads when one of them has failed."""
        if self._aborted:
            self._context = None
            await self._driver.execute("ROLLBACK TO SAVEPOINT answer")
            self._aborted = False

    async def _leave_savepoint(self) -> None:
        """Release the savepoint of the reads: later writes must not be rolled back with them."""
        await self._recover()
        if self._saved:
            await self._driver.execute("RELEASE SAVEPOINT answer")
            self._saved = False

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Lock the connection for one task. Raises BUSY when it is broken."""
        async with self._mutex:
            if self.doomed:
                raise Problem(self.doomed.code, self.doomed.message)
            try:
                yield
            except Exception as error:
                if not self._driver.is_closed():
                    raise
                problem = too_much_read(error) or lost()
                self.mark_rollback_only(problem)
                raise problem from error


@cache
def _deferred() -> str:
    """Return the names of the tables' deferred constraints."""
    tables = Base.metadata.tables.values()
    constraints = (constraint for table in tables for constraint in table.constraints)
    return ", ".join(sorted(str(one.name) for one in constraints if one.initially == "DEFERRED"))
