"""Keyset cursors: the sort keys of a row, so that a page survives inserts and deletions."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, false, literal, or_

from db.fields import is_text, sorted_by
from db.functions import sort_key_of
from db.problem import Problem
from db.text import fault_in
from graph.kit.scalars import moment

NUMBER = (int, float)


@dataclass(frozen=True)
class Computed:
    """A value that a sort key computes of a column."""

    name: str
    reads: str
    """The column."""
    value: Callable[[Any], Any]
    """Computes the same of the column's value as the key's expression does in SQL."""
    nullable: bool = True


@dataclass(frozen=True)
class Key:
    """One sort key. Nulls sort as PostgreSQL sorts them: after everything else."""

    column: Any
    """A column, or an expression, which `computed` describes."""
    descending: bool = False
    computed: Computed | None = None

    @property
    def name(self) -> str:
        return self.computed.name if self.computed else str(self.column.key)

    @property
    def reads(self) -> str:
        """Return the column that is read for the value of the key."""
        return self.computed.reads if self.computed else self.name

    @property
    def nullable(self) -> bool:
        return self.computed.nullable if self.computed else bool(self.column.nullable)

    def of(self, row: Any) -> Any:
        """Return the value of the key in a row."""
        value = getattr(row, self.reads)
        return self.computed.value(value) if self.computed else value

    @property
    def sorted(self) -> Any:
        """Return the expression by which PostgreSQL sorts."""
        return sorted_by(self.column)

    def ordered(self, *, backwards: bool) -> ColumnElement[Any]:
        ordered: ColumnElement[Any] = (
            self.sorted.desc() if self.descending != backwards else self.sorted.asc()
        )
        return ordered

    def beyond(self, value: Any, *, backwards: bool) -> ColumnElement[bool]:
        """Return the condition for rows that this key alone puts after a row with this value."""
        column, descending = self.sorted, self.descending != backwards
        if value is None:
            return column.is_not(None) if descending else false()
        if descending:
            return column < value
        return or_(column > value, column.is_(None)) if self.nullable else column > value


def encode(keys: Sequence[Key], row: Any) -> str:
    """Return a cursor: the row's place in this order, opaque to clients."""
    values = [key.of(row) for key in keys]
    return (
        urlsafe_b64encode(orjson.dumps([_shape(keys), *values], default=str)).decode().rstrip("=")
    )


def beyond(
    keys: Sequence[Key], cursor: str, argument: str, *, backwards: bool
) -> ColumnElement[bool]:
    """Return the condition for rows after the cursor, or before it if `backwards`."""
    values = _decoded(keys, cursor, argument)
    arms = [
        and_(
            *(_equal(key, value) for key, value in zip(keys[:i], values, strict=False)),
            key.beyond(values[i], backwards=backwards),
        )
        for i, key in enumerate(keys)
    ]
    first, bound = keys[0], values[0]
    if bound is None or first.nullable:
        return or_(*arms)
    # Implied by the arms; as a plain bound on the first key it lets an index start at the cursor.
    at_first = first.sorted <= bound if first.descending != backwards else first.sorted >= bound
    return and_(at_first, or_(*arms))


def decode(keys: Sequence[Key], cursor: str, argument: str) -> list[Any]:
    """Return the values of the keys at a cursor, for rows in memory; the keys are no texts."""
    return [None if value is None else value.value for value in _decoded(keys, cursor, argument)]


def _equal(key: Key, value: Any) -> ColumnElement[bool]:
    return key.sorted.is_(None) if value is None else key.sorted == value


def _shape(keys: Sequence[Key]) -> str:
    return ",".join(("-" if key.descending else "") + key.name for key in keys)


def _decoded(keys: Sequence[Key], cursor: str, argument: str) -> list[Any]:
    wrong = Problem(
        "INVALID", "This cursor belongs to another list or sort order.", field=[argument]
    )
    try:
        shape, *values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if shape != _shape(keys) or len(values) != len(keys):
            raise wrong
        return [_typed(key, value) for key, value in zip(keys, values, strict=True)]
    except (NotBase64, ArithmeticError, ValueError, TypeError, UnicodeError) as error:
        raise wrong from error


READ: Mapping[type, Callable[[str], Any]] = {datetime: moment, date: date.fromisoformat}
"""Functions that read a value, where its type does not."""


def _typed(key: Key, value: Any) -> Any:
    """Return the value in the type of the sort key. Raises ValueError if it does not fit."""
    type_ = key.column.type
    python: type = type_.python_type
    if value is None and key.nullable:
        return None
    if python is bool and isinstance(value, bool):
        return literal(value, type_)
    if python in NUMBER and isinstance(value, NUMBER) and not isinstance(value, bool):
        return literal(python(value), type_)
    if not isinstance(value, str) or python in NUMBER or fault_in(value):
        raise ValueError(value)
    if is_text(key.column):
        return sort_key_of(value)
    return literal(READ.get(python, python)(value), type_)
