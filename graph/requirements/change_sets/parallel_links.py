"""The proposed links that join the same two objects: of one type, no two of them can be live."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.requirements.change_sets import ChangeSetAction, ChangeSetItem
from graph.requirements.change_sets.draft import Draft
from graph.requirements.change_sets.proposable import TRACE_LINK

Ends = tuple[UUID, ...]


async def parallel_links(
    transaction: Transaction, change_set_id: UUID, drafts: Collection[Draft]
) -> dict[Draft, Draft]:
    """Return the stored drafts that join what these join, each with one of these.

    Links that are not as their draft expects, because others have deleted or restored them, are
    left out. It costs nothing unless links are among the drafts, and at most five statements.
    """
    mine = [draft for draft in drafts if draft.kind is TRACE_LINK.kind]
    if not mine:
        return {}
    items = await transaction.find_all(
        ChangeSetItem,
        ChangeSetItem.change_set_id == change_set_id,
        ChangeSetItem.entity_type == TRACE_LINK.model.__name__,
        lock=False,
    )
    known = {draft.id for draft in mine}
    others = [Draft.of(item) for item in items if item.entity_id not in known]
    by_ends = {ends: draft for draft, ends in (await _ends(transaction, mine)).items()}
    found = await _ends(transaction, others) if others else {}
    return {draft: by_ends[ends] for draft, ends in found.items() if ends in by_ends}


async def _ends(transaction: Transaction, drafts: Iterable[Draft]) -> dict[Draft, Ends]:
    """Return what the links of the drafts join."""
    found: dict[Draft, Ends] = {}
    by_id = {draft.id: draft for draft in drafts}
    for draft in by_id.values():
        if draft.action is ChangeSetAction.CREATE:
            found[draft] = tuple(UUID(draft.proposed[key]) for key in TRACE_LINK.kind.ends)
    live = [draft.id for draft in by_id.values() if draft.exists]
    trashed = [d.id for d in by_id.values() if d.action is ChangeSetAction.RESTORE]
    for ids, deleted in ((live, False), (trashed, True)):
        rows = await transaction.find_by_id(TRACE_LINK.model, ids, deleted=deleted, lock=False)
        found |= {by_id[id]: _ends_of(row) for id, row in rows.items()}
    return found


def _ends_of(row: Any) -> Ends:
    return tuple(getattr(row, key) for key in TRACE_LINK.kind.ends)
