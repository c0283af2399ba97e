"""The SQL of the ends of trace links: which are shown, and what has changed since a version."""

from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on

from auth.policy import ENTITIES, PRODUCT_OF, in_token_scope, token_reaches
from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable, with_deleted
from db.base import SCOPES, Entity
from db.change import AuditLog
from db.requirements.collaboration import EntityType, TraceLink

LINKABLE: dict[EntityType, type[Entity]] = {
    label: model
    for label in EntityType
    if (model := ENTITIES.get(label.entity)) and model.traits.content
}
"""The model of each type of end that trace links can have."""
LABELS = {model: label for label, model in LINKABLE.items()}
"""The type of an end, by its model."""
ENDS = ("source", "target")
DOCUMENT = SCOPES[-1]

IDS = any_(bindparam("ids", type_=ARRAY(Uuid)))


Since = tuple[UUID, int]
"""The ID of a row, and a version of it."""


class End(NamedTuple):
    """The state of an end at a place that the viewer may read."""

    shown: bool
    """False if the row was deleted, or is in something that was."""
    content_version: int


class Change(NamedTuple):
    """A content column whose value differs from that at an earlier version."""

    column: str
    old: Any
    new: Any


def linkable_to(session: ViewerSession) -> tuple[EntityType, ...]:
    """Return the types of ends that the viewer's token reaches."""
    return tuple(
        label for label, model in LINKABLE.items() if in_token_scope(session.viewer, "read", model)
    )


class TraceEnds:
    """The ends of links, as the viewer may see them. Every method runs one statement at most."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    async def states(self, type_: EntityType, ids: Collection[UUID]) -> dict[UUID, End]:
        """Return the state of each of these rows of a type; those that may not be seen are absent.

        Rows of a type that the viewer's token does not reach are absent, too.
        """
        model = LINKABLE.get(type_)
        if model is None or not in_token_scope(self._session.viewer, "read", model):
            return {}
        rows = with_deleted(model, "id", CONTENT_VERSION)
        statement = select(rows.c.id, rows.c.shown, rows.c.content_version)
        found = await self._session.query(statement.where(rows.c.id == IDS), {"ids": list(ids)})
        return {row["id"]: End(row["shown"], row["content_version"]) for row in found}

    async def suspect_links(self, document_id: UUID, limit: int) -> list[UUID]:
        """Return the IDs of the first suspect links with an end in a document, oldest first."""
        links, inside = readable(TraceLink), _in_document().cte("inside")
        ends = (links.alias(end) for end in ENDS)
        touching = union(
            *(
                select(link.c.id).where(link.c[f"{end}_id"].in_(select(inside.c.id)))
                for end, link in zip(ENDS, ends, strict=True)
            )
        )
        statement = (
            select(links.c.id)
            .where(links.c.id.in_(touching), suspect(links.c, links, linkable_to(self._session)))
            .order_by(links.c.id)
            .limit(bindparam("limit", type_=Integer))
        )
        values = {"document": document_id, "limit": limit}
        return [row["id"] for row in await self._session.query(statement, values)]

    async def changes(self, since: Collection[Since]) -> dict[Since, list[Change]]:
        """Return the content columns of rows that differ from those at a version.

        `since` holds ids of rows of linkable types, each with a version. Changes at places that the
        viewer may not read are left out.
        """
        asked = [*dict.fromkeys(since)]
        values = {"ids": [id for id, _ in asked], "versions": [version for _, version in asked]}
        found: dict[Since, dict[tuple[str, str], Any]] = {}
        for row in await self._session.query(_changes(), values):
            sides = found.setdefault((row["id"], row["since"]), {})
            sides[row["side"], row["column"]] = row["value"]
        return {key: _differing(sides) for key, sides in found.items()}


def suspect(
    link: Any = TraceLink,
    of: Any = TraceLink.__table__,
    labels: Collection[EntityType] = tuple(LINKABLE),
) -> ColumnElement[bool]:
    """Return the expression that is true for links of which a shown end has changed its content.

    `link` has the columns of the links, of the relation `of`. Ends of the types `labels` count.
    """
    arms: list[ColumnElement[bool]] = []
    for label in labels:
        model = LINKABLE[label]
        rows = readable(model, "id", CONTENT_VERSION)
        newer = (
            and_(
                rows.c.id == getattr(link, f"{end}_id"),
                rows.c.content_version > getattr(link, f"{end}_version"),
            )
            for end in ENDS
        )
        changed = select(rows.c.id).where(or_(*newer)).correlate(of).exists()
        is_end = or_(link.source_type == label, link.target_type == label)
        of_links = PRODUCT_OF[model] == PRODUCT_OF[TraceLink]
        reached = [] if of_links else [token_reaches(model)]
        arms.append(and_(is_end, *reached, changed))
    return or_(*arms)


def _in_document() -> CompoundSelect[Any]:
    """Return a statement of the IDs of a document and of all linkable rows in it."""
    document = bindparam("document", type_=Uuid)
    found = []
    for model in LABELS:
        key = "id" if model.traits.scope_key == DOCUMENT else DOCUMENT
        if hasattr(model, key):
            rows = readable(model, "id", key)
            found.append(select(rows.c.id).where(rows.c[key] == document))
    return union_all(*found)


def _differing(sides: dict[tuple[str, str], Any]) -> list[Change]:
    columns = sorted({column for _, column in sides})
    changes = (Change(c, sides.get(("old", c)), sides.get(("new", c))) for c in columns)
    return [change for change in changes if change.old != change.new]


@cache
def _changes() -> Select[Any]:
    """Return a statement of the content columns that were changed after a version of their row.

    Of each it has the old value in the first of the changes, and the new one in the last.
    """
    events = readable(AuditLog)
    asked = (
        func.unnest(
            bindparam("ids", type_=ARRAY(Uuid)), bindparam("versions", type_=ARRAY(BigInteger))
        )
        .table_valued("id", "since")
        .render_derived(name="asked")
    )
    content = {model.__name__: model.traits.content for model in LABELS}
    among = case(
        {
            name: _constant(f"'{{{','.join(columns)}}}'::text[]")
            for name, columns in content.items()
        },
        value=events.c.entity_type,
    )
    sides = []
    for side, data, order in (
        ("old", events.c.old_data, events.c.version.asc()),
        ("new", events.c.new_data, events.c.version.desc()),
    ):
        member = func.jsonb_each(data).table_valued("key", "value").render_derived(name="member")
        one = (
            select(
                asked.c.id,
                asked.c.since,
                _constant(f"'{side}'::text").label("side"),
                member.c.key.label("column"),
                member.c.value.cast(JSONB).label("value"),
            )
            .select_from(asked.join(events, events.c.entity_id == asked.c.id).join(member, true()))
            .where(events.c.version > asked.c.since, member.c.key == any_(among))
            .ext(distinct_on(asked.c.id, asked.c.since, member.c.key))
            .order_by(asked.c.id, asked.c.since, member.c.key, order)
        )
        sides.append(select(one.subquery()))
    return select(union_all(*sides).subquery("found"))


def _constant(sql: str) -> Any:
    return literal_column(sql)
