"""Results of assessments in the API: findings with evidence, and filters of them."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from graph.compliance.judging.findings import FindingStatus, Severity
from graph.kit.enums import describe_enum
from graph.kit.fields import described

describe_enum(
    FindingStatus,
    "How far a document meets a requirement.",
    {
        "MET": "The document meets the requirement.",
        "PARTIAL": "The document meets a part of the requirement.",
        "MISSING": "The document does not meet the requirement, or does not prove it.",
        "NOT_APPLICABLE": "The requirement does not apply.",
    },
)
describe_enum(
    Severity,
    "The severity of a finding.",
    {
        "INFO": "Nothing is to be done.",
        "LOW": "Low.",
        "MEDIUM": "Medium.",
        "HIGH": "High.",
        "CRITICAL": "Critical.",
    },
)


@strawberry.type(description="A quote of the document that proves a finding.")
class Evidence:
    page: int = described("The number of the page, starting at 1.")
    quote: str = described("The words of the document.")


@strawberry.type(description="What was found about one requirement.")
class Finding:
    framework: str = described("The code of the framework.")
    requirement: str = described("The identifier of the requirement.")
    title: str = described("The title of the requirement.")
    category: str | None = described("The category of the requirement.")
    status: FindingStatus = described("How far the document meets the requirement.")
    severity: Severity = described("The severity of the finding.")
    evidence: list[Evidence] = described(
        "The quotes that were found in the document, word for word."
    )
    rejected_quotes: int = described(
        "The number of quotes that were given as evidence and are not in the document. They are not"
        " shown."
    )
    recommendation: str | None = described("What is to be done; null if nothing is.")


@strawberry.type(description="The results of an assessment.")
class AssessmentResults:
    summary: str | None = described("A summary of the results.")
    score: float | None = described(
        "The share of the requirements that is met, by weight, from 0 to 1; null before the"
        " assessment is completed, and if none applies."
    )
    partial: bool = described("Whether the assessment is still running: more findings follow.")
    findings: list[Finding] = described("The findings, by framework and requirement.")


@strawberry.input(description="Filters the findings. A finding must match all fields given.")
class FindingFilterInput:
    frameworks: list[str] | None = strawberry.field(
        default=None, description="The codes of frameworks, of which one must match."
    )
    statuses: list[FindingStatus] | None = strawberry.field(
        default=None, description="The statuses, of which one must match."
    )
    severities: list[Severity] | None = strawberry.field(
        default=None, description="The severities, of which one must match."
    )


FindingFilter = Annotated[
    FindingFilterInput | None,
    strawberry.argument(description="Returns only the findings that match this filter."),
]


def shown(
    stored: Mapping[str, Any], filter: FindingFilterInput | None, *, partial: bool
) -> AssessmentResults:
    """Return stored results as the API shows them: without quotes that are not verified."""
    findings = [_finding(each) for each in stored.get("findings", ())]
    return AssessmentResults(
        summary=stored.get("summary"),
        score=stored.get("score"),
        partial=partial,
        findings=[each for each in findings if _matches(each, filter)],
    )


def _finding(stored: Mapping[str, Any]) -> Finding:
    evidence: Sequence[Mapping[str, Any]] = stored.get("evidence") or ()
    proven = [Evidence(page=e["page"], quote=e["quote"]) for e in evidence if e.get("verified")]
    return Finding(
        framework=stored["framework"],
        requirement=stored["requirement"],
        title=stored.get("title") or stored["requirement"],
        category=stored.get("category"),
        status=FindingStatus(stored["status"]),
        severity=Severity(stored.get("severity") or Severity.INFO),
        evidence=proven,
        rejected_quotes=len(evidence) - len(proven),
        recommendation=stored.get("recommendation"),
    )


def _matches(finding: Finding, filter: FindingFilterInput | None) -> bool:
    if filter is None:
        return True
    return (
        (filter.frameworks is None or finding.framework in filter.frameworks)
        and (filter.statuses is None or finding.status in filter.statuses)
        and (filter.severities is None or finding.severity in filter.severities)
    )


class FindingChange(Enum):
    """The change of a finding from one assessment to another."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    IMPROVED = "IMPROVED"
    WORSENED = "WORSENED"
    UNCHANGED = "UNCHANGED"


describe_enum(
    FindingChange,
    "The change of a finding from an earlier assessment to a later one.",
    {
        "ADDED": "The earlier assessment has no such finding.",
        "REMOVED": "The later assessment has no such finding.",
        "IMPROVED": "The document meets the requirement better than before.",
        "WORSENED": "The document meets the requirement less than before.",
        "UNCHANGED": "The status is the same.",
    },
)


@strawberry.type(description="The finding about one requirement in two assessments.")
class FindingComparison:
    framework: str = described("The code of the framework.")
    requirement: str = described("The identifier of the requirement.")
    title: str = described("The title of the requirement.")
    change: FindingChange = described("The change from the earlier assessment to the later one.")
    before: Finding | None = described("The finding of the earlier assessment, if it has one.")
    after: Finding | None = described("The finding of the later assessment, if it has one.")


ORDER = (
    FindingStatus.MISSING,
    FindingStatus.PARTIAL,
    FindingStatus.MET,
    FindingStatus.NOT_APPLICABLE,
)


def compared(before: AssessmentResults, after: AssessmentResults) -> list[FindingComparison]:
    """Return the findings of two assessments side by side, in the order of the later one."""
    sides = [{(f.framework, f.requirement): f for f in side.findings} for side in (after, before)]
    later, earlier = sides
    return [_comparison(earlier.get(key), later.get(key)) for key in {**later, **earlier}]


def _comparison(before: Finding | None, after: Finding | None) -> FindingComparison:
    either = after or before
    assert either is not None  # noqa: S101 (the key is of one of them)
    if before is None or after is None:
        change = FindingChange.ADDED if before is None else FindingChange.REMOVED
    else:
        step = ORDER.index(after.status) - ORDER.index(before.status)
        change = (
            FindingChange.UNCHANGED
            if not step
            else FindingChange.IMPROVED
            if step > 0
            else FindingChange.WORSENED
        )
    return FindingComparison(
        framework=either.framework,
        requirement=either.requirement,
        title=either.title,
        change=change,
        before=before,
        after=after,
    )
