"""The copies of what is in documents: blocks, requirements, columns, tests and trace links.

Blocks, requirements, columns and links are copied within PostgreSQL, one statement a table. The
gateway reads only the IDs, to map keys to those of the copies.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.session import Transaction
from auth.session.write.copying import Copies
from db.base import Entity
from db.core.projects import Project
from db.fields import among
from db.problem import Problem
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.properties import Column
from db.requirements.requirements import Requirement, RequirementStatus
from graph.requirements.copying.properties import PropertyCopies
from graph.requirements.numbers import NUMBERS
from graph.requirements.workflows.enforcement import require_no_workflow

MAX_OBJECTS = 10_000
"""The most blocks and requirements of one copy, which take some seconds."""
MAX_LINKS = 50_000
"""The most trace links of one copy."""


@dataclass(frozen=True)
class Options:
    """The contents to copy, and the options of the copy."""

    links: bool = True
    tests: bool = False
    renumber: bool = False
    keep_status: bool = False
    most: int = MAX_OBJECTS
    """The most blocks and requirements."""


def no_progress(what: str, done: int, of: int) -> None:
    """Show no progress."""


@dataclass
class Copying:
    """One copy of documents to a project: `ids` has the ID of the copy of each object."""

    transaction: Transaction
    project: Project
    options: Options
    documents: Mapping[UUID, Document]
    """The new documents, by the IDs of those that are copied."""
    properties: PropertyCopies
    ids: dict[UUID, UUID] = field(default_factory=dict)
    counts: dict[type[Entity], int] = field(default_factory=dict)
    requirements: list[UUID] = field(default_factory=list)
    """The IDs of the requirements that are copied."""
    total: int = 0
    """The number of blocks and requirements to copy."""
    show: Callable[[str, int, int], None] = no_progress
    """Is told what is copied, how many of it, and of how many."""

    async def run(self) -> None:
        """Copy blocks, requirements and columns. Raises LIMIT_REACHED for too many."""
        self.ids |= {id: document.id for id, document in self.documents.items()}
        requirements = await self._rows(Requirement, "block_id", "level")
        blocks = await self._rows(Block, "parent_id")
        most, current = self.options.most, len(blocks) + len(requirements)
        if current > most:
            message = f"A copy has at most {most:,} blocks and requirements."
            raise Problem("LIMIT_REACHED", message, maximum=most, current=current)
        self.total = current
        known = {id for id, *_ in blocks}  # others were deleted meanwhile
        blocks = [row for row in blocks if row[2] is None or row[2] in known]
        requirements = [row for row in requirements if row[2] is None or row[2] in known]
        columns = [
            row for row in await self._rows(Column, "block_id", "property_id") if row[2] in known
        ]
        await self.properties.make([(row[1], row[3]) for row in columns])
        await self._copy(Block, blocks, parent_id=[row[2] for row in blocks])
        await self._requirements(requirements)
        shown = [row for row in columns if self.properties.of(row[1], row[3])]
        await self._copy(
            Column,
            shown,
            block_id=[row[2] for row in shown],
            property_id=[self.properties.of(row[1], row[3]) for row in shown],
        )

    async def links(self) -> None:
        """Copy the links between the objects that were copied, at the versions of the copies."""
        rows = await self.transaction.values(
            TraceLink,
            ("id", "source_id", "target_id"),
            among(TraceLink.source_id, self.ids),
            order=(TraceLink.id,),
            limit=MAX_LINKS + 1,
        )
        if len(rows) > MAX_LINKS:
            message = f"A copy has at most {MAX_LINKS:,} trace links."
            raise Problem("LIMIT_REACHED", message, maximum=MAX_LINKS)
        found = [row for row in rows if row[2] in self.ids]
        new = {row[0]: uuid7() for row in found}
        same: dict[str, Any] = {
            "project_id": self.project.id,
            "source_version": 1,
            "target_version": 1,
            "confirmed_at": None,
            "confirmed_by": None,
        }
        ends = {
            "source_id": [self.ids[row[1]] for row in found],
            "target_id": [self.ids[row[2]] for row in found],
        }
        self.counts[TraceLink] = await self.transaction.copy(Copies(TraceLink, new, same, ends))

    async def _rows(self, model: Any, *columns: str) -> list[Any]:
        """Return ID, document and columns of the rows in the documents, in their order."""
        return await self.transaction.values(
            model,
            ("id", "document_id", *columns),
            among(model.document_id, self.documents),
            order=(model.document_id, model.position, model.id),
        )

    async def _requirements(self, rows: Sequence[Any]) -> None:
        same: dict[str, Any] = {
            "ai_analysis": {},
            "enhancement": {},
            "enhanced_requirement": None,
        }
        if self.options.keep_status:
            await require_no_workflow(self.transaction, self.project.id)
        else:
            same["status"] = RequirementStatus.DRAFT
        self.requirements = [row[0] for row in rows]
        each: dict[str, Sequence[Any]] = {"block_id": [row[2] for row in rows]}
        if self.options.renumber and rows:
            places = [self.documents[row[1]].id for row in rows]
            levels = [row[3] for row in rows]
            each["external_id"] = await NUMBERS.take(self.transaction, places, levels)
        await self._copy(Requirement, rows, same, **each)

    async def _copy(
        self,
        model: type[Entity],
        rows: Sequence[Any],
        same: Mapping[str, Any] | None = None,
        **each: Sequence[Any],
    ) -> None:
        """Copy rows to the new documents. Keys to rows that were copied lead to the copies."""
        new = {row[0]: uuid7() for row in rows}
        self.ids |= new
        values = {name: [self.ids.get(value, value) for value in of] for name, of in each.items()}
        values["document_id"] = [self.documents[row[1]].id for row in rows]
        there = {"project_id": self.project.id} | dict(same or {})
        for batch in Copies(model, new, there, values).in_batches():
            count = await self.transaction.copy(batch)
            if count != len(batch.ids):
                message = "The source was changed meanwhile. Try again."
                raise Problem("CONFLICT", message)
            self.counts[model] = self.counts.get(model, 0) + count
            done = sum(self.counts.get(each, 0) for each in (Block, Requirement))
            self.show("Blocks and requirements", done, self.total)
