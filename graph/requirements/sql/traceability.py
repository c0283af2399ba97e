"""The SQL of the traceability matrix: requirements of one place against those of another.

A cell is a pair of a row and a column with at least one link, in either direction. Links count when
they and both requirements are readable. Full joins are by hash: see `sql.test_matrix`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.collaboration import EntityType, TraceLink, TraceLinkType
from db.requirements.requirements import Requirement
from graph.requirements.sql.statistics import among, elements_of

ORDER = ("document_id", "position", "id")
"""The columns by which rows and columns are ordered."""
NAMES = ("external_id", "name")
COUNTS = ("links", "suspects")

Keys = Callable[[Any], Sequence[ColumnElement[Any]]]
"""Returns conditions or sort keys on the columns of the rows."""


@dataclass(frozen=True)
class Side:
    """The requirements of one side: those whose column `key` is `id`."""

    key: str
    id: UUID


@dataclass(frozen=True)
class Traceability:
    """A matrix that the viewer can read. Every method runs one statement.

    `near` is the side that is read, `far` the one that its links lead to; `of_columns` is the same
    matrix the other way round.
    """

    session: ViewerSession
    near: Side
    far: Side
    types: tuple[TraceLinkType, ...]

    def of_columns(self) -> "Traceability":
        """Return the matrix with its rows as columns."""
        return replace(self, near=self.far, far=self.near)

    async def page(self, bounds: Keys, order: Keys, limit: int, *, holes: bool) -> list[Record]:
        """Return the first requirements of the near side, with the numbers of their links.

        With `holes` only those without a link: then the links of all are read, else of the page,
        and each has the number of requirements on all pages (`total`), too.
        """
        chosen = self._near()
        if holes:
            rows = self._counted(chosen)
            hole = rows.c.links == _zero()
            total = select(func.count()).select_from(rows).where(hole).scalar_subquery()
            shown = select(rows, total.label("total")).where(hole, *bounds(rows.c))
            return await self._run(shown.order_by(*order(rows.c)).limit(limit))
        first = select(chosen).where(*bounds(chosen.c)).order_by(*order(chosen.c)).limit(limit)
        rows = self._counted(first.cte("page").prefix_with("MATERIALIZED"))
        return await self._run(select(rows).order_by(*order(rows.c)))

    async def count(self, *, holes: bool) -> int:
        """Return the number of requirements on all pages."""
        chosen = self._near()
        rows = self._counted(chosen) if holes else chosen
        where = [rows.c.links == _zero()] if holes else []
        counted = select(func.count().label("number")).select_from(rows).where(*where)
        (row,) = await self._run(counted)
        return int(row["number"])

    async def cells(
        self, ids: Collection[UUID], columns: Collection[UUID] | None, limit: int
    ) -> list[Record]:
        """Return the links of at most `limit` cells of each of these requirements, in order."""
        table = self._near()
        wanted = bindparam("ids", list(ids), type_=ARRAY(Uuid))
        chosen = select(table).where(table.c.id == any_(wanted)).cte("wanted")
        links = self._links(chosen.prefix_with("MATERIALIZED"), columns)
        place = func.dense_rank().over(
            partition_by=links.c.near_id, order_by=[links.c[f"far_{name}"] for name in ORDER]
        )
        placed = select(links, place.label("place")).subquery("placed")
        shown = select(placed).where(placed.c.place <= bindparam("most", limit, type_=Integer))
        return await self._run(shown.order_by(placed.c.near_id, placed.c.place, placed.c.link_id))

    async def summary(self) -> Record:
        """Return the numbers of rows, columns and links, of those linked, and of suspect links."""
        chosen = self._near()
        links = self._links(chosen)
        others = self._side(self.far, "far", "others")
        numbers = select(
            func.count(links.c.near_id.distinct()).label("linked_rows"),
            func.count(links.c.far_id.distinct()).label("linked_columns"),
            func.count(links.c.link_id.distinct()).label("links"),
            func.count(links.c.link_id.distinct()).filter(links.c.suspect).label("suspects"),
        ).subquery("numbers")
        rows = select(func.count().label("rows")).select_from(chosen).subquery("near_rows")
        columns = select(func.count().label("columns")).select_from(others).subquery("far_rows")
        joined = numbers.join(rows, true()).join(columns, true())
        (row,) = await self._run(
            select(*numbers.c, rows.c.rows, columns.c.columns).select_from(joined)
        )
        return row

    async def _run(self, statement: Select[Any]) -> list[Record]:
        values = {"near": self.near.id, "far": self.far.id}
        return await self.session.query(statement, values)

    def _near(self) -> CTE:
        return self._side(self.near, "near", "chosen")

    def _side(self, side: Side, parameter: str, name: str) -> CTE:
        """Return the requirements of a side, whose ID the parameter has."""
        table = readable(Requirement, *ORDER, *NAMES, side.key, CONTENT_VERSION)
        kept = [table.c[name] for name in (*ORDER, *NAMES, CONTENT_VERSION)]
        inside = table.c[side.key] == bindparam(parameter, type_=Uuid)
        return select(*kept).where(inside).cte(name)

    def _counted(self, chosen: CTE) -> FromClause:
        """Return the requirements with the numbers of their links."""
        links = self._links(chosen)
        counted = (
            select(
                links.c.near_id,
                func.count().label("links"),
                func.count().filter(links.c.suspect).label("suspects"),
            )
            .group_by(links.c.near_id)
            .cte("counted")
            .prefix_with("MATERIALIZED")
        )
        numbers = (
            func.coalesce(counted.c[name], literal_column("0")).label(name) for name in COUNTS
        )
        return (
            select(*(chosen.c[name] for name in (*ORDER, *NAMES)), *numbers)
            .select_from(chosen.join(counted, counted.c.near_id == chosen.c.id, full=True))
            .cte("rows")
            .prefix_with("MATERIALIZED")
        )

    def _links(self, chosen: CTE, columns: Collection[UUID] | None = None) -> CTE:
        """Return the links between these requirements and those of the far side."""
        found = union_all(*(self._arm(chosen, *ends) for ends in ENDS)).cte("found")
        found = found.prefix_with("MATERIALIZED")
        table = readable(Requirement, *ORDER, self.far.key, CONTENT_VERSION)
        narrowed: list[ColumnElement[bool]] = []
        if columns is not None:
            narrowed = [table.c.id == any_(bindparam("columns", list(columns), type_=ARRAY(Uuid)))]
        far = (
            select(*(table.c[name] for name in (*ORDER, CONTENT_VERSION)))
            .where(
                table.c[self.far.key] == bindparam("far", type_=Uuid),
                table.c.id.in_(elements_of(select(found.c.far_id))),
                *narrowed,
            )
            .cte("far")
            .prefix_with("MATERIALIZED")
        )
        newer = or_(
            chosen.c.content_version > found.c.near_version,
            far.c.content_version > found.c.far_version,
        )
        joined = (
            select(
                found.c.near_id,
                found.c.far_id,
                found.c.link_id,
                found.c.link_type,
                found.c.outgoing,
                func.coalesce(newer, false()).label("suspect"),
                *(far.c[name].label(f"far_{name}") for name in ORDER if name != "id"),
                chosen.c.id.label("chosen_id"),
                far.c.id.label("shown_id"),
            )
            .select_from(
                found.join(chosen, chosen.c.id == found.c.near_id, full=True).join(
                    far, far.c.id == found.c.far_id, full=True
                )
            )
            .cte("joined")
            .prefix_with("MATERIALIZED")
        )
        both = and_(joined.c.chosen_id == joined.c.near_id, joined.c.shown_id == joined.c.far_id)
        return select(joined).where(both).cte("links").prefix_with("MATERIALIZED")

    def _arm(self, chosen: CTE, near: str, far: str) -> Select[Any]:
        links = readable(TraceLink)
        requirement = [EntityType.REQUIREMENT]
        return select(
            links.c[f"{near}_id"].label("near_id"),
            links.c[f"{far}_id"].label("far_id"),
            links.c.id.label("link_id"),
            links.c.link_type,
            literal_column("'t'::boolean" if near == "source" else "'f'::boolean").label(
                "outgoing"
            ),
            links.c[f"{near}_version"].label("near_version"),
            links.c[f"{far}_version"].label("far_version"),
        ).where(
            links.c[f"{near}_id"].in_(elements_of(select(chosen.c.id))),
            among(links.c[f"{near}_type"], requirement),
            among(links.c[f"{far}_type"], requirement),
            among(links.c.link_type, self.types),
        )


ENDS = (("source", "target"), ("target", "source"))


def _zero() -> Any:
    return literal_column("0")
