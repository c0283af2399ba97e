"""Billing: an organization's data in Stripe, and its usage."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, InOrganization, organization_key
from db.constraints import check, json_objects, later, not_blank, not_negative, unique_live
from db.fields import choice, flag, identity, json_object, secret
from db.traits import ResourceType, Traits


class SubscriptionStatus(StrEnum):
    """Stripe's states of a subscription (its `canceled` is spelt as the other enums spell it)."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class StripeCustomer(InOrganization, kw_only=True):
    """The organization's customer in Stripe."""

    __tablename__ = "stripe_customers"
    traits = Traits(ResourceType.BILLING, named_by="stripe_customer_id")

    stripe_customer_id: Mapped[str | None] = mapped_column(default=None)
    stripe_subscription_id: Mapped[str | None] = mapped_column(default=None)
    subscription_status: Mapped[SubscriptionStatus] = choice(SubscriptionStatus.INCOMPLETE)
    price_id: Mapped[str | None] = mapped_column(default=None)
    current_period_start: Mapped[datetime | None] = mapped_column(default=None)
    current_period_end: Mapped[datetime | None] = mapped_column(default=None)
    cancel_at_period_end: Mapped[bool] = flag(default=False)
    payment_method_last4: Mapped[str | None] = mapped_column(default=None)
    payment_method_brand: Mapped[str | None] = mapped_column(default=None)
    state_order: Mapped[str | None] = secret(default=None, deferred=True)
    """The place of the state of the subscription among all states: the newest one is kept."""

    __table_args__ = (
        organization_key(),
        check(
            "payment_method_last4",
            "digits",
            "payment_method_last4 ~ '^[0-9]{4}$'",
            "These are not the last four digits of a card.",
        ),
        later("current_period_end", than="current_period_start"),
        unique_live(
            "stripe_customers",
            "organization_id",
            message="The organization is known to Stripe already.",
        ),
        unique_live("stripe_customers", "stripe_customer_id"),
        unique_live("stripe_customers", "stripe_subscription_id"),
        Index(None, "organization_id", "created_at"),
    )


class BillingCache(InOrganization, kw_only=True):
    """The last known state and usage of the current period."""

    __tablename__ = "billing_cache"
    traits = Traits(ResourceType.BILLING, named_by=None)

    billing_status: Mapped[dict[str, Any]] = json_object()
    current_period_usage: Mapped[dict[str, Any]] = json_object()
    synced_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]

    __table_args__ = (
        organization_key(),
        *json_objects("billing_status", "current_period_usage"),
        later("period_end", than="period_start"),
        unique_live(
            "billing_cache", "organization_id", message="The organization has a cache already."
        ),
        Index(None, "organization_id", "created_at"),
    )


class UsageLog(Base, kw_only=True):
    """One use of a metered feature. Rows are only added; PostgreSQL keeps them by month."""

    __tablename__ = "usage_logs"

    id: Mapped[UUID] = identity()
    organization_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    feature: Mapped[str]
    quantity: Mapped[int]
    unit_type: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")
    created_at: Mapped[datetime] = mapped_column(
        primary_key=True, init=False, server_default=func.clock_timestamp()
    )
    billable: Mapped[bool] = flag(default=True)
    subject_id: Mapped[UUID | None] = mapped_column(default=None)
    """The ID of the object that was used; it may be gone, so there is no foreign key."""

    __table_args__ = (
        organization_key(),
        *not_blank("feature"),
        *not_blank("unit_type"),
        not_negative("quantity"),
        *json_objects("metadata"),
        Index(None, "organization_id", "created_at"),
        Index(None, "organization_id", "feature", "created_at"),
        Index(None, "user_id"),
        Index(
            "ix_usage_logs_billable",
            "organization_id",
            "created_at",
            postgresql_where=text("billable"),
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )
