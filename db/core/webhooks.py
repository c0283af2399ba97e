"""Webhooks: endpoints of other systems, the messages sent to them, and how far each has read."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, InOrganization, member_key, organization_key, project_key, tenant_key
from db.constraints import check, json_arrays, json_objects, not_blank, trash_index, unique
from db.fields import choice, flag, json_list, number, secret, words
from db.text import Name
from db.traits import ResourceType, Traits, Trash

PING, RESYNC = "webhook.ping", "webhook.resync"
"""The types of messages that are about the endpoint itself."""
MAX_URL_LENGTH, MAX_SELECTION_LENGTH = 2000, 10_000
MAX_BODY_LENGTH = 300_000
"""Characters of a message, at most."""
MAX_ANSWER_LENGTH = 10_000
"""Characters of an answer that the log keeps."""


class WebhookEndpointStatus(StrEnum):
    """The status of an endpoint."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class WebhookDeliveryStatus(StrEnum):
    """The status of a delivery."""

    QUEUED = "queued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class WebhookEndpoint(InOrganization, kw_only=True):
    """A URL to which events of an organization, or of one of its projects, are sent.

    Messages hold what the service account may read, within `scopes`: those of the tokens by which
    the endpoint was written. The secrets are encrypted; the role that serves requests writes them
    and never reads them. A trigger keeps the secret before the present one, for a day.
    """

    __tablename__ = "webhook_endpoints"
    traits = Traits(ResourceType.WEBHOOK, node="WebhookEndpoint", trash=Trash.PURGED)

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]
    url: Mapped[str]
    service_account_id: Mapped[UUID]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    event_types: Mapped[list[str]] = words()
    fields: Mapped[list[str]] = words()
    selection: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[WebhookEndpointStatus] = choice(WebhookEndpointStatus.ACTIVE)
    disabled_reason: Mapped[str | None] = mapped_column(default=None)
    former_secret: Mapped[bytes | None] = secret(default=None, init=False, deferred=True)
    secret: Mapped[bytes] = secret(deferred=True)
    former_secret_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    failing_since: Mapped[datetime | None] = mapped_column(init=False, default=None)
    last_success_at: Mapped[datetime | None] = mapped_column(init=False, default=None)
    last_failure_at: Mapped[datetime | None] = mapped_column(init=False, default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        member_key("service_account_id"),
        unique("organization_id", "id"),
        *not_blank(longest=100),
        check(
            "url",
            "format",
            rf"url ~ '^https?://\S+$' AND char_length(url) <= {MAX_URL_LENGTH}",
            "This is not an HTTP URL of at most 2,000 characters.",
        ),
        check("event_types", "number", "cardinality(event_types) <= 100", "At most 100 types."),
        check("fields", "number", "cardinality(fields) <= 50", "At most 50 fields."),
        check(
            "selection",
            "length",
            f"char_length(selection) <= {MAX_SELECTION_LENGTH}",
            "At most 10,000 characters.",
        ),
        check(
            "disabled_reason",
            "length",
            "char_length(disabled_reason) <= 500",
            "At most 500 characters.",
        ),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "service_account_id"),
        trash_index("webhook_endpoints"),
    )


class WebhookDelivery(InOrganization, kw_only=True):
    """One message to one endpoint: the event, the attempts so far, and the last answer.

    It is queued when the endpoint reads the event, and stays as the log. Those with the same
    `order_key` are sent one after the other, by `position`. Functions of the database and the
    dispatcher write it, and no event records it.
    """

    __tablename__ = "webhook_deliveries"
    traits = Traits(
        ResourceType.WEBHOOK,
        node="WebhookDelivery",
        named_by="event_type",
        owned_by=("endpoint_id",),
    )

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    endpoint_id: Mapped[UUID]
    webhook_id: Mapped[str]
    event_type: Mapped[str]
    event: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    entity_type: Mapped[str | None] = mapped_column(default=None)
    entity_id: Mapped[UUID | None] = mapped_column(default=None)
    order_key: Mapped[UUID]
    position: Mapped[int] = number(0, BigInteger)
    status: Mapped[WebhookDeliveryStatus] = choice(WebhookDeliveryStatus.QUEUED)
    attempts: Mapped[int] = number(0)
    due_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    url: Mapped[str | None] = mapped_column(default=None)
    request_headers: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    request_body: Mapped[str | None] = mapped_column(default=None)
    response_status: Mapped[int | None] = mapped_column(default=None)
    response_headers: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    response_body: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)
    log: Mapped[list[Any]] = json_list()
    last_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        tenant_key("webhook_endpoints", "endpoint_id"),
        *json_objects("event", "request_headers", "response_headers"),
        *json_arrays("log"),
        check(
            "request_body",
            "length",
            f"char_length(request_body) <= {MAX_BODY_LENGTH}",
            "At most 300,000 characters.",
        ),
        check(
            "response_body",
            "length",
            f"char_length(response_body) <= {MAX_ANSWER_LENGTH}",
            "At most 10,000 characters.",
        ),
        Index(
            "uq_webhook_deliveries_endpoint_id_webhook_id",
            "organization_id",
            "endpoint_id",
            "webhook_id",
            unique=True,
            info={"column": "webhook_id", "message": "The endpoint has a message of this ID."},
        ),
        Index(
            "ix_webhook_deliveries_queued",
            "endpoint_id",
            "position",
            "id",
            postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_webhook_deliveries_queued_in_order",
            "endpoint_id",
            "order_key",
            postgresql_where=text("status = 'queued'"),
        ),
        Index(None, "endpoint_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "created_at"),
    )


class WebhookWorker(Base, kw_only=True):
    """A process that sends messages, for as long as its lease, which it extends.

    One with a lock holds the advisory lock of its number on a connection of its own: when the
    process dies, the server releases the lock, and the endpoints of the process are free at once.
    """

    __tablename__ = "webhook_workers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(always=True), init=False)
    has_lock: Mapped[bool] = flag(default=False)
    expires_at: Mapped[datetime]

    __table_args__ = (unique("number"),)


class WebhookCursor(Base, kw_only=True):
    """The position of an endpoint in the feed, when it is due, and which worker sends to it.

    A trigger creates it with the endpoint, at the newest position of the feed.
    """

    __tablename__ = "webhook_cursors"

    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[datetime] = mapped_column(init=False, server_default=text("'infinity'"))
    worker_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("webhook_workers.id", ondelete="SET NULL"), default=None
    )

    __table_args__ = (Index(None, "worker_id"), Index(None, "due_at"))
