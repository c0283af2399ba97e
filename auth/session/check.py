"""What happens to every row before it is written: the policy is asked, the change is recorded."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import inspect

from auth.policy import allows, require_token_scope
from auth.policy.rule import Action
from auth.session.origin import Origin
from auth.session.record import record
from auth.session.sending import Write, changed_in
from auth.viewer import Viewer
from db.base import Entity
from db.problem import Problem

BOOKKEEPING = frozenset(
    {"version", "created_at", "created_by", "updated_at", "updated_by", "deleted_by", "search"}
)
"""Columns that follow from a change and are no part of it."""

RENUMBERED = "renumbered"
"""The detail of a recorded change that only made room for a row that was moved beside this one."""


class Writer(Protocol):
    """Who writes, from where, when; which rows over what others have changed, or as they were.

    `renumbered` are the rows whose position is about to change without anybody having moved them;
    `notices` those by which the gateway tells people of it.
    """

    viewer: Viewer
    origin: Origin
    now: datetime
    forced: set[UUID]
    reverted: dict[UUID, int]
    renumbered: set[UUID]
    notices: set[UUID]


def checked(rows: Iterable[Entity], writer: Writer) -> Iterator[Write]:
    """The writes of these rows, stamped and recorded; rows without a change are left out.

    Raises what the policy forbids.
    """
    for row in rows:
        write = _created(row, writer) if inspect(row).key is None else _changed(row, writer)
        if write:
            yield write


def _created(row: Entity, writer: Writer) -> Write:
    viewer = writer.viewer
    if row.id not in writer.notices:  # which is not the viewer's act, but follows from it
        require_allowed(viewer, "create", row)
    row.created_by = row.updated_by = viewer.id
    event = record(viewer, writer.origin, "create", row, {}, _present(row), version=1)
    return Write(row, event, is_new=True)


def _changed(row: Entity, writer: Writer) -> Write | None:
    viewer = writer.viewer
    old, new = _differences(row)
    if not new:
        return None
    action = "update"
    if "deleted_at" in new:
        action = "restore" if new["deleted_at"] is None else "delete"
    needed: Action = "update" if action == "update" else "delete"
    require_allowed(viewer, needed, row)
    if any(key in old for key in row.scope_keys()):
        before = {key: old.get(key, getattr(row, key)) for key in row.scope_keys()}
        require_allowed(viewer, needed, row, at=SimpleNamespace(**before))
    event = record(viewer, writer.origin, action, row, old, new, version=row.version + 1)
    if row.id in writer.renumbered and new.keys() == {"position"}:
        event.details[RENUMBERED] = True  # nobody's edit, so nobody has updated the row
    else:
        row.updated_at, row.updated_by = writer.now, viewer.id
    writer.renumbered.discard(row.id)
    if row.id in writer.forced:
        event.details["forced"] = True
    if action == "update" and row.id in writer.reverted:
        event.details["reverted_to"] = writer.reverted[row.id]
    return Write(row, event, is_new=False)


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
    attributes = inspect(row).attrs
    old, new = {}, {}
    for key in changed_in(row):
        history = attributes[key].history
        if key not in BOOKKEEPING and history.added and history.added != history.deleted:
            old[key] = history.deleted[0] if history.deleted else None
            new[key] = history.added[0]
    return old, new
