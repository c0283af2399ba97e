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


def duplicates(texts: Mapping[str, str], changed: Iterable[str]) -> Pairs:
    """Return the pairs of which at least one text is `changed`, at most ten for each ID."""
    sets = {id: found for id, text in texts.items() if (found := trigrams(text))}
    asked = [id for id in changed if id in sets]
    counts = Counter(trigram for found in sets.values() for trigram in found) if asked else {}
    rare: dict[str, list[str]] = defaultdict(list)
    for id in asked:
        ordered = sorted(sets[id], key=lambda trigram: (counts[trigram], trigram))
        prefix = len(ordered) - ceil(THRESHOLD * len(ordered)) + 1
        for trigram in ordered[:prefix]:
            rare[trigram].append(id)
    pairs: Pairs = defaultdict(dict)
    left = MAX_COMPARISONS
    for other, found in sets.items():
        if left <= 0:
            break
        near = {id for trigram in rare.keys() & found for id in rare[trigram]}
        near.discard(other)
        for id in sorted(near):
            if len(pairs[id]) >= MAX_DUPLICATES or other in pairs[id]:
                continue
            left -= 1
            similarity = _similarity(sets[id], found)
            if similarity >= THRESHOLD:
                pairs[id][other] = similarity
                if len(pairs[other]) < MAX_DUPLICATES:
                    pairs[other][id] = similarity
    return {id: found for id, found in pairs.items() if found}


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    if min(len(one), len(other)) < THRESHOLD * max(len(one), len(other)):
        return 0.0
    both = len(one & other)
    return both / (len(one) + len(other) - both)
