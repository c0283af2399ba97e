"""The ends of links to create, and those of them that are not there any more."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction
from graph.kit.context import Context
from graph.requirements.change_sets.draft import Draft
from graph.requirements.sql.trace_ends import LABELS


async def missing_ends(context: Context, change_set_id: UUID, draft: Draft) -> list[str]:
    """Return the columns of ends that the viewer cannot read, and the change set does not create.

    Objects of other links than new ones may be deleted, as they may be without a change set.
    """
    if draft.action is not ChangeSetAction.CREATE or not draft.kind.ends:
        return []
    batch = partial(_present, context, change_set_id)
    load = context.loader(("ends of a change set", change_set_id), batch).load_many
    present = await load([UUID(draft.proposed[key]) for key in draft.kind.ends])
    return [key for key, is_there in zip(draft.kind.ends, present, strict=True) if not is_there]


async def _present(context: Context, change_set_id: UUID, ids: Sequence[UUID]) -> list[bool]:
    session = context.session
    models = await session.models_of(ids, tuple(LABELS))
    rows = await asyncio.gather(*(context.one(model, id) for id, model in models.items()))
    found = {id for id, row in zip(models, rows, strict=True) if row is not None}
    if left := [id for id in ids if id not in found]:
        for id, items in (await session.pages(db.ChangeSetItem, "entity_id", left)).items():
            if any(_creates(item, change_set_id) for item in items):
                found.add(id)
    return [id in found for id in ids]


def _creates(item: Any, change_set_id: UUID) -> bool:
    is_here: bool = item.change_set_id == change_set_id
    return is_here and ChangeSetAction(item.action) is ChangeSetAction.CREATE
