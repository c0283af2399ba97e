"""The state of a project as an open change set would leave it, to be read in place of the rows."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from auth.session import Past
from auth.session.diff import Budget
from auth.session.replaced_rows import ReplacedRows
from auth.session.row import columns_of
from auth.session.write.audit import recorded
from auth.session.write.merge import MAX_TRANSACTION_STEPS
from db.problem import Problem
from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction, ChangeSetState
from db.requirements.collaboration import EntityType
from graph.kit.context import Context
from graph.requirements.change_sets.draft import Draft, merged, turn, written
from graph.requirements.change_sets.kinds import KINDS, Kind
from graph.requirements.sql.standing import standing
from graph.requirements.sql.trace_ends import LABELS

Values = dict[str, Any]
"""The columns of a row, as the record has them."""
End = tuple[EntityType, int]
"""The type and the version of an end of a link."""
FIELD = ["changeSet"]
MAX_LENGTH = 20_000_000
"""Characters of the rows of a change set, as JSON, that are read as a whole."""
AT_ONCE = 100
"""Rows that are made before others on the event loop have their turn."""


async def in_change_set(context: Context, id: UUID) -> Past:
    """Return the state that a change set proposes. Raises NOT_FOUND, INVALID for a closed one.

    Fields in conflict have the proposed value; objects that are gone are left out.
    """
    change_set = await context.one(db.ChangeSet, id)
    if change_set is None:
        raise Problem("NOT_FOUND", "There is no such ChangeSet.", field=FIELD)
    if change_set.state != ChangeSetState.OPEN:
        message = f"The change set is {ChangeSetState(change_set.state).value}."
        raise Problem("INVALID", message, field=FIELD)
    mine = db.ChangeSetItem.change_set_id == id
    items = await context.session.rows(db.ChangeSetItem, mine, order=(db.ChangeSetItem.id,))
    overlay = Overlay(context, change_set, [Draft.of(item) for item in items])
    await overlay.make()
    tables = {name: kind.model.__tablename__ for name, kind in KINDS.items()}
    ids = {tables[name]: [*overlay.rows[name]] for name in KINDS}
    rows = {tables[name]: text for name, text in (await _texts(overlay.rows)).items()}
    return ReplacedRows(id, change_set.version, db.PROPOSABLE, ids, rows)


async def _texts(rows: Mapping[str, Mapping[UUID, Values]]) -> dict[str, str]:
    """Return the rows as JSON. Raises QUERY_TOO_COMPLEX for more than MAX_LENGTH characters."""
    found, length = {}, 0
    for name, values in rows.items():
        texts = []
        for row in values.values():
            texts.append(json.dumps(row))
            length += len(texts[-1])
            if length > MAX_LENGTH:
                message = "The change set is too large to be read as a whole. Read its items."
                raise Problem("QUERY_TOO_COMPLEX", message, field=FIELD)
            if len(texts) % AT_ONCE == 0:
                await asyncio.sleep(0)
        found[name] = f"[{','.join(texts)}]"
    return found


class Overlay:
    """The rows that a change set would change, as it would leave them."""

    def __init__(self, context: Context, change_set: Any, drafts: list[Draft]) -> None:
        self._context, self._change_set, self._drafts = context, change_set, drafts
        self.rows: dict[str, dict[UUID, Values]] = {name: {} for name in KINDS}
        """By the name of the model and the ID."""

    async def make(self) -> None:
        """Make the rows: containers first, whose places others follow."""
        budget = Budget(MAX_TRANSACTION_STEPS)
        for name, kind in KINDS.items():
            mine = [draft for draft in self._drafts if draft.kind is kind]
            live = await self._live(kind, mine)
            ends = await self._ends(kind, mine)
            for number, draft in enumerate(mine):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                row = live.get(draft.id)
                if draft.action is ChangeSetAction.CREATE:
                    if (joined := _joined(draft, ends)) is not None:
                        self.rows[name][draft.id] = self._created(draft, joined)
                elif row is not None:
                    self.rows[name][draft.id] = await _changed(draft, row, budget)
            if kind.is_ordered:
                await self._place(kind, mine)

    async def _live(self, kind: Kind, drafts: Iterable[Draft]) -> Mapping[UUID, Any]:
        """Return the rows of the drafts, by two statements at most."""
        session, model = self._context.session, kind.model
        restored = [d.id for d in drafts if d.action is ChangeSetAction.RESTORE]
        wanted = [d.id for d in drafts if d.exists]
        pages = await session.pages(model, "id", wanted) if wanted else {}
        found: dict[UUID, Any] = {id: page[0] for id, page in pages.items()}
        for id in restored:
            row = await self._context.deleted(model, id)
            if row is not None:
                found[id] = row
        return found

    async def _ends(self, kind: Kind, drafts: Iterable[Draft]) -> dict[UUID, End]:
        """Return the ends of new links: those of the change set, and live ones that can be read."""
        wanted = {
            UUID(draft.proposed[key])
            for draft in drafts
            if draft.action is ChangeSetAction.CREATE
            for key in kind.ends
        }
        found: dict[UUID, End] = {}
        live = set(wanted)
        for name, rows in self.rows.items():
            for id in wanted & rows.keys():
                live.discard(id)
                if rows[id]["deleted_at"] is None:
                    found[id] = LABELS[KINDS[name].model], rows[id]["version"]
        if not live:
            return found
        session = self._context.session
        models = await session.models_of(live, tuple(LABELS))
        for model in set(models.values()):
            ids = [id for id, of in models.items() if of is model]
            for id, page in (await session.pages(model, "id", ids)).items():
                found[id] = LABELS[model], page[0].version
        return found

    def _created(self, draft: Draft, joined: Values) -> Values:
        """Return the row of a new object; it has no number yet."""
        item, change_set = draft.item, self._change_set
        values = written(draft, draft.proposed)
        place = {"organization_id": change_set.organization_id}
        place["project_id"] = change_set.project_id
        row = draft.kind.model(**{**place, **values, **joined, "id": draft.id})
        found = _values(draft.kind, row)
        author = str(item.created_by) if item.created_by else None
        return found | {
            "version": 1,
            "created_at": item.created_at.isoformat(),
            "updated_at": item.updated_at.isoformat(),
            "created_by": author,
            "updated_by": author,
        }

    async def _place(self, kind: Kind, drafts: list[Draft]) -> None:
        """Give positions to new rows without one, and to rows that are moved."""
        rows, key = self.rows[kind.model.__name__], kind.order.key
        new = [
            draft
            for draft in drafts
            if draft.action is ChangeSetAction.CREATE and "position" not in draft.proposed
        ]
        moved = [draft for draft in drafts if draft.place and draft.id in rows]
        if not new and not moved:
            return
        containers = {UUID(str(rows[draft.id][key])) for draft in (*new, *moved)}
        containers |= {UUID(id) for d in moved if (id := (d.place or {}).get("container_id"))}
        lines = Lines(await standing(self._context.session, kind.model, key, [*containers]))
        for id, row in rows.items():
            if row["deleted_at"] is None:
                lines.put(id, UUID(str(row[key])), row["position"])
        for draft in new:
            row = rows[draft.id]
            row["position"] = lines.last(UUID(row[key]), besides=draft.id)
            lines.put(draft.id, UUID(row[key]), row["position"])
        crossed: dict[UUID, UUID] = {}
        for draft in sorted(moved, key=lambda draft: turn(draft.place or {})):
            if self._move(draft, rows[draft.id], lines):
                crossed[draft.id] = UUID(rows[draft.id][key])
        if crossed and kind.order.nests:
            await self._take_along(crossed)

    def _move(self, draft: Draft, row: Values, lines: "Lines") -> bool:
        """Move a row; return whether it is in another container now."""
        place, order = draft.place or {}, draft.kind.order
        before = row[order.key]
        to = place.get("container_id") or before
        if order.inside and (place.get("inside_given") or to != before):
            row[order.inside] = place.get("inside")
        row[order.key] = to
        position = place.get("position")
        if position is None:
            position = lines.between(draft.id, UUID(to), place)
        row["position"] = position
        lines.put(draft.id, UUID(to), position)
        return bool(to != before)

    async def _take_along(self, crossed: Mapping[UUID, UUID]) -> None:
        """Put what is in moved blocks into the documents of these, level by level."""
        session = self._context.session
        block, requirement = (k for k in KINDS.values() if k.is_ordered and k.order.inside)
        level = dict(crossed)
        while level:
            below: dict[UUID, UUID] = {}
            for kind in (block, requirement):
                inside = str(kind.order.inside)
                pages = await session.pages(kind.model, inside, [*level])
                for parent, page in pages.items():
                    for row in page:
                        known = self.rows[kind.model.__name__]
                        values = known.setdefault(row.id, _values(kind, row))
                        if values[inside] == str(parent):
                            values[kind.order.key] = str(level[parent])
                            if kind is block and row.id not in crossed:
                                below[row.id] = level[parent]
            level = below


class Lines:
    """The positions of rows in their containers."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._at: dict[UUID, dict[UUID, float]] = defaultdict(dict)
        self._container: dict[UUID, UUID] = {}
        for row in rows:
            self.put(row["id"], row["container"], row["position"])

    def put(self, id: UUID, container: UUID, position: float) -> None:
        """Put a row at this position, in the place of its former one."""
        if former := self._container.get(id):
            self._at[former].pop(id, None)
        self._container[id] = container
        self._at[container][id] = position

    def last(self, container: UUID, *, besides: UUID) -> float:
        """Return the position behind all others."""
        others = [at for id, at in self._at[container].items() if id != besides]
        return max(others) + 1 if others else 1.0

    def between(self, id: UUID, container: UUID, place: Mapping[str, Any]) -> float:
        """Return the position at a place, in the middle of its neighbours."""
        others = sorted((at, other) for other, at in self._at[container].items() if other != id)
        positions = [at for at, _ in others]
        index = 0 if place.get("first") else len(others)
        beside = place.get("after") or place.get("before")
        ids = [other for _, other in others]
        if beside and UUID(beside) in ids:
            index = ids.index(UUID(beside)) + (1 if place.get("after") else 0)
        if not positions:
            return 1.0
        if index == 0:
            return positions[0] - 1
        if index == len(positions):
            return positions[-1] + 1
        return (positions[index - 1] + positions[index]) / 2


async def _changed(draft: Draft, row: Any, budget: Budget) -> Values:
    """Return a row that exists, with what is proposed."""
    values = _values(draft.kind, row)
    if draft.action is ChangeSetAction.DELETE:
        return values | {"deleted_at": draft.item.updated_at.isoformat()}
    if draft.action is ChangeSetAction.RESTORE:
        return values | {"deleted_at": None, "deleted_by": None}
    return values | draft.proposed | dict((await merged(draft, row, budget)).values)


def _joined(draft: Draft, ends: Mapping[UUID, End]) -> Values | None:
    """Return the columns that follow from the ends of a new link; None if an end is gone."""
    found: Values = {}
    for key, type_ in draft.kind.model.traits.pointers:
        end = ends.get(UUID(draft.proposed[key]))
        if end is None:
            return None
        found |= {type_: end[0], f"{key.removesuffix('_id')}_version": end[1]}
    return found


def _values(kind: Kind, row: Any) -> Values:
    names = [str(column.key) for column in columns_of(kind.model)]
    return {name: recorded(getattr(row, name)) for name in names}
