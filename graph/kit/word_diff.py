"""What changed in a text, word by word, in time that no pair of texts can make long.

Lines are compared first, then the words of the lines that differ, by Myers' greedy algorithm ("An
O(ND) Difference Algorithm and Its Variations", 1986). All of it together takes a bounded number of
steps; what is left when they are used up is shown as deleted and inserted whole.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby
from typing import NamedTuple

STEPS = 250_000
"""Comparisons of one diff, at most, which take a tenth of a second: some 500 scattered changes."""

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class Kind(Enum):
    """What became of a part of a text."""

    EQUAL = "equal"
    DELETED = "deleted"
    INSERTED = "inserted"


class Part(NamedTuple):
    """A part of both texts, of the old one alone, or of the new one alone."""

    kind: Kind
    text: str


class _Budget:
    """How many steps are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps


def word_diff(old: str, new: str, steps: int = STEPS) -> list[Part]:
    """The parts of both texts in order; where both differ, what was deleted comes first.

    The parts that are not INSERTED, joined, are the old text; those not DELETED, the new one.
    """
    budget = _Budget(steps)
    parts: list[Part] = []
    lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for before, after in _regions(*lines, budget):
        if before == after:
            parts.append(Part(Kind.EQUAL, "".join(before)))
            continue
        words = TOKEN.findall("".join(before)), TOKEN.findall("".join(after))
        for deleted, inserted in _without_islands(_regions(*words, budget)):
            if deleted == inserted:
                parts.append(Part(Kind.EQUAL, deleted))
            else:
                parts += (Part(Kind.DELETED, deleted), Part(Kind.INSERTED, inserted))
    return list(_joined(parts))


def _without_islands(regions: Iterator[tuple[Sequence[str], ...]]) -> Iterator[tuple[str, str]]:
    """The regions as texts; white space alone between two changes becomes a part of them."""
    pending: tuple[str, str] | None = None
    space = ""
    for region in regions:
        old, new = ("".join(side) for side in region)
        if old != new:
            if pending:
                old, new = (pending[i] + space + text for i, text in enumerate((old, new)))
            pending, space = (old, new), ""
        elif pending and not space and old.isspace():
            space = old
        else:
            if pending:
                yield pending
            if space:
                yield space, space
            yield old, new
            pending, space = None, ""
    if pending:
        yield pending
    if space:
        yield space, space


def _joined(parts: list[Part]) -> Iterator[Part]:
    """The parts without empty ones; changes next to each other are one."""
    filled = (part for part in parts if part.text)
    for is_equal, run in groupby(filled, lambda part: part.kind is Kind.EQUAL):
        found = list(run)
        for kind in (Kind.EQUAL,) if is_equal else (Kind.DELETED, Kind.INSERTED):
            if text := "".join(part.text for part in found if part.kind is kind):
                yield Part(kind, text)


def _regions(
    old: Sequence[str], new: Sequence[str], budget: _Budget
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Both sequences in pieces that are equal, or that replace each other."""
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = old[start : len(old) - end], new[start : len(new) - end]
    if start:
        yield old[:start], new[:start]
    x = y = 0
    for at, other, length in (*_matches(*middle, budget), (len(middle[0]), len(middle[1]), 0)):
        if (x, y) != (at, other):
            yield middle[0][x:at], middle[1][y:other]
        x, y = at + length, other + length
        if length:
            yield middle[0][at:x], middle[1][other:y]
    if end:
        yield old[len(old) - end :], new[len(new) - end :]


def _matches(old: Sequence[str], new: Sequence[str], budget: _Budget) -> list[tuple[int, int, int]]:
    """Runs that both have, in order: where in the old, where in the new, how long.

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
            budget.left -= x - begin + 1
            if budget.left < 0:
                return []
            furthest[k] = x
            if x >= len(old) and y >= len(new):
                return _traced(rounds, len(old), len(new))
    raise AssertionError  # that many edits turn anything into anything


def _traced(rounds: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int, int]]:
    """The runs on the way that led to (x, y), which is traced back."""
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
