"""Choose between a GIN index and the order of a list while a read runs.

A condition that few rows meet is fastest by its index, one that many rows meet by reading the list
in its order until the page is full. No statistics tell which it is; the first IDs from the index
do. Both plans are in the statement, and PostgreSQL runs one of them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BinaryExpression,
    ColumnElement,
    Integer,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import class_mapper
from sqlalchemy.sql import operators

from auth.policy import permitted_to, ways_to
from auth.policy.shaped import Shape, Way, open_by
from auth.session.select import Select
from auth.session.visibility import PARENTS
from db.base import SCOPES, Part
from db.gin import conjuncts, served

MAX_READ_BY_ID = 1_000
"""The most rows that are read by ID where an index has the list in its order."""
MAX_READ_BY_ID_OF_ALL = 20_000
"""The most rows that are read by ID where all would be read anyway, to be counted or sorted."""
MAX_LIST_WITHOUT_INDEX = 5_000
"""Rows of a list that is read without its index, which holds the words of all tenants."""
EARLY_ROWS = 1_000
"""Rows at the start of a longer list in which a page may be full without the index."""
LIMIT = bindparam("limit", type_=Integer)
"""The number of rows to read, for each parent if there are any."""


class LookUp(NamedTuple):
    """Two sets of conditions for the same rows; when run, no row meets one of them."""

    by_index: tuple[ColumnElement[bool], ...]
    by_order: tuple[ColumnElement[bool], ...]


def look_up(asked: Select, shape: Shape) -> LookUp | None:
    """Return both conditions for the rows of a read; None if no index serves any.

    The index is searched for all rows that the context shows, so the time taken depends on how
    common a word is among them. Lists of few rows, and all lists of viewers who may read few rows,
    are read without it.
    """
    model: Any = asked.model
    if issubclass(model, Part) or _ways(asked, shape) == []:
        return None
    others, conditions, ids = served(model, asked.where)
    if ids is None:
        return None
    narrow = [*_narrowing(asked)]
    is_ordered = _has_index(asked, [column.name for column, _ in narrow])
    most = MAX_READ_BY_ID if is_ordered else MAX_READ_BY_ID_OF_ALL
    found = ids.limit(_number(most + 1)).cte("found")
    is_few: Any = select(func.count() <= _number(most)).select_from(found).scalar_subquery()
    # As an argument: PostgreSQL takes the operator alone for rare, and would read and sort all.
    common = [func.coalesce(condition, false()) for condition in conditions]
    if sources := [*_sources(asked, shape, [condition for _, condition in narrow])]:
        order = asked.order if is_ordered and asked.parents is None and narrow else ()
        is_few = case((_end_soon(model, sources, order, common), false()), else_=is_few)
    # Read once for the whole statement: each way is left out by it as a whole, not row by row.
    way = select(is_few.label("by_index")).cte("way").prefix_with("MATERIALIZED")
    chosen: ColumnElement[bool] = select(way.c.by_index).scalar_subquery()
    # An array, since the planner takes it for short and goes by primary key. It cannot know
    # how many ids there are, and might compare each with each row where it joins them.
    array = func.array(select(found.c.id).scalar_subquery(), type_=ARRAY(Uuid))
    id: ColumnElement[Any] = model.__table__.c.id
    by_index = (chosen.is_(True), id == any_(array), *others)
    return LookUp(by_index, (chosen.is_(False), *common, *others))


def _sources(
    asked: Select, shape: Shape, narrow: Sequence[ColumnElement[bool]]
) -> Iterable[Sequence[ColumnElement[bool]]]:
    """Yield the conditions of sets of rows that include those of the list.

    Yield none if they include whole organizations, which seldom have few rows.
    """
    columns: Any = asked.model.__table__.c
    if narrow:
        yield (*narrow, permitted_to(asked.model, columns, shape))
        return
    ways = _ways(asked, shape) or ()
    if all(way.key != SCOPES[0] for way in ways):
        opened = (open_by(way, columns, shape) for way in ways)
        yield from ((condition,) for condition in opened if condition is not None)


def _ways(asked: Select, shape: Shape) -> list[Way] | None:
    """Return the ways by which the viewer may read rows; None if the policy has others, too."""
    ways = ways_to(asked.model)
    return None if ways is None else [way for way in ways if shape[way.list]]


def _end_soon(
    model: Any,
    sources: Sequence[Sequence[ColumnElement[bool]]],
    order: Sequence[ColumnElement[Any]],
    common: Sequence[ColumnElement[bool]],
) -> ColumnElement[bool]:
    """Return whether the sources have few rows, or the first in `order` fill the page.

    Each source is read by its own index. Rows are compared only where there are many.
    """
    table: Any = model.__table__

    def first(column: ColumnElement[Any], most: int, *order: ColumnElement[Any]) -> Any:
        row: Any = select(column).select_from(table).order_by(*order).limit(_number(most))
        return union_all(*(select(row.where(*s).subquery()) for s in sources)).subquery()

    rows = first(literal_column("1").label("one"), MAX_LIST_WITHOUT_INDEX + 1)
    is_small = (
        select(func.count() <= _number(MAX_LIST_WITHOUT_INDEX)).select_from(rows).scalar_subquery()
    )
    if not order:
        return is_small
    rows = first(and_(*common).label("matches"), EARLY_ROWS, *order)
    is_full: Any = func.count().filter(rows.c.matches) >= LIMIT
    return is_small | select(is_full).select_from(rows).scalar_subquery()


def _narrowing(asked: Select) -> Iterable[tuple[Any, ColumnElement[bool]]]:
    """Yield the columns by which an index narrows the rows, with their conditions."""
    table: Any = asked.model.__table__
    if asked.parents is not None:
        parent: Any = class_mapper(asked.model).column_attrs[asked.parents].columns[0]
        yield parent, parent == any_(PARENTS)
    leading = {next(iter(index.columns)).name for index in table.indexes}
    for condition in conjuncts(asked.where):
        if isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            column: Any = condition.left
            if isinstance(column.type, Uuid) and getattr(column, "name", "") in leading:
                yield column, condition


def _has_index(asked: Select, narrow: Sequence[str]) -> bool:
    """Return whether an index has the rows of an organization, or the narrowed ones, in order."""
    if asked.counted or not asked.limited or not asked.order:
        return False
    first = getattr(asked.order[0], "element", asked.order[0])
    scopes = narrow or [*asked.model.scope_keys()][:1]
    indexes: Any = asked.model.__table__.indexes  # type: ignore[attr-defined]
    starts = [[column.name for column in index.columns][:2] for index in indexes]
    column = getattr(first, "name", None)  # an expression, such as a sort key, has none
    return any([scope, column] in starts for scope in scopes)


def _number(value: int) -> Any:
    """Return a number as SQL text, which the planner can use."""
    return literal_column(str(value), Integer)
