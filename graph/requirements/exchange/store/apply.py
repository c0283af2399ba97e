"""The comparison of a draft with the store, and its writing by a viewer: all or nothing.

The viewer's transaction applies the policy, the versions and the audit log; nothing here depends
on roles. Rows are matched by their external IDs, so that a second import of the same file writes
nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.base import Entity
from db.core.projects import Project
from db.fields import among
from db.problem import Problem
from db.requirements.collaboration import EntityType, TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.values import same
from graph.requirements.exchange.model.draft import (
    HEADING,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
    Progress,
    own_id,
    own_identifier,
)
from graph.requirements.exchange.model.versions import Written
from graph.requirements.exchange.result import Counts, ImportResult
from graph.requirements.exchange.store.finding import Key, R, Stored, stored
from graph.requirements.exchange.store.placing import placed
from graph.requirements.exchange.store.slugs import free_slug
from graph.requirements.exchange.store.typed import TypedProperties
from graph.requirements.exchange.tables.cells import as_stored
from graph.requirements.workflows.enforcement import IMPORT

BATCH = 500
"""The number of rows sent together, and between two reports of progress."""

End = tuple[EntityType, Block | Requirement]


async def apply(
    transaction: Transaction,
    project: Project,
    draft: Draft,
    result: ImportResult,
    progress: Progress,
) -> Written:
    """Write the draft into the project, and count in `result` the outcome of each row.

    Returns the rows that the parts of the draft are.

    Only values that differ from the stored ones are sent. Rows that the file does not mention
    stay as they are. Raises the Problem of the policy or the database; the caller's transaction
    then undoes everything.
    """
    transaction.purpose = IMPORT
    work = Import(transaction, project, draft, result, progress)
    await work.documents()
    if draft.structured:
        await work.blocks()
    await work.requirements()
    if draft.links:
        await work.links()
    return work.written()


class Import:
    """One import: its arguments, and the rows found or created so far."""

    def __init__(
        self,
        transaction: Transaction,
        project: Project,
        draft: Draft,
        result: ImportResult,
        progress: Progress,
    ) -> None:
        self.transaction, self.project, self.draft = transaction, project, draft
        self.result, self.progress = result, progress
        self.in_project: dict[str, Any] = scopes_beneath(Project, project)
        self.pairs: list[tuple[DraftDocument, Document]] = []
        self.old: list[Document] = []
        self.block_ids: dict[tuple[UUID, str], UUID] = {}
        self.ends: dict[str, dict[UUID, End]] = defaultdict(dict)
        self.block_rows: dict[UUID, dict[str, Block]] = defaultdict(dict)
        self.requirement_rows: dict[UUID, dict[str, Requirement]] = defaultdict(dict)
        self.link_rows: list[tuple[DraftLink, TraceLink]] = []

    def written(self) -> Written:
        """Return the rows, by what the draft names them with."""
        return Written(
            [row for _, row in self.pairs],
            self.block_rows,
            self.requirement_rows,
            self.link_rows,
        )

    async def documents(self) -> None:
        drafts = self.draft.documents
        ids = [each.external_id for each in drafts if each.external_id]
        names = [each.name for each in drafts]
        ids_given = [each.id or own_id(each.external_id) for each in drafts]
        known = await self.transaction.find_all(
            Document,
            Document.project_id == self.project.id,
            among(Document.external_id, ids)
            | among(Document.name, names)
            | among(Document.id, [id for id in ids_given if id]),
        )
        await self.prepare(known)
        drafts = self.draft.documents
        slugs: set[str] = set()
        for each in drafts:
            row = document_for(each, [row for row in known if row not in self.old])
            if row is None:
                slug = await free_slug(self.transaction, self.project.id, each.name, slugs)
                slugs.add(slug)
                row = Document(
                    **self.in_project,
                    name=each.name,
                    slug=slug,
                    description=each.description or None,
                    external_id=each.external_id,
                )
                self.add(row, self.result.documents)
            else:
                self.old.append(row)
                values = {"name": each.name} if each.id is None else {}
                if each.external_id != own_identifier(row.id):
                    values |= _said(external_id=row.external_id or each.external_id)
                values |= _said(description=each.description)
                self.change(row, self.result.documents, values)
            self.pairs.append((each, row))
            self.result.names.append(row.name)
        await self.transaction.flush()
        self.progress("documents", len(drafts), len(drafts))

    async def prepare(self, known: Sequence[Document]) -> None:
        """Do what has to be done before documents are compared."""

    async def blocks(self) -> None:
        counts = self.result.blocks
        wanted = {(row.id, block.external_id) for each, row in self.pairs for block in each.blocks}
        known = await self.find(Block, wanted)
        found = known.by_key()
        for each, document in self.pairs:
            rows = [found.get((document.id, block.external_id)) for block in each.blocks]
            taken = known.positions(document.id)
            positions = placed([row.position if row else None for row in rows], taken)
            for block, kept, position in zip(each.blocks, rows, positions, strict=True):
                values: dict[str, Any] = {"name": block.name, "parent_id": None}
                if block.parent:
                    values["parent_id"] = self.block_ids[document.id, block.parent]
                if kept:
                    row = kept
                    values["content"] = self.current(row).content | block.content
                    values |= {"type": block.type} if block.type else {}
                    self.change(row, counts, values, restored=row.id in known.restored)
                else:
                    row = _new_block(document, block, position, values)
                    self.add(row, counts)
                self.block_ids[document.id, block.external_id] = row.id
                self.ends[block.external_id][document.id] = (EntityType.BLOCK, row)
                self.block_rows[document.id][block.external_id] = row
        counts.absent = len(known.rows) - counts.updated - counts.restored - counts.unchanged
        await self.transaction.flush()
        total = len(wanted)
        self.progress("blocks", total, total)

    async def requirements(self) -> None:
        counts = self.result.requirements
        drafted = [(row.id, each) for draft, row in self.pairs for each in draft.requirements]
        wanted = {(document, each.external_id) for document, each in drafted if each.external_id}
        known = await self.find(Requirement, wanted)
        found, nameless = known.by_key(), known.nameless()
        documents = [document for _, document in self.pairs]
        typed = await TypedProperties.of(
            self.transaction, self.project, self.draft, documents, self.result
        )
        done = 0
        for draft, document in self.pairs:
            rows = [
                found.get((document.id, each.external_id))
                if each.external_id
                else _first(nameless.get((document.id, each.name)))
                for each in draft.requirements
            ]
            taken = known.positions(document.id)
            positions = placed([row.position if row else None for row in rows], taken)
            for each, kept, position in zip(draft.requirements, rows, positions, strict=True):
                values = self.values(document, each)
                properties = typed.fitted(document, each.properties)
                if kept:
                    row = kept
                    before = self.current(row).properties
                    if self.draft.textual:
                        properties = as_stored(before, properties)
                    values["properties"] = _filled(before | properties)
                    self.change(row, counts, values, restored=row.id in known.restored)
                else:
                    values["properties"] = _filled(properties)
                    row = _new_requirement(document, each, position, values)
                    self.add(row, counts)
                if each.external_id:
                    self.ends[each.external_id][document.id] = (EntityType.REQUIREMENT, row)
                    self.requirement_rows[document.id][each.external_id] = row
                done += 1
                if done % BATCH == 0:
                    await self.transaction.flush()
                    self.progress("requirements", done, len(drafted))
        counts.absent = len(known.rows) - counts.updated - counts.restored - counts.unchanged
        self.result.notes += typed.notes()
        await self.transaction.flush()
        self.progress("requirements", done, len(drafted))

    def values(self, document: Document, draft: DraftRequirement) -> dict[str, Any]:
        """Return the columns that the file gives, except the properties."""
        values: dict[str, Any] = {"name": draft.name}
        if self.draft.structured:
            block = self.block_ids[document.id, draft.block] if draft.block else None
            values["block_id"] = block
        return values | _said(
            description=draft.description,
            status=draft.status,
            priority=draft.priority,
            level=draft.level,
            format=draft.format,
            tags=draft.tags,
        )

    async def links(self) -> None:
        counts, links = self.result.links, self.draft.links
        known = await self.transaction.find_all(
            TraceLink, TraceLink.project_id == self.project.id, lock=False
        )
        found = {(row.source_id, row.link_type, row.target_id): row for row in known}
        for link in links:
            (source_type, source), (target_type, target) = self.ends_of(link)
            row = found.get((source.id, link.type, target.id))
            if row is None:
                new = TraceLink(
                    **self.in_project,
                    source_id=source.id,
                    source_type=source_type,
                    source_version=source.version,
                    target_id=target.id,
                    target_type=target_type,
                    target_version=target.version,
                    link_type=link.type,
                    description=link.description,
                )
                self.add(new, counts)
                row = new
            else:
                self.change(row, counts, _said(description=link.description))
            self.link_rows.append((link, row))
        ours = {end.id for places in self.ends.values() for _, end in places.values()}
        within = [row for row in known if row.source_id in ours and row.target_id in ours]
        counts.absent = len(within) - counts.updated - counts.unchanged
        await self.transaction.flush()
        self.progress("trace links", len(links), len(links))

    def ends_of(self, link: DraftLink) -> tuple[End, End]:
        """Return the rows of both ends: in one document if possible, else the first of each."""
        sources, targets = self.ends[link.source], self.ends[link.target]
        for document, source in sources.items():
            if document in targets:
                return source, targets[document]
        return next(iter(sources.values())), next(iter(targets.values()))

    async def find(self, model: type[R], wanted: Collection[Key]) -> Stored[R]:
        """Return the rows of the documents that were there before."""
        return await stored(self.transaction, model, self.old, wanted)

    def current(self, row: Any) -> Any:
        """Return the row that the values of the file are compared with."""
        return row

    def add(self, row: Entity, counts: Counts) -> None:
        """Create a row, and count it."""
        self.transaction.add(row)
        counts.created += 1
        self.result.tell(self.kind_of(counts), row, "created")

    def change(
        self, row: Entity, counts: Counts, values: Mapping[str, Any], *, restored: bool = False
    ) -> None:
        """Set the values that differ, and count the row."""
        differing = {
            name: value for name, value in values.items() if not same(getattr(row, name), value)
        }
        self.transaction.change(row, None, **differing)
        outcome = "restored" if restored else "updated" if differing else "unchanged"
        setattr(counts, outcome, getattr(counts, outcome) + 1)
        if outcome != "unchanged":
            self.result.tell(self.kind_of(counts), row, outcome, differing)

    def kind_of(self, counts: Counts) -> str:
        """Return the kind of row that is counted."""
        return next(kind for kind, each in self.result.by_kind.items() if each is counts)


def document_for(draft: DraftDocument, known: list[Document]) -> Document | None:
    """Return the document by ID, or by external ID, or by name if one of them has no external ID.

    Raises NOT_FOUND for an unknown ID, and INVALID for an ambiguous name.
    """
    if draft.id is not None:
        meant = [row for row in known if row.id == draft.id]
        if not meant:
            raise Problem("NOT_FOUND", "There is no such Document.", field=("document",))
        return meant[0]
    for row in known:
        if draft.external_id and draft.external_id in (row.external_id, own_identifier(row.id)):
            return row
    named = [
        row
        for row in known
        if row.name == draft.name and not (draft.external_id and row.external_id)
    ]
    if len(named) > 1:
        message = f"{len(named)} documents of the project are called {draft.name!r}."
        raise Problem("INVALID", message, field=("document",))
    return named[0] if named else None


def _said(**values: Any) -> dict[str, Any]:
    """Return the values that the file gives; an empty text becomes None."""
    given = {name: value for name, value in values.items() if value is not None}
    return {name: None if value == "" else value for name, value in given.items()}


def _filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value."""
    return {name: value for name, value in properties.items() if value is not None}


def _first(rows: list[Requirement] | None) -> Requirement | None:
    """Remove and return the first of the rows, if there is one."""
    return rows.pop(0) if rows else None


def _new_block(
    document: Document, draft: DraftBlock, position: float, values: dict[str, Any]
) -> Block:
    values |= scopes_beneath(Document, document)
    return Block(
        **values,
        type=draft.type or HEADING,
        position=position,
        content=draft.content,
        external_id=draft.external_id,
    )


def _new_requirement(
    document: Document, draft: DraftRequirement, position: float, values: dict[str, Any]
) -> Requirement:
    values |= scopes_beneath(Document, document)
    return Requirement(
        **values,
        position=position,
        external_id=draft.external_id,
    )
