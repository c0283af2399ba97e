"""The diff of two sequences, in bounded time.

Myers' greedy algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986) with a budget:
when it is used up, the rest counts as replaced as a whole, which is coarse and still correct.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAX_STEPS = 250_000
"""Comparisons of one diff, at most, which take a tenth of a second: some 500 scattered changes."""
COMPARED_AT_ONCE = 16
"""Equal items of a run that count as one comparison: they cost as little."""


class Budget:
    """The comparisons left, for one diff or for many."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps


class Region(NamedTuple):
    """Items `start` to `end` of the old sequence, and `new_start` to `new_end` in their place."""

    start: int
    end: int
    new_start: int
    new_end: int
    equal: bool


def regions(old: Sequence[str], new: Sequence[str], budget: Budget) -> Iterator[Region]:
    """Yield both sequences in regions that are equal, or that replace each other, in order."""
    shortest = min(len(old), len(new))
    start = _common(old, new, shortest)
    end = _common(old[start:][::-1], new[start:][::-1], shortest - start)
    stop, new_stop = len(old) - end, len(new) - end
    if start:
        yield Region(0, start, 0, start, equal=True)
    x = y = start
    runs = _runs(old[start:stop], new[start:new_stop], budget)
    for from_, to, length in (*runs, (stop - start, new_stop - start, 0)):
        at, other = start + from_, start + to
        if (x, y) != (at, other):
            yield Region(x, at, y, other, equal=False)
        x, y = at + length, other + length
        if length:
            yield Region(at, x, other, y, equal=True)
    if end:
        yield Region(stop, len(old), new_stop, len(new), equal=True)


def _common(old: Sequence[str], new: Sequence[str], most: int) -> int:
    """Return the number of equal items at the beginning of both, up to `most`."""
    at = 0
    step = 1 << max(most.bit_length() - 1, 0)
    while step:  # slices are compared in C
        end = at + step
        if end <= most and old[at:end] == new[at:end]:
            at = end
        else:
            step >>= 1
    return at


def _runs(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[tuple[int, int, int]]:
    """Return the runs in both, in order: start in the old, start in the new, length.

    It is empty, too, when there are no steps left to find them all.
    """
    furthest = {1: 0}
    rounds: list[dict[int, int]] = []
    if not old or not new:
        return []
    for edits in range(len(old) + len(new) + 1):
        rounds.append(furthest.copy())
        budget.left -= edits
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            begin, y = x, x - k
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            budget.left -= (x - begin) // COMPARED_AT_ONCE + 1
            if budget.left < 0:
                return []
            furthest[k] = x
            if x >= len(old) and y >= len(new):
                return _traced(rounds, len(old), len(new))
    raise AssertionError  # that many edits turn anything into anything


def _traced(rounds: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int, int]]:
    """Return the runs on the path that led to (x, y), traced back."""
    runs = []
    for edits in range(len(rounds) - 1, -1, -1):
        furthest, k = rounds[edits], x - y
        down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
        before = k + 1 if down else k - 1
        from_x = furthest[before]
        from_y = from_x - before
        begin = from_x if down else from_x + 1
        if edits == 0:
            begin = 0
        if x > begin:
            runs.append((begin, begin - k, x - begin))
        x, y = from_x, from_y
    return runs[::-1]
