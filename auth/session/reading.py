"""What a viewer can read: rows of one model at a time, always under the policy."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, class_mapper

from auth.policy import parameters, require_signed_in, require_token_scope
from auth.session import limits, trash
from auth.session.changes import changes_of_each, counts_of_changes
from auth.session.comparing import Comparison
from auth.session.idempotency import Answered, once
from auth.session.joined import Joined
from auth.session.origin import Origin
from auth.session.past import Moment, Past, time_statement, version_statement
from auth.session.row import STATEMENTS, Row, row_class
from auth.session.transaction import Transaction
from auth.session.visible import visible
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.base import Base, Entity, Readable
from db.change import AuditLog
from db.core.organizations import Organization
from db.pool import Database
from db.problem import Problem

HIDDEN_COLUMNS = frozenset({"search", "key_hash"})
"""Columns that only PostgreSQL reads, or only whoever identifies."""

MOST_PASTS = 20
"""States of the past that one request may read, each with statements of its own."""

Where = Sequence[ColumnElement[bool]]
Places = Sequence[UUID | None]
"""An organization, a project and a document, or None for any."""


@cache
def columns_of(model: Readable) -> list[ColumnElement[Any]]:
    """The columns of a row, under the names of the model's attributes."""
    attributes = class_mapper(model).column_attrs
    return [a.columns[0].label(a.key) for a in attributes if a.key not in HIDDEN_COLUMNS]


class ViewerSession:
    """The rows of one viewer. Every method runs one statement, whatever it is asked for."""

    def __init__(self, database: Database, viewer: Viewer, origin: Origin | None = None) -> None:
        self.database, self.viewer, self.origin = database, viewer, origin or Origin()
        self.statements = self.rows_read = 0
        self._pasts: list[Past] = []
        self._joined: Joined | None = None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction in which this viewer writes; it commits at the end of the block.

        Within `once` it is a part of that, which commits as a whole.
        """
        require_signed_in(self.viewer)
        if self._joined:
            return self._joined.effect(self.viewer, self.origin)
        return Transaction.begin(self.database.orm, self.viewer, self.origin)

    def when_kept(self, work: Callable[[], None]) -> None:
        """Have this done once all that was written so far is kept: now, or at the end of `once`."""
        if self._joined:
            self._joined.afterwards.append(work)
        else:
            work()

    async def once(
        self,
        settings: AuthSettings,
        key: str,
        request_hash: bytes,
        answer: Callable[[], Awaitable[Answered]],
    ) -> Answered:
        """The answer to the viewer's first request with this key in 24 hours.

        `answer` makes it, unless it is stored: what is written and read meanwhile is one
        transaction, and the answer is stored in it when it is final. Raises IDEMPOTENCY_MISMATCH
        when the hash is another, and BUSY also when it is not known whether everything was kept.
        """
        require_signed_in(self.viewer)

        async def join(joined: Joined) -> Answered:
            self._joined = joined
            try:
                return await answer()
            finally:
                self._joined = None

        return await once(self.database, settings, self.viewer, key, request_hash, join)

    @property
    def comparison(self) -> Comparison:
        """Baselines compared and verified."""
        return Comparison(self._fetch)

    async def rows(
        self,
        model: Readable,
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> list[Row]:
        """Readable rows; with `deleted`, those that were deleted instead of the live ones."""
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
        """Readable rows beneath each parent, up to `limit` for each of them; as they were then."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
        past = past if past and past.covers(model) else None
        if limit is None:
            statement = self._readable(model, (beneath, *where)).order_by(*order)
        elif past and not past.indexed:
            # No index reaches there: going over the rows once beats going over them once a parent.
            number = func.row_number().over(partition_by=column, order_by=order).label("number")
            numbered = self._readable(model, (beneath, *where)).add_columns(number).subquery()
            page_columns = [numbered.c[str(column.key)] for column in columns_of(model)]
            chosen = numbered.c.number <= limit
            statement = select(*page_columns).where(chosen).order_by(numbered.c.number)
        else:
            parent = func.unnest(bindparam("parents", type_=ARRAY(Uuid))).table_valued("id")
            parent = parent.render_derived(name="parent")
            page = self._readable(model, (column == parent.c.id, *where))
            page_rows = page.order_by(*order).limit(limit).lateral("page")
            statement = select(page_rows).select_from(parent.join(page_rows, true()))
        found: dict[UUID, list[Row]] = defaultdict(list)
        for row in await self._fetch_then(model, key, parents, statement, past):
            found[row[key]].append(row)
        return found

    async def count(self, model: Readable, *where: ColumnElement[bool]) -> int:
        """How many rows are readable."""
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
        """How many rows are readable beneath each parent; a parent without any is absent."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
        statement = self._readable(model, (beneath, *where)).with_only_columns(
            column.label("parent"), func.count().label("count")
        )
        past = past if past and past.covers(model) else None
        rows = await self._fetch_then(model, key, parents, statement.group_by(column), past)
        return {row["parent"]: row["count"] for row in rows}

    def past_of(self, row: Any) -> Past | None:
        """The past in which a row was read; None for the present, and for rows just written."""
        number = getattr(row, "past", None)
        return None if number is None else self._pasts[number]

    async def moment(self, at: datetime) -> Moment:
        """The state at this time, to read rows in. INVALID when it is still to come."""
        row = await self._fetch_one(time_statement(), at)
        if row["is_future"]:
            raise Problem("INVALID", "This is still to come.", field=["asOf"])
        return Moment(at, tuple(row["straddling"]))

    async def moment_of(self, model: Readable, id: UUID, version: int) -> Moment:
        """The state when this row was at this version. NOT_FOUND when it never was."""
        row = await self._fetch_one(version_statement(model), None, id, version)
        if row["at"] is None:
            message = f"There is no such version of this {model.__name__}."
            raise Problem("NOT_FOUND", message, field=["atVersion"])
        return Moment(row["at"], tuple(row["straddling"]), id, version)

    async def history(
        self,
        rows: Collection[UUID],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> dict[UUID, list[Row]]:
        """The recorded changes of each row, up to `limit` for each; within the viewer's tenants.

        Whoever has read a row may read its history, so these are ids of rows read before.
        """
        statement = changes_of_each(where, order, limit)
        found: dict[UUID, list[Row]] = defaultdict(list)
        for change in await self._fetch(AuditLog, statement, rows=list(rows)):
            found[change["entity_id"]].append(change)
        return found

    async def history_counts(self, rows: Collection[UUID]) -> dict[UUID, int]:
        """How many changes of each row are recorded; a row without any is absent."""
        found = await self._fetch(AuditLog, counts_of_changes(), rows=list(rows))
        return {row["entity_id"]: row["count"] for row in found}

    async def models_of(
        self, ids: Collection[UUID], among: Sequence[type[Entity]]
    ) -> dict[UUID, type[Entity]]:
        """Which of these models each id belongs to; one indexed look-up a model, one statement."""
        wanted = any_(bindparam("ids", type_=ARRAY(Uuid)))
        arms = [
            select(model.id.label("id"), literal(place).label("place")).where(model.id == wanted)
            for place, model in enumerate(among)
        ]
        found = union_all(*arms).subquery()
        rows = await self._fetch(among[0], select(found.c.id, found.c.place), ids=list(ids))
        self.rows_read -= len(rows)  # the cost must not tell what the policy may hide
        return {row["id"]: among[row["place"]] for row in rows}

    async def trash(
        self,
        among: Sequence[type[Entity]],
        places: Places,
        bounds: trash.Criteria,
        order: trash.Criteria,
        limit: int,
    ) -> list[Row]:
        """What this viewer can restore, of all these kinds in one order."""
        if not among:
            return []
        statement = trash.page(among, places, bounds, order, limit)
        return await self._fetch(among[0], statement)

    async def count_trash(self, among: Sequence[type[Entity]], places: Places) -> int:
        """How much there is of that."""
        if not among:
            return 0
        (row,) = await self._fetch(among[0], trash.counted(among, places))
        return int(row["count"])

    async def usage(self, ids: Collection[UUID]) -> dict[UUID, Row]:
        """What these organizations have used of their limits; of other tenants, nothing."""
        rows = await self._fetch(Organization, limits.usage(), ids=list(ids))
        return {row["id"]: row for row in rows}

    def _readable(
        self, model: Readable, where: Where, *, deleted: bool = False
    ) -> Select[tuple[Any, ...]]:
        require_signed_in(self.viewer)
        require_token_scope(self.viewer, "read", model)
        return select(*columns_of(model)).where(*visible(model, deleted=deleted), *where)

    async def _fetch_then(
        self,
        model: Readable,
        key: str,
        parents: Collection[UUID],
        statement: Select[*tuple[Any, ...]],
        past: Past | None,
    ) -> list[Row]:
        """What a statement about rows beneath `parents` answers in the present, or in the past."""
        if past is None:
            return await self._fetch(model, statement, parents=list(parents))
        if past not in self._pasts:
            if len(self._pasts) == MOST_PASTS:
                message = f"At most {MOST_PASTS} states of the past in one request."
                raise Problem("INVALID", message)
            self._pasts.append(past)
        statement = statement.add_columns(bindparam("past", type_=Integer).label("past"))
        values = {**past.values(), "past": self._pasts.index(past), "parents": list(parents)}
        statement = statement.add_cte(*past.relations(model, key))
        return await self._fetch(model, statement, **values)

    async def _fetch_one(self, statement: str, *arguments: object) -> Any:
        require_signed_in(self.viewer)
        (row,) = await self._send(statement, arguments)
        return row

    async def _fetch(
        self,
        model: type[Base],
        statement: Select[*tuple[Any, ...]],
        **values: object,
    ) -> list[Row]:
        require_signed_in(self.viewer)
        text, arguments = STATEMENTS.ready(statement, parameters(self.viewer) | values)
        class_ = row_class(model, past="past" in values)
        rows: list[Row] = await self._send(text, arguments, class_)
        self.rows_read += len(rows)
        return rows

    async def _send(
        self, text: str, arguments: Sequence[object], class_: type[Row] | None = None
    ) -> list[Any]:
        self.statements += 1
        if self._joined:
            return await self._joined.fetch(self.viewer.context, text, arguments, class_)
        async with self.database.app.lend(self.viewer.context) as connection:
            return await connection.fetch(text, *arguments, record_class=class_)
