"""The SQL of elements of diagrams: one of a diagram, and those that a change has affected."""

from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    except_,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.change import AuditLog
from db.requirements.diagrams import ExcalidrawDiagram, ReactFlowDiagram

Version = tuple[UUID, int]
"""The ID of a diagram, and the version that a change gave it."""
Element = tuple[UUID, str]
"""The IDs of a diagram and of an element of it."""
KINDS = {
    "elements": ("diagram_data", "elements"),
    "nodes": ("nodes",),
    "edges": ("edges",),
}
"""The kinds of elements, and the path in the record of changes of each."""
NONE = literal_column("'[]'::jsonb", JSONB)


class Changed(NamedTuple):
    """The elements of one kind that are new or changed, and the IDs of those that are gone."""

    elements: list[Any]
    removed: list[str]


class DiagramElements:
    """The elements of diagrams that the viewer can read. Every method runs one statement."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    async def existing(self, asked: Collection[Element]) -> dict[Element, Any]:
        """Return those of these elements that exist: deleted elements are absent."""
        values = {
            "diagrams": [diagram for diagram, _ in asked],
            "elements": [element for _, element in asked],
        }
        rows = await self._session.query(_existing(), values)
        return {
            (row["diagram"], row["id"]): row["element"]
            for row in rows
            if not row["element"].get("isDeleted")
        }

    async def changes(self, asked: Collection[Version]) -> dict[Version, dict[str, Changed]]:
        """Return the elements that each of these versions of diagrams has changed, by kind."""
        values = {
            "ids": [id for id, _ in asked],
            "versions": [version for _, version in asked],
        }
        found: dict[Version, dict[str, Changed]] = {}
        for row in await self._session.query(_changes(), values):
            kinds = found.setdefault((row["id"], row["version"]), {})
            kinds[row["kind"]] = Changed(row["changed"] or [], row["removed"] or [])
        return found


@cache
def _existing() -> Select[Any]:
    """Return a statement of elements, each by the ID of its diagram and its own."""
    wanted = (
        func.unnest(
            bindparam("diagrams", type_=ARRAY(Uuid)), bindparam("elements", type_=ARRAY(Text))
        )
        .table_valued("diagram", "id")
        .render_derived(name="wanted")
    )
    arms = []
    for model, path in (
        (ExcalidrawDiagram, KINDS["elements"]),
        (ReactFlowDiagram, KINDS["nodes"]),
        (ReactFlowDiagram, KINDS["edges"]),
    ):
        rows = readable(model)
        first, *more = path
        element = _members(_at(rows.c[first], more), "element")
        arms.append(
            select(
                rows.c.id.label("diagram"),
                _id_of(element).label("id"),
                element.c.value.label("element"),
            )
            .select_from(rows.join(element, true()))
            .where(rows.c.id == any_(bindparam("diagrams", type_=ARRAY(Uuid))))
        )
    found = union_all(*arms).subquery("found")
    return select(found.c.diagram, found.c.id, found.c.element).select_from(
        found.join(wanted, (wanted.c.diagram == found.c.diagram) & (wanted.c.id == found.c.id))
    )


@cache
def _changes() -> Select[Any]:
    """Return a statement of the members of each kind that differ between both sides of changes."""
    events = readable(AuditLog)
    asked = (
        func.unnest(
            bindparam("ids", type_=ARRAY(Uuid)), bindparam("versions", type_=ARRAY(BigInteger))
        )
        .table_valued("id", "version")
        .render_derived(name="asked")
    )
    arms = []
    for kind, path in KINDS.items():
        old, new = (_at(side, path) for side in (events.c.old_data, events.c.new_data))
        before, after = _members(old, "before"), _members(new, "after")
        changed = except_(
            select(after.c.value).select_from(after), select(before.c.value).select_from(before)
        ).subquery("changed")
        before, after = _members(old, "before"), _members(new, "after")
        gone = except_(
            select(_id_of(before).label("id")).select_from(before),
            select(_id_of(after).label("id")).select_from(after),
        ).subquery("gone")
        arms.append(
            select(
                asked.c.id,
                asked.c.version,
                literal_column(f"'{kind}'::text").label("kind"),
                select(func.jsonb_agg(changed.c.value, type_=JSONB))
                .select_from(changed)
                .scalar_subquery()
                .label("changed"),
                select(func.array_agg(gone.c.id, type_=ARRAY(Text)))
                .select_from(gone)
                .scalar_subquery()
                .label("removed"),
            )
            .select_from(
                asked.join(
                    events,
                    (events.c.entity_id == asked.c.id) & (events.c.version == asked.c.version),
                )
            )
            .where(new.is_not(None))
        )
    return select(union_all(*arms).subquery("found"))


def _at(value: Any, path: Collection[str]) -> Any:
    for step in path:
        value = value.op("->", return_type=JSONB())(literal_column(f"'{step}'::text", Text))
    return value


def _members(array: Any, name: str) -> Any:
    return (
        func.jsonb_array_elements(case((func.jsonb_typeof(array) == "array", array), else_=NONE))
        .table_valued("value", name=name)
        .render_derived(name=name)
    )


def _id_of(member: Any) -> Any:
    value = cast(member.c.value, JSONB)
    return value.op("->>", return_type=Text())(literal_column("'id'::text", Text))
