"""Three-way merge of the client's values with changes of others since it read the row.

The record of changes holds every value since the client's version. Fields that only one side has
changed are merged; long texts merge by lines, JSON objects by key, tags as a set. Overlaps are a
CONFLICT that says, per field or key, base, current and yours, who changed it and when.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.sql.type_api import TypeEngine

from auth.session.diff import MAX_STEPS, Budget
from auth.session.write.audit import recorded
from auth.session.write.merge_parts import Key, is_larger, merge_lines, merge_objects, merge_words
from auth.session.write.patch import Patch
from db.base import Entity
from db.text import LinesText, is_names
from db.values import same_json, unix_lines

MAX_ON_LOOP = 20_000
"""Characters and members of values, at most, that are merged on the event loop."""
MAX_TRANSACTION_STEPS = 4 * MAX_STEPS
"""Comparisons of all the merges of one transaction, at most: two fifths of a second."""

_THREAD = ThreadPoolExecutor(1, "merge")
"""One thread: more of them would only compete with the loop for the processor."""


@dataclass(frozen=True)
class Change:
    """One recorded change: its version, the values before it, its author and time.

    `renumbered` when it only made room for a row that was moved.
    """

    version: int
    old: Mapping[str, Any]
    actor_id: UUID | None
    at: datetime
    renumbered: bool = False


@dataclass(frozen=True)
class Overlap:
    """A field that both sides have changed differently; all values in the form of the record.

    With `keys` it is the member of a JSON object under them, outermost first.
    """

    field: str
    base: Any
    current: Any
    yours: Any
    changed_by: UUID | None
    changed_at: datetime
    keys: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return the conflict in the form for the client."""
        return {
            "field": self.field,
            "path": [self.field, *self.keys],
            "base": self.base,
            "current": self.current,
            "yours": self.yours,
            "changedBy": str(self.changed_by) if self.changed_by else None,
            "changedAt": self.changed_at.isoformat(),
        }


Merged = tuple[dict[str, Any], list[Overlap]]
"""The values to store, and the overlaps (with any, nothing may be stored)."""


async def merge(
    model: type[Entity],
    yours: Mapping[str, Any],
    current: Mapping[str, Any],
    since: Sequence[Change],
    budget: Budget | None = None,
) -> Merged:
    """Return the client's values of a row of `model`, merged with changes of others.

    `since` holds the changes after the client's version, oldest first. Texts that take more
    comparisons than `budget` has left are not merged: they overlap. Large values are merged in a
    thread, so that other requests are not blocked meanwhile.
    """
    budget = budget or Budget(MAX_TRANSACTION_STEPS)
    touched_names = {name for change in since for name in change.old}
    values = [value for name, value in yours.items() if name in touched_names]
    values += [current[name] for name in yours if name in touched_names]
    if not is_larger([*values, *(change.old for change in since)], MAX_ON_LOOP):
        return _merge(model, yours, current, since, budget)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREAD, _merge, model, yours, current, since, budget)


def _merge(
    model: type[Entity],
    yours: Mapping[str, Any],
    current: Mapping[str, Any],
    since: Sequence[Change],
    budget: Budget,
) -> Merged:
    values: dict[str, Any] = {}
    overlaps: list[Overlap] = []
    types = {attribute.key: attribute.columns[0].type for attribute in inspect(model).column_attrs}
    for name, sent in yours.items():
        touching = [change for change in since if name in change.old]
        theirs = _compared(current[name])
        base = _compared(touching[0].old[name]) if touching else theirs
        value = sent.applied(base or {}) if isinstance(sent, Patch) else sent
        mine = _compared(value)
        if not touching or same_json(mine, theirs):
            values[name] = value
        elif same_json(mine, base):
            continue  # the client sends what it has read: only others have changed it
        else:
            merged, keys = _parts(types[name], base, theirs, mine, budget)
            if not keys:
                values[name] = merged
            last = touching[-1]
            for path, was, now, sent_ in keys:
                overlaps.append(Overlap(name, was, now, sent_, last.actor_id, last.at, path))
    return values, overlaps


def _parts(
    type_: TypeEngine[Any], base: Any, theirs: Any, mine: Any, budget: Budget
) -> tuple[Any, list[Key]]:
    """Return a field of this type with both sides' changes, and its overlaps."""
    sides = (base, theirs, mine)
    if isinstance(type_, LinesText) and all(isinstance(side, str) for side in sides):
        text = merge_lines(base, theirs, mine, budget)
        return text, [] if text is not None else [((), *sides)]
    if is_names(type_) and all(isinstance(side, list) for side in sides):
        return merge_words(base, theirs, mine), []
    if all(isinstance(side, dict) for side in sides):
        return merge_objects(base, theirs, mine)
    return None, [((), *sides)]


def _compared(value: Any) -> Any:
    """Return a value in the form of the record, for comparison; line ends are normalised."""
    return unix_lines(value) if isinstance(value, str) else recorded(value)


def moved_by_others(
    yours: Mapping[str, Any], current: Mapping[str, Any], since: Sequence[Change]
) -> list[Overlap]:
    """Return the changes of others to a row's place, which are never merged, not even equal ones.

    Two clients that move a row last mean it after different rows: both must see the conflict.
    """
    found = []
    for name, value in yours.items():
        if changes := [change for change in since if name in change.old]:
            last = changes[-1]
            sides = (changes[0].old[name], recorded(current[name]), recorded(value))
            found.append(Overlap(name, *sides, last.actor_id, last.at))
    return found


def touched(row: Any, since: Sequence[Change]) -> list[Overlap]:
    """Return every field that others have changed, for a client that deletes the row."""
    names = sorted({name for change in since for name in change.old})
    found = []
    for name in names:
        changes = [change for change in since if name in change.old]
        first, last = changes[0], changes[-1]
        current = recorded(getattr(row, name))
        found.append(Overlap(name, first.old[name], current, None, last.actor_id, last.at))
    return found
