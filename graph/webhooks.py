"""Webhooks of the schema: the execution of selections, and the dispatcher of one process."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from graphql import GraphQLError, OperationDefinitionNode, parse

from auth.origin import Origin
from auth.outbound import Outbound
from auth.session import ViewerSession
from auth.viewer import Viewer
from db.core.webhooks import MAX_BODY_LENGTH
from db.feed.reading import Event
from db.pool import Database
from db.problem import Problem
from db.webhook_queue import Endpoint
from graph.core.changes import Told, kind_of
from graph.http.operation.operations import NotRun, Operations
from graph.http.operation.ports import Subscribing
from graph.kit.context import Context
from graph.kit.named import columns_named
from graph.kit.node import NODES
from graph.kit.stream import Stream
from graph.live.cursor import Cursor, Cursors
from graph.live.follower import concerns
from graph.platform.billing.usage_log import UsageLog
from graph.platform.webhooks.dispatcher import Dispatcher
from graph.platform.webhooks.events import message, thin, type_of
from graph.platform.webhooks.metrics import WebhookMetrics
from graph.platform.webhooks.serving import Shared
from graph.platform.webhooks.signing import sealed
from graph.settings import Settings

OPERATION = "subscription Webhook($id: UUID!) {{ event: organizationChanged(id: $id) {selection} }}"
EVENT = "event"
TOGETHER = 50
"""Events that are executed together: each may be about another state of the past."""
TOO_LARGE = {"message": "The selection has more characters than a message can have."}
WITHIN_BRACES = re.compile(r"\s*\{.*\}\s*", re.DOTALL)


class Webhooks:
    """Makes the messages of endpoints, and checks what mutations give them."""

    def __init__(self, database: Database, settings: Settings, operations: Operations) -> None:
        self._database, self._settings, self._operations = database, settings, operations
        self._cursors = Cursors(settings)
        self.outbound = Outbound(
            settings.allowed_networks,
            insecure=settings.outbound_http,
            most_bytes=100_000,
            seconds=settings.webhook_timeout,
            redirects=0,
        )

    def sealed(self, endpoint: UUID, secret: str) -> bytes:
        """Return the secret encrypted for its endpoint."""
        return sealed(self._settings, endpoint, secret)

    async def require_url(self, url: str, field: Sequence[str | int]) -> None:
        """Raise INVALID unless the URL leads to a public server, or to an allowed network."""
        await self.outbound.require_public(url, field)

    def require_selection(self, selection: str, field: Sequence[str | int]) -> None:
        """Raise INVALID unless it is a selection of fields of `ChangeEvent`, within the limits."""
        if not WITHIN_BRACES.fullmatch(selection) or not _is_one_field(selection):
            message = "Must be a selection of fields of `ChangeEvent`, in braces."
            raise Problem("INVALID", message, field=field)
        document = self._operations.documents.get(OPERATION.format(selection=selection))
        if document.errors:
            errors = [str(error["message"]) for error in document.errors]
            raise Problem("INVALID", errors[0], field=field, messages=errors)
        cost, most = document.operation(None).cost.of({}), self._operations.limits.cost
        if cost > most:
            message = f"The selection has a cost of {cost}, of at most {most}."
            raise Problem("INVALID", message, field=field)

    def concerns(self, endpoint: Endpoint, viewer: Viewer, event: Event) -> bool:
        """Return whether the event passes the filters, and the viewer may read its object."""
        return concerns(_stream(endpoint), viewer, event)

    async def bodies(
        self, endpoint: Endpoint, viewer: Viewer, events: Sequence[Event]
    ) -> list[str]:
        """Return the body of a message for each event: the same to whoever makes it."""
        stream = _stream(endpoint)
        tolds = [
            Told(kind_of(event), self._cursor(stream, endpoint, event), event.at, event)
            for event in events
        ]
        selected: list[dict[str, Any]] = [{}] * len(events)
        if endpoint.selection:
            selected = []
            for start in range(0, len(events), TOGETHER):
                page = tolds[start : start + TOGETHER]
                selected += await self._selected(endpoint, viewer, page)
        found = []
        for event, told, more in zip(events, tolds, selected, strict=True):
            type_, data = type_of(event) or "", thin(event, told.cursor)
            body = message(type_, event.at, data | more)
            if len(body) > MAX_BODY_LENGTH:
                body = message(type_, event.at, data | {"selection": None, "errors": [TOO_LARGE]})
            found.append(body)
        return found

    def _cursor(self, stream: Stream, endpoint: Endpoint, event: Event) -> str:
        return self._cursors.of_event(stream, Cursor(endpoint.epoch, event.position))

    async def _selected(
        self, endpoint: Endpoint, viewer: Viewer, tolds: Sequence[Told]
    ) -> list[dict[str, Any]]:
        """Return the members of the data that the selection adds, for each event."""
        document = self._operations.documents.get(OPERATION.format(selection=endpoint.selection))
        if document.errors:  # the schema has changed since
            errors = [{"message": error["message"]} for error in document.errors]
            return [{"selection": None, "errors": errors}] * len(tolds)
        subscribing = Subscribing(
            document,
            document.operation(None),
            None,
            {"id": str(endpoint.organization_id)},
            {},
            None,
            f"webhook {endpoint.endpoint_id}",
            lambda viewer: self._context(viewer, endpoint, len(tolds)),
        )
        context = subscribing.make_context(viewer)
        try:
            together = await self._operations.tell_each(subscribing, context, tolds)
        finally:
            context.end()
        if together is not None:
            return [_member(payload) for payload in together]
        return [await self._alone(subscribing, viewer, told) for told in tolds]

    async def _alone(self, subscribing: Subscribing, viewer: Viewer, told: Told) -> dict[str, Any]:
        context = subscribing.make_context(viewer)
        try:
            payload, is_busy = await self._operations.tell(subscribing, context, told)
        except NotRun as nothing:
            return {"selection": None, "errors": nothing.errors}
        finally:
            context.end()
        if is_busy:
            raise Problem("BUSY", "The database is not available.")
        return _member(payload)

    def _context(self, viewer: Viewer, endpoint: Endpoint, pasts: int) -> Context:
        origin = Origin(request_id=f"webhook {endpoint.endpoint_id}", source="webhooks")
        context = Context(ViewerSession(self._database, viewer, origin))
        context.session.most_pasts = max(pasts, context.session.most_pasts)
        return context


def dispatcher_of(
    webhooks: Webhooks,
    database: Database,
    settings: Settings,
    metrics: WebhookMetrics | None = None,
    usage: UsageLog | None = None,
    **options: Any,
) -> Dispatcher:
    """Return the dispatcher of one process."""
    shared = Shared(
        database,
        settings,
        webhooks,
        webhooks.outbound,
        metrics or WebhookMetrics(),
        timedelta(days=settings.webhook_disable_days),
    )
    if usage is not None:
        shared.delivered = usage.delivery
    return Dispatcher(shared, **options)


def _stream(endpoint: Endpoint) -> Stream:
    project = endpoint.project_id
    fields = columns_named(endpoint.fields, NODES, "fields") if endpoint.fields else None
    return Stream(
        "organization" if project is None else "project",
        project or endpoint.organization_id,
        endpoint.organization_id,
        fields=fields,
        project_id=project,
    )


def _is_one_field(selection: str) -> bool:
    """Return whether the selection ends where it seems to, and adds nothing beside it."""
    try:
        document = parse(OPERATION.format(selection=selection), max_lexical_tokens=2000)
    except GraphQLError:
        return True  # the document has the error, with its message
    operation = document.definitions[0]
    return (
        len(document.definitions) == 1
        and isinstance(operation, OperationDefinitionNode)
        and len(operation.selection_set.selections) == 1
    )


def _member(payload: bytes) -> dict[str, Any]:
    content = orjson.loads(payload)
    data = content.get("data") or {}
    more = {"errors": content["errors"]} if content.get("errors") else {}
    return {"selection": data.get(EVENT), **more}
