"""The proposed change of one object, and its three-way merge with the object as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth.session.diff import Budget
from auth.session.row import columns_of
from auth.session.write.audit import recorded
from auth.session.write.merge import Change, Overlap, merge
from auth.session.write.revert import stored_values
from db.problem import Problem
from db.requirements.change_sets import ChangeSetAction
from db.values import same_json
from graph.requirements.change_sets.kinds import KINDS, Kind


@dataclass(eq=False)
class Draft:
    """A proposed change: `base` and `proposed` hold values as the record of changes has them.

    `values` are those to write, after a merge. `problem` names fields as columns.
    """

    kind: Kind
    id: UUID
    action: ChangeSetAction
    base_version: int | None = None
    base: dict[str, Any] = field(default_factory=dict)
    proposed: dict[str, Any] = field(default_factory=dict)
    place: dict[str, Any] | None = None
    item: Any = None
    """The stored item; None for one that is new."""
    values: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None

    @classmethod
    def of(cls, item: Any) -> "Draft":
        """Return the draft of a stored item; columns that there are no longer are left out."""
        kind = KINDS[item.entity_type]
        known = {column.key for column in columns_of(kind.model)}
        return cls(
            kind,
            item.entity_id,
            ChangeSetAction(item.action),
            item.base_version,
            {name: value for name, value in item.base.items() if name in known},
            {name: value for name, value in item.proposed.items() if name in known},
            dict(item.place) if item.place else None,
            item,
        )

    @property
    def exists(self) -> bool:
        """Return whether the object is one of the live state, which must still be there."""
        return self.action in (ChangeSetAction.UPDATE, ChangeSetAction.DELETE)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is proposed any more."""
        return self.action is ChangeSetAction.UPDATE and not self.proposed and not self.place

    def refuse(self, problem: Problem) -> None:
        """Note the first problem."""
        self.problem = self.problem or problem

    def columns(self) -> dict[str, Any]:
        """Return the columns of the item."""
        return {
            "action": self.action,
            "base_version": self.base_version,
            "base": self.base,
            "proposed": self.proposed,
            "place": self.place,
        }

    def references(self) -> set[UUID]:
        """Return the IDs of objects that the change needs: containers, neighbours, and ends."""
        place, kind = self.place or {}, self.kind
        keys: tuple[str | None, ...] = kind.ends
        if kind.is_ordered:
            keys = (kind.order.key, kind.order.inside)
        named = [self.proposed.get(key) for key in keys if key]
        named += [place.get(key) for key in ("container_id", "inside", "after", "before")]
        return {UUID(id) for id in named if id}


@dataclass(frozen=True)
class Merged:
    """The values to write, as the record has them, and what both sides have changed."""

    values: Mapping[str, Any]
    overlaps: list[Overlap]


async def merged(draft: Draft, row: Any, budget: Budget | None = None) -> Merged:
    """Return the draft merged with the row as it is now.

    Columns that others have changed since are those whose value is not that of `base`: who changes
    something and changes it back is in nobody's way.
    """
    if not draft.exists:
        return Merged(draft.proposed, [])
    current = {name: recorded(getattr(row, name)) for name in {*draft.base, *draft.proposed}}
    changed = {name: was for name, was in draft.base.items() if not same_json(was, current[name])}

    def overlap(name: str, proposed: Any = None) -> Overlap:
        sides = (changed[name], current[name], proposed)
        return Overlap(name, *sides, row.updated_by, row.updated_at)

    if draft.action is ChangeSetAction.DELETE:
        return Merged({}, [overlap(name) for name in changed])
    old = {name: was for name, was in changed.items() if name in draft.proposed}
    since = [Change(row.version, old, row.updated_by, row.updated_at)] if old else []
    values, overlaps = await merge(draft.kind.model, draft.proposed, current, since, budget)
    if draft.place is not None:
        to = _place_values(draft)
        place = (name for name in draft.kind.place_columns if name in changed)
        overlaps += [overlap(name, to.get(name)) for name in place]
    return Merged(values, overlaps)


def _place_values(draft: Draft) -> dict[str, Any]:
    """Return the columns that the proposed place decides."""
    place, order = draft.place or {}, draft.kind.order
    values = {order.key: place.get("container_id") or draft.base.get(order.key)}
    if order.inside:
        given = place.get("inside_given")
        values[order.inside] = place.get("inside") if given else draft.base.get(order.inside)
    return values


def written(draft: Draft, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded values in the form of a row of the draft's model."""
    return stored_values(draft.kind.model, values)


def turn(place: Mapping[str, Any]) -> tuple[str, int]:
    """Return the order in which moves were proposed."""
    return str(place.get("since") or "~"), int(place.get("index") or 0)
