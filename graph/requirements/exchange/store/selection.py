"""The selection of an export: a filter, applied now, to a baseline or to a change set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.session import Past, Row, ViewerSession
from db.problem import Problem
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.kit.context import Context
from graph.kit.filters import matches
from graph.kit.stored_filter import restored
from graph.requirements.change_sets.overlay import in_change_set
from graph.requirements.exchange.model.draft import Draft, DraftDocument
from graph.requirements.requirements import RequirementFilterInput
from graph.requirements.sql.baseline_past import Frozen


@dataclass(frozen=True)
class Selection:
    """The requirements that match the conditions, in a state: by default all, as they are now."""

    where: tuple[Any, ...] = ()
    past: Past | None = None

    async def documents(
        self, session: ViewerSession, project: UUID, document: UUID | None, most: int
    ) -> list[Row]:
        """Return the documents of the project in their order, or the one that is given."""
        place = (Document.id == document,) if document else ()
        order = (Document.position, Document.id)
        if self.past is None:
            here = (Document.project_id == project, *place)
            return await session.rows(Document, *here, order=order, limit=most)
        arguments: Any = (Document, "project_id", [project], *place)
        pages = await session.pages(*arguments, order=order, limit=most, past=self.past)
        return pages[project]

    async def then(
        self, session: ViewerSession, model: type[Any], key: str, parents: Sequence[UUID]
    ) -> dict[UUID, list[Row]]:
        """Return the rows of the state beneath the parents, in their order."""
        ordered = model in (Block, Requirement)
        order = (model.position, model.id) if ordered else (model.id,)
        where = self.where if model is Requirement else ()
        return await session.pages(model, key, parents, *where, order=order, past=self.past)

    async def counts(self, session: ViewerSession, documents: Sequence[UUID]) -> dict[UUID, int]:
        """Return the number of requirements of each document that has any."""
        arguments: Any = (Requirement, "document_id", documents, *self.where)
        return await session.counts(*arguments, past=self.past)

    def prune(self, draft: Draft) -> None:
        """Remove documents and headings without a requirement, if there is a filter."""
        if self.where:
            draft.documents = [each for each in draft.documents if each.requirements]
            for document in draft.documents:
                _prune(document)


EVERYTHING = Selection()


def _prune(document: DraftDocument) -> None:
    parents = {block.external_id: block.parent for block in document.blocks}
    needed: set[str | None] = set()
    for requirement in document.requirements:
        at = requirement.block
        while at is not None and at not in needed:
            needed.add(at)
            at = parents.get(at)
    document.blocks = [block for block in document.blocks if block.external_id in needed]


async def selection_of(
    session: ViewerSession, project: UUID, options: Mapping[str, Any]
) -> Selection:
    """Return what the options of an export of a project select. Raises NOT_FOUND and INVALID."""
    where: tuple[Any, ...] = ()
    if kept := options.get("filter"):
        where = (matches(Requirement, restored(RequirementFilterInput, kept)),)
    baseline, change_set = options.get("baselineId"), options.get("changeSetId")
    if baseline and change_set:
        raise Problem("INVALID", "Give a baseline or a change set, not both.")
    if baseline:
        id = await _of_project(session, Baseline, UUID(baseline), project)
        return Selection(where, Frozen(id))
    if change_set:
        id = await _of_project(session, ChangeSet, UUID(change_set), project)
        return Selection(where, await in_change_set(Context(session), id))
    return Selection(where)


async def _of_project(
    session: ViewerSession, model: type[Baseline] | type[ChangeSet], id: UUID, project: UUID
) -> UUID:
    """Return the ID of a state of a project. Raises NOT_FOUND."""
    rows = await session.rows(model, model.id == id, model.project_id == project, limit=1)
    if not rows:
        raise Problem("NOT_FOUND", f"There is no such {model.__name__} of the project.")
    return id
