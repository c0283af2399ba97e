"""Impact of a change and cycles, found by following trace links."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.session.row import model_of
from db.base import Readable
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements.collaboration import EntityType as EntityLabel
from db.requirements.collaboration import TraceLink as TraceLinkRow
from graph.core.organizations import Organization
from graph.core.projects import Project
from graph.kit.connection import After, Before, Connection, First, Last
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import computed, described, extend_type
from graph.kit.in_memory import keys_of, page_of
from graph.requirements.cycles import components, graph_of, shortest_cycle
from graph.requirements.sql.trace_ends import LINKABLE, TraceEnds
from graph.requirements.sql.trace_graph import (
    DIRECTED,
    DOWNWARDS,
    MAX_DEPTH,
    MAX_REACHED,
    Edge,
    Reached,
    TraceGraph,
)
from graph.requirements.trace_links import LINKABLE_TYPES, Linkable, TraceLink
from graph.requirements.trace_types import TraceDirection, TraceLinkType

PATH, MEMBERS = 10, 100
"""The numbers of objects in a path and in a cycle that an operation's cost assumes."""
MAX_CYCLES = 100
MAX_ON_LOOP = 5_000
"""The most links whose cycles are found on the event loop, in 10 ms; more go to a thread."""

LinkTypes = Annotated[
    list[TraceLinkType] | None,
    strawberry.argument(
        description="The types of links to follow. The default is all types with a direction."
    ),
]
Direction = Annotated[
    TraceDirection, strawberry.argument(description="The direction in which links are followed.")
]
Depth = Annotated[
    int, strawberry.argument(description=f"The most links to follow, at most {MAX_DEPTH}.")
]


@strawberry.type(description="An object on a path of trace links.")
class TraceStep:
    type_: strawberry.Private[EntityLabel]
    entity_id: UUID = described("The ID of the object.")
    link_id: UUID | None = described(
        "The ID of the link that leads to the object; null at the start of a path."
    )

    @strawberry.field(description="The type of the object.")
    def entity_type(self) -> EntityType:
        return self.type_.entity

    @strawberry.field(description="The object; null if it was deleted meanwhile.")
    async def node(self, info: Info) -> Linkable | None:
        return await info.context.one(LINKABLE[self.type_], self.entity_id)  # type: ignore[return-value]

    @strawberry.field(description="The link that leads to the object.")
    async def link(self, info: Info) -> TraceLink | None:
        id = self.link_id
        return await info.context.one(TraceLinkRow, id) if id else None  # type: ignore[return-value]


@strawberry.type(description="An object that a change can affect.")
class TraceImpactItem(TraceStep):
    reached: strawberry.Private[dict[UUID, Reached]]
    depth: int = described("The number of links on a shortest path to the object.")

    @strawberry.field(
        description="A shortest path to the object: the objects after the start, with the object"
        " itself.",
        metadata={"largest_page": PATH},
    )
    def path(self) -> list[TraceStep]:
        steps: list[TraceStep] = []
        at: Reached | None = self.reached[self.entity_id]
        while at is not None:
            steps.append(TraceStep(type_=at.type, entity_id=at.id, link_id=at.link))
            at = self.reached.get(at.previous)
        return steps[::-1]


@strawberry.type(description="The number of affected objects of one type at one distance.")
class TraceImpactCount:
    entity_type: EntityType = described("The type of the objects.")
    depth: int = described("The number of links on a shortest path to the objects.")
    count: int = described("The number of objects.")


BY_DEPTH = keys_of(depth=int, entity_id=UUID)


@strawberry.type(
    description="The objects that a change of an object can affect: those that are reached by trace"
    " links. Objects that the viewer cannot read, and those that are reached only through them, are"
    " left out."
)
class TraceImpact:
    found: strawberry.Private[Sequence[Reached]]

    @strawberry.field(description="The number of objects.")
    def total_count(self) -> int:
        return len(self.found)

    @strawberry.field(description="The number of links on the longest of the shortest paths.")
    def depth(self) -> int:
        return self.found[-1].depth if self.found else 0

    @strawberry.field(
        description=f"Whether there may be more objects, because {MAX_REACHED} were reached."
    )
    def truncated(self) -> bool:
        return len(self.found) >= MAX_REACHED

    @strawberry.field(
        description="The numbers of objects by type and distance.", metadata={"largest_page": 20}
    )
    def counts(self) -> list[TraceImpactCount]:
        numbers = Counter((item.depth, item.type) for item in self.found)
        return [
            TraceImpactCount(entity_type=type_.entity, depth=depth, count=count)
            for (depth, type_), count in sorted(numbers.items())
        ]

    @strawberry.field(description="The objects, the nearest first.")
    def items(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TraceImpactItem]:
        reached = {item.id: item for item in self.found}
        rows = [
            TraceImpactItem(
                type_=item.type,
                entity_id=item.id,
                link_id=item.link,
                reached=reached,
                depth=item.depth,
            )
            for item in self.found
        ]
        return Connection[TraceImpactItem](page=page_of(rows, BY_DEPTH, first, after, last, before))


async def impact(
    root: strawberry.Parent[Any],
    info: Info,
    direction: Direction = TraceDirection.DOWNSTREAM,
    link_types: LinkTypes = None,
    depth: Depth = MAX_DEPTH,
) -> TraceImpact | None:
    if info.context.past_of(root) is not None:
        return None
    if not 1 <= depth <= MAX_DEPTH:
        raise Problem("INVALID", f"Must be from 1 to {MAX_DEPTH}.", field=["depth"])
    types = DIRECTED if link_types is None else link_types
    graph = TraceGraph(info.context.session)
    return TraceImpact(found=await graph.reached([root.id], direction, types, depth))


@strawberry.type(description="Objects that follow from each other by trace links.")
class TraceCycle:
    members: strawberry.Private[list[TraceStep]]
    cycle: strawberry.Private[list[TraceStep]]
    projects: strawberry.Private[set[UUID]]

    @strawberry.field(description="The number of objects that are on a cycle with each other.")
    def size(self) -> int:
        return len(self.members)

    @strawberry.field(
        description="All objects that are on a cycle with each other, by their IDs.",
        metadata={"largest_page": MEMBERS},
    )
    def objects(self) -> list[TraceStep]:
        return self.members

    @strawberry.field(
        description="A shortest cycle through the first of the objects, in the direction UPSTREAM.",
        metadata={"largest_page": PATH},
    )
    def path(self) -> list[TraceStep]:
        return self.cycle


@strawberry.type(description="The cycles of trace links.")
class TraceCycles:
    total_count: int = described("The number of cycles.")
    nodes: list[TraceCycle] = strawberry.field(
        description=f"The first {MAX_CYCLES} cycles, the largest first.",
        metadata={"largest_page": MAX_CYCLES},
    )


def cycle_columns(model: Readable) -> tuple[str, ...]:
    """Return the columns that `cycles` reads of an organization or a project."""
    return ("id", "organization_id") if model is ProjectRow else ("id",)


Pair = tuple[UUID, UUID]
"""The IDs of two objects: the second is upstream of the first."""


async def cycles(
    root: strawberry.Parent[Any], info: Info, link_types: LinkTypes = None
) -> TraceCycles | None:
    if info.context.past_of(root) is not None:
        return None
    types = DIRECTED if link_types is None else tuple(link_types)
    if wrong := [type_.name for type_ in types if type_ not in DIRECTED]:
        message = f"Links of the type {wrong[0]} have no direction."
        raise Problem("INVALID", message, field=["linkTypes"])
    project = root.id if model_of(root) is ProjectRow else None
    edges = await TraceGraph(info.context.session).edges(
        root.id if project is None else root.organization_id, types
    )
    joined = {_upwards(edge): edge for edge in reversed(edges)}
    found = await _components(joined)
    shown = await _shown(info.context, joined, {id for component in found for id in component})
    if any(not shown.issuperset(component) for component in found):
        joined = {pair: edge for pair, edge in joined.items() if shown.issuperset(pair)}
        found = await _components(joined)
    graph = graph_of(joined)
    cycles = [_cycle(joined, graph, component) for component in found]
    if project is not None:
        cycles = [cycle for cycle in cycles if project in cycle.projects]
    cycles.sort(key=lambda cycle: (-cycle.size(), cycle.members[0].entity_id))
    return TraceCycles(total_count=len(cycles), nodes=cycles[:MAX_CYCLES])


def _upwards(edge: Edge) -> Pair:
    pair = edge.source, edge.target
    return pair[::-1] if edge.link_type in DOWNWARDS else pair


async def _components(pairs: Collection[Pair]) -> list[list[UUID]]:
    def find() -> list[list[UUID]]:
        return [sorted(component) for component in components(graph_of(pairs))]

    return await asyncio.to_thread(find) if len(pairs) > MAX_ON_LOOP else find()


async def _shown(context: Context, joined: Mapping[Pair, Edge], ids: Collection[UUID]) -> set[UUID]:
    """Return the objects that the viewer can read: a statement for each type of them."""
    types: dict[EntityLabel, set[UUID]] = defaultdict(set)
    for edge in joined.values():
        for id, type_ in ((edge.source, edge.source_type), (edge.target, edge.target_type)):
            if id in ids:
                types[type_].add(id)
    ends = TraceEnds(context.session)
    found = [await ends.states(type_, of) for type_, of in types.items()]
    return {id for states in found for id, end in states.items() if end.shown}


def _cycle(
    joined: Mapping[Pair, Edge], graph: Mapping[UUID, Sequence[UUID]], component: list[UUID]
) -> TraceCycle:
    inside = set(component)
    edges = [joined[id, next_] for id in component for next_ in graph[id] if next_ in inside]
    types = {edge.source: edge.source_type for edge in edges}
    types |= {edge.target: edge.target_type for edge in edges}
    path = shortest_cycle(graph, component)
    links = [joined[pair].id for pair in zip([path[-1], *path], path, strict=False)]
    return TraceCycle(
        members=[TraceStep(type_=types[id], entity_id=id, link_id=None) for id in component],
        cycle=[
            TraceStep(type_=types[id], entity_id=id, link_id=link)
            for id, link in zip(path, links, strict=True)
        ],
        projects={edge.project_id for edge in edges},
    )


IMPACTED: tuple[type, ...] = (Linkable, *LINKABLE_TYPES)
for linkable in IMPACTED:
    extend_type(
        linkable,
        impact=computed(
            "id",
            text="The objects that are reached from the object by trace links, such as those that a"
            " change of it can affect. Null when a past state is read.",
        )(impact),
    )
for scope in (Organization, Project):
    extend_type(
        scope,
        trace_cycles=computed(
            of_model=cycle_columns,
            text="The cycles of trace links: sets of objects that follow from each other. Of a"
            " project, those with a link from an object in the project. Null when a past state is"
            " read.",
        )(cycles),
    )
