"""The content of a row at an earlier version, to be written again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Enum, Interval, Uuid, inspect

from auth.session.write.merge import Change
from db.base import SCOPES, Entity
from db.durations import duration_of


def content_at(model: type[Entity], changes: Sequence[Change], seen: int) -> dict[str, Any]:
    """Return the content before these changes, in the columns changed up to the version `seen`.

    `changes` are those after the requested version, oldest first. The place of a row, its deletion,
    and what follows from other rows are no part of its content.
    """
    left = {SCOPES[0], *model.place_keys(), *model.traits.derived, "deleted_at"}
    undone = {name for change in changes if change.version <= seen for name in change.old}
    values: dict[str, Any] = {}
    for change in reversed(changes):
        values.update(change.old)
    return stored_values(model, {name: values[name] for name in sorted(undone - left)})


def stored_values(model: type[Entity], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded values of columns in the form of a row; columns of the past are left out."""
    columns = inspect(model).columns
    return {
        name: _stored(columns[name].type, value)
        for name, value in recorded.items()
        if name in columns
    }


def _stored(type_: Any, value: Any) -> Any:
    """Return the value in the form of a row: the record has labels, and texts of durations."""
    if isinstance(type_, Uuid) and isinstance(value, str):
        return UUID(value)
    if isinstance(type_, Enum) and type_.enum_class and value is not None:
        return type_.enum_class(value)
    if isinstance(type_, Interval) and value is not None:
        return duration_of(value)
    return value
