"""Purge rows from the trash permanently after their retention, and record each row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    String,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
    values,
)

from auth.origin import Origin
from auth.policy import ENTITIES, RULES
from auth.session import trash
from auth.session.write.audit import SOC2, acting, circumstances
from auth.viewer import Viewer
from db.audit.risk import CATEGORIES
from db.base import Entity
from db.change import AuditEventType, AuditLog, AuditSeverity
from db.traits import Trash

MAX_TOPS = 500
"""Rows of the trash, at most, that one call purges, each with all rows beneath it."""
MAX_ROWS = 20_000
"""Rows beneath them after which the call takes fewer; a single row takes all of its own."""


class Top(NamedTuple):
    """A row of the trash that is to be purged with everything beneath it."""

    model: type[Entity]
    id: UUID
    organization_id: UUID
    purgeable_at: datetime | None


class Purged(NamedTuple):
    """The number of removed rows, by entity, and of those that were purged by themselves."""

    counts: dict[str, int]
    tops: int


def top(row: Any) -> Top:
    """Return the top for a row of the trash."""
    return Top(ENTITIES[row.type], row.id, row.organization_id, row.purgeable_at)


def purged(tops: Sequence[Top], rows: Sequence[Any]) -> Purged:
    """Return the counts from the rows of the removal."""
    gone = {(row.type, id) for row in rows for id in row.ids}
    taken = [each for each in tops if (each.model.__name__, each.id) in gone]
    return Purged({row.type: row.count for row in rows}, len(taken))


def named(viewer: Viewer, ids: Sequence[UUID]) -> Select[tuple[Any, ...]]:
    """Return a statement of the rows of the trash with these ids."""
    wanted = any_(bindparam("ids", list(ids), type_=ARRAY(Uuid)))
    places = (None, None, None)
    return trash.page(
        _among(viewer, places), places, lambda of: [of.id == wanted], _oldest_first, None
    )


def due(
    viewer: Viewer, organization_id: UUID, until: datetime
) -> tuple[Select[tuple[Any, ...]], Select[tuple[Any, ...]]]:
    """Return statements of the rows deleted in an organization until then, and of their number.

    The first deleted come first.
    """
    places = (organization_id, None, None)
    among = _among(viewer, places)
    moment = literal(until, AuditLog.created_at.type)

    def early(of: Any) -> list[ColumnElement[bool]]:
        return [of.deleted_at <= moment]

    return (
        trash.page(among, places, early, _oldest_first, MAX_TOPS),
        trash.counted(among, places, early),
    )


def _among(viewer: Viewer, places: Sequence[UUID | None]) -> list[type[Entity]]:
    kinds = trash.kinds(viewer, None, places)
    return [model for model in kinds if model.traits.trash is Trash.PURGED]


def _oldest_first(of: Any) -> list[Any]:
    return [of.deleted_at, of.id]


def removal(
    viewer: Viewer, origin: Origin, tops: Sequence[Top], *, dry_run: bool
) -> Select[tuple[Any, ...]]:
    """Remove these rows and their descendants, record each, and count them by entity.

    One statement. PostgreSQL itself leaves out rows that are not due (`ctx.purge` in the
    migrations). With `dry_run` it only counts.
    """
    gone = (
        func.ctx.purge(
            literal([top.model.__tablename__ for top in tops], ARRAY(Text)),
            literal([top.id for top in tops], ARRAY(Uuid)),
            MAX_ROWS,
            not dry_run,
        )
        .table_valued(
            column("entity", Text),
            column("id", Uuid),
            column("version", BigInteger),
            column("organization_id", Uuid),
            column("project_id", Uuid),
            column("document_id", Uuid),
            column("user_id", Uuid),
        )
        .render_derived("removed")
    )
    removed = select(gone).cte("gone")
    kinds = values(
        column("entity", String), column("type", String), column("resource", String), name="kind"
    ).data([(m.__tablename__, m.__name__, m.traits.resource.value) for m in RULES])
    counted = (
        select(kinds.c.type, func.count().label("count"), func.array_agg(removed.c.id).label("ids"))
        .join_from(removed, kinds, kinds.c.entity == removed.c.entity)
        .group_by(kinds.c.type)
        .order_by(kinds.c.type)
    )
    if dry_run:
        return counted
    constant = {
        "action": "purge",
        "event_type": AuditEventType.DELETE,
        "severity": AuditSeverity.MEDIUM,
        "soc2_control": SOC2["delete"],
        "compliance_category": CATEGORIES["C1"],
        "risk_level": AuditSeverity.MEDIUM.value,
        "details": acting(viewer),
        **circumstances(viewer, origin),
    }
    columns = {
        "organization_id": removed.c.organization_id,
        "project_id": removed.c.project_id,
        "document_id": removed.c.document_id,
        "entity_id": removed.c.id,
        "entity_type": kinds.c.type,
        "resource_type": kinds.c.resource.cast(AuditLog.resource_type.type),
        "resource_id": removed.c.id,
        "user_id": removed.c.user_id,
        "version": removed.c.version + 1,
        **{name: literal(value, getattr(AuditLog, name).type) for name, value in constant.items()},
    }
    events = select(*columns.values()).join_from(removed, kinds, kinds.c.entity == removed.c.entity)
    recorded = insert(AuditLog).from_select([*columns], events, include_defaults=False)
    return counted.add_cte(recorded.cte("recorded"))
