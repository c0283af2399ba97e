"""Filters: comparators for each scalar, combined with `and`, `or` and `not`, as SQL."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, Numeric, String, and_, any_, bindparam, func, not_, or_, true
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import ARRAY
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from db.base import Readable
from db.fields import is_text, sorted_by
from db.functions import sort_key_of
from db.problem import Problem
from db.text import NameText, fault_in
from graph.kit.entity_types import EntityType
from graph.kit.json_numbers import REFUSAL, is_inexact

T = TypeVar("T")
Field = Sequence[str | int]

MAX_LIST_LENGTH = 250
"""Values in one `in`; longer lists belong in a join, or in several requests."""


MAX_PATH_LENGTH = 20
"""Steps of a path into a JSON column."""


EQ = "The value equals this one."
NE = "The value is null or differs from this one."
IN = f"The value is one of these, at most {MAX_LIST_LENGTH}."
NOT_IN = f"The value is null or none of these, at most {MAX_LIST_LENGTH}."
LT = "The value is less than this one."
LTE = "The value is less than or equal to this one."
GT = "The value is greater than this one."
GTE = "The value is greater than or equal to this one."
IS_NULL = "Whether the value is null."


EXPRESSIONS = "expressions"
"""The attribute of a filter's class with the SQL of its fields that are no columns."""


WEIGHT = "weight"
"""The key in a field's metadata of the conditions that one of its values counts as."""


def operator(text: str, *, name: str | None = None, weight: int = 1) -> Any:
    """Return a field that compares, and may be left out; `name` is that in the API.

    `weight` is the number of conditions that it counts as, or each of its members if it is a list:
    more than one for what reads rows of other types, whose SQL is as long as that of so many.
    """
    metadata = {WEIGHT: weight}
    return strawberry.field(name=name, default=UNSET, description=text, metadata=metadata)


@strawberry.input(
    description="Compares texts. `contains` and `startsWith` ignore case. `lt`, `lte`, `gt` and"
    " `gte` compare as lists are sorted: without regard to case and accents, numbers by value."
)
class StringFilterInput:
    eq: str | None = operator(EQ)
    ne: str | None = operator(NE)
    in_: list[str] | None = operator(IN, name="in")
    not_in: list[str] | None = operator(NOT_IN)
    lt: str | None = operator(LT)
    lte: str | None = operator(LTE)
    gt: str | None = operator(GT)
    gte: str | None = operator(GTE)
    contains: str | None = operator("The value contains this text.")
    starts_with: str | None = operator("The value starts with this text.")
    is_null: bool | None = operator(IS_NULL)


@strawberry.input(description="Compares values. Enum values are compared in their order.")
class FilterInput(Generic[T]):
    eq: T | None = operator(EQ)
    ne: T | None = operator(NE)
    in_: list[T] | None = operator(IN, name="in")
    not_in: list[T] | None = operator(NOT_IN)
    lt: T | None = operator(LT)
    lte: T | None = operator(LTE)
    gt: T | None = operator(GT)
    gte: T | None = operator(GTE)
    is_null: bool | None = operator(IS_NULL)


@strawberry.input(description="Compares types of objects.")
class EntityTypeFilterInput:
    eq: EntityType | None = operator(EQ)
    ne: EntityType | None = operator(NE)
    in_: list[EntityType] | None = operator(IN, name="in")
    not_in: list[EntityType] | None = operator(NOT_IN)


@strawberry.input(description="Compares booleans.")
class BooleanFilterInput:
    eq: bool | None = operator(EQ)
    is_null: bool | None = operator(IS_NULL)


@strawberry.input(description="Compares lists of tags.")
class TagsFilterInput:
    has_any: list[str] | None = operator("The list contains at least one of these tags.")
    has_all: list[str] | None = operator("The list contains all of these tags.")
    is_empty: bool | None = operator("Whether the list is empty.")


@strawberry.input(description="Compares a value within a JSON object.")
class PathFilterInput:
    path: list[str] = strawberry.field(
        description=f"The keys that lead to the value, at most {MAX_PATH_LENGTH}."
    )
    eq: JSON = strawberry.field(description="The value at the path contains this one.")


class ConditionInput:
    """An input that filters by what is no column; `weight` is that of each, see `operator`."""

    weight: ClassVar[int] = 1

    def conditions(self, model: Readable, field: Field) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions. Raises INVALID with the path of the input, which is `field`."""
        raise NotImplementedError


UUIDFilterInput = FilterInput[UUID]
FloatFilterInput = FilterInput[float]
IntFilterInput = FilterInput[int]


@strawberry.input(description="Compares dates.")
class DateFilterInput(FilterInput[date]):
    pass


@strawberry.input(description="Compares dates and times.")
class DateTimeFilterInput(FilterInput[datetime]):
    pass


def _array(column: Any, values: Sequence[Any]) -> Any:
    return bindparam(None, list(values), type_=ARRAY(column.type), unique=True)


def _bound(column: Any, value: Any) -> Any:
    """Return the value bound as the column's type, whatever it looks like."""
    return bindparam(None, value, type_=column.type, unique=True)


def _place(column: Any, value: Any) -> Any:
    return sort_key_of(value) if is_text(column) else value


OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "in_": lambda column, values: column == any_(_array(column, values)),
    "not_in": lambda column, values: not_(
        func.coalesce(column == any_(_array(column, values)), False)
    ),
    "lt": lambda column, value: sorted_by(column) < _place(column, value),
    "lte": lambda column, value: sorted_by(column) <= _place(column, value),
    "gt": lambda column, value: sorted_by(column) > _place(column, value),
    "gte": lambda column, value: sorted_by(column) >= _place(column, value),
    "contains": lambda column, value: column.icontains(value, autoescape=True),
    "starts_with": lambda column, value: column.istartswith(value, autoescape=True),
    "is_null": lambda column, value: column.is_(None) if value else column.is_not(None),
    "has_any": lambda column, values: column.overlap(_bound(column, values)),
    "has_all": lambda column, values: column.contains(_bound(column, values)) if values else true(),
    "is_empty": lambda column, value: (func.cardinality(column) == 0).is_(value),
}


def matches(model: Readable, filter: Any, field: Field = ("filter",)) -> ColumnElement[bool]:
    """Return the condition of a filter input, whose fields are columns of the same name."""
    return and_(True, *_conditions(model, filter, field))


@cache
def _api_names(filter: Any) -> Mapping[str, str]:
    """Return the names in the API of a filter's fields."""
    fields = get_object_definition(filter, strict=True).fields
    return {
        field.python_name: field.graphql_name or to_camel_case(field.python_name)
        for field in fields
    }


def _conditions(model: Readable, filter: Any, field: Field) -> Iterator[ColumnElement[bool]]:
    class_: Any = type(filter)
    for name, value in vars(filter).items():
        if value is UNSET or value is None:
            continue
        place = (*field, _api_names(class_)[name])
        match name:
            case "and_" | "or_":
                parts = [matches(model, part, (*place, i)) for i, part in enumerate(value)]
                yield and_(True, *parts) if name == "and_" else or_(False, *parts)
            case "not_":
                yield not_(func.coalesce(matches(model, value, place), False))
            case _ if name in getattr(class_, EXPRESSIONS, {}):
                yield from compared(getattr(class_, EXPRESSIONS)[name], value, place)
            case _ if isinstance(value, list):
                for i, part in enumerate(value):
                    if isinstance(part, ConditionInput):
                        yield from part.conditions(model, (*place, i))
                    else:
                        column = getattr(model, name)
                        nested = _nested(part, (*place, i))
                        yield column.contains(_bound(column, nested))
            case _:
                yield from compared(getattr(model, name), value, place)


def compared(column: Any, comparison: Any, field: Field) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a comparison of this column or expression. Raises INVALID."""
    for operator, value in vars(comparison).items():
        if value is UNSET:
            continue
        place = (*field, to_camel_case(operator.rstrip("_")))
        if value is None:
            message = "Must not be null; use `isNull`."
            raise Problem("INVALID", message, field=place)
        if isinstance(value, list) and len(value) > MAX_LIST_LENGTH:
            raise Problem("INVALID", f"At most {MAX_LIST_LENGTH} values.", field=place)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and (fault := fault_in(text)):
                raise Problem("INVALID", fault, field=place)
        yield OPERATORS[operator](column, _as_stored(column, value))


def _as_stored(column: Any, value: Any) -> Any:
    """Return the value as it is stored: names in NFC, labels of texts that name a type."""
    if isinstance(value, list):
        return [_as_stored(column, member) for member in value]
    if isinstance(value, Enum) and not isinstance(column.type, EnumType):
        return value.value
    if isinstance(value, str) and isinstance(column.type, NameText):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, UUID | date) and isinstance(column.type, String):
        return str(value)
    if isinstance(value, float) and isinstance(column.type, Numeric):
        return Decimal(str(value))
    return value


def _nested(part: PathFilterInput, field: Field) -> Any:
    if len(part.path) > MAX_PATH_LENGTH:
        raise Problem("INVALID", f"At most {MAX_PATH_LENGTH} keys.", field=(*field, "path"))
    if is_inexact(part.eq):
        raise Problem("INVALID", REFUSAL, field=(*field, "eq"))
    value: Any = part.eq
    for step in reversed(part.path):
        value = {step: value}
    return value
