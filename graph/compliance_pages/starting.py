"""The form for a new assessment: a document, and frameworks from a list."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.pages.owners import id_in
from auth.viewer import Viewer
from auth.web.site import answering
from db.problem import Problem
from graph.administration.pages import Sent, back_to, path_of, safe_id
from graph.compliance.assessments import MAX_FRAMEWORKS
from graph.compliance_pages import dashboard_operations as api
from graph.compliance_pages.pages import HOME, NEW, REPORT, CompliancePages

FRAMEWORK = "framework"
"""The field of the form that is sent once for each framework."""
MAX_FIELDS = 100 + 20


class StartingPages(CompliancePages):
    """New assessments in an organization."""

    news: Mapping[str, str] = {}

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(NEW, answering(self.offer)),
            Route(NEW, answering(self.create), methods=["POST"]),
        ]

    async def offer(self, request: Request) -> Response:
        """Show the form."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._ask(request, viewer, organization, request.query_params, ())

    async def create(self, request: Request) -> Response:
        """Create an assessment, and show it."""
        sent, frameworks = await self._sent_several(request, FRAMEWORK, MAX_FIELDS, _form_of)
        try:
            input = _assessment_of(sent, frameworks)
            data = await self._client.run(
                request, sent.viewer, api.CREATE, key=sent.key, input=input
            )
        except Problem as problem:
            return await self._ask(
                request, sent.viewer, sent.organization, sent.fields, frameworks, problem
            )
        made = data["assessmentCreate"]["assessment"]["id"]
        return back_to(REPORT, organization=sent.organization, id=made, news="started")

    async def _ask(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        entered: Mapping[str, str],
        frameworks: Collection[str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the form, as it was last sent."""
        named = safe_id(entered, "document")
        data = await self._client.run(
            request,
            viewer,
            api.CHOICES,
            id=str(organization),
            documents=request.query_params.get("documents") or None,
            named=named or str(organization),
            isNamed=bool(named),
        )
        listed = data["organization"]["complianceDocuments"]
        documents = _with(listed["nodes"], data.get("complianceDocument"), organization)
        return self._form(
            request,
            "compliance_new.html",
            problem,
            organization=data["organization"],
            documents=documents,
            further=path_of(
                NEW, organization=organization, documents=listed["pageInfo"]["endCursor"]
            )
            if listed["pageInfo"]["hasNextPage"]
            else None,
            usage=data["organization"]["assessmentUsage"],
            frameworks=data["frameworks"]["nodes"],
            chosen=frameworks,
            document=entered.get("document", ""),
            home=path_of(HOME, organization=organization),
        )


def _with(
    documents: list[Mapping[str, Any]], named: Mapping[str, Any] | None, organization: UUID
) -> list[Mapping[str, Any]]:
    """Return the documents with the one that the address names, which an earlier page may have."""
    if (
        named is None
        or named["organizationId"] != str(organization)
        or named["status"] != "READY"
        or any(each["id"] == named["id"] for each in documents)
    ):
        return documents
    return [named, *documents]


def _assessment_of(sent: Sent, frameworks: Sequence[str]) -> dict[str, Any]:
    """Return the input for a new assessment. Raises INVALID and NOT_FOUND."""
    if not 0 < len(frameworks) <= MAX_FRAMEWORKS:
        message = f"Select 1 to {MAX_FRAMEWORKS} frameworks."
        raise Problem("INVALID", message, field=["frameworkIds"])
    ids = [str(id_in({"id": each})) for each in frameworks]
    return {"complianceDocumentId": sent.id("document"), "frameworkIds": ids}


def _form_of(fields: Mapping[str, str]) -> str:
    there = {name: safe_id(fields, name) for name in ("organization", "document")}
    return path_of(NEW, **there)
