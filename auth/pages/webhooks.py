"""The pages of webhooks: endpoints that a person administers, and their latest deliveries."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

from auth.credentials import cookies
from auth.pages.owners import id_in
from auth.web.site import Site, answering, see
from db import webhook_queue
from db.core.organizations import Organization
from db.core.webhooks import (
    PING,
    WebhookDelivery,
    WebhookDeliveryStatus,
    WebhookEndpoint,
    WebhookEndpointStatus,
)
from db.fields import among
from db.problem import Problem

WEBHOOKS = "/webhooks"
MAX_ENDPOINTS, MAX_DELIVERIES = 200, 50
"""The maximum number of endpoints and of deliveries on a page."""
NEWS = {
    "pinged": "A test message is sent. Reload the page to see the answer.",
    "replayed": "The message is sent again. Reload the page to see the answer.",
}


class WebhookPages:
    """The endpoints, each with a page of its deliveries; none for those who administer nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(WEBHOOKS, answering(self.show)),
            Route(f"{WEBHOOKS}/endpoint", answering(self.show_one)),
            Route(f"{WEBHOOKS}/ping", answering(self.ping), methods=["POST"]),
            Route(f"{WEBHOOKS}/replay", answering(self.replay), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the endpoints."""
        viewer = await self._site.signed_in(request)
        async with self._site.session(request, viewer).transaction() as transaction:
            order = [WebhookEndpoint.name, WebhookEndpoint.id]
            endpoints = await transaction.find_all(
                WebhookEndpoint, order=order, limit=MAX_ENDPOINTS, lock=False
            )
            ids = {endpoint.organization_id: endpoint for endpoint in endpoints}
            organizations = await transaction.find_by_id(Organization, ids.keys(), lock=False)
        cards = [(each, organizations.get(each.organization_id)) for each in endpoints]
        return self._page(request, "webhooks.html", endpoints=cards)

    async def show_one(self, request: Request) -> Response:
        """Show an endpoint with its latest deliveries."""
        viewer = await self._site.signed_in(request)
        id = id_in(request.query_params)
        async with self._site.session(request, viewer).transaction() as transaction:
            endpoint = await transaction.find(WebhookEndpoint, id, lock=False)
            order = [WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc()]
            mine = among(WebhookDelivery.endpoint_id, [id])
            deliveries = await transaction.find_all(
                WebhookDelivery, mine, order=order, limit=MAX_DELIVERIES, lock=False
            )
        return self._page(
            request,
            "webhook.html",
            endpoint=endpoint,
            active=endpoint.status is WebhookEndpointStatus.ACTIVE,
            deliveries=[(each, *_texts(each)) for each in deliveries],
        )

    async def ping(self, request: Request) -> Response:
        """Send a test message."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, WEBHOOKS)
        async with self._site.session(request, viewer).transaction() as transaction:
            endpoint = await transaction.find(WebhookEndpoint, id_in(fields), lock=False)
            transaction.rights.require("update", endpoint)
            if endpoint.status is not WebhookEndpointStatus.ACTIVE:
                raise Problem("INVALID", "The endpoint is not active.")
            await transaction.call(webhook_queue.ping(endpoint.id, uuid7(), PING))
        return _back(endpoint.id, "pinged")

    async def replay(self, request: Request) -> Response:
        """Send a message again."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, WEBHOOKS)
        async with self._site.session(request, viewer).transaction() as transaction:
            delivery = await transaction.find(WebhookDelivery, id_in(fields), lock=False)
            transaction.rights.require("update", delivery)
            if delivery.status is not WebhookDeliveryStatus.QUEUED:
                endpoint = delivery.endpoint_id
                await transaction.call(webhook_queue.replay(endpoint, delivery=delivery.id))
        return _back(delivery.endpoint_id, "replayed")

    def _page(self, request: Request, template: str, **values: Any) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        return self._site.form(request, template, cookie=cookies.SESSION, news=news, **values)


def _back(endpoint: UUID, news: str) -> Response:
    return see(f"{WEBHOOKS}/endpoint?id={endpoint}&news={news}")


def _texts(delivery: WebhookDelivery) -> tuple[str, str]:
    """Return the last request and the last answer, as they were sent."""
    asked = _message(delivery.request_headers, delivery.request_body)
    answered = _message(delivery.response_headers, delivery.response_body)
    return asked, answered


def _message(headers: Mapping[str, Any] | None, body: str | None) -> str:
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\n".join([*lines, "", body] if body else lines)
