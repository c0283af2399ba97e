"""The job that writes the report of an assessment, with what its user can read."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from db.compliance.assessments import Assessment, AssessmentFramework, AssessmentStatus
from db.compliance.frameworks import Framework, FrameworkRevision
from db.core.organizations import Organization
from db.fields import among
from graph.compliance.archive import stored_results
from graph.compliance.reports.write import WRITERS, Written
from graph.platform.jobs.files import keep_file
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.recording import record_job_export
from graph.platform.jobs.run import JobFailed, Run

EXPORTED = "The report of an assessment was exported to a file."


async def _report(run: Run) -> Result:
    id, format = UUID(run.payload["assessmentId"]), run.payload["format"]
    rows = await run.session.rows(Assessment, Assessment.id == id, limit=1)
    if not rows or AssessmentStatus(rows[0].status) is not AssessmentStatus.COMPLETED:
        raise JobFailed("There is no completed assessment any more.")
    (row,) = rows
    report = await report_of(run, row)
    written: Written = await asyncio.to_thread(WRITERS[format], report)
    name = Path(row.document_name).stem[:100] or "report"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        await asyncio.to_thread(path.write_bytes, written.content)
        file = await keep_file(run, path, f"{name} report{written.suffix}", written.media_type)
    count = len(report["findings"])
    await record_job_export(
        run, Assessment, id, EXPORTED, count, format=format, sha256=file["sha256"]
    )
    async with run.completing({"file": file}):
        pass
    return None


async def report_of(run: Run, row: Any) -> Mapping[str, Any]:
    """Return the report of an assessment, without quotes that are not verified."""
    session = run.session
    links = await session.rows(AssessmentFramework, AssessmentFramework.assessment_id == row.id)
    ids = [link.revision_id for link in links]
    revisions = await session.rows(FrameworkRevision, among(FrameworkRevision.id, ids))
    of = [revision.framework_id for revision in revisions]
    codes = {f.id: f.code for f in await session.rows(Framework, among(Framework.id, of))}
    organizations = await session.rows(Organization, Organization.id == row.organization_id)
    results = await stored_results(lambda: run.storage, row)
    findings = [
        finding
        | {
            "evidence": [
                {"page": each["page"], "quote": each["quote"]}
                for each in finding["evidence"]
                if each.get("verified")
            ]
        }
        for finding in results["findings"]
    ]
    return {
        "title": f"Compliance report: {row.document_name}",
        "assessmentId": str(row.id),
        "document": row.document_name,
        "organization": organizations[0].name if organizations else "",
        "completedAt": row.completed_at.strftime("%Y-%m-%d %H:%M UTC"),
        "modelName": row.model_name,
        "frameworks": [
            {"code": codes[r.framework_id], "name": r.name, "revision": r.revision}
            for r in sorted(revisions, key=lambda revision: codes[revision.framework_id])
        ],
        "summary": results["summary"],
        "score": results["score"],
        "findings": findings,
    }


REPORT = Kind("compliance.report", _report, max_attempts=3)
