"""Three-way merge: what the client sends, against what others have changed since they read.

The record of changes knows every value since the version that the client has seen. Fields that
only one side has touched are merged; long text merges by lines (the diff3 rule: regions of the
base that only one side has changed take that side); what overlaps is a CONFLICT that says, per
field, base, current and yours, who changed it and when.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

from auth.session.record import recorded

LINE_MERGED = frozenset({"description", "original_requirement"})
"""Texts long enough for two people to work on different lines of them."""


@dataclass(frozen=True)
class Change:
    """One recorded change: its version, the values before it, who made it and when.

    `renumbered` when it only made room for a row that was moved.
    """

    version: int
    old: Mapping[str, Any]
    actor_id: UUID | None
    at: datetime
    renumbered: bool = False


@dataclass(frozen=True)
class Overlap:
    """A field that both sides have changed differently; all values as the record holds them."""

    field: str
    base: Any
    current: Any
    yours: Any
    changed_by: UUID | None
    changed_at: datetime

    def told(self) -> dict[str, Any]:
        """What the client is told of it."""
        return {
            "field": self.field,
            "base": self.base,
            "current": self.current,
            "yours": self.yours,
            "changedBy": str(self.changed_by) if self.changed_by else None,
            "changedAt": self.changed_at.isoformat(),
        }


def merge(
    yours: Mapping[str, Any], current: Mapping[str, Any], since: Sequence[Change]
) -> tuple[dict[str, Any], list[Overlap]]:
    """The values to store, and the fields that overlap (then nothing may be stored).

    `since` holds the changes after the version that the client has seen, oldest first.
    """
    values: dict[str, Any] = {}
    overlaps = []
    for name, value in yours.items():
        touching = [change for change in since if name in change.old]
        mine, theirs = recorded(value), recorded(current[name])
        base = touching[0].old[name] if touching else theirs
        if not touching or mine == theirs:
            values[name] = value
        elif mine == base:
            continue  # the client sends what it has read: only others have changed it
        elif (text := _merged_text(name, base, theirs, mine)) is not None:
            values[name] = text
        else:
            last = touching[-1]
            overlaps.append(Overlap(name, base, theirs, mine, last.actor_id, last.at))
    return values, overlaps


def touched(row: Any, since: Sequence[Change]) -> list[Overlap]:
    """Every field that others have changed, for somebody who wants to delete the row."""
    names = sorted({name for change in since for name in change.old})
    found = []
    for name in names:
        changes = [change for change in since if name in change.old]
        first, last = changes[0], changes[-1]
        current = recorded(getattr(row, name))
        found.append(Overlap(name, first.old[name], current, None, last.actor_id, last.at))
    return found


def _merged_text(name: str, base: Any, current: Any, yours: Any) -> str | None:
    texts = (base, current, yours)
    if name not in LINE_MERGED or not all(isinstance(text, str) for text in texts):
        return None
    return merge_lines(base, current, yours)


def merge_lines(base: str, one: str, other: str) -> str | None:
    """Both sides' changes of `base`, or None when they touch the same or neighbouring lines."""
    lines = base.splitlines(keepends=True)
    edits = sorted([*_edits(lines, one), *_edits(lines, other)])
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


def _edits(base: list[str], text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Regions of the base that the text replaces, and with what."""
    lines = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, base, lines, autojunk=False)
    for kind, start, end, from_, to in matcher.get_opcodes():
        if kind != "equal":
            yield start, end, lines[from_:to]
