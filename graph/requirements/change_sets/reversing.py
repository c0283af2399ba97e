"""The reversal of an applied change set: another one, which proposes the opposite changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from auth.session.write.revert import stored_values
from db.problem import Problem
from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction, ChangeSetState
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.mutations import writing
from graph.kit.payloads import answer, payload_of
from graph.requirements.change_sets.proposable import BY_NAME, Proposable
from graph.requirements.change_sets.proposing import Edit, Plan
from graph.requirements.change_sets.types import ChangeSet
from graph.requirements.sql.change_set_events import events_of

MAX_NAME = 500


async def change_set_reverse(info: Info, id: Id) -> Any:
    context = info.context
    change_set = await context.get(db.ChangeSet, id)
    if change_set.state != ChangeSetState.APPLIED:
        raise Problem("INVALID", "The change set was not applied.", field=["id"])
    items = await context.session.rows(db.ChangeSetItem, db.ChangeSetItem.change_set_id == id)
    events = await events_of(context.session, change_set)
    edits = [edit for item in items for edit in opposite(item, events.get(item.entity_id, ()))]
    async with writing(info, None) as transaction:
        await transaction.find(db.ChangeSet, id, lock=False)
        reversal = db.ChangeSet(
            organization_id=change_set.organization_id,
            project_id=change_set.project_id,
            name=f"Reversal of {change_set.name}"[:MAX_NAME],
            reverses_id=change_set.id,
            edited_at=transaction.now,
        )
        transaction.add(reversal)
        await transaction.flush()
        plan = Plan(transaction, reversal)
        await plan.make(edits, skip_missing=True)
        plan.store()
    return answer(payload_of(ChangeSet), reversal)


def opposite(item: Any, events: Sequence[Mapping[str, Any]]) -> Iterable[Edit]:
    """Yield the edits that reverse the change of one object, based on its version after it.

    Events that only made room for others are left out.
    """
    events = [event for event in events if not (event["details"] or {}).get("renumbered")]
    if not events:
        return
    kind, version = BY_NAME[item.entity_type], events[-1]["version"]
    verbs = {
        ChangeSetAction.CREATE: "delete",
        ChangeSetAction.DELETE: "restore",
        ChangeSetAction.RESTORE: "delete",
    }
    if verb := verbs.get(item.action):
        yield Edit(kind, verb, (), item.entity_id, version)
        return
    old: dict[str, Any] = {}
    for event in reversed(events):
        old |= event["old_data"] or {}
    content = {name: value for name, value in old.items() if name not in _places(kind)}
    if content:
        values = stored_values(kind.model, content)
        yield Edit(kind, "update", (), item.entity_id, version, values=values)
    if any(name in old for name in kind.kind.place_columns):
        place = _place(kind, old)
        yield Edit(kind, "move", (), item.entity_id, version, place=place)


def _places(kind: Proposable) -> set[str]:
    return {*kind.kind.place_columns, "organization_id", "project_id", "document_id"}


def _place(kind: Proposable, old: dict[str, Any]) -> dict[str, Any]:
    """Return the former place, with the former position."""
    order = kind.kind.order
    is_inside = bool(order.inside) and (order.inside in old or order.key in old)
    return {
        "container_id": old.get(order.key),
        "inside": old.get(order.inside) if order.inside else None,
        "inside_given": is_inside,
        "position": old.get("position"),
    }
