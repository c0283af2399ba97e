"""Which field of a requirement a column or an attribute stands for: by a map, or by its name."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from db.problem import Problem
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.requirements.exchange.vocabulary import words

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
        "key",
        "issue key",
    ),
    "name": ("name", "title", "summary", "requirement name", "requirement title", "headline"),
    "description": (
        "description",
        "text",
        "requirement text",
        "requirement description",
        "requirement",
        "statement",
        "shall statement",
    ),
    "status": ("status", "state", "requirement status"),
    "priority": ("priority", "requirement priority", "importance"),
    "level": ("level", "requirement level"),
    "format": ("format", "requirement format"),
    "tags": ("tags", "tag", "labels", "label", "keywords"),
}
"""The names by which a field is known, likeliest first."""

PROPERTY, IGNORE = "property", "ignore"
TARGETS = (*GUESSES, PROPERTY, IGNORE)
"""What a column can be mapped to: a field, a property under the column's own name, nothing."""

_CUSTOM = re.compile(r"\s*custom field \((.*)\)\s*", re.IGNORECASE | re.DOTALL)


def plain_name(column: str) -> str:
    """The column's name without the "Custom field (...)" that issue trackers put around it."""
    custom = _CUSTOM.fullmatch(column)
    return (custom[1] if custom else column).strip()


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """Columns and their fields from `COLUMN=FIELD`; the column may itself hold an equals sign."""
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


def assign(columns: list[str], chosen: Mapping[str, str]) -> dict[int, str]:
    """The field of each column, by its index; a column without one becomes a property.

    `chosen` goes before any guess, and names columns as the file does or without "Custom field".
    A field guessed for several columns goes to the likeliest name. Problem INVALID when a chosen
    column is missing, or when a field would have several columns; tags may.
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
            if index not in targets and words(plain_name(column)) == guess
        ]
        if found:
            return found if field == "tags" else found[:1]
    return []


def listed(names: Iterable[str]) -> str:
    """Names in quotes, for a sentence."""
    return ", ".join(repr(name) for name in names)


def _bad_map(why: str) -> Problem:
    return Problem("INVALID", why, field=("map",))
