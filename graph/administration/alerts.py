"""The page of alerts of the audit log, on which administrators acknowledge them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.viewer import Viewer
from auth.web.site import answering
from db.problem import Problem
from graph.administration.audit import AUDIT
from graph.administration.pages import ObjectPages, Sent, back_to, path_of, safe_id

ALERTS = f"{AUDIT}/alerts"
OPEN = "open"
READ = """
query AuditAlerts($id: UUID!, $after: String, $filter: AuditAlertFilterInput) {
  organization(id: $id) {
    id name
    auditAlerts(first: 25, after: $after, filter: $filter) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id version indicator level eventId eventAt eventCount createdAt
        actor { fullName email } acknowledgedAt acknowledgedBy { fullName email } note
      }
    }
  }
}
"""
ACKNOWLEDGE = """
mutation AcknowledgeAlert($id: UUID!, $version: BigInt!, $note: String) {
  auditAlertAcknowledge(id: $id, expectedVersion: $version, note: $note) { auditAlert { id } }
}
"""


class AlertPages(ObjectPages):
    """The alerts of an organization; NOT_FOUND for all but its administrators."""

    path, title = ALERTS, "Alerts"
    news: Mapping[str, str] = {"acknowledged": "The alert has been acknowledged."}

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(ALERTS, answering(self.show)),
            Route(f"{ALERTS}/acknowledge", answering(self.acknowledge), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the alerts of an organization, newest first, or those not acknowledged."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        return await self._page(request, viewer, chosen, request.query_params)

    async def acknowledge(self, request: Request) -> Response:
        """Acknowledge an alert."""
        sent = await self._sent(request, _back)
        return await self._write(request, sent, "acknowledged", ACKNOWLEDGE, note=sent.text("note"))

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        only = _only(values)
        filter: dict[str, Any] | None = {"acknowledgedAt": {"isNull": True}} if only else None
        after = values.get("after") or None
        data = await self._client.run(
            request, viewer, READ, id=str(organization), after=after, filter=filter
        )
        found = data["organization"]
        info = found["auditAlerts"]["pageInfo"]
        place = {"organization": organization, "only": only}
        return self._form(
            request,
            "audit_alerts.html",
            problem,
            organization=found,
            alerts=found["auditAlerts"]["nodes"],
            only=only,
            after=after or "",
            further=path_of(ALERTS, **place, after=info["endCursor"])
            if info["hasNextPage"]
            else None,
        )

    def _there(self, sent: Sent, news: str) -> Response:
        place = {"organization": sent.organization, "only": _only(sent.fields)}
        return back_to(ALERTS, **place, after=sent.fields.get("after", ""), news=news)


def _only(values: Mapping[str, str]) -> str:
    return OPEN if values.get("only") == OPEN else ""


def _back(fields: Mapping[str, str]) -> str:
    return path_of(ALERTS, organization=safe_id(fields, "organization"), only=_only(fields))
