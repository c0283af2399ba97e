"""Positions for new rows among stored ones, so that the file's order is kept and nothing moves."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

STEP = 1.0
"""The distance between rows placed at an end, as between rows that people add there."""


def placed(items: Sequence[float | None], taken: Iterable[float]) -> list[float]:
    """Return a position for every item of the file, in its order; stored items keep theirs.

    New items (None) follow the item before them directly, ahead of the next stored row; `taken` are
    the positions of all stored rows.
    """
    ordered = sorted(taken)
    positions: list[float] = []
    index = 0
    while index < len(items):
        if (kept := items[index]) is not None:
            positions.append(kept)
            index += 1
            continue
        end = index
        while end < len(items) and items[end] is None:
            end += 1
        lower = positions[-1] if positions else None
        positions += _between(lower, ordered, end - index)
        index = end
    return positions


def _between(lower: float | None, ordered: list[float], count: int) -> list[float]:
    following = 0 if lower is None else bisect_right(ordered, lower)
    upper = ordered[following] if following < len(ordered) else None
    if upper is None:
        return [(lower or 0.0) + STEP * place for place in range(1, count + 1)]
    if lower is None:
        return [upper - STEP * place for place in range(count, 0, -1)]
    gap = (upper - lower) / (count + 1)
    return [lower + gap * place for place in range(1, count + 1)]
