"""The page of the shared report of an assessment."""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from auth.session import Row, ViewerSession
from db.compliance.assessments import AssessmentFramework, AssessmentStatus
from db.compliance.frameworks import Framework, FrameworkRevision
from db.problem import Problem
from graph.compliance.archive import stored_results
from graph.compliance.results import AssessmentResults, Finding, shown
from graph.editor.shared_content import PER_PAGE, label
from graph.editor.shared_object import Asked, Shown

TEMPLATE = "shared_report.html"
NOTHING = AssessmentResults(summary=None, score=None, partial=True, findings=[])


async def show_report(asked: Asked) -> Shown:
    """Return the page of an assessment: its score and findings, by framework."""
    row = asked.row
    is_complete = AssessmentStatus(row.status) is AssessmentStatus.COMPLETED
    results = NOTHING
    if is_complete:
        results = shown(await stored_results(lambda: asked.storage, row), None, partial=False)
    frameworks = await _frameworks(asked.session, row)
    findings, number = results.findings, asked.number
    pages = max(-(-len(findings) // PER_PAGE), 1)
    if not 0 < number <= pages:
        raise Problem("NOT_FOUND", "There is no such page.")
    here = findings[(number - 1) * PER_PAGE : number * PER_PAGE]
    values: dict[str, Any] = {
        "name": row.document_name,
        "state": label(AssessmentStatus(row.status)),
        "completed_at": row.completed_at if is_complete else None,
        "judged_by": row.model_name,
        "frameworks": [*frameworks.values()],
        "summary": results.summary,
        "score": results.score,
        "counts": [*Counter(label(finding.status) for finding in findings).items()],
        "sections": _sections(here, frameworks),
        "label": label,
        "beneath": asked.beneath(),
        "number": number,
        "pages": pages,
    }
    return Shown(TEMPLATE, values)


async def _frameworks(session: ViewerSession, row: Row) -> Mapping[str, Row]:
    """Return the revisions that an assessment was run against, by the code of the framework."""
    links = await session.pages(AssessmentFramework, "assessment_id", [row.id])
    found = links.get(row.id, [])
    revisions = await session.pages(FrameworkRevision, "id", [link.revision_id for link in found])
    frameworks = await session.pages(Framework, "id", [link.framework_id for link in found])
    codes = {id: framework.code for id, (framework,) in frameworks.items()}
    by_code = {codes[revision.framework_id]: revision for (revision,) in revisions.values()}
    return dict(sorted(by_code.items()))


def _sections(
    findings: list[Finding], frameworks: Mapping[str, Row]
) -> list[tuple[str, list[Finding]]]:
    """Return the findings of a page, by the name of their framework."""
    found = []
    for code, of in groupby(findings, lambda finding: finding.framework):
        name = frameworks[code].name if code in frameworks else code
        found.append((name, list(of)))
    return found
