"""The SOC 2 report as a file: JSON with samples and their seals, or CSV with a row per control."""

import csv
import json
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.web.page import SECURE
from auth.web.site import answering
from db.problem import Problem
from graph import VERSION
from graph.administration.audit import AUDIT
from graph.administration.pages import AdministrationPages, day

SOC2 = f"{AUDIT}/soc2"
FORMATS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
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
COLUMNS = (
    *("control", "title", "eventCount", "failureCount", "highRiskCount", "actorCount"),
    *("firstAt", "lastAt"),
)


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
        period = {"from": first, "to": last + timedelta(days=1)}
        data = await self._client.run(
            request,
            viewer,
            READ,
            id=str(organization),
            **{name: f"{at.isoformat()}T00:00:00Z" for name, at in period.items()},
        )
        content = (_json if format == "json" else _csv)(data)
        name = f"soc2-{first.isoformat()}-{last.isoformat()}.{format}"
        return Response(
            content,
            media_type=FORMATS[format],
            headers={
                **SECURE,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Repr-Digest": f"sha-256=:{_digest(content)}:",
            },
        )


def _json(data: dict[str, Any]) -> bytes:
    """Return canonical JSON: sorted keys, and no white space."""
    verified = data["organization"].pop("auditVerifications")["nodes"]
    content = {
        "format": "gateway soc2 report 1",
        "gateway": VERSION,
        "organization": data["organization"],
        "verification": verified[0] if verified else None,
        "report": data["soc2Report"],
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _csv(data: dict[str, Any]) -> bytes:
    text = StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    table.writeheader()
    table.writerows(data["soc2Report"]["controls"])
    return text.getvalue().encode()


def _digest(content: bytes) -> str:
    """Return the SHA-256 in Base64 (RFC 9530)."""
    return b64encode(sha256(content).digest()).decode()
