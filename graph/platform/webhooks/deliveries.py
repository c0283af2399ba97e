"""Deliveries of webhooks in the API: the log, test messages, and deliveries that are repeated."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from uuid_utils.compat import uuid7

from db import webhook_queue
from db.core import webhooks as db
from db.core.webhooks import PING, WebhookDeliveryStatus, WebhookEndpointStatus
from db.problem import Problem
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import mutation, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scopes import SCOPE
from graph.platform.webhooks.endpoints import WebhookEndpoint

MAX_REPLAYED = 10_000
"""Deliveries that one mutation repeats."""
CONTENT = {SCOPE: "admin"}
"""The scope for contents, which may have more in them than other scopes allow."""

describe_enum(
    WebhookDeliveryStatus,
    "The status of the delivery of a webhook.",
    {
        "QUEUED": "Waits for its first or next attempt.",
        "SUCCEEDED": "The endpoint has accepted the message.",
        "FAILED": "All attempts have failed.",
        "CANCELED": "The service account could no longer read the object.",
    },
)


@strawberry.type(description="An attempt to deliver a webhook.")
class WebhookAttempt:
    at: datetime = described("The date and time when the request was sent.")
    seconds: float = described("The time in seconds until the answer or the error.")
    status: int | None = described("The HTTP status of the answer; null if there was none.")
    error: str | None = described("The reason why the attempt failed.")


@strawberry.type(
    description="The delivery of a webhook to an endpoint, with its last request and answer."
    " Deliveries are deleted after some time, and are not recorded in the audit log."
)
class WebhookDelivery(Node):
    model = db.WebhookDelivery

    webhook_id: str = described(
        "The ID of the message, sent as `webhook-id`. It stays the same for all attempts."
    )
    event_type: str = described("The type of the event, such as `requirement.updated`.")
    entity_id: UUID | None = described("The ID of the object of the event.")
    status: WebhookDeliveryStatus = described("The status of the delivery.")
    attempts: int = described("The number of attempts so far.")
    due_at: datetime = described(
        "The date and time of the next attempt, if the status is `QUEUED`."
    )
    url: str | None = described("The URL of the last attempt.")
    request_headers: JSON | None = strawberry.field(
        description="The headers of the last request.", metadata=CONTENT
    )
    request_body: str | None = strawberry.field(
        description="The body of the last request.", metadata=CONTENT
    )
    response_status: int | None = described("The HTTP status of the last answer.")
    response_headers: JSON | None = strawberry.field(
        description="The headers of the last answer.", metadata=CONTENT
    )
    response_body: str | None = strawberry.field(
        description="The beginning of the body of the last answer.", metadata=CONTENT
    )
    error: str | None = described("The reason why the last attempt failed.")
    last_attempt_at: datetime | None = described("The date and time of the last attempt.")
    finished_at: datetime | None = described("The date and time when the delivery ended.")
    endpoint: WebhookEndpoint | None = to_one(
        "endpoint_id", db.WebhookEndpoint, WebhookEndpoint, "The endpoint of the delivery."
    )

    @computed("log", text="The last 30 attempts, oldest first.")
    def log(root: strawberry.Parent[Any]) -> list[WebhookAttempt]:  # noqa: N805
        return [
            WebhookAttempt(
                at=datetime.fromisoformat(entry["at"]),
                seconds=entry["seconds"],
                status=entry["status"],
                error=entry["error"],
            )
            for entry in root.log
            if isinstance(entry, dict)
        ]


WebhookDeliveryFilterInput = filter_input(
    WebhookDelivery,
    "id",
    "webhook_id",
    "event_type",
    "entity_id",
    "status",
    "created_at",
    "finished_at",
)
WebhookDeliveryOrderInput = order_input(WebhookDelivery, "created_at", "finished_at")
extend_type(
    WebhookEndpoint,
    deliveries=connection(
        db.WebhookDelivery,
        WebhookDelivery,
        WebhookDeliveryFilterInput,
        WebhookDeliveryOrderInput,
        "The deliveries to the endpoint, by default the newest first.",
        key="endpoint_id",
        newest_first=True,
    ),
)


@strawberry.type
class Query:
    webhook_delivery = by_id(
        db.WebhookDelivery, WebhookDelivery, "Look up a delivery of a webhook by its ID."
    )


@strawberry.type(description="The result of repeating deliveries.")
class WebhookDeliveriesReplayPayload:
    replayed: int = described("The number of deliveries that were queued again.")
    has_more: bool = described(
        "Whether there may be more: repeat the mutation for those that have ended since."
    )


Since = Annotated[
    datetime, strawberry.argument(description="Repeat deliveries created at this time or later.")
]
FailedOnly = Annotated[
    bool, strawberry.argument(description="Whether to repeat only deliveries that have failed.")
]


async def webhook_endpoint_ping(info: Info, id: Id) -> Any:
    delivery = uuid7()
    async with writing(info, None) as transaction:
        endpoint = await transaction.find(db.WebhookEndpoint, id, lock=False)
        transaction.rights.require("update", endpoint)
        _require_active(endpoint)
        await transaction.call(webhook_queue.ping(endpoint.id, delivery, PING))
    return answer(payload_of(WebhookDelivery), await info.context.get(db.WebhookDelivery, delivery))


async def webhook_delivery_replay(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        delivery = await transaction.find(db.WebhookDelivery, id, lock=False)
        transaction.rights.require("update", delivery)
        if delivery.status is WebhookDeliveryStatus.QUEUED:
            raise Problem("INVALID", "The delivery is queued already.", field=["id"])
        call = webhook_queue.replay(delivery.endpoint_id, delivery=delivery.id)
        await transaction.call(call)
    return answer(payload_of(WebhookDelivery), await info.context.get(db.WebhookDelivery, id))


async def webhook_deliveries_replay(
    info: Info, endpoint_id: Id, since: Since, failed_only: FailedOnly = False
) -> WebhookDeliveriesReplayPayload | None:
    async with writing(info, None) as transaction:
        endpoint = await transaction.find(
            db.WebhookEndpoint, endpoint_id, lock=False, field=["endpoint_id"]
        )
        transaction.rights.require("update", endpoint)
        call = webhook_queue.replay(
            endpoint.id, since=since, failed_only=failed_only, most=MAX_REPLAYED
        )
        replayed = await transaction.call(call)
    return WebhookDeliveriesReplayPayload(replayed=replayed, has_more=replayed == MAX_REPLAYED)


def _require_active(endpoint: Any) -> None:
    if endpoint.status is not WebhookEndpointStatus.ACTIVE:
        raise Problem("INVALID", "The endpoint is not active.", field=["id"])


@strawberry.type
class Mutation:
    webhook_endpoint_ping = mutation(
        webhook_endpoint_ping,
        payload_of(WebhookDelivery),
        "Send a test message of the type `webhook.ping` to an endpoint, once.",
    )
    webhook_delivery_replay = mutation(
        webhook_delivery_replay,
        payload_of(WebhookDelivery),
        "Send a message again that has ended, with the same ID and content.",
    )
    webhook_deliveries_replay = mutation(
        webhook_deliveries_replay,
        WebhookDeliveriesReplayPayload,
        f"Send the messages again that were created since a time, at most {MAX_REPLAYED:,}.",
        scope="organizations:write",
    )
