"""The SQL of a `Select`: pages beneath parents, lists of their own, counts, and rows joined."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    FromClause,
    Text,
    Uuid,
    all_,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy import Select as Statement
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import class_mapper
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from auth.policy import permitted_to, ways_to
from auth.policy.grant_lists import ONE, PUBLIC
from auth.policy.shaped import PUBLIC_PROJECTS, Shape, Way, open_by
from auth.session.ancestry import parents
from auth.session.look_up import LIMIT, look_up
from auth.session.row import HIDDEN_COLUMNS
from auth.session.select import Join, Output, Select
from auth.session.visibility import PARENTS, not_hidden_in
from db.base import Part, Readable

PARENT: ColumnElement[UUID] = literal_column("parent.id", Uuid)
"""The current parent of a lateral query, at any depth within it."""
SPACE, T, OFFSET = (literal_column(f"'{text}'", Text) for text in (" ", "T", ":00"))
"""Texts that turn a time of PostgreSQL, such as 2026-11-30 20:14:02.5+00, into ISO 8601."""
MANY = 3
"""The size class of lists that are too long for a page of each scope."""


class Key(NamedTuple):
    """One key of an order, as a column that a query around the page can sort by."""

    column: ColumnElement[Any]
    descending: bool

    def of(self, page: FromClause) -> ColumnElement[Any]:
        column: Any = page.c[str(self.column.key)]
        return cast("ColumnElement[Any]", column.desc() if self.descending else column.asc())


def statement_of(asked: Select, shape: Shape) -> Statement[*tuple[Any, ...]]:
    """Return the statement for viewers with grants of this shape."""
    found = look_up(asked, shape)
    ways = [asked] if found is None else [replace(asked, where=where) for where in found]
    if asked.counted:
        return _counts(ways, shape)
    if asked.parents is not None and asked.limited:
        return _beneath_each(ways, shape)
    if len(ways) == 1 and not asked.joins:
        return _page(asked, shape, ())
    keys = _keys(asked)
    page = _page_of_ways(asked, [_page(way, shape, keys) for way in ways], keys)
    if not asked.joins:
        return page
    rows = page.subquery("page")
    return _joined(asked, shape, rows, rows).order_by(*(key.of(rows) for key in keys))


def criteria(
    model: Readable,
    columns: Any,
    shape: Shape,
    *,
    of: Readable | None = None,
    beneath: str | None = None,
    known: Collection[str] = (),
) -> Iterator[ColumnElement[bool]]:
    """Yield the criteria of every read, in these columns, for viewers with grants of this shape.

    Where the column `beneath` of the model `of` is one of `parents`, and its rows are in the
    documents in which these are, only the deleted blocks of those documents are read. Keys that are
    `known` lead to nothing deleted.
    """
    if issubclass(model, Part):
        whole: Any = model.whole.__table__
        named = columns[model.whole_key] == whole.c.id
        exists = select(whole.c.id).where(named, *criteria(model.whole, whole.c, shape)).exists()
        yield exists.correlate_except(whole)
    else:
        yield columns.deleted_at.is_(None)
        yield from not_hidden_in(model, columns, beneath=beneath, of=of, known=known)
    yield permitted_to(model, columns, shape)


def _page(asked: Select, shape: Shape, keys: Sequence[Key]) -> Statement[*tuple[Any, ...]]:
    """Return rows in order, with the columns of joins and of `keys` after the outputs."""
    columns = [*_own(asked), *_join_keys(asked), *(key.column for key in keys)]
    if asked.parents is None and (merged := _merged(asked, shape, columns, keys)) is not None:
        return merged
    table: Any = asked.model.__table__
    shown = [*criteria(asked.model, table.c, shape, beneath=asked.parents)]
    if asked.parents is not None:
        shown.insert(0, _column(asked.model, asked.parents) == any_(PARENTS))
    page = select(*columns).where(*shown, *asked.where).order_by(*asked.order)
    if asked.locked:
        page = page.with_for_update(of=table, key_share=True)
    return page.limit(LIMIT) if asked.limited else page


def _page_of_ways(
    asked: Select, pages: Sequence[Statement[*tuple[Any, ...]]], keys: Sequence[Key]
) -> Statement[*tuple[Any, ...]]:
    """Return the only page, or the union of both, with the sort keys if rows are joined to it."""
    if len(pages) == 1:
        return pages[0]
    names = [*_names(asked), *(str(key.column.key) for key in keys if asked.joins)]
    page = _together(pages, names, keys)
    return page.limit(LIMIT) if asked.limited else page


def _beneath_each(ways: Sequence[Select], shape: Shape) -> Statement[*tuple[Any, ...]]:
    """Return up to `limit` rows beneath each parent."""
    asked = ways[0]
    parent = func.unnest(PARENTS).table_valued("id").render_derived(name="parent")
    if len(ways) == 1:
        page = _beneath(asked, shape, ())
    else:
        keys = _keys(asked)
        by_index, by_order = ways
        pages = [_found_beneath(by_index, shape, keys), _beneath(by_order, shape, keys)]
        page = _together(pages, _names(asked), keys).limit(LIMIT)
    each = page.lateral("page")
    return _joined(asked, shape, each, parent.join(each, true()))


def _beneath(asked: Select, shape: Shape, keys: Sequence[Key]) -> Statement[*tuple[Any, ...]]:
    """Return the page of one parent."""
    table: Any = asked.model.__table__
    columns = [*_own(asked), *_join_keys(asked), *(key.column for key in keys)]
    page = select(*columns).where(
        _column(asked.model, cast(str, asked.parents)) == PARENT,
        *criteria(asked.model, table.c, shape, beneath=asked.parents),
        *asked.where,
    )
    return page.order_by(*asked.order).limit(LIMIT)


def _found_beneath(asked: Select, shape: Shape, keys: Sequence[Key]) -> Statement[*tuple[Any, ...]]:
    """Return the page of one parent; the few rows found beneath all parents are read once."""
    columns = [*_own(asked), *_join_keys(asked), *(key.column for key in keys)]
    own = _column(asked.model, cast(str, asked.parents))
    table: Any = asked.model.__table__
    shown = criteria(asked.model, table.c, shape, beneath=asked.parents)
    every = select(*columns, own.label("parent")).where(own == any_(PARENTS), *shown, *asked.where)
    rows = every.cte("rows").prefix_with("MATERIALIZED")
    page = select(*(rows.c[column.key] for column in columns)).where(rows.c.parent == PARENT)
    return page.order_by(*(key.of(rows) for key in keys)).limit(LIMIT)


def _together(
    pages: Sequence[Statement[*tuple[Any, ...]]], columns: Sequence[str], keys: Sequence[Key]
) -> Statement[*tuple[Any, ...]]:
    """Return the union of pages: these columns, in the order of the keys."""
    union = union_all(*(select(page.subquery()) for page in pages)).subquery("pages")
    return select(*(union.c[column] for column in columns)).order_by(
        *(key.of(union) for key in keys)
    )


def _joined(
    asked: Select, shape: Shape, page: FromClause, source: FromClause
) -> Statement[*tuple[Any, ...]]:
    """Return the outputs of a page, and of the rows that its own name.

    Each is one look-up a row, which PostgreSQL memoizes: a plain join might read the whole table.
    """
    found: list[FromClause] = []
    for i, join in enumerate(asked.joins):
        table: Any = join.model.__table__.alias(f"t{i}")
        same = asked.parents if _in_its_document(asked.model, join) else None
        known = _known(asked.model, join)
        shown = criteria(join.model, table.c, shape, of=asked.model, beneath=same, known=known)
        outputs = [_output(join.model, o, n, table.c) for n, o in _outputs(asked, i)]
        row = select(*outputs).where(table.c.id == page.c[f"k{i}"], *shown)
        found.append(row.limit(literal_column("1")).lateral(f"j{i}"))
        source = source.outerjoin(found[-1], true())
    columns = []
    for label, output in zip(_labels(asked), asked.outputs, strict=True):
        columns.append((page if output.join is None else found[output.join]).c[label])
    return select(*columns).select_from(source)


def _counts(ways: Sequence[Select], shape: Shape) -> Statement[*tuple[Any, ...]]:
    asked, count = ways[0], func.count().label("count")
    if len(ways) == 1:
        return _counted(asked, shape, count)
    if asked.parents is None:
        arms = [_counted(way, shape, literal_column("1").label("found")) for way in ways]
        return select(count).select_from(union_all(*arms).subquery("pages"))
    return _together([_counted(way, shape, count) for way in ways], ("parent", "count"), ())


def _counted(asked: Select, shape: Shape, count: Any) -> Statement[*tuple[Any, ...]]:
    table: Any = asked.model.__table__
    shown = [*criteria(asked.model, table.c, shape, beneath=asked.parents), *asked.where]
    if asked.parents is None:
        return select(count).select_from(table).where(*shown)
    key = _column(asked.model, asked.parents)
    return select(key.label("parent"), count).where(key == any_(PARENTS), *shown).group_by(key)


def _merged(
    asked: Select, shape: Shape, columns: Sequence[Any], keys: Sequence[Key]
) -> Statement[*tuple[Any, ...]] | None:
    """Return the merged pages of the viewer's scopes; None where one page is enough.

    An index in the order of the list serves one scope at a time: of several together PostgreSQL
    would read and sort all rows. No row is in two of the pages.
    """
    ways = ways_to(asked.model)
    if ways is None or not (asked.limited and asked.order) or any(map(_finds_few, asked.where)):
        return None
    ways = tuple(way for way in ways if shape[way.list])
    if len(ways) < 2 and all(shape[way.list] in (1, MANY) for way in ways):  # noqa: PLR2004 (several)
        return None
    shown = [str(column.key) for column in columns]
    if not keys:
        keys = _keys(asked)
        columns = [*columns, *(key.column for key in keys)]
    arms, before = [], list[ColumnElement[bool]]()
    for way in ways:
        arms.append(_page_of_way(asked, shape, way, columns, before))
        before.append(_outside(asked.model, way, shape))
    return _together(arms, shown, keys).limit(LIMIT)


def _page_of_way(
    asked: Select,
    shape: Shape,
    way: Way,
    columns: Sequence[Any],
    outside: Sequence[ColumnElement[bool]],
) -> Statement[*tuple[Any, ...]]:
    """Return the page of one way: of its only scope, of each of a few, or of all together."""
    table: Any = asked.model.__table__
    shown = [table.c.deleted_at.is_(None), *not_hidden_in(asked.model, table.c)]  # type: ignore[arg-type]
    page = select(*columns).where(*shown, *outside, *asked.where).order_by(*asked.order)
    if shape[way.list] in (1, MANY) and not (way.list == PUBLIC and shape[way.list] == 1):
        return page.where(cast("ColumnElement[bool]", open_by(way, table.c, shape))).limit(LIMIT)
    scopes = PUBLIC_PROJECTS if way.list == PUBLIC else bindparam(way.list, type_=ARRAY(Uuid))
    scope = func.unnest(scopes).table_valued("id").render_derived(name="scope")
    each = page.where(table.c[way.key] == scope.c.id).limit(LIMIT).lateral("page")
    return select(each).select_from(scope.join(each, true()))


def _outside(model: Readable, way: Way, shape: Shape) -> ColumnElement[bool]:
    """Return the criterion for the rows that a way does not open."""
    column = cast(Any, model.__table__).c[way.key]
    if shape[way.list] == 1:
        return cast(
            "ColumnElement[bool]", column.is_distinct_from(bindparam(way.list + ONE, type_=Uuid))
        )
    outside: ColumnElement[bool] = column != all_(bindparam(way.list, type_=ARRAY(Uuid)))
    return outside.is_not(False)


def _finds_few(condition: ColumnElement[bool]) -> bool:
    """Return whether a condition compares an id, which finds fewer rows than any order."""
    if isinstance(condition, BooleanClauseList):
        return condition.operator is operators.and_ and any(map(_finds_few, condition.clauses))
    if not isinstance(condition, BinaryExpression) or condition.operator is not operators.eq:
        return False
    return isinstance(condition.left.type, Uuid)


def _keys(asked: Select) -> list[Key]:
    """Return the keys of the order, labelled."""
    found = []
    for i, element in enumerate(asked.order):
        directed = isinstance(element, UnaryExpression)
        descending = directed and element.modifier is operators.desc_op
        column = element.element if directed else element
        found.append(Key(column.label(f"o{i}"), descending))
    return found


def _own(asked: Select) -> list[Any]:
    table: Any = asked.model.__table__
    return [_output(asked.model, output, n, table.c) for n, output in _outputs(asked, None)]


def _join_keys(asked: Select) -> list[Any]:
    return [_column(asked.model, join.key).label(f"k{i}") for i, join in enumerate(asked.joins)]


def _outputs(asked: Select, join: int | None) -> list[tuple[str, Output]]:
    labelled = zip(_labels(asked), asked.outputs, strict=True)
    return [(label, output) for label, output in labelled if output.join == join]


def _names(asked: Select) -> list[str]:
    """Return the names of the columns of a page without its sort keys."""
    return [str(column.key) for column in (*_own(asked), *_join_keys(asked))]


def _labels(asked: Select) -> list[str]:
    """Return a label for each output: native columns of the model keep their names, once."""
    labels: list[str] = []
    for n, output in enumerate(asked.outputs):
        plain = output.join is None and output.form == "native" and output.name not in labels
        labels.append(output.name if plain else f"c{n}")
    return labels


def _output(model: Readable, output: Output, label: str, columns: Any) -> Any:
    column = columns[_column(model, output.name).name]
    if output.form == "native":
        return column.label(label)
    text = sql_cast(column, Text)
    if output.form == "time":  # the time zone of connections is UTC, their style of dates ISO
        return func.replace(text, SPACE, T).concat(OFFSET).label(label)
    return (func.upper(text) if output.form == "upper" else text).label(label)


def _column(model: Readable, name: str) -> Any:
    """Return the column of an attribute that clients may see."""
    if name in HIDDEN_COLUMNS:
        raise ValueError(name)
    return class_mapper(model).column_attrs[name].columns[0]


def _in_its_document(model: Readable, join: Join) -> bool:
    """Return whether the row that a key names is always in the same document, by the key."""
    table: Any = model.__table__
    keys = table.c[join.key].foreign_keys
    return any("document_id" in key.constraint.column_keys for key in keys)


def _known(model: Readable, join: Join) -> frozenset[str]:
    """Return the keys of a joined row that name the same as those of the row that names it.

    Those were compared with what is deleted, and so was the key itself where it names an ancestor:
    then nothing above that is deleted either.
    """
    if issubclass(model, Part):  # shown with its whole, and not compared by itself
        return frozenset()
    table: Any = model.__table__
    found = {*parents(join.model)} if join.key in parents(model) else set[str]()
    for key in table.c[join.key].foreign_keys:
        pairs = [(one.parent, one.column) for one in key.constraint.elements]
        others = [pair for pair in pairs if pair[0] is not key.parent]
        if key.constraint.referred_table is join.model.__table__ and not any(
            own.nullable for own, _ in others
        ):
            found |= {own.key for own, theirs in others if own.key == theirs.key}
    return frozenset(found)
