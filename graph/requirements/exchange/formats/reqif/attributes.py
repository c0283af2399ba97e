"""The attributes of the ReqIF files that the gateway writes: their types, and who has a value."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from db.requirements.properties import PropertyType
from db.text import as_identifier
from graph.requirements.exchange.formats.reqif import own
from graph.requirements.exchange.formats.reqif.values import MAX_INTEGER, MIN_INTEGER
from graph.requirements.exchange.model.draft import Draft, DraftProperty
from graph.requirements.exchange.model.fields import CHOICES
from graph.requirements.exchange.model.vocabulary import heading

NAME, TEXT, CHAPTER = "ReqIF.Name", "ReqIF.Text", "ReqIF.ChapterName"
TAGS = "Tags"
FIELDS: dict[str, type[StrEnum]] = {name.capitalize(): type_ for name, type_ in CHOICES.items()}
"""The attributes of the fields that are enumerations."""
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (section 2.2)."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
RESERVED = {NAME, TEXT, CHAPTER, "ReqIF.Description", TAGS, *FIELDS}

KINDS = {
    PropertyType.SELECT: "ENUMERATION",
    PropertyType.MULTI_SELECT: "ENUMERATION",
    PropertyType.BOOLEAN: "BOOLEAN",
    PropertyType.DATE: "DATE",
}


@dataclass
class Attribute:
    """An attribute of a type: its name, the kind of its values, and the labels of its choices."""

    id: str
    name: str
    kind: str
    labels: Sequence[str] = ()
    many: bool = False
    choices: dict[str, str] = field(default_factory=dict)
    """The identifiers of the choices, by their labels."""

    def __post_init__(self) -> None:
        self.choices = {label: f"{self.id}-{n}" for n, label in enumerate(self.labels)}

    @property
    def datatype(self) -> str:
        """Return the identifier of the type of the values."""
        return f"{self.id}-type" if self.kind == "ENUMERATION" else f"gateway-{self.kind.lower()}"

    def holds(self, value: Any) -> bool:
        """Return whether a value is of the kind, and would be read as it is."""
        match self.kind:
            case "ENUMERATION" if self.many:
                is_list = isinstance(value, list) and len(value) > 0
                return is_list and all(isinstance(v, str) and v in self.choices for v in value)
            case "ENUMERATION":
                return isinstance(value, str) and value in self.choices
            case "BOOLEAN" | "INTEGER" | "REAL":
                return is_exact(self.kind, value)
            case "DATE":
                return isinstance(value, str) and _is_day(value)
            case _:
                is_text = isinstance(value, str) and bool(value.strip())
                return is_text and not ILLEGAL.search(value)


def attributes_of(draft: Draft) -> dict[str, Attribute]:
    """Return an attribute for each property that ReqIF can hold, by its key."""
    values: dict[str, list[Any]] = {}
    for document in draft.documents:
        for requirement in document.requirements:
            for key, value in requirement.properties.items():
                values.setdefault(key, []).append(value)
    found: dict[str, Attribute] = {}
    for number, (key, each) in enumerate(values.items()):
        if key in RESERVED or key.startswith(own.PREFIX) or heading(key) == heading(TAGS):
            continue
        if as_identifier(key) != key or ILLEGAL.search(key):
            continue
        attribute = _attribute(f"gateway-property-{number}", key, draft.properties.get(key), each)
        if any(map(attribute.holds, each)):
            found[key] = attribute
    return found


def _attribute(id: str, key: str, defined: DraftProperty | None, values: list[Any]) -> Attribute:
    if defined is None:
        return Attribute(id, key, "STRING")
    if defined.type is PropertyType.NUMBER:
        numbers = [value for value in values if isinstance(value, int | float)]
        return Attribute(id, key, "INTEGER" if all(map(_is_integer, numbers)) else "REAL")
    labels = [label for label in defined.choices if not ILLEGAL.search(label)]
    many = defined.type is PropertyType.MULTI_SELECT
    return Attribute(id, key, KINDS.get(defined.type, "STRING"), labels, many)


def tags_of(draft: Draft) -> list[str]:
    """Return the tags of all requirements."""
    tags: Iterable[str] = (
        tag
        for document in draft.documents
        for requirement in document.requirements
        for tag in requirement.tags or ()
    )
    return [*dict.fromkeys(tags)]


def written(attribute: Attribute, value: Any) -> str:
    """Return a value as ReqIF writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if attribute.kind == "DATE":
        return f"{value}T00:00:00"
    if attribute.kind == "REAL":
        return repr(value)
    return str(value)


def is_identifier(text: str) -> bool:
    """Return whether a text can be an IDENTIFIER as it is, and is none that the gateway makes."""
    return bool(_NAME.fullmatch(text)) and not text.startswith("gateway-")


def is_exact(kind: str, value: Any) -> bool:
    """Return whether a number or a truth value is of this type of ReqIF."""
    match kind:
        case "BOOLEAN":
            return isinstance(value, bool)
        case "INTEGER":
            return _is_integer(value)
        case "REAL":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and math.isfinite(value) and float(value) == value
        case _:
            return False


def _is_integer(value: Any) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer and MIN_INTEGER <= value <= MAX_INTEGER


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
