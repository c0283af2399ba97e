"""Definitions of properties: the options of each type, and the values that fit a definition."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import re2

from db.problem import Problem
from db.requirements.properties import PropertyType
from db.text import as_name
from graph.kit.enums import describe_enum
from graph.kit.scalars import day

describe_enum(
    PropertyType,
    "The type of the values of a property, and their form in JSON.",
    {
        "TEXT": "A text.",
        "NUMBER": "A number.",
        "BOOLEAN": "True or false.",
        "DATE": "A date as a text in the format YYYY-MM-DD.",
        "SELECT": "The ID of one of the choices.",
        "MULTI_SELECT": "A list of IDs of choices.",
        "USER": "The ID of a member of the organization.",
        "URL": "A URL with http or https.",
    },
)

MAX_CHOICES = 500
"""Choices of one property."""
MAX_CHOICE_LENGTH = 200
"""Characters of the ID and of the label of a choice."""
MAX_PATTERN_LENGTH = 500
"""Characters of a regular expression."""
PATTERN_MEMORY = 1_000_000
"""Bytes that a compiled pattern may take."""
MAX_URL_LENGTH = 2_000
"""Characters of a URL."""

ALLOWED: Mapping[PropertyType, frozenset[str]] = {
    PropertyType.TEXT: frozenset({"pattern", "default"}),
    PropertyType.NUMBER: frozenset({"minimum", "maximum", "default"}),
    PropertyType.BOOLEAN: frozenset({"default"}),
    PropertyType.DATE: frozenset({"earliest", "latest", "default"}),
    PropertyType.SELECT: frozenset({"choices", "default"}),
    PropertyType.MULTI_SELECT: frozenset({"choices", "default"}),
    PropertyType.USER: frozenset(),
    PropertyType.URL: frozenset({"default"}),
}
"""The options of each type."""
SORTED = {
    PropertyType.TEXT: "text",
    PropertyType.NUMBER: "number",
    PropertyType.BOOLEAN: "boolean",
    PropertyType.DATE: "day",
    PropertyType.SELECT: "text",
    PropertyType.USER: "text",
    PropertyType.URL: "text",
}
"""How the values of each type are sorted; lists are not."""
BOUNDS = (("minimum", "maximum"), ("earliest", "latest"))

Fault = tuple[tuple[str | int, ...], str]
"""The path within a value, and the message."""


class Definition:
    """A property as values are checked against it."""

    def __init__(
        self, key: str, name: str, type_: PropertyType, options: Mapping[str, Any], *, is_base: bool
    ) -> None:
        self.key, self.name, self.type, self.options = key, name, type_, options
        self.is_base = is_base
        self.choices = frozenset(choice["id"] for choice in options.get("choices", ()))

    def fault_in(self, value: Any) -> Fault | None:
        """Return what is wrong with a value, or None if it fits. Null is no value, and fits.

        That a user is a member of the organization is not checked here.
        """
        if value is None:
            return None
        match self.type:
            case PropertyType.TEXT:
                message = self._text(value)
            case PropertyType.NUMBER:
                message = self._number(value)
            case PropertyType.BOOLEAN:
                message = None if isinstance(value, bool) else "Must be true or false."
            case PropertyType.DATE:
                message = self._date(value)
            case PropertyType.SELECT:
                message = self._choice(value)
            case PropertyType.MULTI_SELECT:
                return self._choices(value)
            case PropertyType.USER:
                message = None if is_user_id(value) else "Must be the ID of a user."
            case PropertyType.URL:
                message = None if is_url(value) else "Must be a URL with http or https."
        return ((), message) if message else None

    def fault_in_default(self, value: Any) -> Fault | None:
        """Return what is wrong with a default, or None: as `fault_in`, and no user is one."""
        if value is not None and self.type is PropertyType.USER:
            return (), "A property of the type USER has no default."
        return self.fault_in(value)

    def _text(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return "Must be a text."
        pattern = self.options.get("pattern")
        if pattern is not None and not compiled(pattern).fullmatch(value):
            return f"Must match the pattern {pattern}."
        return None

    def _number(self, value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return "Must be a number."
        return self._outside("minimum", "maximum", value)

    def _date(self, value: Any) -> str | None:
        try:
            day(value if isinstance(value, str) else "")
        except ValueError:
            return "Must be a date in the format YYYY-MM-DD."
        return self._outside("earliest", "latest", value)

    def _outside(self, first: str, last: str, value: Any) -> str | None:
        low, high = self.options.get(first), self.options.get(last)
        if low is not None and value < low:
            return f"Must be at least {_shown(low)}."
        if high is not None and value > high:
            return f"Must be at most {_shown(high)}."
        return None

    def _choice(self, value: Any) -> str | None:
        known = isinstance(value, str) and value in self.choices
        return None if known else "Must be the ID of a choice of the property."

    def _choices(self, value: Any) -> Fault | None:
        if not isinstance(value, list):
            return (), "Must be a list of choices."
        for place, member in enumerate(value):
            if message := self._choice(member):
                return (place,), message
            if member in value[:place]:
                return (place,), "The choice is in the list already."
        return None


def is_user_id(value: Any) -> bool:
    """Return whether a value is a UUID in the form in which the API returns it."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def is_url(value: Any) -> bool:
    """Return whether a value is an absolute URL with http or https."""
    if not isinstance(value, str) or len(value) > MAX_URL_LENGTH or any(map(str.isspace, value)):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


@lru_cache(1_000)
def compiled(pattern: str) -> Any:
    """Return a regular expression in RE2's syntax, which matches in linear time.

    Raises `re2.error` for one that is none, or too large.
    """
    options = re2.Options()
    options.log_errors, options.max_mem = False, PATTERN_MEMORY
    return re2.compile(pattern, options)


def require_options(type_: PropertyType, options: Mapping[str, Any]) -> None:
    """Raise INVALID, with the path, for options that do not fit the type."""
    for name in options:
        if name not in ALLOWED[type_]:
            message = f"A property of the type {type_.name} has no such option."
            raise Problem("INVALID", message, field=["options", name])
    if "choices" in ALLOWED[type_]:
        _require_choices(options.get("choices", ()))
    for first, last in BOUNDS:
        low, high = options.get(first), options.get(last)
        if low is not None and high is not None and low > high:
            message = f"Must not be less than `{first}`."
            raise Problem("INVALID", message, field=["options", last])
    if "pattern" in options:
        _require_pattern(options["pattern"])
    definition = Definition("", "", type_, options, is_base=False)
    if fault := definition.fault_in_default(options.get("default")):
        steps, message = fault
        raise Problem("INVALID", message, field=["options", "default", *steps])


def _require_choices(choices: Sequence[Mapping[str, Any]]) -> None:
    if not 0 < len(choices) <= MAX_CHOICES:
        message = f"Must have 1 to {MAX_CHOICES} choices."
        raise Problem("INVALID", message, field=["options", "choices"])
    for name, place, message in _faults_in(choices):
        raise Problem("INVALID", message, field=["options", "choices", place, name])


def _faults_in(choices: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, str]]:
    """Yield the field, the index and the message of what is wrong with choices."""
    for name in ("id", "label"):
        seen: set[str] = set()
        for place, choice in enumerate(choices):
            text = choice[name]
            if not 0 < len(text) <= MAX_CHOICE_LENGTH or text != as_name(text):
                message = (
                    f"Must be one line of 1 to {MAX_CHOICE_LENGTH} characters, without white space"
                    " around it."
                )
                yield name, place, message
            if text in seen:
                yield name, place, f"Another choice has this {name}."
            seen.add(text)
    for place, choice in enumerate(choices):
        color = choice.get("color")
        if color is not None and not COLOR.fullmatch(color):
            yield "color", place, "Must be a color in the format #RRGGBB."


COLOR = re2.compile("#[0-9A-Fa-f]{6}")


def _require_pattern(pattern: str) -> None:
    field = ["options", "pattern"]
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise Problem("INVALID", f"At most {MAX_PATTERN_LENGTH} characters.", field=field)
    try:
        compiled(pattern)
    except re2.error as error:
        (reason,) = error.args  # bytes of RE2
        message = f"The pattern is not valid in RE2: {reason.decode(errors='replace')}."
        raise Problem("INVALID", message, field=field) from None


def _shown(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def definition_of(row: Any) -> Definition:
    """Return the definition that a property holds."""
    type_ = PropertyType(row.property_type)
    return Definition(row.key, row.name, type_, row.options, is_base=row.is_base)
