"""The classification of a baseline's differences: added, removed, changed, moved."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from db.base import BOOKKEEPING
from graph.requirements.sql.baseline_diff import PLACE


class ChangeKind(Enum):
    """The kind of a difference. An item can be both changed and moved."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True)
class Difference:
    """One item that differs, and the kinds of its differences."""

    entity_type: str
    entity_id: UUID
    kinds: tuple[ChangeKind, ...]


@dataclass(frozen=True)
class FieldDifference:
    """A column whose value differs."""

    column: str
    old: Any
    new: Any


def classified(rows: Iterable[Any]) -> list[Difference]:
    """Return the differences of these rows (see `Comparison.differences`), by their IDs.

    An item has moved when it stands in another document or block, or when its order among those
    that stood in the same block before and after differs: as few as possible count as
    moved, and a new position alone is no move.
    """
    rows = sorted(rows, key=lambda row: row["entity_id"])
    moved = _moved(rows)
    found = []
    for row in rows:
        if not row["was"]:
            kinds = [ChangeKind.ADDED]
        elif not row["is"]:
            kinds = [ChangeKind.REMOVED]
        else:
            kinds = [ChangeKind.CHANGED] if row["changed"] else []
            kinds += [ChangeKind.MOVED] if row["entity_id"] in moved else []
        if kinds:
            found.append(Difference(row["entity_type"], row["entity_id"], tuple(kinds)))
    return found


def _moved(rows: Iterable[Any]) -> set[UUID]:
    moved = set()
    stayed: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        if not (row["was"] and row["is"]):
            continue
        before, after = (
            (row[f"{side}_document_id"], row[f"{side}_parent_id"]) for side in ("old", "new")
        )
        if before != after:
            moved.add(row["entity_id"])
        elif row["reordered"]:
            block = None if row["entity_type"] == "Document" else after
            stayed[row["entity_type"], block].append(row)
    for group in stayed.values():
        order = sorted(group, key=lambda row: (row["new_position"], row["entity_id"]))
        places = [(row["old_position"], row["entity_id"]) for row in order]
        kept = longest_increasing(places)
        moved |= {id for i, (_, id) in enumerate(places) if i not in kept}
    return moved


def longest_increasing(values: Sequence[Any]) -> set[int]:
    """Return the indexes of one of the longest subsequences whose values increase."""
    ends: list[Any] = []  # the smallest value that ends a subsequence of each length
    at: list[int] = []  # where that value is
    before: list[int | None] = []
    for i, value in enumerate(values):
        length = bisect_left(ends, value)
        before.append(at[length - 1] if length else None)
        ends[length : length + 1] = [value]
        at[length : length + 1] = [i]
    kept = set()
    i_: int | None = at[-1] if at else None
    while i_ is not None:
        kept.add(i_)
        i_ = before[i_]
    return kept


def fields(
    difference: Difference, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[FieldDifference]:
    """Return the columns of an item that differ; those of its place only when it moved."""
    if before is None or after is None:
        return []
    left = BOOKKEEPING if ChangeKind.MOVED in difference.kinds else BOOKKEEPING | PLACE
    return [
        FieldDifference(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in left and before.get(name) != after.get(name)
    ]
