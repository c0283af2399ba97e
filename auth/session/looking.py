"""Statements with which a transaction looks at many rows at once, without loading them."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session.visible import visible
from db.base import Entity
from db.change import AuditLog


def last_beneath(
    model: type[Entity], column: str, key: str, parents: Collection[UUID]
) -> Select[Any]:
    """Each parent and the greatest value in the rows beneath it, deleted ones too; or null."""
    value, beneath = getattr(model, column), getattr(model, key)
    ids = bindparam("parents", list(parents), type_=ARRAY(Uuid))
    parent = func.unnest(ids).table_valued("id").render_derived(name="parent")
    greatest = (
        select(value)
        .where(*visible(model, deleted=None), beneath == parent.c.id)
        .order_by(value.desc())
        .limit(1)
        .correlate(parent)
        .scalar_subquery()
    )
    return select(parent.c.id, greatest).execution_options(of_transaction=True)


def changes_after(versions: Mapping[UUID, int]) -> Select[Any]:
    """What is recorded of rows after a version of each, oldest first."""
    ids = bindparam("ids", list(versions), type_=ARRAY(Uuid))
    numbers = bindparam("versions", list(versions.values()), type_=ARRAY(BigInteger))
    read = func.unnest(ids, numbers).table_valued("id", "version").render_derived(name="read")
    return (
        select(
            AuditLog.entity_id,
            AuditLog.version,
            AuditLog.old_data,
            AuditLog.actor_id,
            AuditLog.created_at,
            AuditLog.details,
        )
        .join(read, (AuditLog.entity_id == read.c.id) & (AuditLog.version > read.c.version))
        .order_by(AuditLog.version)
        .execution_options(of_transaction=True)
    )
