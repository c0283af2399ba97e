"""The export's view of the store: documents with everything in them, gathered into a draft."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.session import Row, ViewerSession
from db.core.projects import Project
from db.fields import among
from db.problem import Problem
from db.requirements.collaboration import TraceLink, TraceLinkType
from db.requirements.documents import Block
from db.requirements.properties import Property, PropertyType
from db.requirements.requirements import (
    Requirement,
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.requirements.definitions import Definition
from graph.requirements.exchange.importing import silent
from graph.requirements.exchange.model.draft import (
    HEADING,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftProperty,
    DraftRequirement,
    Limits,
    Progress,
    StoredAs,
    own_identifier,
)
from graph.requirements.exchange.store.selection import EVERYTHING, Selection

PAGE = 2_000
"""Rows that one statement reads."""


async def gather(
    session: ViewerSession,
    project: UUID,
    document: UUID | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    selection: Selection = EVERYTHING,
) -> Draft:
    """Return the documents of a project, or one of them, as the viewer of the session sees them.

    `selection` narrows the requirements, or has another state than the present one.

    A row without an external ID has its own as its identifier. The number of statements depends on
    the number of rows alone. Raises NOT_FOUND, and INVALID for more rows than the limits allow.
    """
    limits = limits or Limits()
    rows = await selection.documents(session, project, document, limits.documents + 1)
    if document and not rows:
        raise Problem("NOT_FOUND", "There is no such Document.", field=["documentId"])
    if len(rows) > limits.documents:
        raise Problem("INVALID", f"There are more than {limits.documents:,} documents.")
    ids = [row.id for row in rows]
    counts = await selection.counts(session, ids)
    total = sum(counts.values())
    if total > limits.items:
        raise Problem("INVALID", f"There are more than {limits.items:,} requirements.")
    definitions, defined_at = await _definitions(session, project, ids)
    draft = Draft(structured=True, properties=_properties(definitions.values()))
    draft.defined_at = defined_at
    here = await session.rows(Project, Project.id == project, limit=1)
    draft.strict = bool(here and here[0].strict_properties)
    gathering = _Gathering(draft)
    blocks: dict[UUID, list[Row]] = defaultdict(list)
    async for page in _pages(session, Block, ids, selection):
        for row in page:
            blocks[row.document_id].append(row)
    done = 0
    for row in rows:
        gathering.document(row, blocks.pop(row.id, []))
    for part in _parts(ids, counts):
        async for page in _pages(session, Requirement, part, selection):
            for row in page:
                gathering.requirement(row, definitions[row.document_id])
            done += len(page)
            progress("requirements", done, total)
    gathering.order()
    await _links(session, gathering, selection)
    selection.prune(draft)
    draft.counts = {
        "documents": len(draft.documents),
        "blocks": sum(len(each.blocks) for each in draft.documents),
        "requirements": total,
        "links": len(draft.links),
    }
    return draft


def _parts(ids: Sequence[UUID], counts: Mapping[UUID, int]) -> Iterator[list[UUID]]:
    """Yield the documents in parts of about PAGE requirements, or of one that has more."""
    part: list[UUID] = []
    size = 0
    for id in ids:
        if part and size + counts.get(id, 0) > PAGE:
            yield part
            part, size = [], 0
        part.append(id)
        size += counts.get(id, 0)
    if part:
        yield part


async def _pages(
    session: ViewerSession,
    model: type[Block] | type[Requirement],
    documents: Sequence[UUID],
    selection: Selection,
) -> AsyncIterator[list[Row]]:
    """Yield the rows of some documents in their order, PAGE at a time.

    Another state than the present one is read by one statement.
    """
    if selection.past is not None:
        for rows in (await selection.then(session, model, "document_id", documents)).values():
            yield rows
        return
    where = selection.where if model is Requirement else ()
    order = (model.document_id, model.position, model.id)
    beyond: list[Any] = []
    while True:
        page = await session.rows(
            model, among(model.document_id, documents), *where, *beyond, order=order, limit=PAGE
        )
        yield page
        if len(page) < PAGE:
            return
        last = page[-1]
        here = (model.position > last.position) | (
            (model.position == last.position) & (model.id > last.id)
        )
        beyond = [
            (model.document_id > last.document_id)
            | ((model.document_id == last.document_id) & here)
        ]


async def _definitions(
    session: ViewerSession, project: UUID, documents: Sequence[UUID]
) -> tuple[dict[UUID, dict[str, Definition]], datetime | None]:
    """Return the definitions of properties of each document, by key; the narrowest of several.

    Returns also the time of their last change.
    """
    rows = await session.rows(
        Property,
        Property.project_id.is_(None)
        | (Property.project_id == project) & Property.document_id.is_(None)
        | among(Property.document_id, documents),
    )
    rows.sort(
        key=lambda row: (row.is_base, row.document_id is not None, row.project_id is not None)
    )
    found: dict[UUID, dict[str, Definition]] = {id: {} for id in documents}
    for row in rows:
        type_ = PropertyType(row.property_type)
        definition = Definition(row.key, row.name, type_, row.options, is_base=row.is_base)
        for id in [row.document_id] if row.document_id else documents:
            found[id][row.key] = definition
    return found, max((row.updated_at for row in rows), default=None)


def _properties(definitions: Collection[Mapping[str, Definition]]) -> dict[str, DraftProperty]:
    """Return the properties on which all documents agree."""
    found: dict[str, DraftProperty | None] = {}
    for each in definitions:
        for key, definition in each.items():
            labels = [choice["label"] for choice in definition.options.get("choices", ())]
            one = DraftProperty(key, definition.type, labels)
            found[key] = one if found.setdefault(key, one) == one else None
    return {key: one for key, one in found.items() if one is not None}


class _Gathering:
    """The draft as it grows, and the identifiers of its rows by their IDs."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.documents: dict[UUID, DraftDocument] = {}
        self.names: dict[UUID, str] = {}
        """The identifiers of blocks and requirements."""
        self.places: dict[UUID, dict[UUID, int]] = {}
        """The place of each block of a document in its reading order."""

    def document(self, row: Row, blocks: Sequence[Row]) -> None:
        document = DraftDocument(
            row.name, row.external_id or own_identifier(row.id), row.description, id=row.id
        )
        document.stored = StoredAs(row.id, row.version)
        beneath: dict[UUID | None, list[Row]] = defaultdict(list)
        for block in blocks:
            beneath[block.parent_id].append(block)
        taken: set[str] = set()
        places: dict[UUID, int] = {}
        pending = [*reversed(beneath[None])]
        while pending:  # depth first
            block = pending.pop()
            name = block.external_id or own_identifier(block.id)
            name = own_identifier(block.id) if name in taken else name
            taken.add(name)
            places[block.id] = len(places) + 1
            self.names[block.id] = name
            parent = self.names[block.parent_id] if block.parent_id else None
            type_ = None if block.type == HEADING else block.type
            kept = StoredAs(block.id, block.version)
            drafted = DraftBlock(name, block.name, parent, block.content, type_, kept)
            document.blocks.append(drafted)
            pending += reversed(beneath[block.id])
        self.documents[row.id], self.places[row.id] = document, places
        self.draft.documents.append(document)

    def requirement(self, row: Row, definitions: Mapping[str, Definition]) -> None:
        self.names[row.id] = name = row.external_id or own_identifier(row.id)
        is_inside = row.block_id in self.places[row.document_id]
        self.documents[row.document_id].requirements.append(
            DraftRequirement(
                row.name,
                name,
                self.names[row.block_id] if is_inside else None,
                row.description,
                RequirementStatus(row.status),
                RequirementPriority(row.priority),
                RequirementLevel(row.level),
                RequirementFormat(row.format),
                [*row.tags],
                {
                    key: labelled(definitions.get(key), value)
                    for key, value in row.properties.items()
                    if value is not None
                },
                StoredAs(row.id, row.version),
            )
        )

    def order(self) -> None:
        """Put the requirements in the reading order of their blocks; those of one keep theirs."""
        for document in self.draft.documents:
            places: dict[str | None, int] = {None: 0}
            for number, block in enumerate(document.blocks, start=1):
                places.setdefault(block.external_id, number)
            document.requirements.sort(key=lambda each: places[each.block])


def labelled(definition: Definition | None, value: Any) -> Any:
    """Return the labels of choices in the place of their IDs; any other value as it is."""
    if definition is None or definition.type not in (
        PropertyType.SELECT,
        PropertyType.MULTI_SELECT,
    ):
        return value
    labels = {one["id"]: one["label"] for one in definition.options.get("choices", ())}
    counts: dict[str, int] = defaultdict(int)
    for label in labels.values():
        counts[label.casefold()] += 1

    def label_of(id: Any) -> Any:
        label = labels.get(id) if isinstance(id, str) else None
        is_clear = label is not None and counts[label.casefold()] == 1 and label not in labels
        return label if is_clear or label == id else id

    return [label_of(one) for one in value] if isinstance(value, list) else label_of(value)


async def _links(session: ViewerSession, gathering: _Gathering, selection: Selection) -> None:
    """Add the links between what was gathered, in the order of their creation."""
    names = gathering.names
    ids = [*names]
    found: list[Row] = []
    for start in range(0, len(ids), PAGE):
        part = ids[start : start + PAGE]
        if selection.past is None:
            found += await session.rows(TraceLink, among(TraceLink.source_id, part))
        else:
            pages = await selection.then(session, TraceLink, "source_id", part)
            found += [row for page in pages.values() for row in page]
    for row in sorted(found, key=lambda row: row.id):
        if row.source_id in names and row.target_id in names:
            gathering.draft.links.append(
                DraftLink(
                    names[row.source_id],
                    names[row.target_id],
                    TraceLinkType(row.link_type),
                    row.description,
                    StoredAs(row.id, row.version),
                )
            )
