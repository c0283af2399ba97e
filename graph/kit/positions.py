"""Positions: doubles that keep rows in a total order, renumbered where a gap runs out.

A row that goes between two others takes their middle, so each move into one gap halves it. To
number everything anew when no room is left would write the whole document for one move. Instead the
smallest window around the gap that is not crowded yet is renumbered evenly, as in maintaining order
in a list (Dietz and Sleator, 1987; Bender, Cole, Demaine, Farach-Colton and Zito, 2002): the wider
the window, the more room a row must have in it, so that a renumbered window stays sparse for about
as many moves as it has rows. A move renumbers one or two rows, amortised, wherever it goes.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from uuid import UUID

MIN_GAP = 1e-9
"""The least distance between two rows."""

WINDOW = 16
"""The number of rows in the first window; each further one has four times as many."""
SPREAD = 2.0**-16
"""The least step in the first window; in each further one it is four times as large."""
WIDER = 4


def spaced(
    low: float | None, high: float | None, count: int, step: float = MIN_GAP
) -> list[float] | None:
    """Return evenly spaced positions between two (None: open), or None below the least step."""
    if low is None:
        first = 1.0 if high is None else high - count
        found = [first + number for number in range(count)]
    elif high is None:
        found = [low + number for number in range(1, count + 1)]
    else:
        even = high / (count + 1) - low / (count + 1)  # their difference might be infinite
        found = [low + even * number for number in range(1, count + 1)]
    ends = [low] if low is not None else [], [high] if high is not None else []
    if not all(map(isfinite, found)):
        return None
    wide = all(right - left >= step for left, right in pairwise([*ends[0], *found, *ends[1]]))
    return found if wide else None


class Crowded(Exception):
    """There is no room, and the rows that could make some have not been read."""


class Line:
    """Rows in order of position, then ID.

    Unless `complete`, it holds only the neighbours of one place.
    """

    def __init__(self, rows: Iterable[tuple[UUID, float]], *, complete: bool = True) -> None:
        self.complete = complete
        self.positions = dict(rows)
        self.keys = sorted((position, id) for id, position in self.positions.items())

    def place_of(self, id: UUID) -> int:
        """Return the number of rows before this one."""
        return bisect_left(self.keys, (self.positions[id], id))

    def take(self, *ids: UUID) -> None:
        """Remove these rows, if they are in the line."""
        gone = {id for id in ids if id in self.positions}
        if len(gone) == 1:
            (id,) = gone
            del self.keys[self.place_of(id)]
        elif gone:
            self.keys = [key for key in self.keys if key[1] not in gone]
        for id in gone:
            del self.positions[id]

    def put(self, ids: Sequence[UUID], place: int) -> dict[UUID, float]:
        """Insert these rows, in this order, before the row at this place.

        Return their positions, and the new positions of rows that made room. Raises Crowded.
        """
        start = end = place
        found = spaced(*self.around(place), len(ids))
        if found is None and not self.complete:
            raise Crowded
        width, step = WINDOW, SPREAD
        while found is None:
            start, end = max(0, place - width // 2), min(len(self.keys), place + width // 2)
            found = spaced(*self.around(start, end), end - start + len(ids), step)
            width, step = width * WIDER, min(step * WIDER, 1.0)
        window = [id for _, id in self.keys[start:end]]
        window[place - start : place - start] = ids
        changed = {
            id: position
            for id, position in zip(window, found, strict=True)
            if self.positions.get(id) != position
        }
        self.keys[start:end] = zip(found, window, strict=True)
        self.positions |= changed
        return changed

    def put_back(self, id: UUID, position: float) -> None:
        """Insert a row at a given position."""
        self.positions[id] = position
        insort(self.keys, (position, id))

    def around(self, start: int, end: int | None = None) -> tuple[float | None, float | None]:
        """Return the positions before and after a place or a window; None at an open end."""
        end = start if end is None else end
        low = self.keys[start - 1][0] if start else None
        return low, self.keys[end][0] if end < len(self.keys) else None
