"""Merge within one field: the lines of a text, the keys of an object, the members of a set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from auth.session.diff import Budget, regions
from db.values import same_json

CHARACTERS_PER_STEP = 16
"""Characters whose splitting into lines takes as long as one comparison."""

Key = tuple[tuple[str, ...], Any, Any, Any]
"""An overlap, as a path of keys with three values: base, theirs, mine.

An absent value is None.
"""
ABSENT: Any = object()
"""A marker for a key that an object does not have."""


def is_larger(values: Iterable[Any], limit: int) -> bool:
    """Return whether these hold more characters and members than that; stops counting there."""
    waiting = [iter(values)]
    size = 0
    while waiting:
        for value in waiting[-1]:
            size += len(value) + 1 if isinstance(value, str) else 1
            if size > limit:
                return True
            if isinstance(value, Mapping):
                waiting.append(chain(value, value.values()))
                break
            if isinstance(value, list):
                waiting.append(iter(value))
                break
        else:
            waiting.pop()
    return False


def merge_lines(base: str, one: str, other: str, budget: Budget | None = None) -> str | None:
    """Return `base` with both sides' changes; None when they touch the same or adjacent lines.

    The diff3 rule: regions of the base that only one side has changed take that side. When the
    budget is used up regions are larger than they need be, so that more of them touch.
    """
    budget = budget or Budget()
    budget.left -= (len(base) + len(one) + len(other)) // CHARACTERS_PER_STEP
    if budget.left < 0:
        return None
    lines = base.splitlines(keepends=True)
    edits = sorted([*_edits(lines, one, budget), *_edits(lines, other, budget)])
    merged: list[str] = []
    at = 0
    before: tuple[int, int, list[str]] | None = None
    for start, end, new in edits:
        if before == (start, end, new):
            continue  # both sides have made the same change
        if before and start <= before[1]:
            return None
        merged += lines[at:start] + new
        at, before = end, (start, end, new)
    return "".join(merged + lines[at:])


def _edits(base: list[str], text: str, budget: Budget) -> Iterator[tuple[int, int, list[str]]]:
    """Yield regions of the base that the text replaces, with their replacements."""
    lines = text.splitlines(keepends=True)
    for start, end, new_start, new_end, equal in regions(base, lines, budget):
        if not equal:
            yield start, end, lines[new_start:new_end]


def merge_words(base: Sequence[str], theirs: Sequence[str], mine: Sequence[str]) -> list[str]:
    """Return the members of a set: theirs, without my removals and with my additions."""
    removed = set(base) - set(mine)
    known = {*base, *theirs}
    return [word for word in theirs if word not in removed] + [
        word for word in mine if word not in known
    ]


def merge_objects(
    base: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Key]]:
    """Return both sides' changes of a JSON object merged by key, nested objects too; and overlaps.

    A list is one value. A key that one side has removed and the other changed overlaps.
    """
    merged: dict[str, Any] = {}
    overlaps: list[Key] = []
    for key in (*theirs, *(key for key in mine if key not in theirs)):
        was, current, sent = (side.get(key, ABSENT) for side in (base, theirs, mine))
        if _same(sent, was) or _same(sent, current):
            value = current
        elif _same(current, was):
            value = sent
        elif isinstance(current, dict) and isinstance(sent, dict):
            within = was if isinstance(was, dict) else {}
            value, inner = merge_objects(within, current, sent)
            overlaps += [((key, *path), *held) for path, *held in inner]
        else:
            was, current, sent = (None if s is ABSENT else s for s in (was, current, sent))
            overlaps.append(((key,), was, current, sent))
            continue
        if value is not ABSENT:
            merged[key] = value
    return merged, overlaps


def _same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same_json(one, other)
