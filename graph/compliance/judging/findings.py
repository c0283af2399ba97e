"""Findings: their shape, the verification of their quotes, and what they sum up to.

The results are the JSON object `{"summary", "score", "findings": [{"framework", "requirement",
"title", "status", "severity", "evidence": [{"page", "quote", "verified"}], "recommendation"}]}`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from graph.compliance.definitions import Requirement

MAX_QUOTE_LENGTH = 1_000
MIN_QUOTE_LENGTH = 8
"""Characters of a quote, without white space around: less proves nothing."""
SPACE = re.compile(r"\s+")
QUOTES = str.maketrans("\u201c\u201d\u201e\u2018\u2019\u2013\u2014", '"""\'\'--')


class FindingStatus(StrEnum):
    """The degree to which a document meets a requirement."""

    MET = "met"
    PARTIAL = "partial"
    MISSING = "missing"
    NOT_APPLICABLE = "not_applicable"


class Severity(StrEnum):
    """The severity of a finding, the least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITIES = tuple(Severity)
OPEN_SEVERITIES = ("critical", "high", "medium", "low")
"""The severities of findings that are to be dealt with, the worst first."""
OPEN = frozenset({FindingStatus.PARTIAL, FindingStatus.MISSING})
"""The statuses of findings that are to be dealt with."""
POINTS = {FindingStatus.MET: 1.0, FindingStatus.PARTIAL: 0.5, FindingStatus.MISSING: 0.0}


class Evidence(BaseModel):
    """A quote of a page of the document. `verified` once it was found there."""

    model_config = ConfigDict(extra="allow")

    page: Annotated[int, Field(ge=1, le=10_000)]
    quote: Annotated[str, Field(min_length=1, max_length=MAX_QUOTE_LENGTH)]
    verified: bool = False


class Finding(BaseModel):
    """A finding about one requirement. Unknown members are kept."""

    model_config = ConfigDict(extra="allow")

    framework: Annotated[str, Field(min_length=1, max_length=50)]
    requirement: Annotated[str, Field(min_length=1, max_length=100)]
    status: FindingStatus
    severity: Severity | None = None
    evidence: Annotated[list[Evidence], Field(max_length=5)] = []
    recommendation: Annotated[str, Field(max_length=5_000)] | None = None


class Known(NamedTuple):
    """A requirement of the frameworks of an assessment."""

    framework: str
    requirement: Requirement


class Verified(NamedTuple):
    """Results that are kept: the JSON object, the score from 0 to 1, and open findings."""

    results: dict[str, Any]
    score: float | None
    severity_counts: dict[str, int]


def severity_of(requirement: Requirement, status: FindingStatus) -> Severity:
    """Return the severity by the weight of the requirement: less, if it is met in part."""
    if status not in OPEN:
        return Severity.INFO
    step = min(requirement.weight, 4) if status is FindingStatus.MISSING else requirement.weight - 1
    return SEVERITIES[max(1, min(step, 4))]


def verified(
    known: Sequence[Known],
    findings: Sequence[Finding],
    pages: Sequence[str],
    summary: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Verified:
    """Return the findings about known requirements, one each, with verified quotes.

    What is said to be met, also in part, without a quote that is in the document, is missing: a
    text that instructs the model cannot make it so. Requirements without a finding are missing.
    """
    text = [normalized(page) for page in pages]
    said = {(f.framework, f.requirement): f for f in reversed(findings)}
    found = [
        _of_requirement(each, said.get((each.framework, each.requirement.id)), text)
        for each in known
    ]
    counts = Counter(f["severity"] for f in found if f["status"] in OPEN)
    score = _score(known, found)
    open_ = sum(counts.values())
    summary = summary or f"{len(found) - open_} of {len(found)} requirements need no action."
    results = {**(more or {}), "summary": summary[:5_000], "score": score, "findings": found}
    return Verified(
        results, score, {name.value: counts[name] for name in SEVERITIES if counts[name]}
    )


def _of_requirement(known: Known, said: Finding | None, text: Sequence[str]) -> dict[str, Any]:
    requirement = known.requirement
    finding = said or Finding(
        framework=known.framework, requirement=requirement.id, status=FindingStatus.MISSING
    )
    evidence = [_checked(each, text) for each in finding.evidence]
    status = finding.status
    more: dict[str, Any] = dict(finding.model_extra or {})
    if status in POINTS and POINTS[status] and not any(each["verified"] for each in evidence):
        more["claimed"], status = status, FindingStatus.MISSING
    severity = finding.severity if finding.severity and status is finding.status else None
    return {
        **more,
        "framework": known.framework,
        "requirement": requirement.id,
        "title": requirement.title,
        "category": requirement.category,
        "status": status.value,
        "severity": (severity or severity_of(requirement, status)).value,
        "evidence": evidence,
        "recommendation": None
        if status not in OPEN
        else finding.recommendation or requirement.guidance,
    }


def _checked(evidence: Evidence, text: Sequence[str]) -> dict[str, Any]:
    """Return a quote with the page on which it is, the one that is named first."""
    wanted = normalized(evidence.quote)
    page, is_there = evidence.page, False
    if len(wanted) >= MIN_QUOTE_LENGTH:
        named = [evidence.page - 1] if evidence.page <= len(text) else []
        for place in [*named, *range(len(text))]:
            if wanted in text[place]:
                page, is_there = place + 1, True
                break
    more = evidence.model_extra or {}
    return {**more, "page": page, "quote": evidence.quote, "verified": is_there}


def normalized(text: str) -> str:
    """Return a text as quotes are compared: without case, line breaks and kinds of signs."""
    return SPACE.sub(" ", text.translate(QUOTES)).strip().casefold()


def _score(known: Sequence[Known], found: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of what applies that is met, by weight; None if nothing applies."""
    points, whole = 0.0, 0
    for each, finding in zip(known, found, strict=True):
        status = FindingStatus(finding["status"])
        if status in POINTS:
            points += POINTS[status] * each.requirement.weight
            whole += each.requirement.weight
    return round(points / whole, 4) if whole else None
