"""The impact of a change set: what its changes would make suspect or stale, and what they reach."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import strawberry

from auth.session import Row
from auth.session.diff import Budget
from auth.session.write.audit import recorded
from auth.session.write.merge import MAX_TRANSACTION_STEPS
from db.base import Entity
from db.problem import Problem
from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction, ChangeSetState
from db.requirements.collaboration import TraceLink as TraceLinkRow
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase as TestCaseRow
from db.requirements.testing import TestExecution as TestExecutionRow
from db.values import same_json
from graph.kit.connection import After, Before, Connection, First, Last
from graph.kit.context import Context, Info
from graph.kit.fields import computed, extend_type
from graph.kit.in_memory import keys_of, page_of
from graph.requirements.change_sets.draft import Draft, merged
from graph.requirements.change_sets.kinds import KINDS, Kind
from graph.requirements.change_sets.types import ChangeSet
from graph.requirements.executions import TestExecution
from graph.requirements.sql.change_set_impact import MAX_FOUND, ChangeSetImpactQuery
from graph.requirements.sql.trace_graph import DIRECTED, MAX_DEPTH, TraceDirection, TraceGraph
from graph.requirements.testing import TestCase
from graph.requirements.trace_links import TraceLink
from graph.requirements.tracing import Depth, TraceImpact

AT_ONCE = 100
"""Merges before others on the event loop have their turn."""
BY_ID = keys_of(id=UUID)


@dataclass(frozen=True)
class _Listed:
    """A row of a list in memory, whose other columns are read for a page alone."""

    id: UUID


@dataclass
class Concerned:
    """The objects that a change set changes, and what is read of their impact, each once."""

    context: Context
    changed: set[UUID] = field(default_factory=set)
    """Objects whose content would be different."""
    requirements: set[UUID] = field(default_factory=set)
    """The requirements among the changed objects."""
    deleted: set[UUID] = field(default_factory=set)
    """Objects that would be deleted, with those in them."""
    links: set[UUID] = field(default_factory=set)
    """Links that would be deleted."""
    _read: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)

    @property
    def _query(self) -> ChangeSetImpactQuery:
        return ChangeSetImpactQuery(self.context.session)

    async def suspects(self) -> list[UUID]:
        """Return the links that would become suspect."""
        make = self._query.suspects(self.changed, self.links) if self.changed else _none()
        found: list[UUID] = await self._once("suspects", make)
        return found

    async def detached(self) -> list[UUID]:
        """Return the links that would lose an end."""
        make = self._query.touching(self.deleted, self.links) if self.deleted else _none()
        found: list[UUID] = await self._once("detached", make)
        return found

    async def stale(self) -> list[tuple[UUID, UUID]]:
        """Return the executions that would become stale, with their test cases."""
        make = self._query.stale(self.requirements) if self.requirements else _none()
        found: list[tuple[UUID, UUID]] = await self._once("stale", make)
        return found

    async def _once(self, name: str, make: Any) -> Any:
        if name in self._read:
            make.close()
        else:
            self._read[name] = asyncio.ensure_future(make)
        return await self._read[name]


async def _none() -> list[Any]:
    return []


async def concerned(context: Context, change_set: Any) -> Concerned:
    """Return the objects that an open change set changes: seven statements at most."""
    mine = db.ChangeSetItem.change_set_id == change_set.id
    items = await context.session.rows(db.ChangeSetItem, mine, order=(db.ChangeSetItem.id,))
    drafts = [draft for item in items if (draft := Draft.of(item)).exists]
    found, budget = Concerned(context), Budget(MAX_TRANSACTION_STEPS)
    removed: dict[type[Entity], set[UUID]] = {kind.model: set() for kind in KINDS.values()}
    for kind in KINDS.values():
        of_kind = [draft for draft in drafts if draft.kind is kind]
        live = await _live(context, kind, of_kind)
        for number, draft in enumerate(of_kind):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            row = live.get(draft.id)
            if row is None:
                continue
            if draft.action is ChangeSetAction.DELETE:
                removed[kind.model].add(draft.id)
            elif await _changes_content(draft, row, budget):
                found.changed.add(draft.id)
                if kind.model is Requirement:
                    found.requirements.add(draft.id)
    found.links = removed.pop(TraceLinkRow)
    found.deleted = set().union(*removed.values())
    if removed[Document] or removed[Block]:
        query = ChangeSetImpactQuery(context.session)
        found.deleted |= await query.beneath(removed[Document], removed[Block])
    found.changed -= found.deleted
    found.requirements -= found.deleted
    return found


async def _live(context: Context, kind: Kind, drafts: Sequence[Draft]) -> dict[UUID, Row]:
    if not drafts:
        return {}
    pages = await context.session.pages(kind.model, "id", [draft.id for draft in drafts])
    return {id: page[0] for id, page in pages.items()}


async def _changes_content(draft: Draft, row: Row, budget: Budget) -> bool:
    content = draft.kind.model.traits.content
    if not any(name in content for name in draft.proposed):
        return False
    values = {**draft.proposed, **(await merged(draft, row, budget)).values}
    return any(
        not same_json(values[name], recorded(getattr(row, name)))
        for name in content
        if name in values
    )


async def _page(
    context: Context,
    model: type[Entity],
    ids: Collection[UUID],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    listed = [_Listed(id) for id in sorted(ids)]
    page = page_of(listed, BY_ID, first, after, last, before)
    rows = await asyncio.gather(*(context.one(model, row.id) for row in page.rows))
    return replace(page, rows=[row for row in rows if row is not None])


@strawberry.type(
    description="What applying a change set would concern, among what the viewer can read, by the"
    " current trace links and test results. Objects that the change set restores are left out."
)
class ChangeSetImpact:
    concerned: strawberry.Private[Concerned]

    @strawberry.field(
        description="The number of existing objects whose content would be changed. Changes of"
        " position, tags and status are no changes of content."
    )
    def changed_count(self) -> int:
        return len(self.concerned.changed)

    @strawberry.field(
        description="The number of objects that would be deleted, with the blocks and requirements"
        " in them."
    )
    def deleted_count(self) -> int:
        return len(self.concerned.deleted)

    @strawberry.field(
        description="The trace links that would become suspect, because the content of an end would"
        f" be changed. At most {MAX_FOUND} are found."
    )
    async def suspect_links(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TraceLink]:
        ids = await self.concerned.suspects()
        page = await _page(info.context, TraceLinkRow, ids, first, after, last, before)
        return Connection[TraceLink](page=page)

    @strawberry.field(
        description="The trace links that would remain with an end that is deleted. At most"
        f" {MAX_FOUND} are found."
    )
    async def detached_links(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TraceLink]:
        ids = await self.concerned.detached()
        page = await _page(info.context, TraceLinkRow, ids, first, after, last, before)
        return Connection[TraceLink](page=page)

    @strawberry.field(
        description="The executions with a result that would become stale, because the content of"
        f" their requirement would be changed. At most {MAX_FOUND} are found."
    )
    async def stale_executions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TestExecution]:
        ids = [id for id, _ in await self.concerned.stale()]
        page = await _page(info.context, TestExecutionRow, ids, first, after, last, before)
        return Connection[TestExecution](page=page)

    @strawberry.field(description="The test cases of these executions, each once.")
    async def stale_test_cases(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TestCase]:
        ids = {test for _, test in await self.concerned.stale()}
        page = await _page(info.context, TestCaseRow, ids, first, after, last, before)
        return Connection[TestCase](page=page)

    @strawberry.field(
        description="The objects that are reached downstream by trace links with a direction from"
        " those that would be changed or deleted, without these."
    )
    async def reached(self, info: Info, depth: Depth = MAX_DEPTH) -> TraceImpact:
        if not 1 <= depth <= MAX_DEPTH:
            raise Problem("INVALID", f"Must be from 1 to {MAX_DEPTH}.", field=["depth"])
        starts = self.concerned.changed | self.concerned.deleted
        if not starts:
            return TraceImpact(found=[])
        graph = TraceGraph(info.context.session)
        found = await graph.reached(sorted(starts), TraceDirection.DOWNSTREAM, DIRECTED, depth)
        return TraceImpact(found=found)


async def impact(root: strawberry.Parent[Any], info: Info) -> ChangeSetImpact | None:
    if ChangeSetState(root.state) is not ChangeSetState.OPEN:
        return None
    return ChangeSetImpact(concerned=await concerned(info.context, root))


extend_type(
    ChangeSet,
    impact=computed(
        "id",
        "state",
        text="What applying the change set would concern: trace links, test results, and objects"
        " that are reached from those that it changes. Null if the change set is not open.",
    )(impact),
)
