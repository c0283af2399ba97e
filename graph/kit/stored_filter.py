"""Filters as JSON, for jobs that apply them later."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, get_args
from uuid import UUID

from strawberry import UNSET
from strawberry.types.base import (
    StrawberryList,
    StrawberryOptional,
    StrawberryTypeVar,
    get_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition


def stored(value: Any) -> Any:
    """Return an input, such as a filter, as JSON; fields that were left out are not in it."""
    if isinstance(value, list):
        return [stored(member) for member in value]
    if get_object_definition(type(value)) is not None:
        given = {name: each for name, each in vars(value).items() if each is not UNSET}
        return {name: stored(each) for name, each in given.items()}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def restored(class_: Any, kept: Mapping[str, Any]) -> Any:
    """Return the input of this class that was stored."""
    types = {
        field.python_name: field.type for field in get_object_definition(class_, strict=True).fields
    }
    return class_(**{name: _restored(types[name], value, class_) for name, value in kept.items()})


def _restored(type_: Any, value: Any, class_: Any) -> Any:
    """Return the value of a field of this type; `class_` is the input that it belongs to."""
    if isinstance(type_, StrawberryOptional):
        return None if value is None else _restored(type_.of_type, value, class_)
    if isinstance(type_, StrawberryTypeVar):  # of the generic input that `class_` extends
        return _restored(get_args(class_.__orig_bases__[0])[0], value, class_)
    if isinstance(type_, StrawberryList):
        return [_restored(type_.of_type, member, class_) for member in value]
    if isinstance(type_, StrawberryEnumDefinition):
        return type_.wrapped_cls[value]
    if get_object_definition(type_) is not None:
        return restored(type_, value)
    return _CONVERTED.get(type_, _as_it_is)(value)


def _as_it_is(value: Any) -> Any:
    return value


_CONVERTED: Mapping[Any, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
}
"""The conversion from JSON of each scalar type."""
