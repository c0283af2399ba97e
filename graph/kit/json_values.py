"""Values of one key of a JSON column as SQL: typed, and null for a value of another type.

None of the expressions fails, whatever the column holds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Numeric,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from graph.kit.cursor import Computed, Key
from graph.kit.filters import compared
from graph.kit.scalars import day

DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def value_of(column: Any, key: str) -> Any:
    """Return the JSON value of a key."""
    return column.op("->", return_type=column.type)(_key(key))


def text_of(column: Any, key: str) -> Any:
    """Return the text of a key; null where its value is none."""
    return case((_is(column, key, "string"), _text(column, key)))


def number_of(column: Any, key: str) -> Any:
    """Return the number of a key; null where its value is none."""
    return case((_is(column, key, "number"), cast(value_of(column, key), Numeric)))


def boolean_of(column: Any, key: str) -> Any:
    """Return the boolean of a key; null where its value is none."""
    return case((_is(column, key, "boolean"), cast(value_of(column, key), Boolean)))


def day_of(column: Any, key: str) -> Any:
    """Return the date of a key as YYYY-MM-DD, which sorts as dates do; null where it is none."""
    text = cast(_text(column, key), String)
    return case((text.regexp_match(DAY), text)).collate("C")


def word_of(column: Any, key: str) -> Any:
    """Return the text of a key, which is compared by its characters alone."""
    return cast(text_of(column, key), String).collate("C")


def has_no_value(column: Any, key: str) -> ColumnElement[bool]:
    """Return the condition that a key is absent or null."""
    is_null: ColumnElement[bool] = (
        func.coalesce(func.jsonb_typeof(value_of(column, key)), "null") == "null"
    )
    return is_null


def compared_equal(
    column: Any, key: str, expression: Any, comparison: Any, field: Sequence[str | int]
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a comparison of a key; `eq` as containment, which an index serves."""
    yield from compared(expression, comparison, field)
    value = comparison.eq
    if isinstance(value, str | float | bool):
        yield contains(column, key, value)


def contains(column: Any, key: str, value: Any) -> ColumnElement[bool]:
    """Return the condition that a key has this value, or a list with all of these."""
    found: ColumnElement[bool] = column.contains(
        bindparam(None, {key: value}, type_=column.type, unique=True)
    )
    return found


def overlaps(column: Any, key: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a key has a list with one of these texts."""
    texts = bindparam(None, list(values), type_=ARRAY(Text), unique=True)
    found: ColumnElement[bool] = case(
        (_is(column, key, "array"), value_of(column, key).op("?|", return_type=Boolean())(texts)),
        else_=False,
    )
    return found


def is_empty(column: Any, key: str, *, empty: bool) -> ColumnElement[bool]:
    """Return the condition that a key has an empty list or no value, or that it has neither."""
    array = func.jsonb_array_length(value_of(column, key))
    length = case((_is(column, key, "array"), array))
    nothing = or_(has_no_value(column, key), and_(length.is_not(None), length == 0))
    return nothing if empty else ~nothing


@dataclass(frozen=True)
class Kind:
    """A type of values by which rows can be sorted."""

    expression: Callable[[Any, str], Any]
    value: Callable[[Any], Any]
    """Returns the value in a form for a cursor, or None for one of another type."""


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _as_number(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else None


def _as_boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _as_day(value: Any) -> Any:
    try:
        return day(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


KINDS: Mapping[str, Kind] = {
    "text": Kind(text_of, _as_text),
    "number": Kind(number_of, _as_number),
    "boolean": Kind(boolean_of, _as_boolean),
    "day": Kind(day_of, _as_day),
}


def sort_keys(column: Any, key: str, kind: str, *, descending: bool) -> list[Key]:
    """Return the keys that sort by the values of a key; rows without one come last."""
    how, reads = KINDS[kind], str(column.key)
    name = f"{reads}.{kind}.{key}"
    expression = how.expression(column, key)

    def value(held: Any) -> Any:
        return how.value(held.get(key))

    def is_missing(held: Any) -> bool:
        return value(held) is None

    by_value = Key(expression, descending, Computed(name, reads, value))
    if not descending:
        return [by_value]
    missing = Computed(f"{name}.missing", reads, is_missing, nullable=False)
    return [Key(expression.is_(None), computed=missing), by_value]


def _is(column: Any, key: str, type_: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = func.jsonb_typeof(value_of(column, key)) == type_
    return found


def _text(column: Any, key: str) -> Any:
    return column.op("->>", return_type=Text())(_key(key))


def _key(key: str) -> Any:
    return bindparam(None, key, type_=Text, unique=True)
