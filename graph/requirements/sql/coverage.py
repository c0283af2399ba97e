"""The SQL of coverage: which requirements have links of some kind, and which of these are suspect.

A link counts when both of its ends are readable.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from auth.policy import PRODUCT_OF
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.collaboration import EntityType, TraceLink, TraceLinkType
from db.requirements.requirements import Requirement, RequirementLevel
from graph.requirements.sql.statistics import Measures, among, elements_of
from graph.requirements.sql.trace_ends import LINKABLE
from graph.requirements.sql.trace_graph import DIRECTED, TraceDirection, ways

ENDS = {
    label: model
    for label, model in LINKABLE.items()
    if PRODUCT_OF[model] == PRODUCT_OF[Requirement]
}
"""The models of the ends that can cover: whoever may read requirements has the scope for them."""
MEASURES = ("covered", "suspect")


@dataclass(frozen=True)
class Coverage:
    """The links that cover a requirement: their types, their direction, and their other ends."""

    direction: TraceDirection = TraceDirection.DOWNSTREAM
    link_types: tuple[TraceLinkType, ...] = DIRECTED
    entity_types: tuple[EntityType, ...] = tuple(ENDS)
    levels: tuple[RequirementLevel, ...] = ()

    @property
    def labels(self) -> tuple[EntityType, ...]:
        """Return the types of the other ends; only requirements have a level."""
        if not self.levels:
            return self.entity_types
        return tuple(label for label in self.entity_types if label is EntityType.REQUIREMENT)

    def arms(self) -> list[tuple[str, str, list[TraceLinkType]]]:
        """Return the near and the far end of links, with the types of these that are followed.

        Ends of which no type is followed are left out.
        """
        followed = ways(self.direction, self.link_types)
        arms = (("source", "target", "outgoing"), ("target", "source", "incoming"))
        return [
            (near, far, [TraceLinkType(value) for value in followed[way]])
            for near, far, way in arms
            if followed[way]
        ]


def measures(coverage: Coverage) -> Measures:
    """Return the numbers of requirements that these links cover, and of those with a suspect one.

    One statement reads the links of all requirements, and the ends of all links.
    """
    return Measures(MEASURES, (CONTENT_VERSION,), lambda chosen: _measured(coverage, chosen))


def _measured(coverage: Coverage, chosen: CTE) -> FromClause:
    """Return the rows with two more columns. Full joins are by hash: see `sql.test_matrix`."""
    links = union_all(
        *(
            _links_of(chosen, near, far, types, coverage.labels)
            for near, far, types in coverage.arms()
        )
    ).cte("links")
    links = select(links).cte("kept").prefix_with("MATERIALIZED")
    ends = union_all(*(_ends_of(links, label, coverage) for label in coverage.labels or ENDS))
    far = ends.cte("ends").prefix_with("MATERIALIZED")
    joined = (
        select(links, far.c.content_version.label("content_version"))
        .select_from(links.join(far, far.c.id == links.c.far, full=True))
        .cte("joined")
        .prefix_with("MATERIALIZED")
    )
    linked = (
        select(
            joined.c.near,
            func.min(joined.c.near_version).label("near_version"),
            func.bool_or(joined.c.content_version > joined.c.far_version).label("suspect"),
        )
        .where(joined.c.near.is_not(None), joined.c.content_version.is_not(None))
        .group_by(joined.c.near)
        .cte("linked")
        .prefix_with("MATERIALIZED")
    )
    newer = chosen.c[CONTENT_VERSION] > linked.c.near_version
    return (
        select(
            chosen,
            linked.c.near.is_not(None).label("covered"),
            func.coalesce(or_(linked.c.suspect, newer), false()).label("suspect"),
        )
        .select_from(chosen.join(linked, linked.c.near == chosen.c.id, full=True))
        .cte("measured")
        .prefix_with("MATERIALIZED")
    )


def _links_of(
    chosen: CTE, near: str, far: str, types: Collection[TraceLinkType], labels: Collection[Any]
) -> Select[Any]:
    links = readable(TraceLink)
    return select(
        links.c[f"{near}_id"].label("near"),
        links.c[f"{far}_id"].label("far"),
        links.c[f"{far}_type"].label("type"),
        links.c[f"{near}_version"].label("near_version"),
        links.c[f"{far}_version"].label("far_version"),
    ).where(
        links.c[f"{near}_id"].in_(elements_of(select(chosen.c.id))),
        among(links.c.link_type, types),
        among(links.c[f"{far}_type"], labels),
    )


def _ends_of(links: CTE, label: EntityType, coverage: Coverage) -> Select[Any]:
    rows, conditions = _far(label, coverage)
    ids = select(links.c.far).where(links.c.type == _bound(links.c.type, label))
    return select(rows.c.id, rows.c.content_version).where(
        rows.c.id.in_(elements_of(ids)), *conditions
    )


def _far(label: EntityType, coverage: Coverage) -> tuple[FromClause, list[ColumnElement[bool]]]:
    if label is not EntityType.REQUIREMENT:
        return readable(ENDS[label], "id", CONTENT_VERSION), []
    rows = readable(Requirement, "id", "level", CONTENT_VERSION)
    return rows, [among(rows.c.level, coverage.levels)] if coverage.levels else []


@lru_cache(100)
def is_covered(coverage: Coverage, id: Any, *, suspect: bool = False) -> ColumnElement[bool]:
    """Return the condition that a link covers the requirement `id`, or a suspect one of these.

    Kept, because it reads the rows of many types: to put it together takes milliseconds.
    """
    if not coverage.labels:
        return false()
    arms = [_covers(coverage, id, *arm, suspect=suspect) for arm in coverage.arms()]
    return or_(false(), *arms)


def _covers(
    coverage: Coverage,
    id: Any,
    near: str,
    far: str,
    types: Collection[TraceLinkType],
    *,
    suspect: bool,
) -> ColumnElement[bool]:
    links = readable(TraceLink)
    arms = []
    for label in coverage.labels:
        rows, conditions = _far(label, coverage)
        type_ = links.c[f"{far}_type"]
        arms.append(
            select(rows.c.content_version)
            .where(rows.c.id == links.c[f"{far}_id"], type_ == _bound(type_, label), *conditions)
            .correlate_except(rows)
        )
    end = union_all(*arms).lateral("far")
    newer = or_(end.c.content_version > links.c[f"{far}_version"], _is_newer(links, near))
    return (
        select(_one())
        .select_from(links.join(end, true()))
        .where(
            links.c[f"{near}_id"] == id,
            among(links.c.link_type, types),
            *([newer] if suspect else []),
        )
        .correlate_except(links, end)
        .exists()
    )


def _is_newer(links: Any, near: str) -> ColumnElement[bool]:
    """Return the condition that the content of the near requirement has changed."""
    rows = readable(Requirement, "id", CONTENT_VERSION).alias("near")
    return (
        select(_one())
        .select_from(rows)
        .where(
            rows.c.id == links.c[f"{near}_id"], rows.c.content_version > links.c[f"{near}_version"]
        )
        .correlate_except(rows)
        .exists()
    )


def _one() -> Any:
    return literal_column("1")


def _bound(column: Any, value: Any) -> Any:
    return bindparam(None, value, type_=column.type, unique=True)
