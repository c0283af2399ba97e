"""The rules of quality as data: what each finds, how severe it is, and its source.

Rules are pure functions of a statement. They take time in proportion to its length, which is
bounded: patterns have no repetition without a bound.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from graph.requirements.quality import terms
from graph.requirements.quality.ears import EarsPattern, ears_pattern

MAX_TEXT_LENGTH = 20_000
"""Code points of a statement that are analyzed; what follows is left out."""


class QualityRule(Enum):
    """A rule of quality. Its value is the name that is stored."""

    MISSING_SHALL = "MISSING_SHALL"
    MULTIPLE_SHALL = "MULTIPLE_SHALL"
    PASSIVE_WITHOUT_ACTOR = "PASSIVE_WITHOUT_ACTOR"
    VAGUE_TERM = "VAGUE_TERM"
    UNQUANTIFIED_TERM = "UNQUANTIFIED_TERM"
    OPEN_ENDED_LIST = "OPEN_ENDED_LIST"
    ESCAPE_CLAUSE = "ESCAPE_CLAUSE"
    SUPERFLUOUS_INFINITIVE = "SUPERFLUOUS_INFINITIVE"
    AMBIGUOUS_CONJUNCTION = "AMBIGUOUS_CONJUNCTION"
    PRONOUN = "PRONOUN"
    ABSOLUTE_TERM = "ABSOLUTE_TERM"
    PLACEHOLDER = "PLACEHOLDER"
    EARS_PATTERN = "EARS_PATTERN"
    DUPLICATE = "DUPLICATE"


class QualitySeverity(Enum):
    """The severity of a finding, least first."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


SEVERITIES = tuple(QualitySeverity)


class QualityLanguage(Enum):
    """The language in which the requirements of a project are written."""

    ENGLISH = "ENGLISH"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Statement:
    """The text of a requirement to analyze, at most `MAX_TEXT_LENGTH` code points."""

    text: str
    format: str = "natural_language"
    level: str = "system"

    @property
    def is_sentence(self) -> bool:
        """Return whether it is to be a sentence with "shall"."""
        return self.format not in ("gherkin", "formal") and self.level != "user_story"


Span = tuple[int, int]
"""The first code point of a part of a text, and the one after its last."""
Find = Callable[[Statement], Iterator[Span]]


@dataclass(frozen=True)
class Rule:
    """A rule: what it finds, and why that is weak.

    `is_english` rules apply to English texts alone. DUPLICATE has no `find`: it compares
    requirements with each other.
    """

    rule: QualityRule
    severity: QualitySeverity
    reason: str
    example: str
    source: str
    find: Find | None
    is_english: bool = True


SHALL = re.compile(r"\bshall\b", re.IGNORECASE)
AND_OR = re.compile(r"\b(?:and/or|either/or)\b", re.IGNORECASE)
PASSIVE = re.compile(
    rf"\bshall{terms.SPACE}(?:not{terms.SPACE})?(?:only{terms.SPACE})?be{terms.SPACE}"
    rf"(?:\w{{1,20}}ly{terms.SPACE})?(?:\w{{2,38}}(?:ed|en)|{'|'.join(terms.IRREGULAR)})\b",
    re.IGNORECASE,
)
ACTOR = re.compile(r"\bby\b", re.IGNORECASE)
ACTOR_WITHIN = 120
"""Code points after a passive verb in which its actor is looked for."""


def _terms(pattern: re.Pattern[str], statement: Statement) -> Iterator[Span]:
    for match in pattern.finditer(statement.text):
        yield match.span()


def _missing_shall(statement: Statement) -> Iterator[Span]:
    if statement.is_sentence and statement.text and not SHALL.search(statement.text):
        yield 0, len(statement.text)


def _multiple_shall(statement: Statement) -> Iterator[Span]:
    if statement.is_sentence:
        for number, match in enumerate(SHALL.finditer(statement.text)):
            if number:
                yield match.span()


def _passive(statement: Statement) -> Iterator[Span]:
    for match in PASSIVE.finditer(statement.text):
        after = statement.text[match.end() : match.end() + ACTOR_WITHIN]
        if not ACTOR.search(after.partition(".")[0]):
            yield match.span()


def _not_ears(statement: Statement) -> Iterator[Span]:
    if statement.format == "ears" and statement.text and ears_pattern(statement.text) is None:
        yield 0, len(statement.text)


def _of(*words: str) -> Find:
    return partial(_terms, terms.pattern(words))


GUIDE = "INCOSE Guide to Writing Requirements"
LOW, MEDIUM, HIGH = SEVERITIES

RULES: tuple[Rule, ...] = (
    Rule(
        QualityRule.MISSING_SHALL,
        HIGH,
        'The statement has no "shall", so it is not clear whether it is binding.',
        "The shuttle stops at the pier.",
        f"{GUIDE}, structured statements (R1)",
        _missing_shall,
    ),
    Rule(
        QualityRule.MULTIPLE_SHALL,
        MEDIUM,
        'The statement has more than one "shall". Write one requirement for each, so that each can'
        " be verified.",
        "The shuttle shall stop and the doors shall open.",
        f"{GUIDE}, one thought in a sentence (R18)",
        _multiple_shall,
    ),
    Rule(
        QualityRule.PASSIVE_WITHOUT_ACTOR,
        MEDIUM,
        "The passive voice does not say who or what acts.",
        "The alarm shall be triggered.",
        f"{GUIDE}, active voice (R2)",
        _passive,
    ),
    Rule(
        QualityRule.VAGUE_TERM,
        MEDIUM,
        "The term can be understood in several ways.",
        "The display shall have an appropriate size.",
        f"{GUIDE}, vague terms (R7)",
        _of(*terms.VAGUE),
    ),
    Rule(
        QualityRule.UNQUANTIFIED_TERM,
        MEDIUM,
        "The term needs a value, a unit and a tolerance to be verified.",
        "The shuttle shall stop quickly.",
        f"{GUIDE}, measurable performance (R34)",
        _of(*terms.UNQUANTIFIED),
    ),
    Rule(
        QualityRule.OPEN_ENDED_LIST,
        HIGH,
        "The list has no end, so the requirement cannot be verified. Name all of its items.",
        "The log shall contain speed, position, etc.",
        f"{GUIDE}, open-ended clauses (R9)",
        _of(*terms.OPEN_ENDED),
    ),
    Rule(
        QualityRule.ESCAPE_CLAUSE,
        HIGH,
        "The clause leaves open whether the requirement has to be met.",
        "The shuttle shall dock automatically if possible.",
        f"{GUIDE}, escape clauses (R8)",
        _of(*terms.ESCAPES),
    ),
    Rule(
        QualityRule.SUPERFLUOUS_INFINITIVE,
        LOW,
        "The phrase adds nothing to the verb that follows, and weakens it.",
        "The shuttle shall be able to reverse.",
        f"{GUIDE}, superfluous infinitives (R10)",
        _of(*terms.INFINITIVES),
    ),
    Rule(
        QualityRule.AMBIGUOUS_CONJUNCTION,
        MEDIUM,
        'It is not clear whether one or both are required. Write "and" or "or".',
        "The crew shall be warned by light and/or sound.",
        f"{GUIDE}, logical expressions (R15)",
        partial(_terms, AND_OR),
    ),
    Rule(
        QualityRule.PRONOUN,
        LOW,
        "The pronoun can refer to several things. Repeat the noun.",
        "When the shuttle meets a ferry, it shall give way.",
        f"{GUIDE}, pronouns (R24)",
        _of(*terms.PRONOUNS),
    ),
    Rule(
        QualityRule.ABSOLUTE_TERM,
        LOW,
        "The term has no exception, and cannot be verified.",
        "The radio shall always be available.",
        f"{GUIDE}, absolutes (R26)",
        _of(*terms.ABSOLUTES),
    ),
    Rule(
        QualityRule.PLACEHOLDER,
        HIGH,
        "The requirement is not finished: a value is still to be determined.",
        "The shuttle shall stop within TBD m.",
        f"{GUIDE}, completeness of a requirement (C4)",
        _of(*terms.PLACEHOLDERS),
        is_english=False,
    ),
    Rule(
        QualityRule.EARS_PATTERN,
        MEDIUM,
        "The statement follows none of the patterns of EARS, although its format is EARS.",
        "When an obstacle is near the shuttle shall stop.",
        "Mavin et al., Easy Approach to Requirements Syntax (EARS), RE 2009",
        _not_ears,
    ),
    Rule(
        QualityRule.DUPLICATE,
        MEDIUM,
        "The document has another requirement with almost the same text.",
        "The shuttle shall stop at each pier. / The shuttle shall stop at every pier.",
        f"{GUIDE}, unique expression (R30)",
        None,
        is_english=False,
    ),
)
OF = {rule.rule: rule for rule in RULES}
"""The rules, by what they are."""


__all__ = [
    "MAX_TEXT_LENGTH",
    "OF",
    "RULES",
    "SEVERITIES",
    "EarsPattern",
    "QualityLanguage",
    "QualityRule",
    "QualitySeverity",
    "Rule",
    "Span",
    "Statement",
    "ears_pattern",
]
