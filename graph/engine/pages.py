"""Connections in a plan: the pages beneath all rows of a level with one statement."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from auth.session import Output, Past, Select
from db.problem import Problem
from graph.engine.arguments import Called
from graph.engine.plan import Field, ObjectPlan
from graph.engine.run import Run
from graph.engine.shapes import SHAPES
from graph.engine.table import Table
from graph.kit.connection import Asked, read_arguments
from graph.kit.cursor import encode
from graph.kit.edges import ToMany

CURSORS = frozenset({"cursor", "startCursor", "endCursor"})
"""The fields for which sort keys are read."""
MAX_ORDERS = 16
"""Statements without conditions that a plan keeps for good; clients choose their orders."""
ARGUMENTS = ("first", "after", "last", "before", "filter", "search", "order_by")


@dataclass(slots=True)
class Slice:
    """The page beneath one parent: where its rows are among those of the level."""

    start: int
    end: int
    has_next: bool
    has_previous: bool


@dataclass(eq=False, slots=True)
class Part:
    """A field of the connection, or of its edges: `nodes`, `cursor` and so on."""

    key: str
    kind: str
    plan: ObjectPlan | None = None
    parts: "list[Part]" = field(default_factory=list)
    constant: str | None = None


@dataclass(slots=True)
class Page:
    """The rows and slices that make the parts of a connection, for all parents of a level."""

    asked: Asked
    rows: Sequence[Any]
    nodes: dict[int, list[Any]]
    """The objects of each plan, in the order of the rows."""
    cursors: list[str] | None


class Many(Field):
    """A connection: at the root, or beneath the rows of a level."""

    __slots__ = ("_called", "_counted", "_fixed", "_has_cursors", "_has_rows", "_parent", "_parts",
                 "_place", "_plans", "_table", "edge")  # fmt: skip

    def __init__(
        self,
        key: str,
        edge: ToMany,
        called: Called,
        table: Table,
        parts: list[Part],
        place: int | None,
    ) -> None:
        """`place` is that of the parent's id, as text, in the records of the level above."""
        super().__init__(key)
        self.edge, self._called, self._table, self._parts = edge, called, table, parts
        self._place = place
        every = [*parts, *chain.from_iterable(part.parts for part in parts)]
        kinds = {part.kind for part in every}
        self._plans = [part.plan for part in every if part.plan is not None]
        self._has_rows = bool(kinds - {"totalCount", "constant"})
        self._counted = "totalCount" in kinds
        self._has_cursors = not kinds.isdisjoint(CURSORS)
        self._parent = table.outputs.need(edge.key, "text") if edge.key else None
        self._fixed: Asked | None = None

    def asked(self, run: Run) -> Asked:
        """Return the arguments, checked. Raises INVALID."""
        if self._fixed is not None:
            return self._fixed
        found: Asked | None = run.arguments.get(self)
        if found is None:
            named = run.arguments_of(self._called)
            given = (named.get(name) for name in ARGUMENTS)
            found = run.arguments[self] = read_arguments(self.edge, *given)
            found.bounds()  # a cursor that is none is refused, whether or not rows are selected
            if self._called.is_fixed:
                self._fixed = found
        return found

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return the connection beneath each record."""
        if self.edge.within:
            return await self.of_objects(run, records)
        place = self._place
        return await self._beneath(run, [record[place] for record in records])

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return the connection beneath each object, as it was in the past of its row."""
        if not objects:
            return []
        within = self.edge.within
        places = [
            within.place(one) if within else (one.id, run.context.past_of(one)) for one in objects
        ]
        if not any(past for _, past in places):
            return await self._beneath(run, [str(id) for id, _ in places])
        found: list[Any] = [None] * len(objects)
        for past in dict.fromkeys(past for _, past in places):
            among = [place for place, (_, own) in enumerate(places) if own == past]
            parents = [places[place][0] for place in among]
            if past is None:
                built = await self._beneath(run, [str(id) for id in parents])
            else:
                built = await self._then(run, parents, past)
            for place, one in zip(among, built, strict=True):
                found[place] = one
        return found

    async def at_root(self, run: Run) -> Any:
        """Return the page, and what builds its object: the first may fail by itself."""
        asked = self.asked(run)
        run.require_read(self.edge.model)
        if not self._has_rows:
            return asked, []
        return asked, await self._rows(run, asked)

    async def build_root(self, run: Run, asked: Asked, rows: list[Any]) -> Any:
        """Return the object of a page at the root."""
        slices, kept = _slices(asked, [rows])
        page = await self._page(run, asked, kept, ObjectPlan.of_records)
        counts = [0]
        if self._counted:
            (record,) = await self._numbers(run, asked)
            counts = [record[0]]
        return _objects(self._parts, page, slices, counts)[0]

    async def _beneath(self, run: Run, parents: list[str]) -> list[Any]:
        if not parents:
            return []
        asked, wanted = self.asked(run), [*dict.fromkeys(parents)]
        reading: list[Any] = []
        if self._has_rows:
            reading.append(run.load(self._table, "page", wanted, partial(self._pages, run)))
        if self._counted:
            reading.append(run.load(self._table, "count", wanted, partial(self._counts, run)))
        done = await run.together(reading)
        pages: Mapping[str, Sequence[Any]] = done[0] if self._has_rows else {}
        slices, kept = _slices(asked, [pages.get(parent) or () for parent in wanted])
        page = await self._page(run, asked, kept, ObjectPlan.of_records)
        counts = (
            [done[-1][parent] or 0 for parent in wanted] if self._counted else [0] * len(wanted)
        )
        built = _objects(self._parts, page, slices, counts)
        if len(wanted) == len(parents):
            return built
        found = dict(zip(wanted, built, strict=True))
        return [found[parent] for parent in parents]

    async def _pages(self, run: Run, parents: list[str]) -> dict[str, list[Any]]:
        """Return the rows beneath each parent, one more than its page holds."""
        run.require_read(self.edge.model)
        asked, by = self.asked(run), self._parent
        groups: dict[str, list[Any]] = {}
        for record in await self._rows(run, asked, parents):
            parent = record[by]
            if (group := groups.get(parent)) is None:
                groups[parent] = [record]
            else:
                group.append(record)
        return groups

    async def _counts(self, run: Run, parents: list[str]) -> dict[str, int]:
        """Return how many rows there are beneath each parent."""
        run.require_read(self.edge.model)
        records = await self._numbers(run, self.asked(run), parents)
        return {str(parent): count for parent, count in records}

    async def _then(self, run: Run, parents: list[Any], past: Past) -> list[Any]:
        asked, session, edge = self.asked(run), run.session, self.edge
        assert edge.key is not None  # noqa: S101 (nothing at the root is in the past)
        if run.is_searched(self._called):
            raise Problem("INVALID", "A past state cannot be searched.", field=["search"])
        pages = await session.pages(
            edge.model,
            edge.key,
            parents,
            *asked.where,
            *asked.bounds(),
            order=asked.order(),
            limit=asked.size + 1,
            past=past,
        )
        counts = [0] * len(parents)
        if self._counted:
            counted = await session.counts(edge.model, edge.key, parents, *asked.where, past=past)
            counts = [counted.get(parent, 0) for parent in parents]
        slices, kept = _slices(asked, [pages.get(parent, ()) for parent in parents])
        page = await self._page(run, asked, kept, ObjectPlan.of_objects)
        return _objects(self._parts, page, slices, counts)

    async def _page(self, run: Run, asked: Asked, rows: Sequence[Any], build: Any) -> Page:
        building = [build(plan, run, rows) for plan in self._plans]
        done = await run.together(building)
        nodes = {id(plan): one for plan, one in zip(self._plans, done, strict=True)}
        cursors = [encode(asked.keys, row) for row in rows] if self._has_cursors else None
        return Page(asked, rows, nodes, cursors)

    async def _rows(self, run: Run, asked: Asked, parents: list[str] | None = None) -> list[Any]:
        """Return the records of the pages."""
        where = (*asked.where, *asked.bounds())
        order = tuple((key.name, key.descending) for key in asked.keys), asked.backwards
        select, values = self._statement(order, where, lambda where: self._page_of(asked, where))
        values["limit"] = asked.size + 1
        if parents is not None:
            values["parents"] = parents
        return await run.fetch(select, values)

    async def _numbers(self, run: Run, asked: Asked, parents: list[str] | None = None) -> list[Any]:
        """Return the records that count the rows on all pages."""
        select, values = self._statement("count", asked.where, self._count_of)
        if parents is not None:
            values["parents"] = parents
        return await run.fetch(select, values)

    def _statement(
        self, of: Hashable, where: Sequence[Any], make: Callable[[Sequence[Any]], Select]
    ) -> tuple[Select, dict[str, Any]]:
        """Return a statement that is kept by the shape of its conditions, and their values."""
        selects = self._table.statements.selects
        if not where and (of in selects or len(selects) < MAX_ORDERS):
            if (select := selects.get(of)) is None:
                select = selects[of] = make(())
            return select, {}
        shaped, values = SHAPES.find((self._table.statements, of), where)
        if shaped.select is None:
            shaped.select = make((shaped.condition,))
        return shaped.select, values

    def _page_of(self, asked: Asked, where: Sequence[Any]) -> Select:
        return Select(
            self.edge.model,
            (*self._outputs(asked),),
            parents=self.edge.key,
            where=(*where,),
            order=tuple(asked.order()),
            limited=True,
            joins=(*self._table.outputs.joins,),
        )

    def _count_of(self, where: Sequence[Any]) -> Select:
        edge = self.edge
        return Select(edge.model, (), parents=edge.key, where=(*where,), counted=True)

    def _outputs(self, asked: Asked) -> Sequence[Output]:
        """Return the columns to read: those of the plan, and the sort keys where it has cursors."""
        listed = self._table.outputs.listed
        if not self._table.has_cursors:
            return listed
        keys = dict.fromkeys(Output(key.reads, "native") for key in asked.keys)
        return [*listed, *(key for key in keys if key not in listed)]


def _slices(asked: Asked, groups: Sequence[Sequence[Any]]) -> tuple[list[Slice], list[Any]]:
    """Return the pages of rows that were read one more than they hold, and all rows of them."""
    size, backwards = asked.size, asked.backwards
    around = asked.before is not None if backwards else asked.after is not None
    slices, kept = [], list[Any]()
    for group in groups:
        more, start = len(group) > size, len(kept)
        rows = group[:size] if more else group
        kept.extend(reversed(rows) if backwards else rows)
        has_next, has_previous = (around, more) if backwards else (more, around)
        slices.append(Slice(start, len(kept), has_next, has_previous))
    return slices, kept


def _objects(
    parts: Sequence[Part], page: Page, slices: Sequence[Slice], counts: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the connection of each slice."""
    if len(parts) == 1 and parts[0].kind == "nodes":
        key, nodes = parts[0].key, page.nodes[id(parts[0].plan)]
        return [{key: nodes[one.start : one.end]} for one in slices]
    edges = {part.key: _edges(part, page) for part in parts if part.kind == "edges" and page.rows}
    make = partial(_member, page, edges)
    return [
        {part.key: make(part, one, count) for part in parts}
        for one, count in zip(slices, counts, strict=True)
    ]


def _member(page: Page, edges: dict[str, list[Any]], part: Part, one: Slice, count: int) -> Any:
    match part.kind:
        case "nodes":
            return page.nodes[id(part.plan)][one.start : one.end]
        case "edges":
            return edges[part.key][one.start : one.end] if edges else []
        case "pageInfo":
            return {inner.key: _around(page, inner, one) for inner in part.parts}
        case "totalCount":
            return count
        case _:
            return part.constant


def _around(page: Page, part: Part, one: Slice) -> Any:
    match part.kind:
        case "hasNextPage":
            return one.has_next
        case "hasPreviousPage":
            return one.has_previous
        case "startCursor":
            return page.cursors[one.start] if page.cursors and one.end > one.start else None
        case "endCursor":
            return page.cursors[one.end - 1] if page.cursors and one.end > one.start else None
        case _:
            return part.constant


def _edges(part: Part, page: Page) -> list[dict[str, Any]]:
    """Return the edges of all rows."""
    columns: list[Sequence[Any]] = []
    for inner in part.parts:
        if inner.plan is not None:
            columns.append(page.nodes[id(inner.plan)])
        elif inner.kind == "cursor":
            columns.append(page.cursors or ())
        else:
            columns.append([inner.constant] * len(page.rows))
    keys = [inner.key for inner in part.parts]
    if not keys:
        return [{} for _ in page.rows]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
