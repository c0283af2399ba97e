"""Read rows of one model at a time, always under the policy."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from auth.origin import Origin
from auth.policy import require_signed_in, require_token_scope, require_writer
from auth.session import beneath, product_query, time_travel, trash
from auth.session.changes import changes_of_each, counts_of_changes
from auth.session.model_look_up import models_statement
from auth.session.row import Row, columns_of
from auth.session.statement_reader import StatementReader
from auth.session.time_travel import Past, PointInTime, time_statement, version_statement
from auth.session.usage import UsageGrouping, usage_by
from auth.session.versions import RowVersion, Version, rows_at_versions, values
from auth.session.visibility import readable_criteria
from auth.session.write import plan_limits
from auth.session.write.idempotency import Answered, once
from auth.session.write.request_transaction import RequestTransaction
from auth.session.write.transaction import Transaction
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.base import Entity, Readable
from db.change import AuditLog
from db.core.organizations import Organization
from db.pool import Database
from db.problem import Problem

MAX_PASTS = 20
"""States of the past, at most, that one request may read, each with statements of its own."""

Where = Sequence[ColumnElement[bool]]
Places = Sequence[UUID | None]
"""An organization, a project and a document, or None for any."""


class ViewerSession(StatementReader):
    """The rows that one viewer can read.

    Every method runs one statement, whatever its arguments.
    """

    def __init__(self, database: Database, viewer: Viewer, origin: Origin | None = None) -> None:
        super().__init__(database, viewer)
        self.origin = origin or Origin()
        self._pasts: list[Past] = []
        self._read_pasts: set[Past] = set()
        self.most_pasts = MAX_PASTS

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Return a transaction in which this viewer writes; it commits at the end of the block.

        Within `once` it is a savepoint of that transaction, which commits as a whole.
        """
        require_signed_in(self.viewer)
        require_writer(self.viewer)
        if self._joined:
            return self._joined.savepoint(self.viewer, self.origin)
        return self._writing()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Transaction]:
        database, viewer = self.database, self.viewer
        begun: Transaction | None = None
        try:
            async with Transaction.begin(database.writing, viewer, self.origin) as transaction:
                begun = transaction
                yield transaction
        finally:  # also after an error: a commit whose answer is lost may have been made
            if begun is not None and begun.changes_access:
                database.access_changed()

    def when_kept(self, work: Callable[[], None]) -> None:
        """Call `work` when all writes so far are committed: now, or at the end of `once`."""
        if self._joined:
            self._joined.on_commit.append(work)
        else:
            work()

    def show_secret(self) -> None:
        """Repeat the answer, which holds a secret, only to the credential of this request."""
        if self._joined:
            self._joined.shows_secret = True

    async def once(
        self,
        settings: AuthSettings,
        key: str,
        request_hash: bytes,
        answer: Callable[[], Awaitable[Answered]],
    ) -> Answered:
        """Return the answer to the viewer's first request with this key in 24 hours.

        `answer` computes it, unless it is stored: its reads and writes are one transaction, and the
        answer is stored in it when it is final. Raises IDEMPOTENCY_MISMATCH when the hash differs,
        FORBIDDEN when the token reaches less than that of the first, and BUSY also when it is not
        known whether the transaction committed.
        """
        require_signed_in(self.viewer)

        async def join(joined: RequestTransaction) -> Answered:
            self._joined = joined
            try:
                return await answer()
            finally:
                self._joined = None

        return await once(self.database, settings, self.viewer, key, request_hash, join)

    async def query(
        self, statement: product_query.Query, values: Mapping[str, Any]
    ) -> list[asyncpg.Record]:
        """Return the rows of a product's statement (`auth.session.product_query`)."""
        require_signed_in(self.viewer)
        text, arguments = product_query.prepared(statement, self.viewer, values)
        rows: list[asyncpg.Record] = await self._send(text, arguments)
        self.rows_read += len(rows)
        return rows

    async def rows(
        self,
        model: Readable,
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> list[Row]:
        """Return readable rows: the live ones or, with `deleted`, those that were deleted."""
        return await self._fetch(
            model, self._readable(model, where, deleted=deleted).order_by(*order).limit(limit)
        )

    async def pages(
        self,
        model: Readable,
        key: str,
        parents: Collection[UUID],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
        past: Past | None = None,
    ) -> dict[UUID, list[Row]]:
        """Return readable rows beneath each parent, up to `limit` for each, as of `past`."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
        past = past if past and past.covers(model) else None
        if past:
            product_query.require_own_rows(where)
        if limit is None:
            statement = self._readable(model, (beneath, *where), beneath=key).order_by(*order)
        elif past and not past.indexed:
            # No index reaches there: going over the rows once beats going over them once a parent.
            number = func.row_number().over(partition_by=column, order_by=order).label("number")
            numbered = (
                self._readable(model, (beneath, *where), beneath=key).add_columns(number).subquery()
            )
            page_columns = [numbered.c[str(column.key)] for column in columns_of(model)]
            chosen = numbered.c.number <= limit
            statement = select(*page_columns).where(chosen).order_by(numbered.c.number)
        else:
            parent = func.unnest(bindparam("parents", type_=ARRAY(Uuid))).table_valued("id")
            parent = parent.render_derived(name="parent")
            page = self._readable(model, (column == parent.c.id, *where), beneath=key)
            page_rows = page.order_by(*order).limit(limit).lateral("page")
            statement = select(page_rows).select_from(parent.join(page_rows, true()))
        found: dict[UUID, list[Row]] = defaultdict(list)
        for row in await self._fetch_then(model, key, parents, statement, past):
            found[row[key]].append(row)
        return found

    async def count(self, model: Readable, *where: ColumnElement[bool]) -> int:
        """Return the number of readable rows."""
        inner = self._readable(model, where).with_only_columns(literal_column("1")).subquery()
        (row,) = await self._fetch(model, select(func.count().label("count")).select_from(inner))
        return int(row["count"])

    async def counts(
        self,
        model: Readable,
        key: str,
        parents: Collection[UUID],
        *where: ColumnElement[bool],
        past: Past | None = None,
    ) -> dict[UUID, int]:
        """Return the number of readable rows beneath each parent that has any."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
        statement = self._readable(model, (beneath, *where), beneath=key).with_only_columns(
            column.label("parent"), func.count().label("count")
        )
        past = past if past and past.covers(model) else None
        if past:
            product_query.require_own_rows(where)
        rows = await self._fetch_then(model, key, parents, statement.group_by(column), past)
        return {row["parent"]: row["count"] for row in rows}

    async def at_versions(
        self, model: type[Entity], versions: Sequence[Version]
    ) -> dict[tuple[UUID, int], Row]:
        """Return rows as they were at these versions, by id and version.

        A row is absent when the viewer may not read it at the place it had, or it was deleted then,
        or an ancestor is deleted now, even if that was not deleted then.
        """
        require_signed_in(self.viewer)
        require_token_scope(self.viewer, "read", model)
        if self.viewer.shared is not None:
            return {}
        names = tuple(str(each.key) for each in columns_of(model))
        start = len(self._pasts)
        self._pasts += [RowVersion(model, each.id, each.number) for each in versions]
        statement = rows_at_versions(model, names)
        bound = values(versions, range(start, len(self._pasts)))
        rows = await self._fetch(model, statement, past=None, **bound)
        return {(row["id"], row["version"]): row for row in rows}

    def past_of(self, row: Any) -> Past | None:
        """Return the past in which a row was read; None for the present and for new rows."""
        number = getattr(row, "past", None)
        return None if number is None else self._pasts[number]

    async def moment(self, at: datetime) -> PointInTime:
        """Return the state at this time, to read rows in.

        Raises INVALID for a time in the future, and for one whose later events are in archives.
        """
        row = await self._fetch_one(time_statement(), at)
        if row["is_future"]:
            raise Problem("INVALID", "The time must not be in the future.", field=["asOf"])
        time_travel.require_events(row, "asOf")
        return PointInTime(at, tuple(row["straddling"]))

    async def moment_of(self, model: Readable, id: UUID, version: int) -> PointInTime | None:
        """Return the state when this row was at this version; None when it never was.

        The caller must not disclose this to viewers who may not read the row. Raises INVALID if
        the version is not found and there are archives, whatever the row.
        """
        row = await self._fetch_one(version_statement(model), None, id, version)
        time_travel.require_events(row, "atVersion")
        if row["at"] is None:
            return None
        return PointInTime(row["at"], tuple(row["straddling"]), id, version)

    async def history(
        self,
        rows: Collection[UUID],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> dict[UUID, list[Row]]:
        """Return the recorded changes of each row, up to `limit` for each, in the viewer's tenants.

        A viewer who has read a row may read its history, so these are ids of rows read before. A
        share opens no history.
        """
        found: dict[UUID, list[Row]] = defaultdict(list)
        if self.viewer.shared is not None:
            return found
        statement = changes_of_each(where, order, limit)
        for change in await self._fetch(AuditLog, statement, rows=list(rows)):
            found[change["entity_id"]].append(change)
        return found

    async def history_counts(self, rows: Collection[UUID]) -> dict[UUID, int]:
        """Return the number of recorded changes of each row; a row without any is absent."""
        if self.viewer.shared is not None:
            return {}
        found = await self._fetch(AuditLog, counts_of_changes(), rows=list(rows))
        return {row["entity_id"]: row["count"] for row in found}

    async def models_of(
        self, ids: Collection[UUID], among: Sequence[type[Entity]]
    ) -> dict[UUID, type[Entity]]:
        """Return the model of each id, among these; one indexed look-up a model, one statement.

        The rows read are not counted: the cost must not tell what the policy may hide.
        """
        require_signed_in(self.viewer)
        statement = models_statement(tuple(among))
        rows = await self._send(statement, [list(ids)], planned_once=True)
        return {row["id"]: among[row["place"]] for row in rows}

    async def beneath(
        self,
        ancestor: type[Entity],
        id: UUID,
        among: Sequence[type[Entity]],
        limit: int,
        only: UUID | None = None,
    ) -> list[tuple[type[Entity], UUID, int]] | None:
        """Return the rows of these models that the deletion of one row hides, with their versions.

        Of each model at most `limit`, or `only` that with this id. None when the row itself no
        longer exists.
        """
        statement = beneath.beneath(ancestor, among, limit, only)
        rows = await self._fetch(ancestor, statement, ancestor=id)
        if not rows or rows[0]["place"] != beneath.ITSELF:
            return None
        return [(among[row["place"]], row["id"], row["version"]) for row in rows[1:]]

    async def trash(
        self,
        among: Sequence[type[Entity]],
        places: Places,
        bounds: trash.Criteria,
        order: trash.Criteria,
        limit: int,
    ) -> list[Row]:
        """Return the rows that this viewer can restore, of all these models, in one order."""
        if not among:
            return []
        statement = trash.page(among, places, bounds, order, limit)
        return await self._fetch(among[0], statement)

    async def count_trash(self, among: Sequence[type[Entity]], places: Places) -> int:
        """Return the number of those."""
        if not among:
            return 0
        (row,) = await self._fetch(among[0], trash.counted(among, places))
        return int(row["count"])

    async def usage(self, ids: Collection[UUID]) -> dict[UUID, Row]:
        """Return the usage of these organizations' limits; other tenants are absent."""
        rows = await self._fetch(Organization, plan_limits.usage(), ids=list(ids))
        return {row["id"]: row for row in rows}

    async def usage_by(
        self, ids: Collection[UUID], by: UsageGrouping, since: date, until: date
    ) -> list[Row]:
        """Return the sums of usage of these organizations; other tenants have none."""
        statement, values = usage_by(by, since, until)
        return await self._fetch(Organization, statement, ids=list(ids), **values)

    def _readable(
        self,
        model: Readable,
        where: Where,
        *,
        deleted: bool = False,
        beneath: str | None = None,
    ) -> Select[tuple[Any, ...]]:
        require_signed_in(self.viewer)
        require_token_scope(self.viewer, "read", model)
        criteria = readable_criteria(model, deleted=deleted, beneath=beneath)
        return select(*columns_of(model)).where(*criteria, *where)

    async def _fetch_then(
        self,
        model: Readable,
        key: str,
        parents: Collection[UUID],
        statement: Select[*tuple[Any, ...]],
        past: Past | None,
    ) -> list[Row]:
        """Return the rows of a statement beneath `parents`, in the present or in the past."""
        if past is None:
            return await self._fetch(model, statement, parents=list(parents))
        viewer = self.viewer.within(past.holder)
        if viewer is None:
            return []
        if isinstance(past, RowVersion):
            past = await self.moment_of(past.model, past.id, past.version)
            if past is None:
                return []
        if past not in self._pasts:
            self._pasts.append(past)
        if past not in self._read_pasts and len(self._read_pasts) == self.most_pasts:
            message = f"At most {self.most_pasts} states of the past in one request."
            raise Problem("INVALID", message)
        self._read_pasts.add(past)
        statement = statement.add_columns(bindparam("past", type_=Integer).label("past"))
        values = {**past.values(), "past": self._pasts.index(past), "parents": list(parents)}
        statement = statement.add_cte(*product_query.relations(past, model, key))
        return await self._fetch(model, statement, viewer, **values)
