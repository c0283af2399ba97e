"""Filters: comparators for each scalar, combined with `and`, `or` and `not`, as SQL."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, and_, any_, bindparam, func, not_, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from db.base import Readable
from db.problem import Problem
from db.text import fault_in

T = TypeVar("T")
Field = Sequence[str | int]

LONGEST_LIST = 250
"""Values in one `in`; longer lists belong in a join, or in several requests."""


TERM = re.compile(r'(-*)("[^"]*"?|[^\s"]+)')
"""A word or a quoted phrase of a search, and whether it is to be absent."""


def named(name: str) -> Any:
    """An input whose name is a word of Python, or that needs no word of its own."""
    return strawberry.field(name=name, default=UNSET)


@strawberry.input(description="Compares text. `contains` and `startsWith` ignore case.")
class StringFilter:
    eq: str | None = UNSET
    ne: str | None = UNSET
    in_: list[str] | None = named("in")
    not_in: list[str] | None = UNSET
    lt: str | None = UNSET
    lte: str | None = UNSET
    gt: str | None = UNSET
    gte: str | None = UNSET
    contains: str | None = UNSET
    starts_with: str | None = UNSET
    is_null: bool | None = UNSET


@strawberry.input(description="Compares values; those of an enumeration are in its order.")
class Filter(Generic[T]):
    eq: T | None = UNSET
    ne: T | None = UNSET
    in_: list[T] | None = named("in")
    not_in: list[T] | None = UNSET
    lt: T | None = UNSET
    lte: T | None = UNSET
    gt: T | None = UNSET
    gte: T | None = UNSET
    is_null: bool | None = UNSET


@strawberry.input(description="Compares yes and no.")
class BooleanFilter:
    eq: bool | None = UNSET
    is_null: bool | None = UNSET


@strawberry.input(description="Compares a set of tags.")
class TagsFilter:
    has_any: list[str] | None = UNSET
    has_all: list[str] | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(description="Finds rows whose JSON holds this value at this path.")
class PathFilter:
    path: list[str]
    eq: JSON


UUIDFilter = Filter[UUID]
IntFilter = Filter[int]
FloatFilter = Filter[float]
DateTimeFilter = Filter[datetime]


def _array(column: Any, values: Sequence[Any]) -> Any:
    return bindparam(None, list(values), type_=ARRAY(column.type), unique=True)


def _bound(column: Any, value: Any) -> Any:
    """The value as one of the column's type, whatever it looks like."""
    return bindparam(None, value, type_=column.type, unique=True)


OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "in_": lambda column, values: column == any_(_array(column, values)),
    "not_in": lambda column, values: not_(
        func.coalesce(column == any_(_array(column, values)), False)
    ),
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "contains": lambda column, value: column.icontains(value, autoescape=True),
    "starts_with": lambda column, value: column.istartswith(value, autoescape=True),
    "is_null": lambda column, value: column.is_(None) if value else column.is_not(None),
    "has_any": lambda column, values: column.overlap(_bound(column, values)),
    "has_all": lambda column, values: column.contains(_bound(column, values)) if values else true(),
    "is_empty": lambda column, value: (func.cardinality(column) == 0).is_(value),
}


def matches(model: Readable, filter: Any, field: Field = ("filter",)) -> ColumnElement[bool]:
    """The rows that a filter input describes; its fields are columns of the same name."""
    return and_(True, *_conditions(model, filter, field))


def _conditions(model: Readable, filter: Any, field: Field) -> Iterator[ColumnElement[bool]]:
    for name, value in vars(filter).items():
        if value is UNSET or value is None:
            continue
        place = (*field, to_camel_case(name.rstrip("_")))
        match name:
            case "and_" | "or_":
                parts = [matches(model, part, (*place, i)) for i, part in enumerate(value)]
                yield and_(True, *parts) if name == "and_" else or_(False, *parts)
            case "not_":
                yield not_(func.coalesce(matches(model, value, place), False))
            case _ if isinstance(value, list):
                column = getattr(model, name)
                yield from (column.contains(_bound(column, _nested(part))) for part in value)
            case _:
                yield from _compared(getattr(model, name), value, place)


def _compared(column: Any, comparison: Any, field: Field) -> Iterator[ColumnElement[bool]]:
    for operator, value in vars(comparison).items():
        if value is UNSET:
            continue
        place = (*field, to_camel_case(operator.rstrip("_")))
        if value is None:
            message = "Null compares with nothing; use isNull."
            raise Problem("INVALID", message, field=place)
        if isinstance(value, list) and len(value) > LONGEST_LIST:
            raise Problem("INVALID", f"At most {LONGEST_LIST} values.", field=place)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and (fault := fault_in(text)):
                raise Problem("INVALID", fault, field=place)
        yield OPERATORS[operator](column, value)


def _nested(part: PathFilter) -> Any:
    value: Any = part.eq
    for step in reversed(part.path):
        value = {step: value}
    return value


def searched(model: Any, text: str) -> ColumnElement[bool]:
    """The rows whose text holds these words, in the language of web search engines.

    Texts are kept as English, identifiers as they are written: a row is found when either reading
    of the words finds it, and not found when either reading of those with a minus does.
    """
    terms = [(bool(minus), term) for minus, term in TERM.findall(text)]
    query = _read_both_ways(" ".join(term for excluded, term in terms if not excluded))
    if excluded := " or ".join(term for excluded, term in terms if excluded):
        query = query.op("&&")(func.tsquery_not(_read_both_ways(excluded)))
    return model.search.bool_op("@@")(query)


def _read_both_ways(text: str) -> ColumnElement[Any]:
    english = func.websearch_to_tsquery("english", text)
    return english.op("||")(func.websearch_to_tsquery("simple", text))
