"""The SQL of the graph of trace links: what is reached from an object, and a tenant's links."""

from collections.abc import Collection, Sequence
from enum import Enum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.collaboration import EntityType, TraceLink, TraceLinkType
from graph.requirements.sql.trace_ends import LINKABLE, linkable_to

BOTH_WAYS = frozenset(
    {TraceLinkType.RELATES_TO, TraceLinkType.CONFLICTS_WITH, TraceLinkType.DUPLICATES}
)
"""The types without a direction: neither end follows from the other."""
DOWNWARDS = frozenset({TraceLinkType.PARENT_OF})
"""The types whose source is upstream of the target; of all other types the target is upstream."""
DIRECTED = tuple(type_ for type_ in TraceLinkType if type_ not in BOTH_WAYS)
"""The types that are followed unless others are named."""
MAX_DEPTH = 100
"""Links between an object and what is reached from it, at most."""
MAX_REACHED = 50_000
"""Objects after which no further level is read."""


class TraceDirection(Enum):
    """The direction in which links are followed."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class Reached(NamedTuple):
    """An object that is reached: by which link, and from which object before it."""

    depth: int
    id: UUID
    type: EntityType
    link: UUID
    previous: UUID


class Edge(NamedTuple):
    """A link as an edge of the graph."""

    id: UUID
    source: UUID
    source_type: EntityType
    target: UUID
    target_type: EntityType
    link_type: TraceLinkType
    project_id: UUID


def ways(direction: TraceDirection, types: Collection[TraceLinkType]) -> dict[str, list[str]]:
    """Return the types of links that are followed from source to target, and those the other way.

    They are the values that `followed` binds.
    """
    up = direction is TraceDirection.UPSTREAM
    outgoing = [t.value for t in types if t in BOTH_WAYS or (t in DOWNWARDS) is not up]
    incoming = [t.value for t in types if t in BOTH_WAYS or (t in DOWNWARDS) is up]
    return {"outgoing": outgoing, "incoming": incoming}


class TraceGraph:
    """The links that the viewer can read. Every method runs one statement."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    async def reached(
        self,
        starts: Collection[UUID],
        direction: TraceDirection,
        types: Collection[TraceLinkType],
        depth: int,
    ) -> list[Reached]:
        """Return the objects that are reached from others, each once with its least depth, by it.

        An object that the viewer cannot read is not among them, and leads no further.
        """
        values = {**ways(direction, types), "starts": list(starts), "depth": depth}
        rows = await self._session.query(_reached(linkable_to(self._session)), values)
        return [
            Reached(row["depth"], row["id"], EntityType(row["type"]), row["link"], row["previous"])
            for row in rows
        ]

    async def edges(self, organization_id: UUID, types: Collection[TraceLinkType]) -> list[Edge]:
        """Return all links of these types in an organization."""
        links = readable(TraceLink)
        names = ("id", "source_id", "source_type", "target_id", "target_type")
        statement = (
            select(*(links.c[name] for name in (*names, "link_type", "project_id")))
            .where(
                links.c.organization_id == bindparam("organization", type_=Uuid),
                cast(links.c.link_type, Text) == any_(bindparam("types", type_=ARRAY(Text))),
            )
            .order_by(links.c.id)
        )
        values = {"organization": organization_id, "types": [type_.value for type_ in types]}
        rows = await self._session.query(statement, values)
        return [
            Edge(id, source, EntityType(near), target, EntityType(far), TraceLinkType(type_), place)
            for id, source, near, target, far, type_, place in rows
        ]


def followed(from_: Any) -> FromClause:
    """Return the links that lead on from the object `from_`, with the objects they lead to.

    It is for a lateral join: `id` and `type` are those of the object, `link` is that of the link,
    `near` and `far` are the versions at which the link was confirmed, of `from_` and the object.
    """
    arms = []
    for near, far, types in (("source", "target", "outgoing"), ("target", "source", "incoming")):
        links = readable(TraceLink)
        arms.append(
            select(
                links.c[f"{far}_id"].label("id"),
                cast(links.c[f"{far}_type"], Text).label("type"),
                links.c.id.label("link"),
                links.c.link_type.label("link_type"),
                links.c[f"{near}_version"].label("near"),
                links.c[f"{far}_version"].label("far"),
            )
            .where(
                links.c[f"{near}_id"] == from_,
                cast(links.c.link_type, Text) == any_(bindparam(types, type_=ARRAY(Text))),
            )
            .correlate_except(links)
        )
    return union_all(*arms).lateral("followed")


def present(id: Any, type_: Any, labels: Sequence[EntityType]) -> FromClause:
    """Return the `content_version` of the object with this ID and type, if the viewer can read it.

    It is for a lateral join: one look-up by key in the table of the type.
    """
    arms = []
    for label in labels:
        rows = readable(LINKABLE[label], "id", CONTENT_VERSION)
        arms.append(
            select(rows.c.content_version)
            .where(rows.c.id == id, type_ == literal_column(f"'{label.value}'"))
            .correlate_except(rows)
        )
    return union_all(*arms).lateral("present")


@cache
def _reached(labels: tuple[EntityType, ...]) -> Select[Any]:
    """Return the recursive statement: one row a level, which holds the level's objects in arrays.

    So each level knows all objects before it, and none is read twice, whatever the cycles.
    """
    ids, texts = ARRAY(Uuid), ARRAY(Text)
    starts = bindparam("starts", type_=ids)
    levels = select(
        literal_column("0", Integer).label("depth"),
        starts.label("ids"),
        cast(null(), texts).label("types"),
        cast(null(), ids).label("links"),
        cast(null(), ids).label("previous"),
        starts.label("known"),
    ).cte("levels", recursive=True)
    previous = func.unnest(levels.c.ids).table_valued("id").render_derived(name="previous")
    edge = followed(previous.c.id)
    known = func.unnest(levels.c.known).table_valued("id").render_derived(name="known")
    new = (
        select(edge.c.id, edge.c.type, edge.c.link, previous.c.id.label("previous"))
        .select_from(previous.join(edge, true()).outerjoin(known, known.c.id == edge.c.id))
        .where(known.c.id.is_(None))
        .ext(distinct_on(edge.c.id))
        .order_by(edge.c.id, edge.c.link)
        .correlate(levels)
        .subquery("new")
    )
    shown = present(new.c.id, new.c.type, labels)
    level = (
        select(
            *(
                func.array_agg(new.c[name], type_=texts if name == "type" else ids).label(name)
                for name in ("id", "type", "link", "previous")
            )
        )
        .select_from(new.join(shown, true()))
        .correlate(levels)
        .lateral("level")
    )
    levels = levels.union_all(
        select(
            levels.c.depth + literal_column("1", Integer),
            level.c.id,
            level.c.type,
            level.c.link,
            level.c.previous,
            func.array_cat(levels.c.known, level.c.id, type_=ids),
        )
        .select_from(levels.join(level, true()))
        .where(
            levels.c.depth < bindparam("depth", type_=Integer),
            func.cardinality(levels.c.known) < literal_column(str(MAX_REACHED), Integer),
            level.c.id.is_not(None),
        )
    )
    object_ = (
        func.unnest(levels.c.ids, levels.c.types, levels.c.links, levels.c.previous)
        .table_valued("id", "type", "link", "previous")
        .render_derived(name="object")
    )
    return (
        select(levels.c.depth, object_.c.id, object_.c.type, object_.c.link, object_.c.previous)
        .select_from(levels.join(object_, true()))
        .where(levels.c.depth > literal_column("0", Integer))
        .order_by(levels.c.depth, object_.c.id)
    )
