"""The page of the audit log: events with filters, and exports."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.pages.owners import id_in
from auth.viewer import Viewer
from auth.web.site import answering
from db.change import AuditSeverity
from db.problem import Problem
from db.traits import ResourceType
from graph.administration.pages import AdministrationPages, back_to, day, path_of, safe_id
from graph.kit.words import spoken

AUDIT = "/audit"
RISKS = ("critical", "high", "medium", "low")
SEVERITIES = tuple(reversed(AuditSeverity.__members__))
KINDS = tuple(ResourceType.__members__)
IDS = {
    "person": "actorId",
    "project": "projectId",
    "document": "documentId",
    "object": "entityId",
    "correlation": "correlationId",
    "event": "id",
}
LABELS = {
    "risk": ("riskLevel", RISKS),
    "severity": ("severity", SEVERITIES),
    "kind": ("resourceType", KINDS),
}
TEXTS = {"action": "action", "control": "soc2Control", "address": "ipAddress"}
FILTERS = ("from", "to", *IDS, *LABELS, *TEXTS)
"""The parameters of the address by which events are filtered."""
MAX_SHOWN = 300
"""Characters that are shown of a value."""
READ = """
query AuditLog($id: UUID!, $after: String, $filter: AuditEventFilterInput) {
  organization(id: $id) {
    id name
    members(first: 100) { pageInfo { hasNextPage } nodes { user { id fullName email } } }
    projects(first: 100, orderBy: [{by: NAME}]) { pageInfo { hasNextPage } nodes { id name } }
    auditLogs(first: 25, after: $after, filter: $filter) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id createdAt action outcome riskLevel threatIndicators soc2Control description
        entityType entityId documentId correlationId ipAddress
        actor { id fullName email } user { fullName email } project { name }
        changes { field old new }
      }
    }
    jobs(first: 5, filter: {kind: {eq: "audit.export"}}) {
      nodes {
        id status createdAt progress error user { fullName email } exportedFile { name size url }
      }
    }
  }
}
"""
EXPORT = """
mutation ExportAuditLog($input: AuditExportStartInput!) {
  auditExportStart(input: $input) { jobId }
}
"""


class AuditPages(AdministrationPages):
    """The audit log of an organization; NOT_FOUND for all but its administrators."""

    path, title = AUDIT, "Audit log"
    news: Mapping[str, str] = {
        "started": "The export has been started. Reload the page to download it once it is done.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(AUDIT, answering(self.show)),
            Route(f"{AUDIT}/export", answering(self.export), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the events of an organization, newest first, or the organizations."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        try:
            return await self._page(request, viewer, chosen, request.query_params)
        except Problem as problem:
            if problem.code != "INVALID":
                raise
            return await self._page(request, viewer, chosen, {}, problem)

    async def export(self, request: Request) -> Response:
        """Start an export of the events that match the filters."""
        sent = await self._sent(request, _back)
        try:
            filter = _filter(sent.fields)
            period = filter.pop("createdAt", {})
            input = {
                "organizationId": str(sent.organization),
                "from": period.get("gte"),
                "to": period.get("lt"),
                "filter": filter or None,
            }
            await self._client.run(request, sent.viewer, EXPORT, key=sent.key, input=input)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, {}, problem)
        there = {name: sent.fields.get(name, "") for name in FILTERS}
        return back_to(AUDIT, organization=sent.organization, **there, news="started")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        data = await self._client.run(
            request,
            viewer,
            READ,
            id=str(organization),
            after=values.get("after") or None,
            filter=_filter(values) or None,
        )
        found = data["organization"]
        info = found["auditLogs"]["pageInfo"]
        chosen = {name: values.get(name, "").strip() for name in FILTERS}
        people = {
            member["user"]["id"]: member["user"]["fullName"] or member["user"]["email"]
            for member in found["members"]["nodes"]
            if member["user"]
        }
        projects = {project["id"]: project["name"] for project in found["projects"]["nodes"]}
        for name, named in (("person", people), ("project", projects)):
            if chosen[name]:
                named.setdefault(chosen[name], chosen[name])
        return self._form(
            request,
            "audit.html",
            problem,
            organization=found,
            events=[
                (event, spoken(event["entityType"]) or event["entityType"], _changes(event))
                for event in found["auditLogs"]["nodes"]
            ],
            jobs=found["jobs"]["nodes"],
            people=people,
            more_people=found["members"]["pageInfo"]["hasNextPage"],
            projects=projects,
            more_projects=found["projects"]["pageInfo"]["hasNextPage"],
            chosen=chosen,
            is_filtered=any(chosen.values()),
            risks=RISKS,
            severities=SEVERITIES,
            kinds=KINDS,
            further=path_of(AUDIT, organization=organization, **chosen, after=info["endCursor"])
            if info["hasNextPage"]
            else None,
        )


def _filter(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the filter of events for the parameters of an address or a form. Raises INVALID."""
    period = _period(values)
    filter: dict[str, Any] = {"createdAt": period} if period else {}
    for name, column in IDS.items():
        if text := values.get(name, "").strip():
            filter[column] = {"eq": _id(text, name)}
    for name, (column, labels) in LABELS.items():
        if text := values.get(name, ""):
            if text not in labels:
                raise Problem("INVALID", f"There is no {name} of this name.", field=[name])
            filter[column] = {"eq": text}
    for name, column in TEXTS.items():
        if text := values.get(name, "").strip():
            filter[column] = {"eq": text}
    return filter


def _period(values: Mapping[str, str]) -> dict[str, str]:
    period = {}
    if first := day(values, "from"):
        period["gte"] = f"{first.isoformat()}T00:00:00Z"
    if last := day(values, "to"):
        period["lt"] = f"{(last + timedelta(days=1)).isoformat()}T00:00:00Z"
    return period


def _id(text: str, name: str) -> str:
    try:
        return str(id_in({name: text}, name))
    except Problem:
        message = f"The {name} must be given by an ID."
        raise Problem("INVALID", message, field=[name]) from None


def _changes(event: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the changed fields of an event, with their values as texts."""
    return [
        (change["field"], _shown(change["old"]), _shown(change["new"]))
        for change in event["changes"]
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _back(fields: Mapping[str, str]) -> str:
    return path_of(AUDIT, organization=safe_id(fields, "organization"))
