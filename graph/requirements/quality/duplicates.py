"""Duplicates: pairs of texts whose sets of trigrams are almost the same.

The measure is that of `similarity` in PostgreSQL's pg_trgm: of all trigrams of both texts, the
share that both have. Trigrams are those of words in lower case, with two spaces before each word
and one after it. Two texts can only reach the threshold if they share one of the rarest trigrams
of the one (prefix filtering, Chaudhuri et al. 2006), so few are compared.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import ceil

THRESHOLD = 0.85
"""The least similarity of duplicates."""
MAX_COMPARED_LENGTH = 1_000
"""Code points of a text that are compared."""
MIN_WORDS = 3
"""Words that a text has at least to be compared."""
MAX_DUPLICATES = 10
"""Duplicates of one requirement that are named."""
MAX_COMPARISONS = 300_000
"""Pairs of texts that one pass compares."""
WORD = re.compile(r"\w+")

Pairs = dict[str, dict[str, float]]
"""By ID, the IDs of duplicates with their similarity; each pair is there from both sides."""


def trigrams(text: str) -> frozenset[str]:
    """Return the trigrams of a text; none of a text with too few words."""
    words = WORD.findall(text[:MAX_COMPARED_LENGTH].lower())
    if len(words) < MIN_WORDS:
        return frozenset()
    padded = (f"  {word} " for word in words)
    return frozenset(word[i : i + 3] for word in padded for i in range(len(word) - 2))


class Corpus:
    """The texts of one document, to compare some of them with all."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Split the texts, by ID, into trigrams."""
        self._trigrams: dict[str, tuple[str, ...]] = {}
        self._counts: Counter[str] = Counter()
        known: dict[str, str] = {}  # so that each trigram is in memory once
        for id, text in texts.items():
            if found := trigrams(text):
                self._trigrams[id] = tuple(known.setdefault(one, one) for one in found)
                self._counts.update(self._trigrams[id])

    def pairs(self, changed: Iterable[str]) -> Pairs:
        """Return the pairs of which at least one text is `changed`, at most ten for each ID."""
        rare: dict[str, list[str]] = defaultdict(list)
        for id in changed:
            for trigram in self._rarest(id):
                rare[trigram].append(id)
        pairs: Pairs = defaultdict(dict)
        left = MAX_COMPARISONS
        for other, found in self._trigrams.items():
            near = {id for trigram in found if trigram in rare for id in rare[trigram]}
            near.discard(other)
            for id in sorted(near):
                if len(pairs[id]) >= MAX_DUPLICATES or other in pairs[id]:
                    continue
                left -= 1
                if left < 0:
                    return _filled(pairs)
                similarity = self._similarity(id, other)
                if similarity >= THRESHOLD:
                    pairs[id][other] = similarity
                    if len(pairs[other]) < MAX_DUPLICATES:
                        pairs[other][id] = similarity
        return _filled(pairs)

    def _rarest(self, id: str) -> list[str]:
        """Return the rarest trigrams of a text, of which a duplicate has at least one."""
        counts = self._counts
        ordered = sorted(self._trigrams.get(id, ()), key=lambda one: (counts[one], one))
        return ordered[: len(ordered) - ceil(THRESHOLD * len(ordered)) + 1]

    def _similarity(self, one: str, other: str) -> float:
        first, second = self._trigrams[one], self._trigrams[other]
        if min(len(first), len(second)) < THRESHOLD * max(len(first), len(second)):
            return 0.0
        both = len(set(first).intersection(second))
        return both / (len(first) + len(second) - both)


def _filled(pairs: Pairs) -> Pairs:
    return {id: found for id, found in pairs.items() if found}
