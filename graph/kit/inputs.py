"""Inputs that repeat the fields of a type: filters, sort orders, and the fields that are written.

A field is described once, where its type declares it. An input whose field has the name of a
column of the type takes the description from there, unless it has one of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

import strawberry
from sqlalchemy import ARRAY, JSON, Boolean, Date, DateTime, Float, Integer, String, Uuid, inspect
from sqlalchemy import Enum as EnumType
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from graph.kit.connection import OrderDirection
from graph.kit.declared import class_of
from graph.kit.edges import ToOne, edge_of
from graph.kit.enums import enum_of
from graph.kit.filters import (
    EXPRESSIONS,
    BooleanFilterInput,
    DateFilterInput,
    DateTimeFilterInput,
    FilterInput,
    FloatFilterInput,
    IntFilterInput,
    PathFilterInput,
    StringFilterInput,
    TagsFilterInput,
    UUIDFilterInput,
    operator,
)

Class = TypeVar("Class", bound=type)
Texts = Mapping[str, tuple[str, str]]
"""By column, the name and the description of a field that the type does not show."""

More = Mapping[str, tuple[Any, str]]
"""By name, the input and the description of a field that is no column."""

BY = "The field to sort by."

COMPARISONS: tuple[tuple[type, Any], ...] = (
    (Uuid, UUIDFilterInput),
    (String, StringFilterInput),
    (DateTime, DateTimeFilterInput),
    (Date, DateFilterInput),
    (Boolean, BooleanFilterInput),
    (Float, FloatFilterInput),
    (Integer, IntFilterInput),
    (ARRAY, TagsFilterInput),
    (JSON, list[PathFilterInput]),
)
"""The input that compares a column, by the column's type."""


def input_for(type_: Any, text: str) -> Callable[[Class], Class]:
    """Declare an input that writes columns of `type_`, whose descriptions its fields take.

    Raises TypeError for a field that has no description and no column that the type shows.
    """

    @dataclass_transform(field_specifiers=(strawberry.field,))
    def declare(class_: Class) -> Class:
        input_: Any = strawberry.input(class_, description=text)
        for field in get_object_definition(input_, strict=True).fields:
            if field.description is None:
                _, field.description = _field_of(type_, field.python_name, {})
        return input_

    return declare


def filter_input(
    type_: Any,
    *columns: str,
    name: str = "",
    model: Any = None,
    texts: Texts | None = None,
    comparisons: Mapping[str, Any] | None = None,
    expressions: Mapping[str, Any] | None = None,
    weights: Mapping[str, int] | None = None,
    more: More | None = None,
) -> Any:
    """Return the input that filters rows of `type_` by these columns.

    `name` defaults to that of the type, and `model` to that of its rows. `texts` are descriptions
    of columns that the type does not show, `comparisons` are for columns with other comparisons
    than their type's. `expressions` give the SQL of fields that are no columns of the model, and
    `weights` the number of conditions that one of them counts as.
    `more` are lists of inputs that filter by what is no column (`ConditionInput`).
    """
    name = f"{name or type_.__name__}FilterInput"
    members: dict[str, tuple[Any, Any]] = {}
    for column in columns:
        api_name, text = _field_of(type_, column, texts or {})
        weight = (weights or {}).get(column, 1)
        field = operator(f"Filters by {_continued(text)}", name=api_name, weight=weight)
        comparison = (comparisons or {}).get(column) or _comparison_of(model or type_.model, column)
        members[column] = (comparison | None, field)
    for field, (input_, text) in (more or {}).items():
        members[field] = (list[input_] | None, operator(text, weight=input_.weight))
    itself: dict[str, Any] = {}
    for combinator, annotation, text in (
        ("and", f"list[{name}] | None", "Filters that must all match."),
        ("or", f"list[{name}] | None", "Filters of which at least one must match."),
        ("not", f"{name} | None", "A filter that must not match."),
    ):
        own = StrawberryAnnotation(annotation, namespace=itself)
        members[f"{combinator}_"] = (own, operator(text, name=combinator))
    text = "Filters a list. An object must match all fields that are given."
    itself[name] = strawberry.input(class_of(name, members), description=text)
    setattr(itself[name], EXPRESSIONS, expressions or {})
    return itself[name]


def order_input(
    type_: Any,
    *columns: str,
    name: str = "",
    texts: Texts | None = None,
    more: More | None = None,
) -> Any:
    """Return the input that sorts rows of `type_` by one of these columns, in a direction.

    `more` are fields of inputs that sort by what is no column (`SortInput`), in place of `by`.
    """
    name = name or type_.__name__
    described = {}
    for column in columns:
        _, text = _field_of(type_, column, texts or {})
        described[column.upper()] = f"Sorts by {_continued(text)}"
    labels = {column.upper(): column for column in columns}
    sort: Any = enum_of(f"{name}Sort", labels, "The fields by which a list is sorted.", described)
    by = operator(BY) if more else strawberry.field(description=BY)
    direction = strawberry.field(
        default=OrderDirection.ASC, description="The direction of the sort."
    )
    members: dict[str, tuple[Any, Any]] = {"by": (sort | None if more else sort, by)}
    for field, (input_, text) in (more or {}).items():
        members[field] = (input_ | None, operator(text))
    members["direction"] = (OrderDirection, direction)
    text = "A field to sort by, and the direction of the sort."
    return strawberry.input(class_of(f"{name}OrderInput", members), description=text)


def _continued(text: str) -> str:
    """Return the first sentence of a description as the end of another one."""
    sentence, _, _ = text.partition(". ")
    return f"{sentence[0].lower()}{sentence[1:].removesuffix('.')}."


def _comparison_of(model: Any, column: str) -> Any:
    type_ = inspect(model).column_attrs[column].columns[0].type
    if isinstance(type_, EnumType):
        enum: Any = type_.enum_class
        return FilterInput[enum]
    for kind, comparison in COMPARISONS:
        if isinstance(type_, kind):
            return comparison
    raise TypeError(f"{column} of {model.__name__} cannot be compared: {type_!r}.")


def _field_of(type_: Any, column: str, texts: Texts) -> tuple[str, str]:
    """Return the API's name of a column, and its description.

    A key that the type shows only as an edge is called as the edge, with `Id` behind it.
    """
    if column in texts:
        return texts[column]
    for field in get_object_definition(type_, strict=True).fields:
        edge = edge_of(field)
        name, text = field.graphql_name or to_camel_case(field.python_name), field.description or ""
        if edge is None and field.python_name == column and text:
            return name, text
        if isinstance(edge, ToOne) and edge.key == column:
            return f"{name}Id", f"The ID of {text[0].lower()}{text[1:]}"
    raise TypeError(f"{type_.__name__} does not describe {column}.")
