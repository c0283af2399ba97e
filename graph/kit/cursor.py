"""Keyset cursors: the sort keys of a row, so that a page survives inserts and deletions."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, false, literal, or_

from db.problem import Problem
from db.text import fault_in
from graph.kit.scalars import moment

NUMBER = (int, float)


@dataclass(frozen=True)
class Key:
    """One sort key. Nulls sort as PostgreSQL sorts them: after everything else."""

    column: Any
    descending: bool = False

    @property
    def name(self) -> str:
        return str(self.column.key)

    def ordered(self, *, backwards: bool) -> ColumnElement[Any]:
        ordered: ColumnElement[Any] = (
            self.column.desc() if self.descending != backwards else self.column.asc()
        )
        return ordered

    def beyond(self, value: Any, *, backwards: bool) -> ColumnElement[bool]:
        """Rows that this key alone puts after a row with this value."""
        column, descending = self.column, self.descending != backwards
        if value is None:
            return column.is_not(None) if descending else false()
        if descending:
            return column < value
        return or_(column > value, column.is_(None)) if column.nullable else column > value


def encode(keys: Sequence[Key], row: Any) -> str:
    """The row's place in this order, opaque to clients."""
    values = [getattr(row, key.name) for key in keys]
    return (
        urlsafe_b64encode(orjson.dumps([_shape(keys), *values], default=str)).decode().rstrip("=")
    )


def beyond(
    keys: Sequence[Key], cursor: str, argument: str, *, backwards: bool
) -> ColumnElement[bool]:
    """The rows after the cursor (before it when `backwards`), whether or not its row still is."""
    values = _decoded(keys, cursor, argument)
    arms = [
        and_(
            *(_equal(key, value) for key, value in zip(keys[:i], values, strict=False)),
            key.beyond(values[i], backwards=backwards),
        )
        for i, key in enumerate(keys)
    ]
    first, bound = keys[0], values[0]
    if bound is None or first.column.nullable:
        return or_(*arms)
    # Implied by the arms; as a plain bound on the first key it lets an index start at the cursor.
    at_first = first.column <= bound if first.descending != backwards else first.column >= bound
    return and_(at_first, or_(*arms))


def _equal(key: Key, value: Any) -> ColumnElement[bool]:
    return key.column.is_(None) if value is None else key.column == value


def _shape(keys: Sequence[Key]) -> str:
    return ",".join(("-" if key.descending else "") + key.name for key in keys)


def _decoded(keys: Sequence[Key], cursor: str, argument: str) -> list[Any]:
    wrong = Problem("INVALID", "This is no cursor of this list in this order.", field=[argument])
    try:
        shape, *values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if shape != _shape(keys) or len(values) != len(keys):
            raise wrong
        return [_typed(key, value) for key, value in zip(keys, values, strict=True)]
    except (NotBase64, ValueError, TypeError, UnicodeError) as error:
        raise wrong from error


def _typed(key: Key, value: Any) -> Any:
    """The value as the key's column has it. Raises ValueError for what it cannot have."""
    type_ = key.column.type
    python: type = type_.python_type
    if value is None and key.column.nullable:
        return None
    if python in NUMBER and isinstance(value, NUMBER) and not isinstance(value, bool):
        return literal(python(value), type_)
    if not isinstance(value, str) or python in NUMBER or fault_in(value):
        raise ValueError(value)
    return literal(moment(value) if python is datetime else python(value), type_)
