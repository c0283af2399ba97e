"""The page on which the report of an assessment is shared: by an address that ends."""

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
from graph.compliance_pages.pages import REPORT, SHARES, CompliancePages

READ = """
query ReportShares($id: UUID!) {
  assessment(id: $id) {
    id organizationId documentName status
    shares(first: 100, orderBy: [{by: CREATED_AT, direction: DESC}]) {
      nodes {
        id name hint createdAt expiresAt revokedAt viewCount lastViewedAt hasPassword
        createdBy { fullName email }
      }
    }
  }
}
"""
CREATE = """
mutation ShareReport($input: ShareCreateInput!) {
  shareCreate(input: $input) { address share { name expiresAt hasPassword } }
}
"""
REVOKE = """
mutation RevokeReportShare($id: UUID!) { shareRevoke(id: $id) { share { id } } }
"""


class SharingPages(CompliancePages):
    """The shares of an assessment."""

    news: Mapping[str, str] = {"revoked": "The share has been revoked. Its address opens nothing."}

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(SHARES, answering(self.show)),
            Route(f"{SHARES}/create", answering(self.create), methods=["POST"]),
            Route(f"{SHARES}/revoke", answering(self.revoke), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the shares of an assessment."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._page(request, viewer, organization, request.query_params)

    async def create(self, request: Request) -> Response:
        """Create a share, and show its address this once."""
        sent = await self._sent(request, _shares_of)
        try:
            data = await self._client.run(
                request, sent.viewer, CREATE, key=sent.key, input=_share_of(sent)
            )
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._form(
            request,
            "compliance_address.html",
            made=data["shareCreate"],
            back=_shares_of(sent.fields),
        )

    async def revoke(self, request: Request) -> Response:
        """Revoke a share."""
        sent = await self._sent(request, _shares_of)
        try:
            await self._client.run(request, sent.viewer, REVOKE, key=sent.key, id=sent.id("share"))
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._there(sent, "revoked")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the shares of the assessment that `values` name."""
        id = str(id_in(values))
        found = (await self._client.run(request, viewer, READ, id=id))["assessment"]
        if found is None or found["organizationId"] != str(organization):
            raise Problem("NOT_FOUND", "There is no such assessment.")
        this = {"organization": organization, "id": id}
        return self._form(
            request,
            "compliance_shares.html",
            problem,
            assessment=found,
            shares=found["shares"]["nodes"] if found["shares"] else [],
            this=this,
            entered=values if problem else {},
            back=path_of(REPORT, **this),
        )

    def _there(self, sent: Sent, news: str) -> Response:
        """Redirect to the shares."""
        return back_to(SHARES, organization=sent.organization, id=sent.id(), news=news)


def _share_of(sent: Sent) -> dict[str, Any]:
    """Return the input for a new share. Raises INVALID and NOT_FOUND."""
    input: dict[str, Any] = {"objectId": sent.id(), "name": sent.fields.get("name", "")}
    if expires := end_of(day(sent.fields, "expiresAt")):
        input["expiresAt"] = expires
    if password := sent.fields.get("password"):
        input["password"] = password
    return input


def _shares_of(fields: Mapping[str, str]) -> str:
    return path_of(SHARES, **{name: safe_id(fields, name) for name in ("organization", "id")})
