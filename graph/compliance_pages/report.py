"""The page of an assessment: its findings, files of the report, and tasks that follow."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.pages.owners import id_in
from auth.viewer import Viewer
from auth.web.site import answering
from db.problem import Problem
from graph.administration.pages import Sent, back_to, day, end_of, path_of, safe_id
from graph.compliance_pages import operations as api
from graph.compliance_pages.pages import HOME, REPORT, SHARES, CompliancePages

FILTERS = {"missing": ["MISSING"], "open": ["MISSING", "PARTIAL"]}
"""The statuses of the findings that the page shows, by the value of `only` in its address."""
FORMATS = ("PDF", "JSON", "CSV")
ENTERED = ("framework", "requirement", "title", "assignee", "dueDate", "comment")


class ReportPages(CompliancePages):
    """Assessments; NOT_FOUND for those who are not in the organization."""

    news: Mapping[str, str] = {
        "started": "The assessment has been created. The page follows it.",
        "task": "The task has been created, and the assignee has been notified.",
        "done": "The task is done.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(REPORT, answering(self.show)),
            Route(f"{REPORT}/file", answering(self.write_file), methods=["POST"]),
            Route(f"{REPORT}/task", answering(self.create_task), methods=["POST"]),
            Route(f"{REPORT}/task/done", answering(self.finish_task), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show an assessment."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._page(request, viewer, organization, request.query_params)

    async def write_file(self, request: Request) -> Response:
        """Start the job that writes the report as a file."""
        sent = await self._sent(request, _report_of)
        try:
            input = {"assessmentId": sent.id(), "format": _format_of(sent)}
            data = await self._client.run(
                request, sent.viewer, api.START_REPORT, key=sent.key, input=input
            )
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._there(sent, "", job=data["assessmentReportStart"]["jobId"])

    async def create_task(self, request: Request) -> Response:
        """Create a task that follows from a finding."""
        sent = await self._sent(request, _report_of)
        try:
            input = _task_of(sent)
            await self._client.run(request, sent.viewer, api.CREATE_TASK, key=sent.key, input=input)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._there(sent, "task")

    async def finish_task(self, request: Request) -> Response:
        """Mark a task as done."""
        sent = await self._sent(request, _report_of)
        return await self._write(request, sent, "done", api.FINISH_TASK, "task")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the assessment that `values` name, as they filter and compare it."""
        id, only = str(id_in(values)), values.get("only", "")
        statuses = FILTERS.get(only)
        earlier = str(id_in(values, "with")) if values.get("with") else ""
        data = await self._client.run(
            request,
            viewer,
            api.REPORT,
            id=id,
            filter={"statuses": statuses} if statuses else None,
            earlier=earlier or id,
            compares=bool(earlier),
        )
        found = data["assessment"]
        if found is None or found["organizationId"] != str(organization):
            raise Problem("NOT_FOUND", "There is no such assessment.")
        job = values.get("job", "")
        place = {"organization": organization, "id": id}
        return self._form(
            request,
            "compliance_report.html",
            problem,
            assessment=found,
            runs=found["status"] in ("PENDING", "PROCESSING"),
            tasks=found["tasks"]["nodes"],
            people=self._people(found["organization"]["members"]["nodes"]),
            earlier_ones=_earlier(found),
            comparison=found.get("comparison"),
            file=await self._file(request, viewer, values) if job else None,
            formats=FORMATS,
            this={"organization": organization, "id": id, "only": only, "with": earlier},
            entered={name: values.get(name, "") for name in ENTERED} if problem else {},
            filters=[
                (words, path_of(REPORT, **place, only=name), name == only)
                for words, name in (("All", ""), ("Open", "open"), ("Missing", "missing"))
            ],
            shares=path_of(SHARES, **place),
            home=path_of(HOME, organization=organization),
        )

    async def _file(
        self, request: Request, viewer: Viewer, values: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the job that writes a report. Raises NOT_FOUND."""
        data = await self._client.run(request, viewer, api.JOB, id=str(id_in(values, "job")))
        job: dict[str, Any] | None = data["job"]
        if job is None or job["kind"] != "compliance.report":
            raise Problem("NOT_FOUND", "There is no such report.")
        return job

    def _there(self, sent: Sent, news: str, **further: str) -> Response:
        """Redirect to the same view of the assessment."""
        return back_to(REPORT, **_place(sent.fields), news=news, **further)


def _format_of(sent: Sent) -> str:
    """Return the format of a report in a form. Raises INVALID."""
    format = sent.fields.get("format", "")
    if format not in FORMATS:
        raise Problem("INVALID", "Choose PDF, JSON or CSV.")
    return format


def _task_of(sent: Sent) -> dict[str, Any]:
    """Return the input for a new task. Raises INVALID and NOT_FOUND."""
    due = end_of(day(sent.fields, "dueDate"))
    if due is None:
        raise Problem("INVALID", "Enter the day on which the task is due.", field=["dueDate"])
    return {
        "assessmentId": sent.id(),
        "framework": sent.fields.get("framework", ""),
        "requirement": sent.fields.get("requirement", ""),
        "title": sent.fields.get("title", ""),
        "assigneeId": sent.id("assignee"),
        "dueDate": due,
        "comment": sent.text("comment"),
    }


def _earlier(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the other completed assessments of the document, newest first."""
    document = found["complianceDocument"]
    nodes = document["assessments"]["nodes"] if document else []
    return [each for each in nodes if each["id"] != found["id"]]


def _place(fields: Mapping[str, str]) -> dict[str, str]:
    ids = {name: safe_id(fields, name) for name in ("organization", "id", "with")}
    only = fields.get("only", "")
    return {**ids, "only": only if only in FILTERS else ""}


def _report_of(fields: Mapping[str, str]) -> str:
    return path_of(REPORT, **_place(fields))
