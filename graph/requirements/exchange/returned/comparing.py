"""A returned file compared with the state in which it was exported: the edits of its author."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.write.merge import Change
from auth.session.write.revert import stored_values
from db.base import Entity
from db.core.projects import Project
from db.fields import among
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.values import same
from graph.requirements.change_sets.proposable import BY_NAME
from graph.requirements.change_sets.proposing import Edit
from graph.requirements.exchange.model.draft import Draft, Progress, StoredAs
from graph.requirements.exchange.model.versions import Versions
from graph.requirements.exchange.result import Counts, ImportResult
from graph.requirements.exchange.store.apply import Import
from graph.requirements.exchange.store.finding import Key, Placed, R, Stored
from graph.requirements.exchange.store.rows import document_for

COLUMNS: Mapping[type[Entity], tuple[str, ...]] = {
    Document: ("name", "slug", "description", "external_id"),
    Block: ("document_id", "name", "type", "parent_id", "position", "content", "external_id"),
    Requirement: (
        *("document_id", "block_id", "position", "external_id", "name", "description"),
        *("status", "priority", "level", "format", "tags", "properties"),
    ),
    TraceLink: ("source_id", "target_id", "link_type", "description"),
}
"""The columns of new rows."""
INSIDE = {Block: "parent_id", Requirement: "block_id"}
"""The column of the block that a row is in."""


class Returned(Import):
    """A comparison that writes nothing: it collects the edits that the author of the file made.

    The base of each is the row at the version that was exported. Rows that were deleted since are
    compared as well.
    """

    def __init__(
        self,
        transaction: Transaction,
        project: Project,
        draft: Draft,
        result: ImportResult,
        progress: Progress,
        versions: Versions,
    ) -> None:
        super().__init__(transaction, project, draft, result, progress)
        self.versions, self.numbers = versions, versions.by_row()
        self.edits: list[Edit] = []
        self.deleted: dict[UUID, Any] = {}
        """Rows of the export that were deleted since."""
        self._bases: dict[UUID, _AtVersion] = {}
        self._seen: set[UUID] = set()

    async def run(self) -> None:
        """Compare everything; the transaction is to be abandoned."""
        await self.documents()
        if self.draft.structured:
            await self.blocks()
        await self.requirements()
        await self._links_known()
        if self.draft.links:
            await self.links()

    async def prepare(self, known: Sequence[Document]) -> None:
        """Leave out the documents that were deleted since."""
        await self._bases_of(known)
        ids = [one.id for one in self.versions.documents]
        gone = await self.transaction.find_by_id(Document, ids, deleted=True, lock=False)
        left = []
        for each in self.draft.documents:
            is_gone = document_for(each, list(known)) is None and document_for(
                each, list(gone.values())
            )
            if is_gone:
                self.result.notes.append(f"{each.name} was deleted since it was exported.")
            else:
                left.append(each)
        self.draft.documents = left
        held = {part.external_id for each in left for part in each.parts}
        links = self.draft.links
        self.draft.links = [one for one in links if {one.source, one.target} <= held]

    async def find(self, model: type[R], wanted: Collection[Key]) -> Stored:
        """Return the rows of the export, deleted ones too, and others with these identifiers."""
        known = self.versions.blocks if model is Block else self.versions.requirements
        names: dict[UUID, Key] = {}
        for document, each in zip(self.versions.documents, known, strict=True):
            names |= {one.id: (document.id, name) for name, one in each.items()}
        rows: dict[UUID, Any] = dict(
            await self.transaction.find_by_id(model, list(names), lock=False)
        )
        gone: dict[UUID, Any] = await self.transaction.find_by_id(
            model, [id for id in names if id not in rows], deleted=True, lock=False
        )
        self.deleted |= gone
        found = Stored([*rows.values(), *gone.values()], names=names)
        find = found.finder()
        new = {key for key in wanted if find(key) is None}
        if new and self.old:
            documents = {document.id for document in self.old}
            identifiers = [name for _, name in new]
            more = await self.transaction.find_all(
                model,
                model.project_id == self.project.id,
                among(model.external_id, identifiers),
                lock=False,
            )
            found.rows += [
                row for row in more if row.document_id in documents and row.id not in names
            ]
        await self._bases_of(found.rows)
        return found

    async def load(self, model: type[R], found: Sequence[Placed]) -> Mapping[UUID, Any]:
        """Return the rows, which are whole."""
        del model
        return {row.id: row for row in found}

    def current(self, row: Any) -> Any:
        """Return the row as it was exported."""
        return self._bases.get(row.id, row)

    def add(self, row: Entity, counts: Counts) -> None:
        """Collect the creation of a row."""
        kind = BY_NAME[type(row).__name__]
        given = {name: getattr(row, name) for name in COLUMNS[type(row)]}
        values = {name: value for name, value in given.items() if value is not None}
        if isinstance(row, TraceLink) and self._is_exported(row):
            return
        self._edit(Edit(kind, "create", (), row.id, values=values))
        counts.created += 1
        self.result.tell(self.kind_of(counts), row, "created")

    def change(
        self, row: Entity, counts: Counts, values: Mapping[str, Any], *, restored: bool = False
    ) -> None:
        """Collect the values that differ from those that were exported."""
        del restored
        self._seen.add(row.id)
        base = self.current(row)
        differing = {
            name: value for name, value in values.items() if not same(getattr(base, name), value)
        }
        if not differing:
            counts.unchanged += 1
            return
        counts.updated += 1
        self.result.tell(self.kind_of(counts), row, "updated", differing)
        kind, version = BY_NAME[type(row).__name__], self.numbers.get(row.id, row.version)
        inside = INSIDE.get(type(row))
        if inside in differing:
            above = differing.pop(inside)
            place = {
                "container_id": None,
                "inside": str(above) if above else None,
                "inside_given": True,
                "index": len(self.edits),
            }
            self._edit(Edit(kind, "move", (), row.id, version, place=place))
        if differing:
            self._edit(Edit(kind, "update", (), row.id, version, values=differing))

    def absent(self) -> Iterable[Edit]:
        """Yield the deletions of rows that were exported, and are not in the file."""
        there = {document.id for _, document in self.pairs}
        parts: list[tuple[type[Entity], StoredAs]] = []
        for place, document in enumerate(self.versions.documents):
            if document.id in there:
                parts += [(Requirement, one) for one in self.versions.requirements[place].values()]
                if self.draft.structured:
                    parts += [(Block, one) for one in self.versions.blocks[place].values()]
        for model, one in parts:
            if one.id not in self._seen and one.id not in self.deleted:
                yield Edit(BY_NAME[model.__name__], "delete", (), one.id, one.version)
        if self.draft.structured:
            named = {(link.source, link.target, link.type.value) for link in self.draft.links}
            for name, one in self.versions.links.items():
                if name not in named and one.id in self._live_links:
                    yield Edit(BY_NAME["TraceLink"], "delete", (), one.id, one.version)

    async def _links_known(self) -> None:
        ids = [one.id for one in self.versions.links.values()]
        rows = await self.transaction.find_by_id(TraceLink, ids, lock=False) if ids else {}
        self._live_links = set(rows)
        await self._bases_of(rows.values())

    def _is_exported(self, row: TraceLink) -> bool:
        """Return whether a link was in the export, so that it was deleted since."""
        names = {id: name for name, places in self.ends.items() for id in _ids(places)}
        ends = (names.get(row.source_id, ""), names.get(row.target_id, ""), row.link_type.value)
        return ends in self.versions.links

    def _edit(self, edit: Edit) -> None:
        edit.path = ("objects", len(self.edits))
        self.edits.append(edit)

    async def _bases_of(self, rows: Iterable[Any]) -> None:
        """Make the rows as they were exported, of the changes that were recorded since."""
        known = [(row, self.numbers[row.id]) for row in rows if row.id in self.numbers]
        since = await self.transaction.changes_since(known)
        for row, _ in known:
            if changes := since.get(row.id):
                self._bases[row.id] = _AtVersion(row, changes)


class _AtVersion:
    """A row as it was before these changes."""

    def __init__(self, row: Any, since: Sequence[Change]) -> None:
        self._row = row
        old: dict[str, Any] = {}
        for change in reversed(since):
            old |= change.old
        self._old = stored_values(type(row), old)

    def __getattr__(self, name: str) -> Any:
        return self._old[name] if name in self._old else getattr(self._row, name)


def _ids(places: Mapping[UUID, tuple[Any, Any]]) -> Iterable[UUID]:
    return (row.id for _, row in places.values())
