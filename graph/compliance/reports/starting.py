"""Reports in the API: a job writes the file."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import strawberry

from db.compliance.assessments import Assessment as AssessmentRow
from db.compliance.assessments import AssessmentStatus
from db.core.jobs import Job as JobRow
from db.problem import Problem
from graph.compliance.reports.job import REPORT
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import described
from graph.kit.mutations import Input, mutation, writing
from graph.platform.jobs.room import require_room
from graph.platform.jobs.types import Job

MAX_RUNNING = 5
"""Reports of one user that wait or run at the same time."""


class ReportFormat(StrEnum):
    """The format of a report."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


describe_enum(
    ReportFormat,
    "The format of a report.",
    {
        "JSON": "One JSON object, with findings as they are stored.",
        "CSV": "A row for each finding.",
        "PDF": "A document to print.",
    },
)


@strawberry.input(description="The report to write.")
class AssessmentReportStartInput:
    assessment_id: UUID = strawberry.field(
        description="The ID of the assessment, which is completed."
    )
    format: ReportFormat = strawberry.field(description="The format of the report.")


@strawberry.type(description="The result of starting a report.")
class AssessmentReportStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(description="The job. `Job.exportedFile` has the file once it succeeds.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


async def assessment_report_start(info: Info, input: Input[AssessmentReportStartInput]) -> Any:
    async with writing(info) as transaction:
        assessment = await transaction.find(
            AssessmentRow, input.assessment_id, lock=False, field=["assessment_id"]
        )
        if assessment.status is not AssessmentStatus.COMPLETED:
            message = "The assessment is not completed."
            raise Problem("INVALID", message, field=["assessment_id"])
        await require_room(transaction, [REPORT], MAX_RUNNING, "reports")
        payload = {"assessmentId": str(assessment.id), "format": input.format.value}
        job = await REPORT.enqueue(transaction, assessment.organization_id, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return AssessmentReportStartPayload(job_id=job)


@strawberry.type
class Mutation:
    assessment_report_start = mutation(
        assessment_report_start,
        AssessmentReportStartPayload,
        "Write the report of a completed assessment as a file, by a job.",
        scope="compliance:read",
    )
