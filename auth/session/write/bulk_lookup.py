"""Statements with which a transaction looks up many rows at once, without loading them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, Uuid, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session.changes import READABLE_THERE, values_of
from auth.session.visibility import readable_criteria
from db.base import Entity
from db.change import AuditLog


def last_beneath(
    model: type[Entity], column: str, key: str, parents: Collection[UUID]
) -> Select[Any]:
    """Return a statement of each parent's greatest value, deleted rows included; or null."""
    value, beneath = getattr(model, column), getattr(model, key)
    ids = bindparam("parents", list(parents), type_=ARRAY(Uuid))
    parent = func.unnest(ids).table_valued("id").render_derived(name="parent")
    greatest = (
        select(value)
        .where(*readable_criteria(model, deleted=None), beneath == parent.c.id)
        .order_by(value.desc())
        .limit(1)
        .correlate(parent)
        .scalar_subquery()
    )
    return select(parent.c.id, greatest)


def first_beneath(
    model: type[Entity],
    columns: Sequence[str],
    key: str,
    parents: Collection[UUID],
    where: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    """Return a statement of columns of the first readable row beneath each parent that has one."""
    ids = bindparam("parents", list(parents), type_=ARRAY(Uuid))
    parent = func.unnest(ids).table_valued("id").render_derived(name="parent")
    first = (
        select(*(getattr(model, column) for column in columns))
        .where(*readable_criteria(model), getattr(model, key) == parent.c.id, *where)
        .order_by(*order)
        .limit(1)
        .correlate(parent)
        .lateral("first")
    )
    return select(parent.c.id, *first.c).select_from(parent.join(first, true()))


def changes_after(versions: Mapping[UUID, int]) -> Select[Any]:
    """Return a statement of the changes after a version of each row, oldest first, where readable.

    Changes at places that the viewer may not read are missing: no conflict and no revert may
    disclose them.
    """
    ids = bindparam("ids", list(versions), type_=ARRAY(Uuid))
    numbers = bindparam("versions", list(versions.values()), type_=ARRAY(BigInteger))
    read = func.unnest(ids, numbers).table_valued("id", "version").render_derived(name="read")
    return (
        select(
            AuditLog.entity_id,
            AuditLog.version,
            values_of("old"),
            AuditLog.actor_id,
            AuditLog.created_at,
            AuditLog.details,
        )
        .join(read, (AuditLog.entity_id == read.c.id) & (AuditLog.version > read.c.version))
        .where(READABLE_THERE)
        .order_by(AuditLog.version)
    )
