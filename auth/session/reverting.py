"""What a row held at an earlier version, to be written again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Enum, inspect

from auth.session.merge import Change
from db.base import SCOPES, Entity

PLACE = frozenset({*SCOPES, "block_id", "parent_id", "position", "deleted_at"})
"""Where a row stands, and whether it does: no part of what it says, so a revert leaves it."""


def content_at(model: type[Entity], changes: Sequence[Change], seen: int) -> dict[str, Any]:
    """What the content held before these changes, in the columns changed up to the version `seen`.

    `changes` are those after the version asked for, oldest first.
    """
    undone = {name for change in changes if change.version <= seen for name in change.old}
    values: dict[str, Any] = {}
    for change in reversed(changes):
        values.update(change.old)
    columns = inspect(model).columns
    return {
        name: _stored(columns[name].type, values[name])
        for name in sorted(undone - PLACE)
        if name in columns
    }


def _stored(type_: Any, value: Any) -> Any:
    """The value as a row holds it: the record has the labels of enumerations."""
    if isinstance(type_, Enum) and type_.enum_class and value is not None:
        return type_.enum_class(value)
    return value
