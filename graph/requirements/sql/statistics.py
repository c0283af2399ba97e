"""The SQL that counts rows in groups, by up to three dimensions, beneath many parents at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    func,
    inspect,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.base import Entity
from db.fields import PRESENT_ONLY
from db.functions import sort_key

PARENTS = any_(bindparam("parents", type_=ARRAY(Uuid)))
Kind = Literal["value", "day", "each", "property"]


@dataclass(frozen=True)
class Dimension:
    """A column by which rows are grouped.

    `value` is its value, `day` the day (UTC) of its time, `each` every member of its array, and
    `property` a key of its JSON object, of an array there every member. A row without a value is in
    the group of null, one with several values in the group of each.
    """

    column: str
    kind: Kind = "value"

    @property
    def is_many(self) -> bool:
        """Return whether a row can be in several groups."""
        return self.kind in ("each", "property")


Grouping = tuple[Dimension, str | None]
"""A dimension, and of a `property` the key."""


@dataclass(frozen=True)
class Measures:
    """Further counts of the rows, by name: of those for which a boolean of that name is true.

    `add` returns the rows of a relation with a column for each name. `columns` are those of the
    rows that it reads besides `id`.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    add: Callable[[CTE], FromClause]


@dataclass(frozen=True)
class Counting:
    """A question for counts: rows of `model` beneath parents, in groups.

    `key` is the column that names the parent. `where` holds conditions in the model's columns.
    """

    model: type[Entity]
    key: str
    groupings: tuple[Grouping, ...] = ()
    where: tuple[ColumnElement[bool], ...] = ()
    measures: Measures | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the names of what is counted; `number` is that of the rows themselves."""
        return "number", *(self.measures.names if self.measures else ())


async def counts(
    session: ViewerSession,
    counting: Counting,
    parents: Sequence[UUID],
    most: int,
    *,
    sorted_by_key: bool,
) -> Mapping[UUID, list[Record]]:
    """Return the largest groups of each parent, `most` at most; one statement for all parents.

    A record holds the values of its group (`d0` to `d2`) and its numbers (`Counting.numbers`). Of
    all groups of the parent it holds their number (`groups`) and the sums (`all_number` and so on).
    `sorted_by_key` orders the groups by their values, not by their counts.
    """
    statement = _statement(counting, sorted_by_key=sorted_by_key)
    keys = {f"property{i}": key for i, (_, key) in enumerate(counting.groupings) if key is not None}
    values = {"parents": list(parents), "most": most, **keys}
    found: dict[UUID, list[Record]] = {parent: [] for parent in parents}
    for record in await session.query(statement, values):
        found[record["parent"]].append(record)
    return found


async def totals(
    session: ViewerSession, counting: Counting, parents: Sequence[UUID]
) -> dict[UUID, dict[str, int]]:
    """Return the numbers of each parent that has rows, whatever their groups."""
    rows, conditions = _rows(counting)
    parent = rows.c[counting.key].label("parent")
    statement = select(parent, *_numbers(counting, rows)).where(*conditions).group_by(parent)
    found = await session.query(statement, {"parents": list(parents)})
    return {record["parent"]: {name: record[name] for name in counting.numbers} for record in found}


def _rows(counting: Counting) -> tuple[FromClause, list[ColumnElement[bool]]]:
    """Return the rows that are counted, and the conditions that select them from it."""
    measures = counting.measures
    if measures is None:
        rows: FromClause = readable(counting.model, *_columns(counting))
        return rows, [rows.c[counting.key] == PARENTS, *_conditions(counting, rows)]
    rows = readable(counting.model, *dict.fromkeys((*_columns(counting), *measures.columns)))
    kept = {"id", counting.key, *measures.columns}
    kept |= {dimension.column for dimension, _ in counting.groupings}
    chosen = (
        select(*(rows.c[name] for name in sorted(kept)))
        .where(rows.c[counting.key] == PARENTS, *_conditions(counting, rows))
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    return measures.add(chosen), []


def _columns(counting: Counting) -> list[str]:
    """Return the columns of the rows, with those of conditions that Python never loads."""
    own = [str(column.key) for column in inspect(counting.model).column_attrs]
    elements = (element for condition in counting.where for element in iterate(condition))
    named = (one.name for one in elements if isinstance(one, Column) and one.name in PRESENT_ONLY)
    return [*own, *dict.fromkeys(named)]


def _numbers(counting: Counting, rows: FromClause) -> list[ColumnElement[int]]:
    first, *others = counting.numbers
    measured = (func.count().filter(rows.c[name]).label(name) for name in others)
    return [func.count().label(first), *measured]


def _statement(counting: Counting, *, sorted_by_key: bool) -> Select[Any]:
    rows, conditions = _rows(counting)
    source: FromClause = rows
    dimensions: list[ColumnElement[Any]] = []
    for i, (dimension, _) in enumerate(counting.groupings):
        source, value = _value(dimension, i, rows, source)
        dimensions.append(value.label(f"d{i}"))
    counted = (
        select(rows.c[counting.key].label("parent"), *dimensions, *_numbers(counting, rows))
        .select_from(source)
        .where(*conditions)
        .group_by(
            literal_column("1"), *(literal_column(str(i + 2)) for i in range(len(dimensions)))
        )
        .subquery("counted")
    )
    by_key = [counted.c[f"d{i}"].asc().nulls_last() for i in range(len(dimensions))]
    of_parent = counted.c.parent
    place = func.row_number().over(
        partition_by=of_parent, order_by=[counted.c.number.desc(), *by_key]
    )
    sums = (
        cast(func.sum(counted.c[name]).over(partition_by=of_parent), Integer).label(f"all_{name}")
        for name in counting.numbers
    )
    ranked = select(
        *counted.c,
        place.label("place"),
        func.count().over(partition_by=of_parent).label("groups"),
        *sums,
    ).subquery("ranked")
    order = [ranked.c[f"d{i}"].asc().nulls_last() for i in range(len(dimensions))]
    return (
        select(*ranked.c)
        .where(ranked.c.place <= bindparam("most", type_=Integer))
        .order_by(*(order if sorted_by_key else [ranked.c.place]))
    )


def _value(
    dimension: Dimension, place: int, rows: FromClause, source: FromClause
) -> tuple[FromClause, ColumnElement[Any]]:
    """Return the value of a dimension, and the rows with what they have to be joined to for it."""
    own = rows.c[dimension.column]
    match dimension.kind:
        case "value":
            return source, own
        case "day":
            return source, cast(func.timezone("UTC", own), Date)
        case "each":
            members: Any = func.unnest(own).table_valued(column("value", Text))
            each = members.render_derived(name=f"each{place}")
            return source.outerjoin(each, true()), each.c.value
        case "property":
            key = bindparam(f"property{place}", type_=Text)
            # In the lax mode of SQL/JSON a value that is no array is one with a single member.
            path: ColumnElement[Any] = literal_column("'$[*]'::jsonpath")
            member = func.jsonb_path_query(own.op("->")(key), path)
            text = member.op("#>>")(literal_column("'{}'::text[]"))
            found = select(text.label("value")).correlate(rows).lateral(f"property{place}_of")
            return source.outerjoin(found, true()), found.c.value


def elements_of(ids: Select[Any]) -> Select[Any]:
    """Return a sub-select of these ids that PostgreSQL reads once, into a hash table.

    It cannot estimate how many there are, and might run the statement itself for each row.
    """
    return select(func.unnest(func.array(ids.scalar_subquery(), type_=ARRAY(Uuid))))


def among(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that the column has one of these values."""
    listed = bindparam(None, list(values), type_=ARRAY(column.type), unique=True)
    found: ColumnElement[bool] = column == any_(listed)
    return found


def _conditions(counting: Counting, rows: FromClause) -> list[ColumnElement[bool]]:
    """Return the conditions in the columns of the readable rows."""
    table: Any = counting.model.__table__

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, Subquery):
            return element  # rows of another model, or of this one with columns of their own
        if not isinstance(element, Column) or getattr(element.table, "key", None) != table.key:
            return None
        if element.key in rows.c:
            return rows.c[element.key]
        return sort_key(rows.c[element.key.removesuffix("_order")])

    return [replacement_traverse(condition, {}, replace) for condition in counting.where]
