"""What a viewer can read: rows of one model at a time, always under the policy."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    inspect,
    literal,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from auth.policy import parameters, require_signed_in, require_token_scope
from auth.session import trash
from auth.session.origin import Origin
from auth.session.row import STATEMENTS, Row, row_class
from auth.session.transaction import Transaction
from auth.session.visible import visible
from auth.viewer import Viewer
from db.base import Entity
from db.pool import Database

HIDDEN_COLUMNS = frozenset({"search"})
"""Columns that only PostgreSQL reads."""

Where = Sequence[ColumnElement[bool]]
Places = Sequence[UUID | None]
"""An organization, a project and a document, or None for any."""


@cache
def columns_of(model: type[Entity]) -> list[ColumnElement[Any]]:
    """The columns of a row, under the names of the model's attributes."""
    attributes = inspect(model).column_attrs
    return [a.columns[0].label(a.key) for a in attributes if a.key not in HIDDEN_COLUMNS]


class ViewerSession:
    """The rows of one viewer. Every method runs one statement, whatever it is asked for."""

    def __init__(self, database: Database, viewer: Viewer, origin: Origin | None = None) -> None:
        self.database, self.viewer, self.origin = database, viewer, origin or Origin()
        self.statements = self.rows_read = 0

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction in which this viewer writes; it commits at the end of the block."""
        require_signed_in(self.viewer)
        return Transaction.begin(self.database, self.viewer, self.origin)

    async def rows(
        self,
        model: type[Entity],
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
        model: type[Entity],
        key: str,
        parents: Collection[UUID],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> dict[UUID, list[Row]]:
        """Readable rows beneath each parent, up to `limit` for each of them."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        if limit is None:
            beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
            statement = self._readable(model, (beneath, *where)).order_by(*order)
        else:
            parent = func.unnest(bindparam("parents", type_=ARRAY(Uuid))).table_valued("id")
            parent = parent.render_derived(name="parent")
            page = self._readable(model, (column == parent.c.id, *where))
            page_rows = page.order_by(*order).limit(limit).lateral("page")
            statement = select(page_rows).select_from(parent.join(page_rows, true()))
        found: dict[UUID, list[Row]] = defaultdict(list)
        for row in await self._fetch(model, statement, parents=list(parents)):
            found[row[key]].append(row)
        return found

    async def count(self, model: type[Entity], *where: ColumnElement[bool]) -> int:
        """How many rows are readable."""
        inner = self._readable(model, where).with_only_columns(literal_column("1")).subquery()
        (row,) = await self._fetch(model, select(func.count().label("count")).select_from(inner))
        return int(row["count"])

    async def counts(
        self, model: type[Entity], key: str, parents: Collection[UUID], *where: ColumnElement[bool]
    ) -> dict[UUID, int]:
        """How many rows are readable beneath each parent; a parent without any is absent."""
        column: InstrumentedAttribute[UUID] = getattr(model, key)
        beneath = column == any_(bindparam("parents", type_=ARRAY(Uuid)))
        statement = self._readable(model, (beneath, *where)).with_only_columns(
            column.label("parent"), func.count().label("count")
        )
        rows = await self._fetch(model, statement.group_by(column), parents=list(parents))
        return {row["parent"]: row["count"] for row in rows}

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
        statement = trash.page(self.viewer, among, places, bounds, order, limit)
        return await self._fetch(among[0], statement)

    async def count_trash(self, among: Sequence[type[Entity]], places: Places) -> int:
        """How much there is of that."""
        if not among:
            return 0
        (row,) = await self._fetch(among[0], trash.counted(self.viewer, among, places))
        return int(row["count"])

    def _readable(
        self, model: type[Entity], where: Where, *, deleted: bool = False
    ) -> Select[tuple[Any, ...]]:
        require_signed_in(self.viewer)
        require_token_scope(self.viewer, "read", model)
        return select(*columns_of(model)).where(
            *visible(model, self.viewer, deleted=deleted), *where
        )

    async def _fetch(
        self, model: type[Entity], statement: Select[*tuple[Any, ...]], **values: object
    ) -> list[Row]:
        require_signed_in(self.viewer)
        text, arguments = STATEMENTS.ready(statement, parameters(self.viewer) | values)
        self.statements += 1
        async with self.database.app.lend(self.viewer.context) as connection:
            rows: list[Row] = await connection.fetch(
                text, *arguments, record_class=row_class(model)
            )
        self.rows_read += len(rows)
        return rows
