"""The comparison of a draft with the store, and its writing by a viewer: all or nothing.

The viewer's transaction applies the policy, the versions and the audit log; nothing here depends
on roles. Rows are matched by their external IDs, so that a second import of the same file writes
nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.base import Entity
from db.core.projects import Project
from db.fields import among
from db.requirements.collaboration import EntityType, TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.values import same
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftDocument,
    DraftLink,
    DraftRequirement,
    Progress,
    StoredAs,
    own_id,
    own_identifier,
)
from graph.requirements.exchange.model.versions import Written
from graph.requirements.exchange.result import Counts, ImportResult
from graph.requirements.exchange.store.finding import Key, Placed, R, Stored, stored
from graph.requirements.exchange.store.placing import placed
from graph.requirements.exchange.store.rows import (
    document_for,
    filled,
    first,
    new_block,
    new_requirement,
    said,
)
from graph.requirements.exchange.store.slugs import free_slug
from graph.requirements.exchange.store.typed import TypedProperties
from graph.requirements.exchange.tables.cells import as_stored
from graph.requirements.workflows.enforcement import IMPORT

BATCH = 500
"""The number of rows sent together, forgotten, and between two reports of progress."""

End = tuple[EntityType, StoredAs]


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
        self.linked = {end for link in draft.links for end in (link.source, link.target)}
        self.block_rows: dict[UUID, dict[str, StoredAs]] = defaultdict(dict)
        self.requirement_rows: dict[UUID, dict[str, StoredAs]] = defaultdict(dict)
        self.link_rows: list[tuple[DraftLink, StoredAs]] = []

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
                    values |= said(external_id=row.external_id or each.external_id)
                values |= said(description=each.description)
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
        find = known.finder()
        loaded = await self.load(Block, known.rows)
        for each, document in self.pairs:
            rows = [find((document.id, block.external_id)) for block in each.blocks]
            taken = known.positions(document.id)
            positions = placed([row.position if row else None for row in rows], taken)
            made: list[tuple[str, Any]] = []
            for block, kept, position in zip(each.blocks, rows, positions, strict=True):
                values: dict[str, Any] = {"name": block.name, "parent_id": None}
                if block.parent:
                    values["parent_id"] = self.block_ids[document.id, block.parent]
                if kept:
                    row = loaded[kept.id]
                    values["content"] = self.current(row).content | block.content
                    values |= {"type": block.type} if block.type else {}
                    self.change(row, counts, values, restored=row.id in known.restored)
                else:
                    row = new_block(document, block, position, values)
                    self.add(row, counts)
                self.block_ids[document.id, block.external_id] = row.id
                made.append((block.external_id, row))
            await self.sent(EntityType.BLOCK, document, made)
        counts.absent = len(known.rows) - counts.updated - counts.restored - counts.unchanged
        await self.transaction.flush()
        total = len(wanted)
        self.progress("blocks", total, total)

    async def requirements(self) -> None:
        counts = self.result.requirements
        drafted = [(row.id, each) for draft, row in self.pairs for each in draft.requirements]
        wanted = {(document, each.external_id) for document, each in drafted if each.external_id}
        known = await self.find(Requirement, wanted)
        find, nameless = known.finder(), known.nameless()
        documents = [document for _, document in self.pairs]
        typed = await TypedProperties.of(
            self.transaction, self.project, self.draft, documents, self.result
        )
        done = 0
        for draft, document in self.pairs:
            rows = [
                find((document.id, each.external_id))
                if each.external_id
                else first(nameless.get((document.id, each.name)))
                for each in draft.requirements
            ]
            taken = known.positions(document.id)
            positions = placed([row.position if row else None for row in rows], taken)
            every = zip(draft.requirements, rows, positions, strict=True)
            while part := [*islice(every, BATCH)]:
                loaded = await self.load(Requirement, [kept for _, kept, _ in part if kept])
                made = [
                    (
                        each.external_id,
                        self.requirement(document, each, position, typed, known, kept, loaded),
                    )
                    for each, kept, position in part
                ]
                await self.sent(EntityType.REQUIREMENT, document, made)
                done += len(part)
                self.progress("requirements", done, len(drafted))
        counts.absent = len(known.rows) - counts.updated - counts.restored - counts.unchanged
        self.result.notes += typed.notes()
        if not drafted:
            self.progress("requirements", 0, 0)

    def requirement(
        self,
        document: Document,
        draft: DraftRequirement,
        position: float,
        typed: TypedProperties,
        known: Stored,
        kept: Placed | None,
        loaded: Mapping[UUID, Any],
    ) -> Requirement:
        """Change the row of a requirement, or create it."""
        counts = self.result.requirements
        values = self.values(document, draft)
        properties = typed.fitted(document, draft.properties)
        if kept is None:
            values["properties"] = filled(properties)
            new = new_requirement(document, draft, position, values)
            self.add(new, counts)
            return new
        row: Requirement = loaded[kept.id]
        before = self.current(row).properties
        if self.draft.textual:
            properties = as_stored(before, properties)
        values["properties"] = filled(before | properties)
        self.change(row, counts, values, restored=row.id in known.restored)
        return row

    async def sent(
        self, kind: EntityType, document: Document, made: Sequence[tuple[str | None, Any]]
    ) -> None:
        """Send rows, note what they are by their external IDs, and forget them."""
        await self.transaction.flush()
        rows = self.block_rows if kind is EntityType.BLOCK else self.requirement_rows
        for external_id, row in made:
            if external_id:
                one = StoredAs(row.id, row.version)
                rows[document.id][external_id] = one
                if external_id in self.linked:
                    self.ends[external_id][document.id] = (kind, one)
        self.transaction.release(row for _, row in made)

    def values(self, document: Document, draft: DraftRequirement) -> dict[str, Any]:
        """Return the columns that the file gives, except the properties."""
        values: dict[str, Any] = {"name": draft.name}
        if self.draft.structured:
            block = self.block_ids[document.id, draft.block] if draft.block else None
            values["block_id"] = block
        return values | said(
            description=draft.description,
            status=draft.status,
            priority=draft.priority,
            level=draft.level,
            format=draft.format,
            tags=draft.tags,
        )

    async def links(self) -> None:
        counts, links = self.result.links, self.draft.links
        columns = ("id", "source_id", "link_type", "target_id")
        known = await self.transaction.values(
            TraceLink, columns, TraceLink.project_id == self.project.id
        )
        found = {(row.source_id, row.link_type, row.target_id): row.id for row in known}
        for start in range(0, len(links), BATCH):
            part = [(link, *self.ends_of(link)) for link in links[start : start + BATCH]]
            ids = [
                found.get((source.id, link.type, target.id))
                for link, (_, source), (_, target) in part
            ]
            wanted = [id for id in ids if id]
            loaded = await self.transaction.find_by_id(TraceLink, wanted, lock=False)
            made = [
                self.link(*each, loaded[id] if id else None)
                for each, id in zip(part, ids, strict=True)
            ]
            await self.transaction.flush()
            rows = zip(part, made, strict=True)
            self.link_rows += [(link, StoredAs(row.id, row.version)) for (link, _, _), row in rows]
            self.transaction.release(made)
        ours = {end.id for places in self.ends.values() for _, end in places.values()}
        within = [row for row in known if row.source_id in ours and row.target_id in ours]
        counts.absent = len(within) - counts.updated - counts.unchanged
        self.progress("trace links", len(links), len(links))

    def link(self, link: DraftLink, source: End, target: End, row: TraceLink | None) -> TraceLink:
        """Change the row of a link, or create it."""
        counts = self.result.links
        if row is not None:
            self.change(row, counts, said(description=link.description))
            return row
        (source_type, source_row), (target_type, target_row) = source, target
        new = TraceLink(
            **self.in_project,
            source_id=source_row.id,
            source_type=source_type,
            source_version=source_row.version,
            target_id=target_row.id,
            target_type=target_type,
            target_version=target_row.version,
            link_type=link.type,
            description=link.description,
        )
        self.add(new, counts)
        return new

    def ends_of(self, link: DraftLink) -> tuple[End, End]:
        """Return the rows of both ends: in one document if possible, else the first of each."""
        sources, targets = self.ends[link.source], self.ends[link.target]
        for document, source in sources.items():
            if document in targets:
                return source, targets[document]
        return next(iter(sources.values())), next(iter(targets.values()))

    async def find(self, model: type[R], wanted: Collection[Key]) -> Stored:
        """Return the rows of the documents that were there before."""
        return await stored(self.transaction, model, self.old, wanted)

    async def load(self, model: type[R], found: Sequence[Placed]) -> Mapping[UUID, Any]:
        """Return the whole rows, which are locked already."""
        ids = [row.id for row in found]
        return await self.transaction.find_by_id(model, ids, lock=False) if ids else {}

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
