"""Writing the proposed changes of a change set: in steps, each a few statements for all objects.

It calls what the mutations of the entities call, so that the same rules hold.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from strawberry import UNSET

from auth.session import Transaction
from auth.session.diff import Budget
from auth.session.write.db_errors import stale
from auth.session.write.merge import MAX_TRANSACTION_STEPS
from db.problem import Problem
from db.requirements.change_sets import ChangeSet, ChangeSetAction
from db.requirements.documents import Document
from graph.kit.items import Found, Item, create_numbered_rows, delete_rows, send_items, update_rows
from graph.kit.moving import move_rows
from graph.kit.ordering import OrderEnd, PlacementInput
from graph.requirements.change_sets.draft import Draft, merged, turn, written
from graph.requirements.change_sets.proposable import (
    BLOCK,
    DOCUMENT,
    PLACED,
    PROPOSABLE,
    REQUIREMENT,
    TRACE_LINK,
    Proposable,
)

CONFLICT = "The proposal conflicts with the current state of the object."
AT_ONCE = 100
"""Merges before others on the event loop have their turn."""
ELSEWHERE = "The object is in another project."


async def write(
    transaction: Transaction,
    change_set: ChangeSet,
    drafts: Sequence[Draft],
    *,
    checks_only: bool = False,
) -> None:
    """Write the drafts, and refuse some; after a step that refuses one, no further step is made.

    With `checks_only`, which is for a transaction to be abandoned, conflicts are left out instead.
    """
    await Writing(transaction, change_set, drafts, checks_only=checks_only).run()


class Writing:
    """The writing of drafts in one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        change_set: ChangeSet,
        drafts: Sequence[Draft],
        *,
        checks_only: bool,
    ) -> None:
        self._transaction, self._change_set = transaction, change_set
        self._drafts, self._checks_only = list(drafts), checks_only
        self._rows: dict[UUID, Any] = {}
        self._documents: dict[UUID, Any] = {}

    async def run(self) -> None:
        """Lock, merge, and make the steps: containers are created first and deleted last.

        Links are created after everything else, at the versions that their ends have then.
        """
        await self._lock()
        await self._merge()
        steps: list[tuple[Callable[[Proposable], Awaitable[None]], Proposable]] = [
            (self._delete, TRACE_LINK),
            (self._delete, REQUIREMENT),
            *((step, kind) for step in (self._create, self._restore) for kind in PLACED),
            *((self._update, kind) for kind in PROPOSABLE),
            *((self._move, kind) for kind in PLACED),
            (self._delete, BLOCK),
            (self._delete, DOCUMENT),
            (self._restore, TRACE_LINK),
            (self._create, TRACE_LINK),
        ]
        for step, kind in steps:
            if any(draft.problem for draft in self._drafts):
                return
            await step(kind)

    def _of(self, kind: Proposable, *actions: ChangeSetAction) -> list[Draft]:
        mine = (draft for draft in self._drafts if draft.kind is kind.kind)
        return [draft for draft in mine if not actions or draft.action in actions]

    async def _lock(self) -> None:
        """Lock the documents that get new contents, and the objects, in one order for all."""
        named = {id for draft in self._drafts for id in draft.references()}
        self._documents = await self._transaction.find_by_id(Document, named)
        for kind in PROPOSABLE:
            ids = [draft.id for draft in self._of(kind) if draft.exists]
            self._rows |= await self._transaction.find_by_id(kind.model, ids)

    async def _merge(self) -> None:
        """Merge with what others have changed; refuse conflicts, and objects that are gone."""
        budget = Budget(MAX_TRANSACTION_STEPS)
        for number, draft in enumerate(self._drafts):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if draft.exists and draft.id not in self._rows:
                problem = Problem("CONFLICT", "The object was deleted meanwhile.")
                draft.refuse(problem)
                continue
            row = self._rows.get(draft.id)
            if row is not None and row.project_id != self._change_set.project_id:
                draft.refuse(Problem("CONFLICT", ELSEWHERE))
                continue
            found = await merged(draft, row, budget)
            draft.values = written(draft, found.values)
            if found.overlaps and not self._checks_only:
                problem = stale(row, found.overlaps)
                draft.refuse(Problem("CONFLICT", CONFLICT, **_details(problem)))

    async def _create(self, kind: Proposable) -> None:
        left = {draft.id: draft for draft in self._of(kind, ChangeSetAction.CREATE)}
        while left:  # blocks within new blocks are created after these
            order = kind.kind.order if kind.kind.is_ordered else None
            inside = order.inside if order and order.nests else None
            now = [
                draft
                for draft in left.values()
                if not inside or draft.values.get(inside) not in left
            ]
            if not now:
                message = "A block cannot be inside itself."
                next(iter(left.values())).refuse(Problem("INVALID", message, field=[str(inside)]))
                return
            await self._create_all(kind, now)
            for draft in now:
                del left[draft.id]

    async def _create_all(self, kind: Proposable, drafts: Sequence[Draft]) -> None:
        key = kind.within[1] if kind.within else kind.kind.ends[0]
        project = {"project_id": self._change_set.project_id} if key == "project_id" else {}
        items = {draft: Item({**draft.values, **project, "id": draft.id}) for draft in drafts}
        if kind.make:
            await kind.make(self._transaction, [*items.values()])
            if not self._checks_only:
                _in_conflict(items.values())
        elif kind.within:
            await create_numbered_rows(
                self._transaction,
                kind.model,
                kind.within,
                [*items.values()],
                kind.prepare,
                kind.numbering,
                ordered=kind.ordered,
            )
        for item in items.values():
            is_elsewhere = item.row is not None and (
                item.row.project_id != self._change_set.project_id
            )
            if is_elsewhere:
                item.refuse(Problem("INVALID", ELSEWHERE, field=[key]))
        await self._send(items)

    async def _restore(self, kind: Proposable) -> None:
        drafts = self._of(kind, ChangeSetAction.RESTORE)
        ids = [draft.id for draft in drafts]
        rows = await self._transaction.find_by_id(kind.model, ids, deleted=True)
        items = {}
        for draft in drafts:
            row = rows.get(draft.id)
            if row is None or row.project_id != self._change_set.project_id:
                message = "There is no such deleted object."
                draft.refuse(Problem("CONFLICT", message))
                continue
            items[draft] = Item(id=draft.id, row=row)
            try:
                await self._transaction.edits.restore(row, None)
            except Problem as problem:
                items[draft].refuse(problem)
        await self._send(items)

    async def _update(self, kind: Proposable) -> None:
        drafts = [d for d in self._of(kind, ChangeSetAction.UPDATE) if d.values and not d.problem]
        items = {draft: self._item(draft, draft.values) for draft in drafts}
        if items:
            await update_rows(
                self._transaction,
                kind.model,
                [*items.values()],
                kind.prepare_changed,
                self._locked,
            )
            await self._send(items)

    async def _locked(self, _: Transaction, items: Sequence[Item]) -> Found:
        """Return the rows of these items, which were locked before they were merged."""
        return {item.id: self._rows[item.id] for item in items if item.id in self._rows}

    async def _move(self, kind: Proposable) -> None:
        drafts = [draft for draft in self._of(kind) if draft.place and not draft.problem]
        items = {}
        for draft in sorted(drafts, key=lambda draft: turn(draft.place or {})):
            items[draft] = self._item(draft, {"place_at": place_input_of(draft)})
            target = (draft.place or {}).get("container_id")
            document = self._documents.get(UUID(target)) if target else None
            if document and document.project_id != self._change_set.project_id:
                message = "The document is in another project."
                items[draft].refuse(
                    Problem("INVALID", message, field=["place_at", draft.kind.order.key])
                )
        if items:
            try:
                await move_rows(self._transaction, kind.model, [*items.values()], kind.follow)
            except Problem as problem:
                next(iter(items)).refuse(problem)
            await self._send(items)
            await self._put_back(items)

    async def _put_back(self, items: dict[Draft, Item]) -> None:
        """Give objects that a reversal moves back the positions that they had."""
        back = [d for d in items if (d.place or {}).get("position") is not None and not d.problem]
        for draft in back:
            row, place = self._rows[draft.id], draft.place or {}
            self._transaction.change(row, None, position=place["position"])
        if back:
            await self._send({draft: items[draft] for draft in back})

    async def _delete(self, kind: Proposable) -> None:
        drafts = self._of(kind, ChangeSetAction.DELETE)
        items = {draft: self._item(draft, {}) for draft in drafts}
        if items:
            await delete_rows(self._transaction, kind.model, [*items.values()])
            await self._send(items)

    def _item(self, draft: Draft, values: dict[str, Any]) -> Item:
        row = self._rows[draft.id]
        return Item(values, draft.id, row.version)

    async def _send(self, items: dict[Draft, Item]) -> None:
        await send_items(self._transaction, [*items.values()])
        for draft, item in items.items():
            if item.problem:
                draft.refuse(item.problem)
            elif item.row is not None:
                self._rows[draft.id] = item.row


def _in_conflict(items: Iterable[Item]) -> None:
    """Make conflicts of ends that are not there any more."""
    for item in items:
        if item.problem and item.problem.code == "NOT_FOUND":
            message = "An end of the link was deleted meanwhile."
            item.problem = Problem("CONFLICT", message, field=item.problem.field)


def place_input_of(draft: Draft) -> Any:
    """Return the proposed place in the form of the input of a move."""
    place, order = defaultdict(lambda: None, draft.place or {}), draft.kind.order
    at = PlacementInput(end=OrderEnd.START if place["first"] else OrderEnd.END)
    if place["after"] or place["before"]:
        at = PlacementInput(after=_id(place["after"]), before=_id(place["before"]))
    found: dict[str, Any] = {"at": at, order.key: _id(place["container_id"])}
    if order.inside:
        found[order.inside] = _id(place["inside"]) if place["inside_given"] else UNSET
    return SimpleNamespace(**found)


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _details(problem: Problem) -> dict[str, Any]:
    names = ("currentVersion", "conflicts")
    return {name: problem.extensions[name] for name in names if name in problem.extensions}
