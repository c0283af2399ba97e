"""The result of an import, real or dry: numbers for each kind of row, and notes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counts:
    """The outcomes of the rows of one kind, in numbers.

    `restored` were deleted and are in the file again; `absent` are in the store but not in the
    file, and stay as they are.
    """

    created: int = 0
    updated: int = 0
    restored: int = 0
    unchanged: int = 0
    absent: int = 0

    @property
    def written(self) -> int:
        """Return the number of rows that changed."""
        return self.created + self.updated + self.restored

    def __str__(self) -> str:
        parts = [f"{self.created} created", f"{self.updated} updated"]
        parts += [f"{self.restored} restored"] if self.restored else []
        parts += [f"{self.unchanged} unchanged"]
        parts += [f"{self.absent} not in the file and left alone"] if self.absent else []
        return ", ".join(parts)


MAX_OBJECTS = 1_000
"""Objects that a report lists."""


@dataclass(frozen=True)
class ObjectResult:
    """What becomes of one object. `kind` is one of `by_kind`, `fields` are columns that change."""

    kind: str
    external_id: str | None
    name: str
    outcome: str
    fields: tuple[str, ...] = ()


@dataclass
class ImportResult:
    """The outcome of one import.

    `read` counts the file's contents in its own terms (rows, specifications, objects, relations),
    `names` are the documents written to, and `notes` list content that was changed or left out.
    """

    file: str
    dry_run: bool
    read: dict[str, int]
    names: list[str] = field(default_factory=list)
    documents: Counts = field(default_factory=Counts)
    blocks: Counts = field(default_factory=Counts)
    requirements: Counts = field(default_factory=Counts)
    links: Counts = field(default_factory=Counts)
    properties: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    objects: list[ObjectResult] = field(default_factory=list)
    """What is written, at most MAX_OBJECTS."""

    def tell(self, kind: str, row: Any, outcome: str, fields: Iterable[str] = ()) -> None:
        """Add an object to the report, if there is room for it."""
        if len(self.objects) < MAX_OBJECTS:
            external_id = getattr(row, "external_id", None)
            name = getattr(row, "name", None) or getattr(row, "link_type", "")
            told = ObjectResult(kind, external_id, str(name), outcome, tuple(sorted(fields)))
            self.objects.append(told)

    @property
    def by_kind(self) -> dict[str, Counts]:
        """Return the counts by the name of their kind, in the order in which they are written."""
        return {
            "properties": self.properties,
            "documents": self.documents,
            "blocks": self.blocks,
            "requirements": self.requirements,
            "trace links": self.links,
        }

    @property
    def changed(self) -> bool:
        """Return whether anything was written, or would be."""
        return any(counts.written for counts in self.by_kind.values())
