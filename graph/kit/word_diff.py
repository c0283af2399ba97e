"""Diff of texts by words, in bounded time whatever the texts are.

Lines are compared first, then the words of the lines that differ. Both together take a bounded
number of steps; the rest of the texts is then shown as deleted and inserted whole.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby
from typing import NamedTuple

from auth.session.diff import Budget, regions

MAX_LINES_LENGTH = 100_000
"""Characters of lines that differ whose words are compared; reading words stops everything else."""

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class Kind(Enum):
    """The kind of a part of a diff."""

    EQUAL = "equal"
    DELETED = "deleted"
    INSERTED = "inserted"


class Part(NamedTuple):
    """A part of both texts, of the old one alone, or of the new one alone."""

    kind: Kind
    text: str


def word_diff(old: str, new: str, budget: Budget | None = None) -> list[Part]:
    """Return the parts of both texts in order; where both differ, the deleted part is first.

    The parts that are not INSERTED, joined, are the old text; those not DELETED, the new one.
    """
    budget = budget or Budget()
    parts: list[Part] = []
    lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for before, after, equal in _pieces(*lines, budget):
        if equal:
            parts.append(Part(Kind.EQUAL, before))
        elif len(before) + len(after) > MAX_LINES_LENGTH or budget.left < 0:
            parts += (Part(Kind.DELETED, before), Part(Kind.INSERTED, after))
        else:
            words = TOKEN.findall(before), TOKEN.findall(after)
            for deleted, inserted, same in _without_islands(_pieces(*words, budget)):
                if same:
                    parts.append(Part(Kind.EQUAL, deleted))
                else:
                    parts += (Part(Kind.DELETED, deleted), Part(Kind.INSERTED, inserted))
    return list(_joined(parts))


def whole(old: str, new: str) -> list[Part]:
    """Return both texts as parts without comparing them, unless they are the same."""
    kinds = (Kind.DELETED, Kind.INSERTED)
    parts = [Part(kind, text) for kind, text in zip(kinds, (old, new), strict=True) if text]
    return parts if old != new else [Part(Kind.EQUAL, old)][: len(old)]


Piece = tuple[str, str, bool]
"""A piece of the old text, its counterpart in the new text, and whether they are equal."""


def _pieces(old: Sequence[str], new: Sequence[str], budget: Budget) -> Iterator[Piece]:
    for start, end, new_start, new_end, equal in regions(old, new, budget):
        yield "".join(old[start:end]), "".join(new[new_start:new_end]), equal


def _without_islands(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the pieces; white space alone between two changes becomes a part of them."""
    pending: tuple[str, str] | None = None
    space = ""
    for old, new, equal in pieces:
        if not equal:
            before = pending or ("", "")
            pending, space = (before[0] + space + old, before[1] + space + new), ""
        elif pending and not space and old.isspace():
            space = old
        else:
            if pending:
                yield *pending, False
            if space:
                yield space, space, True
            yield old, new, True
            pending, space = None, ""
    if pending:
        yield *pending, False
    if space:
        yield space, space, True


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Yield the parts without empty ones; adjacent changes are joined."""
    filled = (part for part in parts if part.text)
    for is_equal, run in groupby(filled, lambda part: part.kind is Kind.EQUAL):
        found = list(run)
        for kind in (Kind.EQUAL,) if is_equal else (Kind.DELETED, Kind.INSERTED):
            if text := "".join(part.text for part in found if part.kind is kind):
                yield Part(kind, text)
