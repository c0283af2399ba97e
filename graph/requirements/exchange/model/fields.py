"""The mapping of columns and attributes to the fields of a requirement: explicit, or by name."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from db.problem import Problem
from db.requirements.properties import PropertyType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from db.text import as_identifier
from graph.requirements.exchange.model.vocabulary import heading

CHOICES: dict[str, type[StrEnum]] = {
    "status": RequirementStatus,
    "priority": RequirementPriority,
    "level": RequirementLevel,
    "format": RequirementFormat,
}
"""The fields that take a member of an enumeration."""

GUESSES: dict[str, tuple[str, ...]] = {
    "external_id": (
        "requirement id",
        "external id",
        "req id",
        "reqid",
        "id",
        "identifier",
        "uid",
        "unique id",
        "unique identifier",
        "puid",
        "key",
        "issue key",
        "id key",
        "jira key",
        "formatted id",
        "formal id",
        "object identifier",
        "object id",
        "item id",
        "work item id",
        "artifact id",
        "system requirement id",
        "srs id",
        "sys id",
        "spec id",
        "doors id",
        "requirement no",
        "requirement number",
        "req no",
        "req number",
        "ref id",
        "global id",
        "source id",
        "legacy id",
        "number",
        "no",
        "nr",
        "reference",
        "ref",
        "anforderungs id",
        "kennung",
    ),
    "name": (
        "name",
        "title",
        "summary",
        "requirement name",
        "requirement title",
        "headline",
        "heading",
        "object heading",
        "short description",
        "short text",
        "object short text",
        "subject",
        "caption",
        "header",
    ),
    "description": (
        "description",
        "text",
        "requirement text",
        "requirement description",
        "requirement",
        "statement",
        "shall statement",
        "requirement statement",
        "primary text",
        "object text",
        "req text",
        "full text",
        "requirement definition",
        "requirement body",
        "content",
        "body",
        "definition",
        "specification",
        "details",
    ),
    "status": ("status", "state", "requirement status"),
    "priority": ("priority", "requirement priority", "importance"),
    "level": ("level", "requirement level"),
    "format": ("format", "requirement format"),
    "tags": ("tags", "tag", "labels", "label", "keywords"),
}
"""The names by which a field is recognized, likeliest first."""

PROPERTY, IGNORE = "property", "ignore"
TYPED = {f"{PROPERTY}:{type_.value}": type_ for type_ in PropertyType}
"""The targets of a column that becomes a property of a type, which is defined if it is not yet."""
TARGETS = (*GUESSES, PROPERTY, *TYPED, IGNORE)
"""The targets of a column: a field, a property under the column's own name, or none."""
LIST_SEPARATORS = re.compile(r"[,;\n]")
"""Separators of several values in one cell."""

_CUSTOM = re.compile(r"\s*custom field \((.*)\)\s*", re.IGNORECASE | re.DOTALL)


def plain_name(column: str) -> str:
    """Return the column's name as a key, without the "Custom field (...)" of issue trackers."""
    custom = _CUSTOM.fullmatch(column)
    return as_identifier(custom[1] if custom else column)


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """Return columns and their fields from `COLUMN=FIELD`; a column may contain an equals sign.

    Raises INVALID for another form, or an unknown field.
    """
    chosen: dict[str, str] = {}
    for pair in pairs:
        column, equals, target = pair.rpartition("=")
        field = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", target.strip()).lower()
        if not (equals and column.strip()):
            raise _bad_map(f"{pair!r} is not of the form COLUMN=FIELD.")
        if field not in TARGETS:
            raise _bad_map(f"{target.strip()!r} is none of {', '.join(TARGETS)}.")
        chosen[column.strip()] = field
    return chosen


def untyped(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return a mapping for a reader, to which a property of any type is a property."""
    return {name: PROPERTY if field in TYPED else field for name, field in chosen.items()}


def assign(columns: list[str], chosen: Mapping[str, str]) -> dict[int, str]:
    """Return the field of each column, by its index; a column without one becomes a property.

    `chosen` takes precedence over guesses, and names columns with or without "Custom field". A
    field guessed for several columns goes to the likeliest name. Raises INVALID when a chosen
    column is missing, or when a field other than tags would have several columns.
    """
    targets: dict[int, str] = {}
    for column, target in chosen.items():
        found = [i for i, name in enumerate(columns) if column in (name, plain_name(name))]
        if not found:
            raise _bad_map(f"there is no column {column!r}; there are {listed(columns)}.")
        for index in found:
            targets[index] = target
    for field in GUESSES:
        taken = [index for index, target in targets.items() if target == field]
        if len(taken) > 1 and field != "tags":
            both = " and ".join(f"{columns[i]!r} (column {i + 1})" for i in taken[:2])
            raise _bad_map(f"{both} cannot both be {field}.")
        if not taken:
            targets |= dict.fromkeys(_guessed(field, columns, targets), field)
    return targets


def _guessed(field: str, columns: list[str], targets: Mapping[int, str]) -> list[int]:
    for guess in GUESSES[field]:
        found = [
            index
            for index, column in enumerate(columns)
            if index not in targets and heading(plain_name(column)) == guess
        ]
        if found:
            return found if field == "tags" else found[:1]
    return []


def listed(names: Iterable[str]) -> str:
    """Return the names in quotes, separated by commas."""
    return ", ".join(repr(name) for name in names)


def _bad_map(why: str) -> Problem:
    return Problem("INVALID", why, field=("map",))
