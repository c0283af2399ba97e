"""The statements that read the recorded changes of rows: their history."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from db.change import PERSONAL_DATA, AuditLog, PersonalData


def values_of(side: str) -> Label[Any]:
    """Return the `old` or `new` values of an event, with the personal ones that stand beside it."""
    recorded = AuditLog.old_data if side == "old" else AuditLog.new_data
    beside = (
        select(cast(PersonalData.data, JSONB)[side])
        .where(PersonalData.event_id == AuditLog.id)
        .correlate(AuditLog)
        .scalar_subquery()
    )
    nothing = cast("{}", JSONB)
    whole = func.coalesce(recorded, nothing).concat(func.coalesce(beside, nothing))
    found = case((AuditLog.details.has_key(PERSONAL_DATA), whole), else_=recorded)
    return type_coerce(found, AuditLog.old_data.type).label(f"{side}_data")


ACTIONS = ("create", "update", "delete", "restore")
"""The actions that create a version of a row."""
SHOWN = (
    AuditLog.id,
    AuditLog.entity_id,
    AuditLog.entity_type,
    AuditLog.version,
    AuditLog.action,
    AuditLog.created_at,
    AuditLog.actor_id,
    AuditLog.changed_fields,
    values_of("old"),
    values_of("new"),
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
"""Events of the viewer's tenants, and their own outside of all, as row level security has it."""
AT_A_PLACE = (AuditLog.organization_id, AuditLog.project_id, AuditLog.document_id)
READABLE_THERE = or_(
    AuditLog.project_id.is_(None),
    AuditLog.user_id == bindparam("viewer_id", type_=Uuid),
    and_(
        AuditLog.organization_id == any_(bindparam("insiders", type_=ARRAY(Uuid))),
        or_(*(place == any_(bindparam("VIEWER", type_=ARRAY(Uuid))) for place in AT_A_PLACE)),
    ),
    *(place == any_(bindparam("EDITOR", type_=ARRAY(Uuid))) for place in AT_A_PLACE),
)
"""The events at places which the viewer may read now: a row may have come from elsewhere.

Within projects they are for members of the organization with more than its billing.
"""
WHOSE = (*MADE_A_VERSION, SHOWN_TO_VIEWER, READABLE_THERE)


def changes_of_each(
    where: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int | None
) -> Select[*tuple[Any, ...]]:
    """Return a statement of the changes of each of the `rows`, up to `limit` for each."""
    subject = func.unnest(ROWS).table_valued("id").render_derived(name="subject")
    changes = select(*SHOWN).where(AuditLog.entity_id == subject.c.id, *WHOSE, *where)
    page = changes.order_by(*order).limit(limit).lateral("page")
    return select(page).select_from(subject.join(page, true()))


def counts_of_changes() -> Select[*tuple[Any, ...]]:
    """Return a statement of the number of changes of each of the `rows`."""
    counted = select(AuditLog.entity_id, func.count().label("count"))
    return counted.where(AuditLog.entity_id == any_(ROWS), *WHOSE).group_by(AuditLog.entity_id)
