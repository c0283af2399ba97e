"""Edits of rows that a client has read at some version: merged, forced, reverted, restored."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from auth.session.diff import Budget
from auth.session.write.authorize_write import Remarks
from auth.session.write.db_errors import by_people, stale
from auth.session.write.merge import MAX_TRANSACTION_STEPS, Change, merge, touched
from auth.session.write.patch import patched
from auth.session.write.revert import content_at
from auth.session.write.rights import Rights
from auth.viewer import Role, Viewer
from db.base import Entity
from db.problem import Problem
from db.text import normalised


class Editing(Protocol):
    """The transaction in which rows are edited."""

    viewer: Viewer
    rights: Rights
    now: datetime
    remarks: Remarks

    def change(self, row: Entity, expected_version: int | None, **values: object) -> None:
        """Set these columns."""

    def changes_since(
        self, seen: Iterable[tuple[Entity, int]]
    ) -> Awaitable[dict[UUID, list[Change]]]:
        """Return the recorded changes of rows after the client's version of each."""


class Edits:
    """Edits of one transaction. Every method takes the client's version of the row."""

    def __init__(self, transaction: Editing) -> None:
        self._transaction = transaction
        self.merged: dict[UUID, list[int]] = {}
        """Versions by others that a row's changes were merged with, by the row's id."""
        self._comparing = Budget(MAX_TRANSACTION_STEPS)

    async def update(
        self, row: Entity, expected_version: int, values: Mapping[str, Any], *, force: bool = False
    ) -> None:
        """Set the client's values, merged with changes of others since its version of the row.

        Fields that overlap are a CONFLICT, which names them, and change nothing; `force` is for
        administrators, overwrites them, and is recorded.
        """
        changes = await self._transaction.changes_since([(row, expected_version)])
        await self.revise(row, expected_version, values, changes.get(row.id, ()), force=force)

    async def delete(self, row: Entity, expected_version: int, *, force: bool = False) -> None:
        """Hide the row from every read, until `restore`.

        Changes of others since the client's version are a CONFLICT: they may want the row kept.
        """
        changes = await self._transaction.changes_since([(row, expected_version)])
        self.hide(row, expected_version, changes.get(row.id, ()), force=force)

    async def revise(
        self,
        row: Entity,
        expected_version: int,
        values: Mapping[str, Any],
        since: Sequence[Change],
        *,
        force: bool = False,
    ) -> None:
        """Update the row like `update`, where `since` holds its `changes_since`."""
        self._transaction.rights.require("update", row)
        values = normalised(type(row), values)
        since = by_people(row, expected_version, since)
        if since and force:
            self._force(row)
        elif since:
            current = {name: getattr(row, name) for name in values}
            values, overlaps = await merge(type(row), values, current, since, self._comparing)
            if overlaps:
                raise stale(row, overlaps)
            self.merged[row.id] = [change.version for change in since]
        self._transaction.change(row, None, **patched(row, values))

    async def revert(
        self, row: Entity, expected_version: int, to_version: int, *, force: bool = False
    ) -> None:
        """Write the content that the row had at an earlier version; its place stays.

        It is an update like any other: recorded, and merged with changes of others since the
        client's version.
        """
        if not 0 < to_version <= expected_version:
            message = "Must be from 1 to `expectedVersion`."
            raise Problem("INVALID", message, field=["to_version"])
        try:
            changes = await self._changes_since(row, to_version)
        except Problem as problem:
            if problem.code != "CONFLICT":
                raise
            message = "The history of this version is no longer available."
            raise Problem("NOT_FOUND", message, field=["to_version"]) from problem
        values = content_at(type(row), changes, seen=expected_version)
        self._transaction.remarks.reverted[row.id] = to_version
        await self.update(row, expected_version, values, force=force)

    def hide(
        self, row: Entity, expected_version: int, since: Sequence[Change], *, force: bool = False
    ) -> None:
        """Delete the row like `delete`, where `since` holds its `changes_since`."""
        self._transaction.rights.require("delete", row)
        since = by_people(row, expected_version, since)
        if since and force:
            self._force(row)
        elif since:
            raise stale(row, touched(row, since))
        self._transaction.change(
            row, None, deleted_at=self._transaction.now, deleted_by=self._transaction.viewer.id
        )

    async def restore(self, row: Entity, expected_version: int | None) -> None:
        """Restore a deleted row."""
        if expected_version is not None and await self._changes_since(row, expected_version):
            raise stale(row)
        self._transaction.change(row, None, deleted_at=None, deleted_by=None)

    def _force(self, row: Entity) -> None:
        scopes = (getattr(row, key) for key in row.scope_keys())
        if not self._transaction.rights.require_role(Role.ADMIN, *scopes):
            message = "Only administrators can overwrite changes of others."
            raise Problem("FORBIDDEN", message)
        self._transaction.remarks.forced.add(row.id)

    async def _changes_since(self, row: Entity, version: int) -> list[Change]:
        """Return the changes that people have made to the row since this version, oldest first."""
        changes = await self._transaction.changes_since([(row, version)])
        return by_people(row, version, changes.get(row.id, ()))
