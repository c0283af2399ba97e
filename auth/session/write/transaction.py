"""The transaction in which a viewer writes: it authorizes, versions and records.

SQLAlchemy's session knows which rows are new or changed. At each flush they are checked against the
policy, stamped with their author, and sent with the record of it, by one statement a model; all of
it commits together.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self
from uuid import UUID
from weakref import proxy

import asyncpg
from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.sql.functions import Function

from auth.credentials.credential_lock import CredentialEnded, lock_statement
from auth.origin import Origin
from auth.policy import parameters
from auth.session.product_query import require_existing, require_insertion
from auth.session.write.authorize_write import Remarks
from auth.session.write.bisect import send_each
from auth.session.write.db_errors import refusal, stale
from auth.session.write.edits import Edits
from auth.session.write.flush import (
    Last,
    PendingWrite,
    StoredValues,
    discard,
    organizations_of,
    send,
)
from auth.session.write.lookup import LockingReader, require_own
from auth.session.write.orm_session import WritingSession
from auth.session.write.plan_limits import (
    COUNT_REQUESTS,
    require_counted,
    require_storage,
    storage,
)
from auth.session.write.purge import Purged, Top, purged, removal, top
from auth.session.write.rights import HOLD_RIGHTS
from auth.viewer import Viewer
from db.base import SCOPES, Entity
from db.connection import enter_locally
from db.core.notifications import Notification
from db.fair_queue import no_connection
from db.problem import Problem
from db.text import normalised
from db.values import same


class Transaction(LockingReader):
    """Rows that a viewer is changing. Opened by `ViewerSession.transaction`."""

    def __init__(
        self, orm: AsyncSession, viewer: Viewer, origin: Origin, *, told: bool = False
    ) -> None:
        super().__init__(orm, viewer)
        self.origin = origin
        self.now = datetime.now(UTC)
        self.remarks = Remarks()
        self.edits = Edits(proxy(self))  # or the two would keep each other
        self._uncounted: set[UUID] = set()
        """Organizations with writes of this transaction that are not yet counted as a request."""
        self._counted: set[UUID] = set()
        self._writes = self.ending = self.changes_access = False
        self.told = told
        orm.sync_session.info["transaction"] = self

    @classmethod
    @asynccontextmanager
    async def begin(
        cls,
        bind: AsyncEngine | AsyncConnection,
        viewer: Viewer,
        origin: Origin,
        *,
        told: bool = False,
    ) -> AsyncIterator[Self]:
        """Commit at the end of the block; roll back on any exception, which becomes a Problem.

        On a connection that is in a transaction it is a savepoint; `told` when the viewer's context
        is set there already.
        """
        session = AsyncSession(
            bind,
            sync_session_class=WritingSession,
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
        )
        try:
            async with session, session.begin():
                transaction = cls(session, viewer, origin, told=told)
                yield transaction
                await transaction._end()
        except PoolTimeout:
            raise no_connection() from None
        except (DBAPIError, asyncpg.PostgresError) as error:
            raise refusal(error) from error
        finally:
            session.sync_session.info.clear()  # or it would keep itself, by way of the transaction

    @property
    def person(self) -> UUID:
        """Return the id of the viewer; a transaction is never anonymous."""
        assert self.viewer.id is not None  # noqa: S101 (ViewerSession.transaction has asked)
        return self.viewer.id

    async def act_as(self, viewer: Viewer) -> None:
        """Continue as the same person with wider grants, for founders and invited people."""
        self.viewer = viewer
        self.rights.widen(viewer)
        connection = await self._orm.connection()
        await connection.run_sync(enter_locally, viewer.context)

    async def lock_credential(self) -> None:
        """Lock the viewer's credential until the end of this transaction. Raises CredentialEnded.

        For rows that outlive the credential, such as keys. It comes before every other lock.
        """
        if self.viewer.session_id:
            held = await self._orm.execute(
                lock_statement(self.viewer), execution_options={"of_transaction": True}
            )
            if not held.scalar_one():
                raise CredentialEnded

    def add(self, *rows: Entity) -> None:
        """Insert these rows at the next flush, which checks the policy."""
        self._orm.add_all(rows)

    def tell(self, notice: Notification) -> None:
        """Add a notification from the gateway, which the policy does not check."""
        self.remarks.notices.add(notice.id)
        self.add(notice)

    async def flush(self, *, last: bool = False) -> None:
        """Send pending rows, so that later ones can refer to them; `last` when none follow.

        The last rows count the request, which is else a statement of its own.
        """
        self.ending = last
        await self._orm.flush()
        self.ending = False

    async def flushed(self) -> bool:
        """Send pending rows; return False when all has been abandoned."""
        if not self._orm.in_transaction():
            return False
        await self._orm.flush()
        return True

    async def send_each(self, rows: Sequence[Entity]) -> dict[UUID, Problem]:
        """Send these new or changed rows, each for itself; return the refusals, by the row's id."""
        return await self._orm.run_sync(send_each, self, rows)

    async def abandon(self) -> None:
        """Roll back everything so far (a dry run); the rows keep their new values."""
        self._orm.expunge_all()
        await self._orm.rollback()
        self._uncounted.clear()
        self._counted.clear()
        self.rights.forget()
        self._writes = False

    def change(self, row: Entity, expected_version: int | None, **values: object) -> None:
        """Set these columns, provided the row is still at the client's version."""
        if expected_version is not None and row.version != expected_version:
            raise stale(row)
        values = normalised(type(row), values)
        changed = [name for name, value in values.items() if not same(getattr(row, name), value)]
        if not changed:  # nothing will be flushed, and who may change nothing must hear of it still
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
        scopes = {key: place.get(key, getattr(row, key)) for key in row.scope_keys()}
        self.rights.require("update", row, at=SimpleNamespace(**scopes))

    def renumber(self, row: Entity, position: float) -> None:
        """Set the position of a row in the same order: no edit of a person, but recorded."""
        self.change(row, None, position=position)
        self.remarks.renumbered.add(row.id)

    async def trashed(self, statement: Select[tuple[Any, ...]]) -> list[Top]:
        """Return the rows of a statement of `write.purge`. Raises FORBIDDEN for all but owners."""
        rows = await self._orm.execute(
            statement, parameters(self.viewer), execution_options={"of_transaction": True}
        )
        tops = [top(row) for row in rows]
        for found in tops:
            self.rights.require_purge(found.organization_id, found.model)
        return tops

    async def count_trashed(self, statement: Select[tuple[Any, ...]]) -> int:
        """Return the number that such a statement counts."""
        rows = await self._orm.execute(
            statement, parameters(self.viewer), execution_options={"of_transaction": True}
        )
        return int(rows.scalar_one())

    async def purge(self, tops: Sequence[Top], *, dry_run: bool) -> Purged:
        """Remove these rows permanently with all beneath them, as far as one statement can."""
        await self._hold_rights()
        statement = removal(self.viewer, self.origin, tops, dry_run=dry_run)
        rows = await self._orm.execute(statement, execution_options={"of_transaction": True})
        done = purged(tops, list(rows))
        if done.tops and not dry_run:  # an organization that is gone counts nothing any more
            self._uncounted |= {t.organization_id for t in tops if t.id != t.organization_id}
        return done

    async def insert_parts(
        self, whole: Entity, statement: Select[*tuple[Any, ...]]
    ) -> Row[*tuple[Any, ...]]:
        """Insert the parts of a row that is about to be created, and return the statement's row.

        The statement is a product's (`auth.session.product_query`). In the record, parts belong to
        the creation of the row. Raises LIMIT_REACHED when they exceed the storage of the
        organization.
        """
        self.rights.require("create", whole)
        require_insertion(statement)
        options, bound = {"of_transaction": True}, parameters(self.viewer)
        answered = (await self._orm.execute(statement, bound, execution_options=options)).one()
        organization_id: UUID = getattr(whole, SCOPES[0])
        used = await self._orm.execute(storage(organization_id), execution_options=options)
        require_storage(used.one())
        return answered

    async def rules(
        self, statement: Select[*tuple[Any, ...]], values: Mapping[str, Any]
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the rows of a product's statement that decide what may be written.

        It reads `existing` rows of the viewer's tenants, whether or not the viewer may read them:
        what binds all writers is shown to none by it.
        """
        require_existing(statement)
        found = await self._orm.execute(
            statement,
            {**parameters(self.viewer), **values},
            execution_options={"of_transaction": True},
        )
        return found.all()

    async def call(self, function: Function[Any]) -> Any:
        """Return the result of a function of the gateway in PostgreSQL (`ctx`).

        It reads the viewer's context. Pending rows are sent before.
        """
        statement = select(require_own(function))
        await self.flush()
        return (
            await self._orm.execute(statement, execution_options={"of_transaction": True})
        ).scalar_one()

    def send(
        self, connection: Connection, writes: Sequence[PendingWrite], *, last: bool
    ) -> StoredValues:
        """Send these; the `last` ones count the transaction as a request of each organization.

        The rights of the transaction are verified with them, or before rows that grant rights (the
        viewer may give up their own). A transaction that holds a slot must not wait for more.
        """
        organizations = (self._uncounted | organizations_of(writes)) - self._counted
        self._writes = self._writes or bool(writes)
        self.changes_access |= any(write.row.traits.changes_access for write in writes)
        if any(write.row.traits.grants for write in writes) and self.rights.pending:
            self.rights.verify(
                connection.execute(HOLD_RIGHTS, self.rights.parameters()).scalar_one()
            )
        rights = self.rights if self.rights.pending else None
        stored = send(connection, writes, Last(sorted(organizations), rights) if last else None)
        if last and writes:
            self._counted |= organizations
        self._uncounted = organizations - self._counted
        return stored

    async def _hold_rights(self) -> None:
        if self.rights.pending:
            values = self.rights.parameters()
            self.rights.verify((await self._orm.execute(HOLD_RIGHTS, values)).scalar_one())

    async def _end(self) -> None:
        await self.flush(last=True)  # which counts the request, where something is pending
        if self._writes:
            await self._hold_rights()
        if self._uncounted:
            values = {"organizations": sorted(self._uncounted)}
            require_counted((await self._orm.execute(COUNT_REQUESTS, values)).scalar_one())
