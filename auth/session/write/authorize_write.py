"""Check every row before it is written against the policy, and record the change."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from auth.origin import Origin
from auth.policy import deciding_columns
from auth.policy.rule import Action
from auth.session.write.audit import record
from auth.session.write.flush import PendingWrite, changed_in
from auth.session.write.rights import Rights
from auth.session.write.unit_of_work import state_of
from auth.viewer import Viewer
from db.audit.risk import FOUNDING, assess
from db.base import BOOKKEEPING, Entity
from db.values import same_json

REPEATED = timedelta(minutes=10)
"""The time in which further changes of an object by the same person are one request."""
RENUMBERED = "renumbered"
"""The detail of a recorded change that only made room for a row that was moved beside this one."""

EXCEPTION = "exception"
"""The detail of a recorded change that a rule of the product allows only by an exception."""


@dataclass(frozen=True)
class Remarks:
    """Further facts on rows that are about to be written, by their ids."""

    forced: set[UUID] = field(default_factory=set)
    """Rows that overwrite changes of others."""
    reverted: dict[UUID, int] = field(default_factory=dict)
    """The earlier version whose content a row is given."""
    renumbered: set[UUID] = field(default_factory=set)
    """Rows whose position changes although nobody has moved them."""
    touched: dict[UUID, str] = field(default_factory=dict)
    """The column by which a row notes a write to what belongs to it: that needs no right of the
    viewer."""
    entitled: set[UUID] = field(default_factory=set)
    """Rows whose writing needs no right of the viewer at them: notifications of the gateway, and
    accounts that an organization provisions."""
    unprompted: set[UUID] = field(default_factory=set)
    """Notifications without an author, such as reminders, which do not count as requests."""
    exceptions: dict[UUID, str] = field(default_factory=dict)
    """Rows whose write a rule of the product refuses, but for an exception, which is named."""
    founding: set[UUID] = field(default_factory=set)
    """Memberships of those who create their organization: nobody has given them their role."""


class Writer(Protocol):
    """The viewer who writes, with their rights and origin, and the time."""

    viewer: Viewer
    rights: Rights
    origin: Origin
    now: datetime
    remarks: Remarks


def checked(rows: Iterable[Entity], writer: Writer) -> Iterator[PendingWrite]:
    """Yield the writes of these rows, stamped and recorded; rows without a change are left out.

    Raises the refusals of the policy.
    """
    for row in rows:
        write = _created(row, writer) if state_of(row).key is None else _changed(row, writer)
        if write:
            yield write


def _created(row: Entity, writer: Writer) -> PendingWrite:
    viewer = writer.viewer
    if row.id not in writer.remarks.entitled:
        writer.rights.require("create", row)
    unprompted = row.id in writer.remarks.unprompted
    row.created_by = row.updated_by = None if unprompted else viewer.id
    event = record(viewer, writer.origin, "create", row, {}, _present(row), version=1)
    if unprompted:
        event["actor_id"] = None
    if row.id in writer.remarks.founding:
        event["details"][FOUNDING] = True
        event.update(assess(event))
    _remark_exception(row, event, writer)
    return PendingWrite(row, event, is_new=True)


def _changed(row: Entity, writer: Writer) -> PendingWrite | None:
    viewer = writer.viewer
    old, new = differences(row)
    if not new:
        return None
    action = "update"
    if "deleted_at" in new:
        action = "restore" if new["deleted_at"] is None else "delete"
    needed: Action = "update" if action == "update" else "delete"
    is_touched = new.keys() == {writer.remarks.touched.pop(row.id, None)}
    if not is_touched and row.id not in writer.remarks.entitled:
        writer.rights.require(needed, row)
    if any(key in old for key in row.scope_keys()):
        before = {key: old.get(key, getattr(row, key)) for key in deciding_columns(type(row))}
        writer.rights.require(needed, row, at=SimpleNamespace(**before))
    event = record(viewer, writer.origin, action, row, old, new, version=row.version + 1)
    is_repeated = action == "update" and _is_repeated(row, writer)
    if is_touched:  # nobody's edit, so nobody has updated the row
        is_repeated = True
    elif row.id in writer.remarks.renumbered and new.keys() == {"position"}:
        event["details"][RENUMBERED] = True
        is_repeated = True
    else:
        row.updated_at, row.updated_by = writer.now, viewer.id
    writer.remarks.renumbered.discard(row.id)
    if row.id in writer.remarks.forced:
        event["details"]["forced"] = True
    if action == "update" and row.id in writer.remarks.reverted:
        event["details"]["reverted_to"] = writer.remarks.reverted[row.id]
    _remark_exception(row, event, writer)
    return PendingWrite(row, event, is_new=False, is_repeated=is_repeated)


def _is_repeated(row: Entity, writer: Writer) -> bool:
    """Return whether the writer has written the row last, and a moment ago."""
    if row.updated_by is None or row.updated_by != writer.viewer.id:
        return False
    return writer.now - row.updated_at < REPEATED


def _remark_exception(row: Entity, event: dict[str, Any], writer: Writer) -> None:
    if exception := writer.remarks.exceptions.pop(row.id, None):
        event["details"][EXCEPTION] = exception


def _present(row: Entity) -> dict[str, Any]:
    """Return the columns that a new row sets."""
    values = {a.key: getattr(row, a.key) for a in class_mapper(type(row)).column_attrs}
    return {k: v for k, v in values.items() if k not in BOOKKEEPING and v not in (None, [], {})}


def differences(row: Entity) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return old and new values of the columns that differ from the stored ones."""
    state = state_of(row)
    old, new = {}, {}
    for key in changed_in(row):
        history = state.get_history(key, PASSIVE_NO_INITIALIZE)
        if key not in BOOKKEEPING and history.added:
            before = history.deleted[0] if history.deleted else None
            if not history.deleted or not same_json(before, history.added[0]):
                old[key], new[key] = before, history.added[0]
    return old, new
