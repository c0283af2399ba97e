"""What a file says, in the words of the product and before anything is compared with the store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.problem import Problem
from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)

LONGEST_NAME = 500
"""Characters in a name or an external id; the tables refuse more."""

LONGEST_TEXT = 131_072
"""Characters in any other text: what Python's reader of CSV takes, and what can be searched."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of it are done, and of how many."""


@dataclass(frozen=True)
class Limits:
    """How much a file may hold before it is refused.

    `size` are bytes, also of what an archive unpacks to; `items` are rows or objects.
    """

    size: int = 100 * 1024 * 1024
    items: int = 100_000
    documents: int = 1_000


@dataclass
class DraftBlock:
    """A heading of a document. `parent` is the external id of the block it stands in."""

    external_id: str
    name: str
    parent: str | None = None
    content: dict[str, Any] = field(default_factory=dict)


@dataclass
class DraftRequirement:
    """A requirement of a document, in the order of the file.

    None means that the file says nothing, so that what is stored stays; an empty text, list or
    property (None in `properties`) means that the file says it is empty. `block` is the external
    id of the block the requirement stands in.
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


@dataclass
class DraftDocument:
    """A document with its blocks, parents before children, and its requirements.

    `id` is that of the stored document it is meant for, when whoever imports has said which.
    """

    name: str
    external_id: str | None = None
    description: str | None = None
    blocks: list[DraftBlock] = field(default_factory=list)
    requirements: list[DraftRequirement] = field(default_factory=list)
    id: UUID | None = None


@dataclass
class DraftLink:
    """A relation between two objects of the file, by their external ids."""

    source: str
    target: str
    type: TraceLinkType = TraceLinkType.RELATES_TO
    description: str | None = None


@dataclass
class Draft:
    """One file.

    `structured` when the file tells of blocks and links, so that a requirement without a block
    stands in none. `counts` says what was read in the file's own words ("rows",
    "specifications"); `notes` are sentences about what could not be taken over as it stood.
    """

    documents: list[DraftDocument] = field(default_factory=list)
    links: list[DraftLink] = field(default_factory=list)
    structured: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def refused(file: str, why: str) -> Problem:
    """The Problem of a file that is not imported: one sentence that says what and where."""
    return Problem("INVALID", f"{file}: {why}", field=("file",))


def fitting_name(text: str) -> str:
    """The text in one line, cut to the length of a name."""
    line = " ".join(part for line in text.splitlines() if (part := line.strip()))
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
