"""The draft: a file's content in the terms of the product, before it is compared with the store.

Identifiers and names are normalized as in the store (`db.text`), so that they are found again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from db.problem import Problem
from db.requirements.collaboration import TraceLinkType
from db.requirements.properties import PropertyType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from db.text import as_identifier, as_name

MAX_NAME_LENGTH = 500
"""The most characters in a name or an external ID, as in the tables."""

MAX_TEXT_LENGTH = 131_072
"""The most characters in any other text: the limit of Python's CSV reader, and of search."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, the number of rows done, and the number of all of them."""


@dataclass(frozen=True)
class Limits:
    """The limits of a file; a larger one is refused.

    `size` is in bytes, also of an unpacked archive of documents; `items` are rows or objects.
    """

    size: int = 100 * 1024 * 1024
    items: int = 100_000
    documents: int = 1_000

    @property
    def unpacked(self) -> int:
        """Return the bytes of an unpacked workbook, or of the ReqIF files of an archive."""
        return 5 * self.size


DEFAULTS: dict[str, StrEnum] = {
    "status": RequirementStatus.DRAFT,
    "priority": RequirementPriority.MEDIUM,
    "level": RequirementLevel.SYSTEM,
    "format": RequirementFormat.NATURAL_LANGUAGE,
}
"""The values of new rows, which a file that names none need not name later either."""

HEADING = "heading"
"""The type of a block that is a heading."""


def own_identifier(id: UUID) -> str:
    """Return the identifier of a row that has no external ID, in files that the gateway writes."""
    return f"_{id}"


def own_id(identifier: str | None) -> UUID | None:
    """Return the ID of the row that `own_identifier` stands for, or None."""
    try:
        return UUID(identifier[1:]) if identifier and identifier.startswith("_") else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class StoredAs:
    """The row that a part of a draft was gathered from, and its version then."""

    id: UUID
    version: int


@dataclass
class DraftBlock:
    """A heading of a document. `parent` is the external ID of the block that contains it.

    `type` is that of a block that is no heading, where the file names it.
    """

    external_id: str
    name: str
    parent: str | None = None
    content: dict[str, Any] = field(default_factory=dict)
    type: str | None = None
    stored: "StoredAs | None" = None

    def __post_init__(self) -> None:
        self.external_id, self.parent = as_identifier(self.external_id), _id(self.parent)


@dataclass(slots=True)
class DraftRequirement:
    """A requirement of a document, in the order of the file.

    None means that the file gives no value, so that the stored one stays; an empty text, list or
    property (None in `properties`) means that the file gives an empty one. `block` is the external
    ID of the block that contains the requirement.
    """

    name: str
    external_id: str | None = None
    block: str | None = None
    description: str | None = None
    status: RequirementStatus | None = None
    priority: RequirementPriority | None = None
    level: RequirementLevel | None = None
    format: RequirementFormat | None = None
    tags: list[str] | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    stored: "StoredAs | None" = None

    def __post_init__(self) -> None:
        self.external_id, self.block = _id(self.external_id), _id(self.block)
        if self.tags is not None:
            self.tags = list(dict.fromkeys(filter(None, map(as_name, self.tags))))


@dataclass
class DraftDocument:
    """A document with its blocks, parents before children, and its requirements.

    `id` is the ID of the stored document to extend, when the caller gives one.
    """

    name: str
    external_id: str | None = None
    description: str | None = None
    blocks: list[DraftBlock] = field(default_factory=list)
    requirements: list[DraftRequirement] = field(default_factory=list)
    id: UUID | None = None
    stored: "StoredAs | None" = None

    def __post_init__(self) -> None:
        self.external_id = _id(self.external_id)

    @property
    def parts(self) -> "list[DraftBlock | DraftRequirement]":
        """Return the blocks, then the requirements."""
        return [*self.blocks, *self.requirements]


@dataclass(slots=True)
class DraftLink:
    """A relation between two objects of the file, by their external ids."""

    source: str
    target: str
    type: TraceLinkType = TraceLinkType.RELATES_TO
    description: str | None = None
    stored: "StoredAs | None" = None

    def __post_init__(self) -> None:
        self.source, self.target = as_identifier(self.source), as_identifier(self.target)


@dataclass
class DraftProperty:
    """A property that the file defines; `choices` are the labels of an enumeration."""

    key: str
    type: PropertyType
    choices: list[str] = field(default_factory=list)


@dataclass
class Draft:
    """The content of one file.

    `structured` is whether the file has blocks and links, so that a requirement without a block
    belongs in none; `textual` is whether every value is a text, as in a table. Of what was
    gathered, `strict` is whether only properties that are defined may have values, and `defined_at`
    the time of the last change of a definition. `counts` are numbers in the file's own terms
    ("rows", "specifications"); `notes` are sentences about content that was changed or left out.
    """

    documents: list[DraftDocument] = field(default_factory=list)
    links: list[DraftLink] = field(default_factory=list)
    properties: dict[str, DraftProperty] = field(default_factory=dict)
    structured: bool = False
    textual: bool = False
    strict: bool = False
    defined_at: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def refused(file: str, why: str) -> Problem:
    """Return the INVALID problem of a file: one sentence that gives the fault and its place."""
    return Problem("INVALID", f"{file}: {why}", field=("file",))


def _id(text: str | None) -> str | None:
    return (as_identifier(text) or None) if text else None


def fitting_name(text: str) -> str:
    """Return the text as a stored name (`db.text`): in one line, cut to the length of a name."""
    line = as_name(" ".join(part for line in text.splitlines() if (part := line.strip())))
    return line if len(line) <= MAX_NAME_LENGTH else line[: MAX_NAME_LENGTH - 1] + "…"


def joined(links: list[DraftLink]) -> list[DraftLink]:
    """Return one link for several of one type between the same objects."""
    found: dict[tuple[str, str, TraceLinkType], DraftLink] = {}
    for link in links:
        key = (link.source, link.target, link.type)
        if key not in found:
            found[key] = link
        elif link.description and link.description != found[key].description:
            both = (found[key].description, link.description)
            found[key].description = "; ".join(filter(None, both))
    return list(found.values())
