"""Incoming webhooks: the events that other systems send to the gateway."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, organization_key
from db.constraints import check, unique
from db.fields import choice, number
from db.traits import ResourceType, Traits

MAX_ID_LENGTH = 255
WORD = rf"^[!-~]{{1,{MAX_ID_LENGTH}}}$"
"""The form of an external ID and of a type: visible characters of ASCII."""


class WebhookEventStatus(StrEnum):
    """The status of an incoming event."""

    RECEIVED = "received"
    PROCESSED = "processed"
    FAILED = "failed"
    IGNORED = "ignored"


class WebhookEvent(Entity, kw_only=True):
    """An event that another system has sent, stored before the sender is answered.

    It belongs to an organization once the gateway has found which one it concerns. Only functions
    of the database write it (`db.webhook_events`), and no event records it.
    """

    __tablename__ = "webhook_events"
    traits = Traits(ResourceType.WEBHOOK, node="WebhookEvent", named_by="event_type")

    organization_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-9)
    provider: Mapped[str]
    external_id: Mapped[str]
    event_type: Mapped[str]
    occurred_at: Mapped[datetime | None] = mapped_column(default=None)
    body: Mapped[str]
    status: Mapped[WebhookEventStatus] = choice(WebhookEventStatus.RECEIVED)
    attempts: Mapped[int] = number(0)
    error: Mapped[str | None] = mapped_column(default=None)
    processed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        unique("provider", "external_id"),
        check("provider", "format", "provider ~ '^[a-z][a-z0-9-]{0,49}$'", "This is no provider."),
        check("external_id", "format", f"external_id ~ '{WORD}'", "This is no ID."),
        check("event_type", "format", f"event_type ~ '{WORD}'", "This is no type."),
        check("error", "length", "char_length(error) <= 2000", "At most 2,000 characters."),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(
            "ix_webhook_events_failed",
            "created_at",
            postgresql_where=text("status IN ('received', 'failed')"),
        ),
    )
