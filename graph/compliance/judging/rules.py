"""Judge by terms: what the gateway does without a language model, always with the same result."""

import re
from collections.abc import Sequence
from functools import lru_cache

from graph.compliance.definitions import Requirement, words_of
from graph.compliance.judging.findings import Evidence, Finding, FindingStatus, Known, normalized

NAME = "rules"
"""The name by which results say who has judged."""
MAX_EVIDENCE = 3
MIN_WORD_LENGTH = 5
SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n{2,}")
NEGATED = re.compile(r"\b(?:no|not|never|without|cannot|don't|lacks?)\b")
"""Words by which a sentence says that something is not done."""


def judge(known: Sequence[Known], pages: Sequence[str]) -> list[Finding]:
    """Return a finding about each requirement.

    It is met if some sentence has a term of each group, all of them on a page or two; in part, if
    some of the groups are found.
    """
    sentences = [
        (number, sentence.strip(), normalized(sentence))
        for number, page in enumerate(pages, start=1)
        for sentence in SENTENCE.split(page)
        if sentence.strip()
    ]
    return [_judged(each, sentences) for each in known]


def _judged(known: Known, sentences: Sequence[tuple[int, str, str]]) -> Finding:
    groups = groups_of(known.requirement)
    best: list[tuple[set[int], int, str]] = []
    for number, sentence, text in sentences:
        has = {i for i, group in enumerate(groups) if group.search(text)}
        if has and not NEGATED.search(text):
            best.append((has, number, sentence))
    best.sort(key=lambda each: (-len(each[0]), each[1]))
    covered: set[int] = set()
    evidence: list[Evidence] = []
    for has, number, sentence in best:
        if has - covered and len(evidence) < MAX_EVIDENCE:
            covered |= has
            evidence.append(Evidence(page=number, quote=sentence[:1_000]))
    if len(covered) == len(groups):
        status = FindingStatus.MET
    else:
        status = FindingStatus.PARTIAL if covered else FindingStatus.MISSING
    return Finding(
        framework=known.framework,
        requirement=known.requirement.id,
        status=status,
        evidence=evidence,
    )


def groups_of(requirement: Requirement) -> list[re.Pattern[str]]:
    """Return the groups of terms of a requirement; without any, the long words of its title."""
    groups = [tuple(group) for group in requirement.terms]
    if not groups:
        words = dict.fromkeys(words_of(requirement.title))
        long = [word for word in words if len(word) >= MIN_WORD_LENGTH]
        groups = [(word,) for word in long or words]
    return [_pattern(group) for group in groups]


@lru_cache(maxsize=10_000)
def _pattern(group: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of the beginnings of words, so that plurals and forms are found."""
    return re.compile("|".join(rf"\b{re.escape(normalized(term))}" for term in group))
