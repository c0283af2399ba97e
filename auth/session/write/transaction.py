"""The transaction in which a viewer writes: it authorizes, versions and records.

The unit of work knows which rows are new or changed. At each flush they are checked against the
policy, stamped with their author, and sent with the record of it, by one statement a model; all of
it commits together.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self, cast
from uuid import UUID
from weakref import proxy

import asyncpg
from sqlalchemy import Select, select
from sqlalchemy.sql.functions import Function

from auth.credentials.credential_lock import CredentialEnded, lock_statement
from auth.origin import Origin
from auth.policy import deciding_columns, parameters
from auth.session.compiled import Compiled
from auth.session.product_query import require_existing, require_insertion
from auth.session.write.audit import moved, note_mass_deletion, record
from auth.session.write.authorize_write import Remarks, checked
from auth.session.write.bisect import send_each
from auth.session.write.copying import Copies
from auth.session.write.db_errors import lost, refusal, stale
from auth.session.write.edits import Edits
from auth.session.write.flush import (
    Last,
    PendingWrite,
    StoredValues,
    discard,
    organizations_of,
    send,
    settle,
)
from auth.session.write.guards import refusals
from auth.session.write.lookup import LockingReader, require_own
from auth.session.write.plan_limits import (
    COUNT_REQUESTS,
    REFUSED,
    require_counted,
    require_storage,
    storage,
)
from auth.session.write.purge import Purged, Top, purged, removal, top
from auth.session.write.relocating import Relocation
from auth.session.write.rights import HOLD_RIGHTS, RIGHTS, Rights
from auth.session.write.unit_of_work import UnitOfWork
from auth.viewer import Viewer
from db.base import SCOPES, Entity
from db.connection import BROKEN, NOTICED, Remembering
from db.core.notifications import Notification
from db.lending import Pool
from db.metering import too_much_read
from db.problem import Problem
from db.text import normalised
from db.values import same

_HOLD_RIGHTS = Compiled(HOLD_RIGHTS, planned_once=True)
_COUNT_REQUESTS = Compiled(COUNT_REQUESTS, planned_once=True)
Rollback = Callable[[], Awaitable[None]]


class Transaction(LockingReader):
    """Rows that a viewer is changing. Opened by `ViewerSession.transaction`."""

    def __init__(
        self, work: UnitOfWork, rollback: Rollback, viewer: Viewer, origin: Origin
    ) -> None:
        super().__init__(work, viewer)
        self.origin, self._rollback = origin, rollback
        self.now = datetime.now(UTC)
        self.remarks = Remarks()
        self.edits = Edits(proxy(self))  # or the two would keep each other
        self._uncounted: set[UUID] = set()
        """Organizations with writes of this transaction that are not yet counted as a request."""
        self._counted: set[UUID] = set()
        self._counting: set[UUID] = set()
        """Organizations for which the request counts; others are only asked to allow it."""
        self._writes = self._abandoned = self.changes_access = False
        self.purpose: str | None = None
        """The purpose of the writes, which a rule of a product can make an exception for."""

    @classmethod
    @asynccontextmanager
    async def begin(cls, pool: Pool, viewer: Viewer, origin: Origin) -> AsyncIterator[Self]:
        """Commit at the end of the block; roll back on any exception, which becomes a Problem."""
        loan = pool.lend(viewer.context, planned_once=True, in_transaction=True)
        try:
            async with loan as lent:
                work = UnitOfWork(cast("Remembering", lent))
                transaction = cls(work, loan.rollback, viewer, origin)
                yield transaction
                await transaction._end()
        except asyncpg.PostgresError as error:
            raise refusal(error) from error

    @classmethod
    @asynccontextmanager
    async def within(
        cls,
        connection: Remembering,
        mutex: asyncio.Lock,
        viewer: Viewer,
        origin: Origin,
        *,
        told: bool,
    ) -> AsyncIterator[Self]:
        """Do the same as a savepoint of the transaction of a connection that others use as well.

        They lock the `mutex`. `told` when the viewer's context is set there already.
        """
        work = UnitOfWork(connection, mutex)

        async def rollback() -> None:
            await work.execute("ROLLBACK TO SAVEPOINT effect")

        try:
            await work.execute("SAVEPOINT effect")
            try:
                transaction = cls(work, rollback, viewer, origin)
                if not told:
                    await transaction._enter(viewer)
                yield transaction
                await transaction._end()
            except BaseException:
                with suppress(*BROKEN, *NOTICED):
                    await rollback()
                    await work.execute("RELEASE SAVEPOINT effect")
                raise
            await work.execute("RELEASE SAVEPOINT effect")
        except asyncpg.PostgresError as error:
            raise refusal(error) from error
        except (*BROKEN, *NOTICED) as error:
            if not connection.is_closed():
                raise
            raise too_much_read(error) or lost() from error

    @property
    def person(self) -> UUID:
        """Return the id of the viewer; a transaction is never anonymous."""
        assert self.viewer.id is not None  # noqa: S101 (ViewerSession.transaction has asked)
        return self.viewer.id

    async def act_as(self, viewer: Viewer) -> None:
        """Continue as the same person with wider grants, for founders and invited people."""
        self.viewer = viewer
        self.rights.widen(viewer)
        await self._enter(viewer)

    async def _enter(self, viewer: Viewer) -> None:
        await self._work.enter_locally(viewer.context.settings())

    async def lock_credential(self) -> None:
        """Lock the viewer's credential until the end of this transaction. Raises CredentialEnded.

        For rows that outlive the credential, such as keys. It comes before every other lock.
        """
        if self.viewer.session_id:
            ((held,),) = await self._work.select(lock_statement(self.viewer), {})
            if not held:
                raise CredentialEnded

    def add(self, *rows: Entity) -> None:
        """Insert these rows at the next flush, which checks the policy."""
        self._work.add(*rows)

    def tell(self, notice: Notification, *, unprompted: bool = False) -> None:
        """Add a notification from the gateway, which the policy does not check.

        An `unprompted` one, such as a reminder, follows from no act of the viewer.
        """
        self.remarks.entitled.add(notice.id)
        if unprompted:
            self.remarks.unprompted.add(notice.id)
        self.add(notice)

    async def flush(self, *, last: bool = False) -> None:
        """Send pending rows, so that later ones can refer to them; `last` when none follow.

        The last rows count the request, which is else a statement of its own.
        """
        rows = self._work.pending()
        if not rows:
            return
        for problem in (await refusals(self, rows)).values():
            raise problem
        if writes := list(checked(rows, self)):
            settle(self._work, writes, await self.send(writes, last=last))
        self._work.settle_unchanged()

    async def flushed(self) -> bool:
        """Send pending rows; return False when all has been abandoned."""
        if self._abandoned:
            return False
        await self.flush()
        return True

    async def send_each(self, rows: Sequence[Entity]) -> dict[UUID, Problem]:
        """Send these new or changed rows, each for itself; return the refusals, by the row's id."""
        refused = await refusals(self, rows)
        for row in rows:
            if row.id in refused and row in self._work:
                discard(row)
        sent = [row for row in rows if row.id not in refused]
        return refused | await send_each(self._work, self, sent)

    async def abandon(self) -> None:
        """Roll back everything so far (a dry run); the rows keep their new values."""
        self._work.forget()
        await self._rollback()
        self._uncounted.clear()
        self._counted.clear()
        self._counting.clear()
        self.rights.forget()
        self._writes, self._abandoned = False, True

    def change(self, row: Entity, expected_version: int | None, **values: object) -> None:
        """Set these columns, provided the row is still at the client's version."""
        if expected_version is not None and row.version != expected_version:
            raise stale(row)
        values = normalised(type(row), values)
        changed = [name for name, value in values.items() if not same(getattr(row, name), value)]
        if not changed and row.id not in self.remarks.entitled:
            # Nothing will be flushed, and who may change nothing must hear of it still.
            self.rights.require("update", row)
        for name in changed:
            setattr(row, name, values[name])

    def reset(self, row: Entity) -> None:
        """Reset a row that is not to be written to the values that were read."""
        discard(row)

    def require_create(self, row: Entity) -> None:
        """Raise FORBIDDEN unless the row may be created; `add` checks as well, when it is sent."""
        self.rights.require("create", row)

    def require_update(self, row: Entity, place: Mapping[str, Any]) -> None:
        """Raise FORBIDDEN unless the row may be changed in its scopes and those of `place`."""
        self.rights.require("update", row)
        scopes = {key: place.get(key, getattr(row, key)) for key in deciding_columns(type(row))}
        self.rights.require("update", row, at=SimpleNamespace(**scopes))

    def renumber(self, row: Entity, position: float) -> None:
        """Set the position of a row in the same order: no edit of a person, but recorded."""
        self.change(row, None, position=position)
        self.remarks.renumbered.add(row.id)

    def touch(self, row: Entity, column: str) -> None:
        """Set a column to now, to note that the viewer writes to what belongs to the row.

        If nothing else of it changes, the policy is not asked.
        """
        setattr(row, column, self.now)
        self.remarks.touched[row.id] = column

    async def trashed(self, statement: Select[tuple[Any, ...]]) -> list[Top]:
        """Return the rows of a statement of `write.purge`. Raises FORBIDDEN for all but owners."""
        rows = await self._work.select(statement, parameters(self.viewer))
        tops = [top(row) for row in rows]
        for found in tops:
            self.rights.require_purge(found.organization_id, found.model)
        return tops

    async def count_trashed(self, statement: Select[tuple[Any, ...]]) -> int:
        """Return the count of the statement."""
        ((count,),) = await self._work.select(statement, parameters(self.viewer))
        return int(count)

    async def purge(self, tops: Sequence[Top], *, dry_run: bool) -> Purged:
        """Remove these rows permanently with all beneath them, as far as one statement can."""
        await self._hold_rights()
        statement = removal(self.viewer, self.origin, tops, dry_run=dry_run)
        return purged(tops, await self._work.select(statement, {}))

    async def insert_parts(
        self, whole: Entity, statement: Select[*tuple[Any, ...]], **values: object
    ) -> Any:
        """Insert the parts of a row that is created here, and return the statement's row.

        The statement is a product's (`auth.session.product_query`). In the record, parts belong to
        the creation of the row. Raises LIMIT_REACHED beyond the storage of the organization.
        """
        self.rights.require("create", whole)
        require_insertion(statement)
        (answered,) = await self._work.select(statement, parameters(self.viewer) | values)
        (used,) = await self._work.select(storage(getattr(whole, SCOPES[0])), {})
        require_storage(used)
        return answered

    async def copy(self, copies: Copies) -> int:
        """Insert copies of rows that the viewer can read, and record them.

        Returns the number of rows that were copied: others were deleted meanwhile. Raises FORBIDDEN
        unless the viewer may create such rows at the place of the copies. Pending rows are sent
        before.
        """
        await self.flush()
        if not copies.ids:
            return 0
        example = await self.find_by_id(copies.model, [*copies.ids][:1], lock=False)
        if not example:
            return 0
        (row,) = example.values()
        for place in copies.places(row):
            self.rights.require("create", row, at=SimpleNamespace(**place))
        event = record(self.viewer, self.origin, "create", row, {}, {}, version=1)
        statement, of_viewer, count = copies.statement, parameters(self.viewer), 0
        for batch in copies.in_batches():
            arguments = statement.arguments({}, batch.values(event, self.person) | of_viewer)
            ((number,),) = await self._work.fetch(statement.text, arguments)
            count += number
        self._writes = True
        self._uncounted |= {getattr(row, SCOPES[0])} - self._counted
        return count

    async def relocate(self, relocation: Relocation) -> int:
        """Give rows the project of the document that they follow, and record them.

        The right to move the document is that of what follows it. Pending rows are sent before.
        """
        await self.flush()
        count, statement = 0, relocation.statement
        event = moved(self.viewer, self.origin, relocation.model, relocation.old, relocation.new)
        for values in relocation.in_batches(event, self.person, self.now):
            arguments = statement.arguments({}, values)
            ((number,),) = await self._work.fetch(statement.text, arguments)
            count += number
        self.changes_access |= bool(count) and relocation.model.traits.changes_access
        return count

    async def rules(
        self, statement: Select[*tuple[Any, ...]], values: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Return the rows of a product's statement that decide what may be written.

        It reads `existing` rows of the viewer's tenants, whether or not the viewer may read them:
        what binds all writers is shown to none by it.
        """
        require_existing(statement)
        return await self._work.select(statement, {**parameters(self.viewer), **values})

    async def call(self, function: Function[Any]) -> Any:
        """Return the result of a function of `ctx` in PostgreSQL, for the viewer's context."""
        (result,) = await self.call_each(function)
        return result

    async def call_each(self, function: Function[Any]) -> list[Any]:
        """Return its results for each value of an argument `unnest`; send pending rows before."""
        await self.flush()
        return [one for (one,) in await self._work.select(select(require_own(function)), {})]

    async def send(self, writes: Sequence[PendingWrite], *, last: bool) -> StoredValues:
        """Send these; the `last` ones count the transaction as a request of each organization.

        The rights of the transaction are verified with them, or before rows that grant rights (the
        viewer may give up their own). A transaction that holds a slot must not wait for more.
        """
        unprompted = self.remarks.unprompted
        prompted = [
            w for w in writes if w.row.id not in unprompted and w.event["action"] != "delete"
        ]
        organizations = (self._uncounted | organizations_of(prompted)) - self._counted
        self._counting |= organizations_of(w for w in prompted if not w.is_repeated)
        self._writes = self._writes or bool(writes)
        self.changes_access |= any(write.row.traits.changes_access for write in writes)
        if any(write.row.traits.grants for write in writes):
            await self._hold_rights()
        rights = self.rights if self.rights.pending else None
        note_mass_deletion([write.event for write in writes])
        stored = await send(self._work, writes, self._last(organizations, rights) if last else None)
        if last and writes:
            self._counted |= organizations
        self._uncounted = organizations - self._counted
        return stored

    def _last(self, organizations: set[UUID], rights: Rights | None) -> Last:
        return Last(sorted(organizations), rights, sorted(organizations & self._counting))

    async def _hold_rights(self) -> None:
        if self.rights.pending:
            values = _HOLD_RIGHTS.arguments({}, self.rights.parameters())
            (found,) = await self._work.fetch(_HOLD_RIGHTS.text, values)
            self.rights.verify(found[RIGHTS])

    async def _end(self) -> None:
        await self.flush(last=True)  # which counts the request, where something is pending
        if self._writes:
            await self._hold_rights()
        if self._uncounted:
            asked = self._last(self._uncounted, None).parameters
            values = _COUNT_REQUESTS.arguments({}, asked)
            (found,) = await self._work.fetch(_COUNT_REQUESTS.text, values)
            require_counted(found[REFUSED])
