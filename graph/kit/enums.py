"""Enumerations of the tables in the schema, with a description for the type and each value."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def describe_enum(
    enum: type[Enum],
    text: str,
    values: Mapping[str, str],
    *,
    name: str | None = None,
    deprecated: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add an enumeration to the schema, by default under its own name; KeyError without a text.

    `deprecated` has the reasons for which values are.
    """
    strawberry.enum(enum, name=name, description=text)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
        value.deprecation_reason = deprecated.get(value.name)


def enum_of(
    name: str, labels: Mapping[str, object], text: str, values: Mapping[str, str]
) -> type[Enum]:
    """Return an enumeration of these labels and their values, added to the schema."""
    make: Any = Enum
    enum: type[Enum] = make(name, labels)
    describe_enum(enum, text, values)
    return enum
