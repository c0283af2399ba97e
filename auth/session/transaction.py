"""The transaction in which a viewer writes: it refuses, versions and records.

SQLAlchemy's session knows which rows are new or changed. At each flush they are checked against the
policy, stamped with who changed them, and sent with the record of it, by one statement a model;
all of it commits together.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self
from uuid import UUID

import asyncpg
from sqlalchemy import Connection, Select, Text, Uuid, func, literal, select
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from auth.holding import SignedOut, holding
from auth.policy import parameters, require_purge
from auth.session.check import checked, require_allowed
from auth.session.finding import Finder
from auth.session.frozen import freezing
from auth.session.limits import COUNT_REQUESTS, require_counted
from auth.session.merge import Change, merge, touched
from auth.session.origin import Origin
from auth.session.purge import Purged, Top, purged, removal, top
from auth.session.refusal import (
    by_people,
    no_connection,
    refusal,
    stale,
)
from auth.session.reverting import content_at
from auth.session.sending import Stored, Write, organizations_of, send, settle
from auth.session.sifting import send_each
from auth.viewer import Role, Viewer
from db.base import Entity
from db.core.notifications import Notification
from db.pool import SET, enter
from db.problem import Problem
from db.requirements.baselines import Baseline


class _WritingSession(Session):
    """The ORM session of one `Transaction`, which alone may execute statements on it."""


class Transaction(Finder):
    """Rows a viewer is changing. Made by `ViewerSession.transaction`."""

    def __init__(
        self, orm: AsyncSession, viewer: Viewer, origin: Origin, *, told: bool = False
    ) -> None:
        super().__init__(orm, viewer)
        self.origin = origin
        self.now = datetime.now(UTC)
        self.merged: dict[UUID, list[int]] = {}
        """Versions of others that a row's changes were merged with, by the row's id."""
        self.forced: set[UUID] = set()
        self.reverted: dict[UUID, int] = {}
        """The version whose content a row is given back, by the row's id."""
        self.renumbered: set[UUID] = set()
        self.notices: set[UUID] = set()
        self._uncounted: set[UUID] = set()
        """The organizations in which this has written, and is still to be counted as a request."""
        self._counted: set[UUID] = set()
        self.ending = False
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

        On a connection that is in a transaction it is a savepoint; `told` when the database knows
        the viewer there.
        """
        session = AsyncSession(
            bind,
            sync_session_class=_WritingSession,
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

    @property
    def person(self) -> UUID:
        """Who writes; a transaction is never anonymous."""
        assert self.viewer.id is not None  # noqa: S101 (ViewerSession.transaction has asked)
        return self.viewer.id

    async def act_as(self, viewer: Viewer) -> None:
        """Go on as the same person with wider grants: founders and invited people need it."""
        self.viewer = viewer
        connection = await self._orm.connection()
        await connection.exec_driver_sql(SET, (*viewer.context.settings(), True))

    async def hold_credential(self) -> None:
        """Keep what the viewer came with from ending before this does. Raises SignedOut.

        For what lives on by itself, such as keys. It comes before every other lock.
        """
        if self.viewer.session_id:
            held = await self._orm.execute(
                holding(self.viewer), execution_options={"of_transaction": True}
            )
            if not held.scalar_one():
                raise SignedOut

    def add(self, *rows: Entity) -> None:
        """Insert these rows at the next flush; the policy is asked then."""
        self._orm.add_all(rows)

    def tell(self, notice: Notification) -> None:
        """Tell a person of what is written here, as the gateway: it asks no policy who may."""
        self.notices.add(notice.id)
        self.add(notice)

    async def flush(self, *, last: bool = False) -> None:
        """Send what is pending, so that what follows can refer to it; `last` when nothing follows.

        The last rows count the request, which is else a statement of its own.
        """
        self.ending = last
        await self._orm.flush()
        self.ending = False

    async def flushed(self) -> bool:
        """Send what is pending; false when all has been abandoned."""
        if not self._orm.in_transaction():
            return False
        await self._orm.flush()
        return True

    async def send_each(self, rows: Sequence[Entity]) -> dict[UUID, Problem]:
        """Send these new or changed rows, each for itself; those that are refused, and why."""
        return await self._orm.run_sync(send_each, self, rows)

    async def abandon(self) -> None:
        """Undo everything so far (a dry run); the rows keep what would have been written."""
        self._orm.expunge_all()
        await self._orm.rollback()
        self._uncounted.clear()
        self._counted.clear()

    def change(self, row: Entity, expected_version: int | None, **values: object) -> None:
        """Set these columns, provided the row is still at the version the client has seen."""
        if expected_version is not None and row.version != expected_version:
            raise stale(row)
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        if not changed:  # nothing will be flushed, and who may change nothing must hear of it still
            require_allowed(self.viewer, "update", row)
        for name, value in changed.items():
            setattr(row, name, value)

    def require_create(self, row: Entity) -> None:
        """FORBIDDEN unless the row may be created; `add` asks as well, when it is sent."""
        require_allowed(self.viewer, "create", row)

    def require_update(self, row: Entity, place: Mapping[str, Any]) -> None:
        """FORBIDDEN unless the row may be changed where it is, and in the scopes of `place`."""
        require_allowed(self.viewer, "update", row)
        scopes = {key: place.get(key, getattr(row, key)) for key in row.scope_keys()}
        require_allowed(self.viewer, "update", row, at=SimpleNamespace(**scopes))

    async def update(
        self, row: Entity, expected_version: int, values: Mapping[str, Any], *, force: bool = False
    ) -> None:
        """Set what the client sends, merged with what others have changed since it read the row.

        Fields that overlap are a CONFLICT, which names them, and change nothing; `force` is for
        administrators, overwrites them, and is recorded.
        """
        changes = await self.changes_since([(row, expected_version)])
        self.revise(row, expected_version, values, changes.get(row.id, ()), force=force)

    async def delete(self, row: Entity, expected_version: int, *, force: bool = False) -> None:
        """Hide the row from every read; `restore` brings it back.

        What others have changed since the client read the row is a CONFLICT: they may want it kept.
        """
        changes = await self.changes_since([(row, expected_version)])
        self.hide(row, expected_version, changes.get(row.id, ()), force=force)

    def revise(
        self,
        row: Entity,
        expected_version: int,
        values: Mapping[str, Any],
        since: Sequence[Change],
        *,
        force: bool = False,
    ) -> None:
        """`update`, where `since` holds the row's `changes_since`."""
        require_allowed(self.viewer, "update", row)
        since = by_people(row, expected_version, since)
        if since and force:
            self._force(row)
        elif since:
            current = {name: getattr(row, name) for name in values}
            values, overlaps = merge(values, current, since)
            if overlaps:
                raise stale(row, overlaps)
            self.merged[row.id] = [change.version for change in since]
        self.change(row, None, **values)

    async def revert(
        self, row: Entity, expected_version: int, to_version: int, *, force: bool = False
    ) -> None:
        """Write the content that the row had at an earlier version; it stays where it stands.

        It is an update like any other: recorded, and merged with what others have changed since
        the version that the client has seen.
        """
        if not 0 < to_version <= expected_version:
            message = "Go back to a version from 1 to the one you have seen."
            raise Problem("INVALID", message, field=["to_version"])
        try:
            changes = await self._changes_since(row, to_version)
        except Problem as problem:
            if problem.code != "CONFLICT":
                raise
            message = "The record does not reach back to this version."
            raise Problem("NOT_FOUND", message, field=["to_version"]) from problem
        values = content_at(type(row), changes, seen=expected_version)
        self.reverted[row.id] = to_version
        await self.update(row, expected_version, values, force=force)

    def hide(
        self, row: Entity, expected_version: int, since: Sequence[Change], *, force: bool = False
    ) -> None:
        """`delete`, where `since` holds the row's `changes_since`."""
        require_allowed(self.viewer, "delete", row)
        since = by_people(row, expected_version, since)
        if since and force:
            self._force(row)
        elif since:
            raise stale(row, touched(row, since))
        self.change(row, None, deleted_at=self.now, deleted_by=self.viewer.id)

    async def restore(self, row: Entity, expected_version: int | None) -> None:
        """Bring a deleted row back."""
        if expected_version is not None and await self._changes_since(row, expected_version):
            raise stale(row)
        self.change(row, None, deleted_at=None, deleted_by=None)

    def renumber(self, row: Entity, position: float) -> None:
        """Give a row another position in the same order: nobody's edit, but recorded."""
        self.change(row, None, position=position)
        self.renumbered.add(row.id)

    async def trashed(self, statement: Select[tuple[Any, ...]]) -> list[Top]:
        """What a statement of `auth.session.purge` finds in the trash; FORBIDDEN for no owner."""
        rows = await self._orm.execute(
            statement, parameters(self.viewer), execution_options={"of_transaction": True}
        )
        tops = [top(row) for row in rows]
        for found in tops:
            require_purge(self.viewer, found.organization_id, found.model)
        return tops

    async def count_trashed(self, statement: Select[tuple[Any, ...]]) -> int:
        """The number that such a statement counts."""
        rows = await self._orm.execute(
            statement, parameters(self.viewer), execution_options={"of_transaction": True}
        )
        return int(rows.scalar_one())

    async def purge(self, tops: Sequence[Top], *, dry_run: bool) -> Purged:
        """Remove these rows for good with all beneath them, as far as one statement can."""
        statement = removal(self.viewer, self.origin, tops, dry_run=dry_run)
        rows = await self._orm.execute(statement, execution_options={"of_transaction": True})
        done = purged(tops, list(rows))
        if done.tops and not dry_run:  # an organization that is gone counts nothing any more
            self._uncounted |= {t.organization_id for t in tops if t.id != t.organization_id}
        return done

    async def freeze(self, baseline: Baseline) -> None:
        """Add a baseline with what its document, or without one its project, holds at this moment.

        Its items are one event in the record: the creation of the baseline, with their hash.
        """
        require_allowed(self.viewer, "create", baseline)
        place = (baseline.id, baseline.project_id, baseline.document_id)
        options = {"of_transaction": True}
        frozen = await self._orm.execute(freezing(*place), execution_options=options)
        baseline.content_hash, baseline.item_counts = frozen.one()
        self.add(baseline)

    async def know_client(self, id: UUID, secret: str | None) -> None:
        """Have the authorization server know an `OrganizationClient` by the secret of this digest.

        The row has been added or changed here, and so the policy been asked.
        """
        await self.flush()
        known = select(func.ctx.know_client(literal(id, Uuid), literal(secret, Text)))
        await self._orm.execute(known, execution_options={"of_transaction": True})

    def _force(self, row: Entity) -> None:
        held = (self.viewer.grants.get(getattr(row, key)) for key in row.scope_keys())
        if not any(role and role >= Role.ADMIN for role in held):
            message = "Only administrators may overwrite what others have changed."
            raise Problem("FORBIDDEN", message)
        self.forced.add(row.id)

    async def _changes_since(self, row: Entity, version: int) -> list[Change]:
        """What people have done to the row since this version, oldest first."""
        changes = await self.changes_since([(row, version)])
        return by_people(row, version, changes.get(row.id, ()))

    def send(self, connection: Connection, writes: Sequence[Write], *, last: bool) -> Stored:
        """Send these; the `last` ones count the transaction as a request of each organization.

        Whoever holds a slot of that counter should wait for nothing but the commit.
        """
        organizations = (self._uncounted | organizations_of(writes)) - self._counted
        stored = send(connection, writes, sorted(organizations) if last else ())
        if last and writes:
            self._counted |= organizations
        self._uncounted = organizations - self._counted
        return stored

    async def _end(self) -> None:
        """Send what is pending, and count the request unless that has done it."""
        await self.flush(last=True)
        if self._uncounted:
            values = {"organizations": sorted(self._uncounted)}
            require_counted((await self._orm.execute(COUNT_REQUESTS, values)).scalar_one())


@listens_for(_WritingSession, "after_begin")
def _tell_database(session: Session, _: SessionTransaction, connection: Connection) -> None:
    transaction: Transaction = session.info["transaction"]
    if not transaction.told:
        enter(connection, transaction.viewer.context)


@listens_for(_WritingSession, "do_orm_execute")
def _only_by_transaction(state: ORMExecuteState) -> None:
    if not state.execution_options.get("of_transaction"):
        message = "Read and write through the methods of Transaction; this would escape the policy."
        raise TypeError(message)


@listens_for(_WritingSession, "before_flush")
def _before_flush(session: Session, *_: object) -> None:
    if session.deleted:
        message = "Rows are never removed; Transaction.delete hides them."
        raise TypeError(message)
    transaction: Transaction = session.info["transaction"]
    rows = [row for row in (*session.new, *session.dirty) if isinstance(row, Entity)]
    writes = list(checked(rows, transaction))
    stored = transaction.send(session.connection(), writes, last=transaction.ending)
    settle(session, writes, stored)
