"""What happens to every row before it is written: the policy is asked, the change is recorded."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from auth.policy import allows, require_token_scope
from auth.policy.rule import Action
from auth.session.origin import Origin
from auth.session.record import record
from auth.viewer import Viewer
from db.base import Entity
from db.problem import Problem

BOOKKEEPING = frozenset(
    {"version", "created_at", "created_by", "updated_at", "updated_by", "deleted_by", "search"}
)
"""Columns that follow from a change and are no part of it."""


class Writer(Protocol):
    """Who writes, from where, when, and which rows over what others have changed since."""

    viewer: Viewer
    origin: Origin
    now: datetime
    forced: set[UUID]


def check_and_record(session: Session, writer: Writer) -> None:
    """Refuse what the policy forbids; stamp and record the rest, one change a row."""
    if session.deleted:
        message = "Rows are never removed; Transaction.delete hides them."
        raise TypeError(message)
    viewer, origin = writer.viewer, writer.origin
    for row in [row for row in session.new if isinstance(row, Entity)]:
        require_allowed(viewer, "create", row)
        row.created_by = row.updated_by = viewer.id
        session.add(record(viewer, origin, "create", row, {}, _present(row), version=1))
    for row in [row for row in session.dirty if isinstance(row, Entity)]:
        old, new = _differences(row)
        if not new:
            continue
        action = "update"
        if "deleted_at" in new:
            action = "restore" if new["deleted_at"] is None else "delete"
        needed: Action = "update" if action == "update" else "delete"
        require_allowed(viewer, needed, row)
        if any(key in old for key in row.scope_keys()):
            before = {key: old.get(key, getattr(row, key)) for key in row.scope_keys()}
            require_allowed(viewer, needed, row, at=SimpleNamespace(**before))
        row.updated_at, row.updated_by = writer.now, viewer.id
        event = record(viewer, origin, action, row, old, new, version=row.version + 1)
        if row.id in writer.forced:
            event.details = {"forced": True}
        session.add(event)


def require_allowed(viewer: Viewer, action: Action, row: Entity, at: object | None = None) -> None:
    """FORBIDDEN unless the viewer may take this action on the row, or on it in a former place."""
    model = type(row)
    require_token_scope(viewer, action, model)
    if not allows(viewer, action, model, at or row):
        raise Problem("FORBIDDEN", f"You may not {action} this {model.__name__}.")


def _present(row: Entity) -> dict[str, Any]:
    """The columns that a new row sets."""
    values = {a.key: getattr(row, a.key) for a in inspect(type(row)).column_attrs}
    return {k: v for k, v in values.items() if k not in BOOKKEEPING and v not in (None, [], {})}


def _differences(row: Entity) -> tuple[dict[str, Any], dict[str, Any]]:
    """Old and new values of the columns that differ from what is stored."""
    state = inspect(row)
    old, new = {}, {}
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if attribute.key not in BOOKKEEPING and history.added and history.added != history.deleted:
            old[attribute.key] = history.deleted[0] if history.deleted else None
            new[attribute.key] = history.added[0]
    return old, new
