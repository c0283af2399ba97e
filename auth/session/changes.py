"""The statements that read the recorded changes of rows: their history."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from db.change import AuditLog

ACTIONS = ("create", "update", "delete", "restore")
"""What makes a version of a row."""
SHOWN = (
    AuditLog.id,
    AuditLog.entity_id,
    AuditLog.entity_type,
    AuditLog.version,
    AuditLog.action,
    AuditLog.created_at,
    AuditLog.actor_id,
    AuditLog.changed_fields,
    AuditLog.old_data,
    AuditLog.new_data,
    AuditLog.details,
    AuditLog.correlation_id,
)
MADE = literal(list(ACTIONS), ARRAY(Text))
ROWS = bindparam("rows", type_=ARRAY(Uuid))
MADE_A_VERSION = (AuditLog.version.is_not(None), AuditLog.action == any_(MADE))
SHOWN_TO_VIEWER = or_(
    AuditLog.organization_id == any_(bindparam("organizations", type_=ARRAY(Uuid))),
    and_(
        AuditLog.organization_id.is_(None),
        AuditLog.actor_id == bindparam("viewer_id", type_=Uuid),
    ),
)
"""The events of the viewer's tenants, and their own outside of all; policies say the same."""
WHOSE = (*MADE_A_VERSION, SHOWN_TO_VIEWER)


def changes_of_each(
    where: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int | None
) -> Select[*tuple[Any, ...]]:
    """The changes of each of the `rows`, up to `limit` for each."""
    subject = func.unnest(ROWS).table_valued("id").render_derived(name="subject")
    changes = select(*SHOWN).where(AuditLog.entity_id == subject.c.id, *WHOSE, *where)
    page = changes.order_by(*order).limit(limit).lateral("page")
    return select(page).select_from(subject.join(page, true()))


def counts_of_changes() -> Select[*tuple[Any, ...]]:
    """How many changes there are of each of the `rows`."""
    counted = select(AuditLog.entity_id, func.count().label("count"))
    return counted.where(AuditLog.entity_id == any_(ROWS), *WHOSE).group_by(AuditLog.entity_id)
