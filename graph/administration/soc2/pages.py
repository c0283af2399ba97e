"""The address from which administrators download the SOC 2 report."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.credentials.identify import origin_of
from auth.events import Event, record
from auth.viewer import Viewer
from auth.web.page import SECURE
from auth.web.site import answering
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY
from db.problem import Problem
from db.traits import ResourceType
from graph.administration.audit import AUDIT
from graph.administration.pages import AdministrationPages, day
from graph.administration.soc2.write import FORMATS, report_in

SOC2 = f"{AUDIT}/soc2"
READ = """
query Soc2File($id: UUID!, $from: DateTime!, $to: DateTime!) {
  organization(id: $id) {
    id name
    auditVerifications(first: 1) {
      nodes { startedAt createdAt eventCount lastSeq headHash fault }
    }
  }
  soc2Report(organizationId: $id, from: $from, to: $to, samples: 25) {
    from to createdAt alertCount verificationCount failedVerificationCount headSequence headHash
    controls {
      control title eventCount failureCount highRiskCount actorCount firstAt lastAt
      samples {
        eventId createdAt action eventType entityType entityId actorId riskLevel
        sequence previousHash hash line
      }
    }
  }
}
"""


class Soc2Pages(AdministrationPages):
    """The report of an organization; NOT_FOUND for all but its administrators."""

    path, title = SOC2, "SOC 2 report"

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [Route(SOC2, answering(self.download))]

    async def download(self, request: Request) -> Response:
        """Return the report of the days in the address as a file. Raises INVALID."""
        viewer = await self._site.signed_in(request)
        values = request.query_params
        organization = self._organization(viewer, values)
        first, last = day(values, "from"), day(values, "to")
        format = values.get("format", "json")
        if first is None or last is None or format not in FORMATS:
            raise Problem("INVALID", "Enter the first and the last day, and a format.")
        period = {
            name: f"{at.isoformat()}T00:00:00Z"
            for name, at in (("from", first), ("to", last + timedelta(days=1)))
        }
        data = await self._client.run(request, viewer, READ, id=str(organization), **period)
        content = await asyncio.to_thread(FORMATS[format].write, report_in(data))
        digest = sha256(content).digest()
        facts = {**period, "format": format, "size": len(content), "sha256": digest.hex()}
        await self._record(request, viewer, organization, facts)
        name = f"soc2-{first.isoformat()}-{last.isoformat()}.{format}"
        return Response(
            content,
            media_type=FORMATS[format].media_type,
            headers={
                **SECURE,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Repr-Digest": f"sha-256=:{b64encode(digest).decode()}:",
            },
        )

    async def _record(
        self, request: Request, viewer: Viewer, organization: UUID, facts: dict[str, Any]
    ) -> None:
        """Record the download, before the file is sent."""
        event = Event(
            entity_type="Organization",
            entity_id=organization,
            organization_id=organization,
            action="export",
            type=AuditEventType.EXPORT,
            description="The SOC 2 report was downloaded.",
            resource=ResourceType.ORGANIZATION,
            control="CC6.7",
            severity=AuditSeverity.MEDIUM,
            actor_id=viewer.id,
            session_id=UUID(viewer.session_id) if viewer.session_id else None,
            details=facts,
        )
        async with self._site.database.auth.lend(NOBODY) as lent:
            await record(lent, event, origin_of(request))
