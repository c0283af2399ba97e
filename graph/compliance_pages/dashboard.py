"""The dashboard of compliance: recent assessments, documents, tasks, usage and open findings."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.viewer import Viewer
from auth.web.site import Site, answering
from graph.administration.client import ApiClient
from graph.administration.pages import path_of
from graph.compliance.documents import MAX_SIZE
from graph.compliance_pages import dashboard_operations as api
from graph.compliance_pages.open_findings import DAYS, plot_of
from graph.compliance_pages.pages import HOME, NEW, CompliancePages
from graph.kit.plots import svg, table

MAX_PAGES = 5
"""Pages of 100 assessments from which the plot is drawn, at most."""


class DashboardPages(CompliancePages):
    """The dashboard of an organization."""

    news: Mapping[str, str] = {"uploaded": "The document has been uploaded."}

    def __init__(self, site: Site, client: ApiClient, uploads_to: str) -> None:
        super().__init__(site, client)
        self._uploads_to = uploads_to

    def routes(self) -> list[Route]:
        """Return its routes."""
        return [Route(HOME, answering(self.show))]

    async def show(self, request: Request) -> Response:
        """Show the dashboard of an organization, or the organizations."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        data = await self._client.run(
            request, viewer, api.DASHBOARD, id=str(chosen), me=str(viewer.id)
        )
        found = data["organization"]
        response = self._form(
            request,
            "compliance.html",
            organization=found,
            assessments=data["assessments"]["nodes"],
            documents=found["complianceDocuments"]["nodes"],
            tasks=found["findingTasks"]["nodes"],
            usage=found["assessmentUsage"],
            plot=await self._plot(request, viewer, chosen),
            days=DAYS,
            me=str(viewer.id),
            max_size=MAX_SIZE,
            new_path=path_of(NEW, organization=chosen),
        )
        return self._reaching_storage(response)

    async def _plot(self, request: Request, viewer: Viewer, organization: UUID) -> Markup | None:
        """Return the plot of open findings with its numbers; None before the first assessment."""
        completed: list[dict[str, Any]] = []
        after = None
        for _ in range(MAX_PAGES):
            data = await self._client.run(
                request, viewer, api.COMPLETED, id=str(organization), after=after
            )
            page = data["organization"]["assessments"]
            completed += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        if not completed:
            return None
        plot = plot_of("Open findings by severity", completed, datetime.now(UTC).date())
        return Markup(  # noqa: S704 (both escape what people write)
            '<div class="table" role="region" tabindex="0" aria-label="Plot">'
            f'<figure class="plot">{svg(plot)}</figure></div>'
            f'<details><summary class="neutral">Numbers</summary><div class="table" role="region"'
            f' tabindex="0" aria-label="Numbers">{table(plot)}</div></details>'
        )

    def _reaching_storage(self, response: Response) -> Response:
        """Let the script of the page send files to the storage, which may be another site."""
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "connect-src 'self'", f"connect-src 'self' {self._uploads_to}".rstrip()
        )
        return response
