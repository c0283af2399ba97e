"""The mutations of change sets: create, edit, resolve, apply and withdraw."""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.utils.str_converters import to_camel_case

from auth.session import Transaction
from auth.session.write.audit import recorded
from auth.session.write.db_errors import stale
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction, ChangeSetState
from graph.kit.bulk import MAX_ITEMS
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.inputs import input_for
from graph.kit.items import Found, Item
from graph.kit.mutations import (
    ExpectedVersion,
    Place,
    create,
    mutation,
    name_fields,
    update,
    writing,
)
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.requirements.change_sets.draft import Draft, merged
from graph.requirements.change_sets.ends import missing_ends
from graph.requirements.change_sets.proposable import ChangeSetEditInput
from graph.requirements.change_sets.proposing import Edit, Plan, edit_of
from graph.requirements.change_sets.reversing import change_set_reverse
from graph.requirements.change_sets.types import ChangeSet, ChangeSetItem
from graph.requirements.change_sets.writing import write
from graph.requirements.reviews.approval import require_approved

MAX_CHANGE_SET_ITEMS = 2_000
"""The most items of a change set."""
MAX_TOLD = 100
"""The most refused items that an error lists."""

SameVersion = Annotated[
    BigInt,
    strawberry.argument(
        description="The version of the object that the viewer has seen. If it was changed since,"
        " the error is `CONFLICT`."
    ),
]


@input_for(ChangeSet, "A change set to create in a project.")
class ChangeSetCreateInput:
    project_id: UUID
    name: str
    description: str | None = UNSET


@input_for(ChangeSet, "The fields of a change set to change.")
class ChangeSetUpdateInput:
    name: Maybe[str]
    description: Maybe[str | None]


@strawberry.enum(description="The value to keep of a field in conflict.")
class ChangeSetSide(Enum):
    CURRENT = strawberry.enum_value(
        "current", description="The current value. The change set no longer changes the field."
    )
    PROPOSED = strawberry.enum_value(
        "proposed", description="The proposed value, which replaces the current one when applied."
    )


@strawberry.input(description="The resolution of the conflict in one field.")
class ChangeSetResolutionInput:
    field: str = described("The name of the field, as in `ChangeSetConflict.field`.")
    keep: ChangeSetSide = described("The value to keep.")


@strawberry.type(description="The result of a mutation of items of a change set.")
class ChangeSetItemsPayload:
    change_set: ChangeSet = described("The change set after the mutation.")
    items: list[ChangeSetItem] = described(
        "The items that were created or changed. An item that proposes nothing any more is removed."
    )


def require_open(change_set: db.ChangeSet) -> None:
    """Raise INVALID unless the change set can still be changed."""
    if change_set.state is not ChangeSetState.OPEN:
        message = f"The change set is {change_set.state.value}."
        raise Problem("INVALID", message, field=["id"])


async def _require_open(_: Transaction, items: Sequence[Item], __: Found) -> None:
    for item in items:
        try:
            require_open(item.row)
        except Problem as problem:
            item.refuse(problem)


async def _find(transaction: Transaction, id: UUID) -> db.ChangeSet:
    """Return an open change set, locked, so that edits and its application take turns."""
    change_set = await transaction.find(db.ChangeSet, id)
    transaction.rights.require("update", change_set)
    require_open(change_set)
    return change_set


def _edited(transaction: Transaction, change_set: db.ChangeSet) -> None:
    """Give the change set a new version, which covers its items."""
    transaction.change(change_set, None, edited_at=transaction.now)


async def change_set_edit(
    info: Info,
    id: Id,
    items: Annotated[
        list[ChangeSetEditInput],
        strawberry.argument(description=f"The proposed changes, at most {MAX_ITEMS}."),
    ],
) -> Any:
    if not 0 < len(items) <= MAX_ITEMS:
        raise Problem("INVALID", f"Must have 1 to {MAX_ITEMS} items.", field=["items"])
    edits = [edit_of(input, index) for index, input in enumerate(items)]
    async with writing(info, None) as transaction:  # where nothing is stored
        plan = await _planned(transaction, id, edits)
        await plan.check()
        await transaction.abandon()
    async with writing(info, None) as transaction:
        plan = await _planned(transaction, id, edits)
        await _require_room(transaction, plan)
        stored = plan.store()
        _edited(transaction, plan.change_set)
        await transaction.flush()
    return ChangeSetItemsPayload(change_set=plan.change_set, items=stored)  # type: ignore[arg-type]


async def _planned(transaction: Transaction, id: UUID, edits: Sequence[Edit]) -> Plan:
    plan = Plan(transaction, await _find(transaction, id))
    await plan.make(edits)
    return plan


async def _require_room(transaction: Transaction, plan: Plan) -> None:
    here = db.ChangeSetItem.change_set_id == plan.change_set.id
    count = len(await transaction.values(db.ChangeSetItem, ["id"], here))
    count += sum(draft.item is None for draft in plan.drafts.values())
    if count > MAX_CHANGE_SET_ITEMS:
        message = f"A change set has at most {MAX_CHANGE_SET_ITEMS:,} items."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_CHANGE_SET_ITEMS, current=count)


async def change_set_remove(
    info: Info,
    id: Id,
    item_ids: Annotated[
        list[UUID], strawberry.argument(description=f"The IDs of the items, at most {MAX_ITEMS}.")
    ],
) -> Any:
    if not 0 < len(item_ids) <= MAX_ITEMS:
        raise Problem("INVALID", f"Must have 1 to {MAX_ITEMS} items.", field=["itemIds"])
    async with writing(info, None) as transaction:
        change_set = await _find(transaction, id)
        found = await transaction.find_by_id(db.ChangeSetItem, item_ids)
        for index, item_id in enumerate(item_ids):
            item = found.get(item_id)
            if item is None or item.change_set_id != change_set.id:
                message = "There is no such item in the change set."
                raise Problem("NOT_FOUND", message, field=["itemIds", index])
            _remove(transaction, item)
        _edited(transaction, change_set)
    return answer(payload_of(ChangeSet), change_set)


def _remove(transaction: Transaction, item: db.ChangeSetItem) -> None:
    person = transaction.viewer.id
    transaction.change(item, None, deleted_at=transaction.now, deleted_by=person)


async def change_set_resolve(
    info: Info,
    item_id: Annotated[UUID, strawberry.argument(description="The ID of the item.")],
    expected_version: SameVersion,
    resolutions: Annotated[
        list[ChangeSetResolutionInput],
        strawberry.argument(description="The fields to resolve. Others stay in conflict."),
    ],
) -> Any:
    seen = await info.context.one(db.ChangeSetItem, item_id)
    gone = await missing_ends(info.context, seen.change_set_id, Draft.of(seen)) if seen else []
    async with writing(info, None) as transaction:
        known = await transaction.find(db.ChangeSetItem, item_id, lock=False)
        change_set = await _find(transaction, known.change_set_id)
        item = await transaction.find(db.ChangeSetItem, item_id)
        if item.version != expected_version:
            raise stale(item)
        draft = Draft.of(item)
        await _resolve(transaction, draft, resolutions, gone)
        if draft.is_empty:
            _remove(transaction, item)
        else:
            transaction.change(item, None, **draft.columns())
        _edited(transaction, change_set)
        await transaction.flush()
    left: Any = [] if draft.is_empty else [item]
    return ChangeSetItemsPayload(change_set=change_set, items=left)  # type: ignore[arg-type]


async def _resolve(
    transaction: Transaction,
    draft: Draft,
    resolutions: Sequence[ChangeSetResolutionInput],
    gone: Sequence[str],
) -> None:
    """Make the current values the base of the fields, or drop the proposals of them.

    `gone` are the ends of a new link that are not there any more.
    """
    row = (await transaction.find_by_id(draft.kind.model, [draft.id], lock=False)).get(draft.id)
    found = await merged(draft, row) if draft.exists and row is not None else None
    names = (
        {to_camel_case(overlap.field): overlap.field for overlap in found.overlaps} if found else {}
    )
    if draft.exists and row is None:
        names = {"deletedAt": "deleted_at"}
    if not draft.exists:
        names = {to_camel_case(name): name for name in gone}
    for index, resolution in enumerate(resolutions):
        name = names.get(resolution.field)
        field: Place = ("resolutions", index, "field")
        if name is None:
            raise Problem("INVALID", "The field is not in conflict.", field=field)
        is_ours = resolution.keep is ChangeSetSide.PROPOSED
        if row is None and is_ours:
            message = "The object was deleted. Restore it, or keep the current state."
            raise Problem("INVALID", message, field=field)
        if draft.action is ChangeSetAction.DELETE or row is None:
            _resolve_whole(draft, row, is_ours=is_ours)
        elif name in draft.kind.place_columns:
            _resolve_place(draft, row, is_ours=is_ours)
        elif is_ours:
            draft.base[name] = recorded(getattr(row, name))
        else:
            draft.proposed.pop(name, None)
            draft.base.pop(name, None)
    if row is not None:
        draft.base_version = row.version


def _resolve_whole(draft: Draft, row: Any, *, is_ours: bool) -> None:
    if is_ours:
        draft.base = {name: recorded(getattr(row, name)) for name in draft.base}
    else:
        draft.action, draft.proposed, draft.place = ChangeSetAction.UPDATE, {}, None


def _resolve_place(draft: Draft, row: Any, *, is_ours: bool) -> None:
    for name in draft.kind.place_columns:
        if is_ours:
            draft.base[name] = recorded(getattr(row, name))
        else:
            draft.base.pop(name, None)
    if not is_ours:
        draft.place = None


async def change_set_apply(info: Info, id: Id, expected_version: SameVersion) -> Any:
    async with writing(info, None) as transaction:
        change_set = await _find(transaction, id)
        if change_set.version != expected_version:
            raise stale(change_set)
        mine = db.ChangeSetItem.change_set_id == id
        items = await transaction.find_all(db.ChangeSetItem, mine, lock=False)
        if not items:
            raise Problem("INVALID", "The change set is empty.", field=["id"])
        transaction.origin = replace(transaction.origin, correlation=change_set.id)
        await require_approved(transaction, change_set)
        drafts = [Draft.of(item) for item in items]
        await write(transaction, change_set, drafts)
        if refused := [draft for draft in drafts if draft.problem]:
            raise _refused(refused)
        _close(transaction, change_set, ChangeSetState.APPLIED)
    return answer(payload_of(ChangeSet), change_set)


def _refused(drafts: Sequence[Draft]) -> Problem:
    """Return the first item's problem, with those of the others."""
    told = []
    for draft in drafts[:MAX_TOLD]:
        problem = draft.problem
        assert problem is not None  # noqa: S101 (only refused ones are told)
        name_fields(problem, (), None)
        item = {"itemId": str(draft.item.id), "entityId": str(draft.id)}
        told.append({**item, "message": problem.message, **problem.extensions})
    first = drafts[0].problem
    assert first is not None  # noqa: S101 (likewise)
    return Problem(first.code, first.message, items=told, refused=len(drafts))


async def change_set_withdraw(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info, None) as transaction:
        change_set = await _find(transaction, id)
        if change_set.version != expected_version:
            raise stale(change_set)
        _close(transaction, change_set, ChangeSetState.WITHDRAWN)
    return answer(payload_of(ChangeSet), change_set)


def _close(transaction: Transaction, change_set: db.ChangeSet, state: ChangeSetState) -> None:
    person, now = transaction.viewer.id, transaction.now
    transaction.change(change_set, None, state=state, closed_at=now, closed_by=person)


@strawberry.type
class Mutation:
    change_set_create = create(
        ChangeSet,
        ChangeSetCreateInput,
        "Create an empty change set in a project.",
        within=(ProjectRow, "project_id"),
    )
    change_set_update = update(
        ChangeSet,
        ChangeSetUpdateInput,
        "Update the name or the description of an open change set.",
        prepare=_require_open,
    )
    change_set_edit = mutation(
        change_set_edit,
        ChangeSetItemsPayload,
        f"Propose up to {MAX_ITEMS} changes in an open change set, all or nothing. They are"
        " validated as if they were made, and change nothing until the change set is applied.",
    )
    change_set_remove = mutation(
        change_set_remove,
        payload_of(ChangeSet),
        "Remove items from an open change set.",
    )
    change_set_resolve = mutation(
        change_set_resolve,
        ChangeSetItemsPayload,
        "Resolve conflicts of an item, field by field. To propose another value, use"
        " `changeSetEdit` with the current version of the object.",
    )
    change_set_apply = mutation(
        change_set_apply,
        payload_of(ChangeSet),
        "Make all changes of a change set, in one transaction. If an item has a conflict or is"
        " refused, nothing is changed, and the error lists the refused items. Requires the rights"
        " to make each change.",
    )
    change_set_reverse = mutation(
        change_set_reverse,
        payload_of(ChangeSet),
        "Create an open change set that proposes to reverse all changes of an applied one. What"
        " others have changed since is merged, or in conflict. Objects that were deleted since are"
        " left out.",
    )
    change_set_withdraw = mutation(
        change_set_withdraw,
        payload_of(ChangeSet),
        "Withdraw an open change set. It can still be read.",
    )
