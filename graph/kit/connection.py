"""Relay connections: pages of rows at the root or beneath a parent, one statement a level.

Follows the GraphQL Cursor Connections Specification, with `nodes` beside `edges`.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement
from strawberry import UNSET

from auth.session import Past, Row, Select, outputs_of
from db.base import Readable
from db.gin import served
from db.problem import Problem
from graph.kit.context import MAX_PAGE_SIZE, Context, Info
from graph.kit.cursor import Key, beyond, encode
from graph.kit.edges import EDGE, ToMany, Within
from graph.kit.filters import matches
from graph.kit.search import searched

T = TypeVar("T")

DEFAULT_PAGE = 20
MAX_KEYS = 8
"""Keys of one sort order; a cursor compares each with all before it."""


@strawberry.enum(
    description="The direction of a sort. Texts are sorted without regard to case and accents, with"
    " numbers by their value: SYS-2 comes before SYS-10."
)
class OrderDirection(Enum):
    ASC = strawberry.enum_value("asc", description="Ascending; nulls come last.")
    DESC = strawberry.enum_value("desc", description="Descending; nulls come first.")


class SortInput:
    """An input to sort by what is no column."""

    def keys(self, model: Readable, descending: bool, field: Sequence[str | int]) -> Sequence[Key]:
        """Return the sort keys. Raises INVALID with the path of the input, which is `field`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Page:
    """The rows of one page, in the requested order, and whether there are pages around it."""

    rows: Sequence[Row]
    keys: Sequence[Key]
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]]


@strawberry.type(description="Information about pagination in a connection.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether there are items before this page."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item of this page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item of this page."
    )


@strawberry.type(description="An item of a connection, with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(
        description="The cursor of the item, for use as `after` or `before`."
    )
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    page: strawberry.Private[Page]

    @strawberry.field(description="The items of this page, with their cursors.")
    def edges(self) -> list[Edge[T]]:
        page = self.page
        return [Edge(cursor=encode(page.keys, row), node=cast(T, row)) for row in page.rows]

    @strawberry.field(description="The items of this page.")
    def nodes(self) -> list[T]:
        return self.page.rows  # type: ignore[return-value]

    @strawberry.field(description="Information about pagination.")
    def page_info(self) -> PageInfo:
        page = self.page
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=encode(page.keys, page.rows[0]) if page.rows else None,
            end_cursor=encode(page.keys, page.rows[-1]) if page.rows else None,
        )

    @strawberry.field(description="The number of items on all pages.")
    async def total_count(self) -> int:
        return await self.page.count()


@dataclass(frozen=True)
class Asked:
    """The arguments of a connection, checked."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None
    where: tuple[ColumnElement[bool], ...]
    keys: tuple[Key, ...]

    @property
    def size(self) -> int:
        return self.last if self.last is not None else self.first or 0

    @property
    def backwards(self) -> bool:
        return self.last is not None

    def bounds(self, keys: Sequence[Key] | None = None) -> list[ColumnElement[bool]]:
        """Return conditions for the rows between the cursors, on the columns of `keys` if given."""
        keys, found = keys or self.keys, []
        if self.after is not None:
            found.append(beyond(keys, self.after, "after", backwards=False))
        if self.before is not None:
            found.append(beyond(keys, self.before, "before", backwards=True))
        return found

    def order(self, keys: Sequence[Key] | None = None) -> list[ColumnElement[Any]]:
        return [key.ordered(backwards=self.backwards) for key in keys or self.keys]

    def page(self, rows: list[Row], count: Callable[[], Awaitable[int]]) -> Page:
        """Return the page of rows, read with one row more that tells if there is a next page."""
        more, rows = len(rows) > self.size, rows[: self.size]
        if self.backwards:
            return Page(rows[::-1], self.keys, self.before is not None, more, count)
        return Page(rows, self.keys, more, self.after is not None, count)


def connection(
    model: Readable,
    type_: Any,
    filter_: Any,
    order_: Any,
    text: str,
    *,
    key: str | None = None,
    by: Sequence[str] = ("created_at",),
    largest: int = MAX_PAGE_SIZE,
    narrowed: Sequence[str] = (),
    within: Within | None = None,
    newest_first: bool = False,
    where: Sequence[ColumnElement[bool]] = (),
) -> Any:
    """Declare a connection of `type_`, ordered `by` these columns unless the client says otherwise.

    `newest_first` reverses the order.

    `key` is the column that names the parent, for a list beneath one; without it the list is a
    root field. `narrowed` names the columns that allow the larger page at the root when the filter
    equates one of them. `within` gives the parent and the past of a row, if not the row itself.
    `where` are conditions of every read.
    """
    order = tuple(Key(getattr(model, name), descending=newest_first) for name in by)
    edge = ToMany(model, key, order, largest, tuple(narrowed), within, tuple(where))

    async def resolve(
        root: strawberry.Parent[Any],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[filter_ | None] = None,
        search: Search = None,
        order_by: OrderBy[list[order_] | None] = None,
    ) -> Connection[type_] | None:
        arguments = (first, after, last, before, filter, search, order_by)
        shape = (id(edge), repr(arguments))  # lists of one model differ in their conditions
        asked = info.context.once(shape, partial(read_arguments, edge, *arguments))
        if key is None:
            return Connection[type_](page=await _at_root(info.context, model, asked))
        parent, past = within.place(root) if within else (root.id, info.context.past_of(root))
        if past and search and search.strip():
            raise Problem("INVALID", "A past state cannot be searched.", field=["search"])
        page = await _beneath(info.context, model, key, parent, asked, (shape, past), past)
        return Connection[type_](page=page)

    field = strawberry.field(
        resolve,
        description=text,
        # graph.http.operation.cost counts no more rows than the largest page
        metadata={EDGE: edge, "largest_page": largest},
    )
    if not hasattr(model, "search"):
        field.arguments = [a for a in field.arguments if a.python_name != "search"]
    return field


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


First = Annotated[
    int | None,
    _says(f"The number of items to return from the start. The default is {DEFAULT_PAGE}."),
]
After = Annotated[str | None, _says("Return only items after this cursor.")]
Last = Annotated[
    int | None, _says("The number of items to return from the end, instead of `first`.")
]
Before = Annotated[str | None, _says("Return only items before this cursor.")]
Filter = Annotated[T, _says("Return only items that match this filter.")]
OrderBy = Annotated[T, _says("The fields to sort by, the most significant first.")]
Search = Annotated[
    str | None,
    _says(
        'Return only items that contain these words, in any form or as prefixes. Use "quotes" for'
        " an exact phrase, `or` between alternatives, and `-` before a word to exclude it."
    ),
]


def asked_for(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    keys: tuple[Key, ...],
    where: Sequence[ColumnElement[bool]] = (),
    largest: int = MAX_PAGE_SIZE,
) -> Asked:
    """Return the arguments of a page in the order of these keys. Raises INVALID."""
    if first is not None and last is not None:
        raise Problem("INVALID", "Give either `first` or `last`.", field=["last"])
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= largest:
            raise Problem("INVALID", f"Must be from 0 to {largest}.", field=[name])
    if first is None and last is None:
        first = DEFAULT_PAGE
    return Asked(first, after, last, before, tuple(where), keys)


def read_arguments(
    edge: ToMany,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    filter: Any,
    search: str | None,
    order_by: Sequence[Any] | None,
) -> Asked:
    """Return the arguments of a declared connection, checked. Raises INVALID."""
    model, order, largest = edge.model, edge.order, edge.largest
    within = edge.key is not None or _is_narrowed(filter, edge.narrowed)
    if not within:
        largest = min(largest, MAX_PAGE_SIZE)
    where = [*edge.where, *([matches(model, filter)] if filter else [])]
    words = searched(model, search) if search else None
    if words is not None:
        where.append(words)
    keys = _keys(model, order_by or ()) or [*order]
    unique = any(key.name == "id" for key in keys)
    tie = [] if unique else [Key(model.id, descending=keys[-1].descending)]
    return asked_for(first, after, last, before, (*keys, *tie), where, largest)


def _keys(model: Readable, order_by: Sequence[Any]) -> list[Key]:
    """Return the sort keys requested. Raises INVALID for too many, or one of them twice."""
    if len(order_by) > MAX_KEYS:
        raise Problem("INVALID", f"At most {MAX_KEYS} sort keys.", field=["orderBy"])
    keys: dict[str, Key] = {}
    for place, asked in enumerate(order_by):
        descending = asked.direction is OrderDirection.DESC
        for key in _keys_of(model, asked, descending, ("orderBy", place)):
            if key.name in keys:
                field: list[str | int] = ["orderBy", place, "by"]
                raise Problem("INVALID", "The list is already sorted by this field.", field=field)
            keys[key.name] = key
    return [*keys.values()]


def _keys_of(
    model: Readable, asked: Any, descending: bool, field: Sequence[str | int]
) -> Sequence[Key]:
    """Return the keys of one member of `orderBy`: a column, or what an input of its own computes.

    Raises INVALID unless it names exactly one.
    """
    given = [
        value
        for name, value in vars(asked).items()
        if name != "direction" and value is not UNSET and value is not None
    ]
    if len(given) != 1:
        raise Problem("INVALID", "Give exactly one field to sort by.", field=field)
    (by,) = given
    if isinstance(by, SortInput):
        return by.keys(model, descending, field)
    return [Key(getattr(model, by.value), descending=descending)]


def _is_narrowed(filter: Any, columns: Sequence[str]) -> bool:
    comparisons = [getattr(filter, name, None) for name in columns]
    return any(comparison and comparison.eq is not UNSET for comparison in comparisons)


async def _at_root(context: Context, model: Readable, asked: Asked) -> Page:
    if _may_use_index(model, asked):
        select, counted = _selects(model, None, asked)
        rows = await context.session.fetch(select, {"limit": asked.size + 1})

        async def count() -> int:
            ((number,),) = await context.session.fetch(counted, {})
            return int(number)

        return asked.page(rows, count)
    rows = await context.session.rows(
        model, *asked.where, *asked.bounds(), order=asked.order(), limit=asked.size + 1
    )
    return asked.page(rows, partial(context.session.count, model, *asked.where))


def _may_use_index(model: Readable, asked: Asked) -> bool:
    """Return whether a GIN index may find the rows; such reads are the same as those of plans."""
    return served(model, asked.where).ids is not None


def _selects(model: Readable, key: str | None, asked: Asked) -> tuple[Select, Select]:
    """Return the reads of a page and of the number of rows."""
    order, where = tuple(asked.order()), (*asked.where, *asked.bounds())
    page = Select(model, outputs_of(model), key, where, order, limited=True)
    return page, Select(model, parents=key, where=asked.where, counted=True)


async def _beneath(
    context: Context,
    model: Readable,
    key: str,
    parent: UUID,
    asked: Asked,
    shape: Hashable,
    past: Past | None,
) -> Page:
    selects = None if past else _may_use_index(model, asked) and _selects(model, key, asked)

    async def pages(parents: list[UUID]) -> list[list[Row]]:
        if selects:
            groups: dict[UUID, list[Row]] = defaultdict(list)
            values = {"parents": parents, "limit": asked.size + 1}
            for row in await context.session.fetch(selects[0], values):
                groups[row[key]].append(row)
            return [groups.get(parent, []) for parent in parents]
        found = await context.session.pages(
            model,
            key,
            parents,
            *asked.where,
            *asked.bounds(),
            order=asked.order(),
            limit=asked.size + 1,
            past=past,
        )
        return [found.get(parent, []) for parent in parents]

    async def counts(parents: list[UUID]) -> list[int]:
        if selects:
            records = await context.session.fetch(selects[1], {"parents": parents})
            numbers = {record[0]: record[1] for record in records}
            return [numbers.get(parent, 0) for parent in parents]
        found = await context.session.counts(model, key, parents, *asked.where, past=past)
        return [found.get(parent, 0) for parent in parents]

    async def count() -> int:
        counted: int = await context.loader(("count", shape), counts).load(parent)
        return counted

    rows = await context.loader(("page", shape), pages).load(parent)
    return asked.page(rows, count)
