"""Incoming webhooks in the API, for those who administer or pay for an organization."""

from datetime import datetime
from typing import Any

import strawberry

from db.core import webhook_events as db
from db.core.organizations import Organization as OrganizationRow
from db.core.webhook_events import WebhookEventStatus
from graph.core.organizations import Organization
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node

describe_enum(
    WebhookEventStatus,
    "The status of an incoming webhook.",
    {
        "RECEIVED": "It is stored, and will be processed.",
        "PROCESSED": "It was processed.",
        "FAILED": "All attempts to process it have failed. The operator can replay it.",
        "IGNORED": "It is stored, but the gateway does not process events of its type.",
    },
)


@strawberry.type(
    description="An event that another system, such as Stripe, has sent to the gateway about an"
    " organization. Administrators and users with the role BILLING can read it."
)
class WebhookEvent(Node):
    model = db.WebhookEvent

    provider: str = described("The name of the system that sent the event, such as `stripe`.")
    external_id: str = described("The ID that the provider gave the event.")
    event_type: str = described("The type of the event, such as `customer.subscription.updated`.")
    occurred_at: datetime | None = described(
        "The date and time when the event occurred, according to the provider."
    )
    body: str = described("The body of the request as it was received: a JSON object.")
    status: WebhookEventStatus = described("The status of the event.")
    attempts: int = described("The number of attempts to process the event.")
    error: str | None = described("The reason why the last attempt failed.")
    processed_at: datetime | None = described("The date and time when the event was processed.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the event."
    )


WebhookEventFilterInput = filter_input(
    WebhookEvent,
    "id",
    "provider",
    "external_id",
    "event_type",
    "status",
    "occurred_at",
    "processed_at",
    "created_at",
    "organization_id",
)
WebhookEventOrderInput = order_input(
    WebhookEvent, "event_type", "occurred_at", "processed_at", "created_at", "updated_at"
)


def _events(key: str | None, text: str) -> Any:
    return connection(
        db.WebhookEvent,
        WebhookEvent,
        WebhookEventFilterInput,
        WebhookEventOrderInput,
        text,
        key=key,
        newest_first=True,
    )


extend_type(
    Organization,
    webhook_events=_events(
        "organization_id",
        "The incoming webhooks about the organization, by default the newest first.",
    ),
)


@strawberry.type
class Query:
    webhook_event = by_id(db.WebhookEvent, WebhookEvent, "Look up an incoming webhook by its ID.")
    webhook_events = _events(
        None, "List incoming webhooks that the viewer can read, by default the newest first."
    )
