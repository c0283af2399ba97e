"""The dashboard of compliance: recent assessments, documents, tasks, usage and open findings."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.web.site import Site, answering
from graph.administration.client import ApiClient
from graph.administration.pages import path_of
from graph.compliance.documents import MAX_SIZE
from graph.compliance.judging.findings import OPEN_SEVERITIES
from graph.compliance_pages import dashboard_operations as api
from graph.compliance_pages.pages import HOME, NEW, CompliancePages
from graph.kit.plots import Plot, Series, svg, table

LISTS = ("assessments", "documents", "tasks")
"""The lists of the page, each with the cursor that its parameter of this name has."""


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
        after: dict[str, Any] = {name: request.query_params.get(name) or None for name in LISTS}
        data = await self._client.run(
            request, viewer, api.DASHBOARD, id=str(chosen), me=str(viewer.id), **after
        )
        found = data["organization"]
        lists = (data["assessments"], found["complianceDocuments"], found["findingTasks"])
        listed = dict(zip(LISTS, lists, strict=True))
        response = self._form(
            request,
            "compliance.html",
            organization=found,
            **{name: each["nodes"] for name, each in listed.items()},
            further={
                name: path_of(HOME, organization=chosen, **after | {name: page["endCursor"]})
                if page["hasNextPage"]
                else None
                for name, page in ((name, each["pageInfo"]) for name, each in listed.items())
            },
            usage=found["assessmentUsage"],
            plot=_plot(found["openFindings"]) if found["completed"]["nodes"] else None,
            days=len(found["openFindings"] or ()),
            me=str(viewer.id),
            max_size=MAX_SIZE,
            new_path=path_of(NEW, organization=chosen),
        )
        return self._reaching_storage(response)

    def _reaching_storage(self, response: Response) -> Response:
        """Let the script of the page send files to the storage, which may be another site."""
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "connect-src 'self'", f"connect-src 'self' {self._uploads_to}".rstrip()
        )
        return response


def _plot(days: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the plot of open findings with its numbers."""
    series = [Series(each.title(), [day[each] for day in days]) for each in OPEN_SEVERITIES]
    plot = Plot("Open findings by severity", [day["day"] for day in days], series)
    return Markup(  # noqa: S704 (both escape what people write)
        '<div class="table" role="region" tabindex="0" aria-label="Plot">'
        f'<figure class="plot">{svg(plot)}</figure></div>'
        f'<details><summary class="neutral">Numbers</summary><div class="table" role="region"'
        f' tabindex="0" aria-label="Numbers">{table(plot)}</div></details>'
    )
