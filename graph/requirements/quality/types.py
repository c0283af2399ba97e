"""The quality of a requirement in the API: its findings, score and pattern."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.requirements import requirements as db
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.requirements.quality import enums  # noqa: F401 (describes the enumerations)
from graph.requirements.quality.analysis import MAX_FINDINGS
from graph.requirements.quality.duplicates import MAX_DUPLICATES
from graph.requirements.quality.rules import OF, EarsPattern, QualityRule, QualitySeverity
from graph.requirements.requirements import Requirement
from graph.requirements.sql.quality_findings import present_contents


@strawberry.type(
    description="A part of a text, in Unicode code points. In JavaScript, use `Array.from(text)`:"
    " indexes of its strings are UTF-16 code units."
)
class TextSpan:
    start: int = described("The index of the first code point, from 0.")
    end: int = described("The index after the last code point.")


@strawberry.type(description="A requirement with almost the same text.")
class QualityDuplicate:
    id: strawberry.Private[UUID]
    similarity: float = described("The share of common trigrams, from 0 to 1.")

    @strawberry.field(description="The other requirement; null if it is in the trash.")
    async def requirement(self, info: Info) -> Requirement | None:
        return await info.context.one(db.Requirement, self.id)  # type: ignore[return-value]


@strawberry.type(description="A weakness in the wording of a requirement.")
class QualityFinding:
    rule: QualityRule = described("The rule that found it.")
    severity: QualitySeverity = described("The severity, by the settings of the project.")
    span: TextSpan = described(
        "The part of the text: of the description, or of the name if there is no description."
    )
    text: str = described("The beginning of this part, at most 100 characters.")
    reason: str = described("The reason why the wording is weak.")
    duplicates: list[QualityDuplicate] = strawberry.field(
        description=f"With DUPLICATE, the other requirements, at most {MAX_DUPLICATES}.",
        metadata={"largest_page": MAX_DUPLICATES},
    )


@strawberry.type(
    description="The quality of the wording of a requirement, as of its latest analysis. Changed"
    " requirements are analyzed within seconds, in the background."
)
class RequirementQuality:
    row: strawberry.Private[Any]
    findings: list[QualityFinding] = strawberry.field(
        description=f"The findings in the order of the text, at most {MAX_FINDINGS}.",
        metadata={"largest_page": MAX_FINDINGS},
    )
    score: int | None = described(
        "The score: 100, less 25 for each finding of HIGH severity, 10 for MEDIUM and 3 for LOW, at"
        " least 0. Null before the first analysis."
    )
    ears_pattern: EarsPattern | None = described(
        "The EARS pattern that the text follows; null for none."
    )
    analyzed_at: datetime | None = described(
        "The date and time of the analysis; null before the first one."
    )
    is_truncated: bool = described(
        "Whether there are more findings than are returned, or the text has more than 20,000 code"
        " points, of which the rest was not analyzed."
    )

    @strawberry.field(
        description="Whether the requirement, or the settings of its project, have changed since"
        " the analysis."
    )
    async def is_stale(self, info: Info) -> bool:
        async def batch(ids: list[UUID]) -> list[str | None]:
            found = await present_contents(info.context.session, ids)
            return [found.get(id) for id in ids]

        current = await info.context.loader("quality content", batch).load(self.row.id)
        return bool(self.row.ai_analysis.get("of") != current)


def _finding(stored: Any) -> QualityFinding:
    rule = QualityRule(stored["rule"])
    return QualityFinding(
        rule=rule,
        severity=QualitySeverity(stored["severity"]),
        span=TextSpan(start=stored["start"], end=stored["end"]),
        text=stored["text"],
        reason=OF[rule].reason,
        duplicates=[
            QualityDuplicate(id=UUID(one["id"]), similarity=one["similarity"])
            for one in stored.get("duplicates", ())
        ],
    )


@computed(
    "id",
    "ai_analysis",
    text="The quality of the wording, found by rules; null for a past state, and for a share.",
)
def _quality(root: strawberry.Parent[Any], info: Info) -> RequirementQuality | None:
    if info.context.past_of(root) is not None or info.context.viewer.shared is not None:
        return None  # an analysis compares with other documents
    analysis = root.ai_analysis
    at, pattern = analysis.get("analyzedAt"), analysis.get("earsPattern")
    return RequirementQuality(
        row=root,
        findings=[_finding(one) for one in analysis.get("findings", ())],
        score=analysis.get("score"),
        ears_pattern=EarsPattern(pattern) if pattern else None,
        analyzed_at=datetime.fromisoformat(at) if at else None,
        is_truncated=analysis.get("isTruncated", False),
    )


extend_type(Requirement, quality=_quality)
