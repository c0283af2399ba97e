"""Relay connections: pages of rows at the root or beneath a parent, one statement a level.

Follows the GraphQL Cursor Connections Specification, with `nodes` beside `edges`.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement
from strawberry import UNSET

from auth.session import Past, Row
from db.base import Entity, Readable
from db.gin import by_index
from db.problem import Problem
from graph.kit.context import LARGEST_PAGE, Context, Info
from graph.kit.cursor import Key, beyond, encode
from graph.kit.filters import matches, searched

T = TypeVar("T")

DEFAULT_PAGE = 20
LARGEST_REQUIREMENTS_PAGE = 1_000


@strawberry.enum(description="Which way to sort. Nulls come last ascending, first descending.")
class Direction(Enum):
    ASC = "asc"
    DESC = "desc"


@dataclass(frozen=True)
class Page:
    """The rows of one page, in the order asked for, and what is around them."""

    rows: Sequence[Row]
    keys: Sequence[Key]
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]]


@strawberry.type(description="What is around a page.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="The first row's place.")
    end_cursor: str | None = strawberry.field(description="The last row's place.")


@strawberry.type(description="A row and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Give it back as `after` or `before`.")
    node: T = strawberry.field(description="The row.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    page: strawberry.Private[Page]

    @strawberry.field(description="The rows with their cursors.")
    def edges(self) -> list[Edge[T]]:
        page = self.page
        return [Edge(cursor=encode(page.keys, row), node=cast(T, row)) for row in page.rows]

    @strawberry.field(description="The rows.")
    def nodes(self) -> list[T]:
        return self.page.rows  # type: ignore[return-value]

    @strawberry.field(description="What is around this page.")
    def page_info(self) -> PageInfo:
        page = self.page
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=encode(page.keys, page.rows[0]) if page.rows else None,
            end_cursor=encode(page.keys, page.rows[-1]) if page.rows else None,
        )

    @strawberry.field(description="How many rows there are on all pages; counted when asked for.")
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
        """The rows between the cursors, in these columns of the same names instead if given."""
        keys, found = keys or self.keys, []
        if self.after is not None:
            found.append(beyond(keys, self.after, "after", backwards=False))
        if self.before is not None:
            found.append(beyond(keys, self.before, "before", backwards=True))
        return found

    def order(self, keys: Sequence[Key] | None = None) -> list[ColumnElement[Any]]:
        return [key.ordered(backwards=self.backwards) for key in keys or self.keys]

    def page(self, rows: list[Row], count: Callable[[], Awaitable[int]]) -> Page:
        """Of one row more than the page holds, the page; that row says whether there are more."""
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
    largest: int = LARGEST_PAGE,
    narrowed: Sequence[str] = (),
    within: Callable[[Any], tuple[UUID, Past]] | None = None,
    newest_first: bool = False,
) -> Any:
    """A list of `type_` in pages, ordered `by` these columns unless the client says otherwise.

    `newest_first` is the other way round.

    `key` is the column that names the parent, for a list beneath one; without it the list is a
    root field. `narrowed` names the columns that allow the larger page at the root when the filter
    equates one of them. `within` says which parent in which past a row stands for, if not itself.
    """

    async def resolve(
        root: strawberry.Parent[Any],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: filter_ | None = None,
        search: Search = None,
        order_by: list[order_] | None = None,
    ) -> Connection[type_] | None:
        arguments = (first, after, last, before, filter, search, order_by)
        shape = (model, key, repr(arguments))
        order = [Key(getattr(model, name), descending=newest_first) for name in by]
        ask = partial(_asked, model, order, largest, narrowed if key is None else None, *arguments)
        asked = info.context.once(shape, ask)
        if key is None:
            return Connection[type_](page=await _at_root(info.context, model, asked))
        parent, past = within(root) if within else (root.id, info.context.past_of(root))
        if past and search:
            raise Problem("INVALID", "Words are found in the present only.", field=["search"])
        page = await _beneath(info.context, model, key, parent, asked, (shape, past), past)
        return Connection[type_](page=page)

    field = strawberry.field(
        resolve,
        description=text,
        metadata={"largest_page": largest},  # graph.http.cost counts no more rows than these
    )
    if not hasattr(model, "search"):
        field.arguments = [a for a in field.arguments if a.python_name != "search"]
    return field


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


First = Annotated[int | None, _says(f"How many rows from the start; {DEFAULT_PAGE} unless given.")]
After = Annotated[str | None, _says("Only rows after this cursor.")]
Last = Annotated[int | None, _says("How many rows from the end, instead of `first`.")]
Before = Annotated[str | None, _says("Only rows before this cursor.")]
Search = Annotated[str | None, _says("Words to find, as in a web search engine.")]


def asked_for(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    keys: tuple[Key, ...],
    where: Sequence[ColumnElement[bool]] = (),
    largest: int = LARGEST_PAGE,
) -> Asked:
    """The arguments of a page in the order of these keys; INVALID for those that are none."""
    if first is not None and last is not None:
        raise Problem("INVALID", "Ask for the first or for the last rows.", field=["last"])
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= largest:
            raise Problem("INVALID", f"A page holds 0 to {largest} rows.", field=[name])
    if first is None and last is None:
        first = DEFAULT_PAGE
    return Asked(first, after, last, before, tuple(where), keys)


def _asked(
    model: Readable,
    order: Sequence[Key],
    largest: int,
    narrowed: Sequence[str] | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    filter: Any,
    search: str | None,
    order_by: Sequence[Any] | None,
) -> Asked:
    within = narrowed is None or _is_narrowed(filter, narrowed)
    if not within:
        largest = min(largest, LARGEST_PAGE)
    where = [matches(model, filter)] if filter else []
    if search:
        where.append(searched(model, search))
    if not within:
        where = by_index(cast(type[Entity], model), where)  # parts are not read at the root
    keys = [
        Key(getattr(model, asked.by.value), descending=asked.direction is Direction.DESC)
        for asked in order_by or ()
    ] or [*order]
    unique = any(key.name == "id" for key in keys)
    tie = [] if unique else [Key(model.id, descending=keys[-1].descending)]
    return asked_for(first, after, last, before, (*keys, *tie), where, largest)


def _is_narrowed(filter: Any, columns: Sequence[str]) -> bool:
    comparisons = [getattr(filter, name, None) for name in columns]
    return any(comparison and comparison.eq is not UNSET for comparison in comparisons)


async def _at_root(context: Context, model: Readable, asked: Asked) -> Page:
    rows = await context.session.rows(
        model, *asked.where, *asked.bounds(), order=asked.order(), limit=asked.size + 1
    )
    return asked.page(rows, partial(context.session.count, model, *asked.where))


async def _beneath(
    context: Context,
    model: Readable,
    key: str,
    parent: UUID,
    asked: Asked,
    shape: Hashable,
    past: Past | None,
) -> Page:
    async def pages(parents: list[UUID]) -> list[list[Row]]:
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
        found = await context.session.counts(model, key, parents, *asked.where, past=past)
        return [found.get(parent, 0) for parent in parents]

    async def count() -> int:
        counted: int = await context.loader(("count", shape), counts).load(parent)
        return counted

    rows = await context.loader(("page", shape), pages).load(parent)
    return asked.page(rows, count)
