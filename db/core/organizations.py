"""Organizations: the tenants, their members, and invitations."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, func, select, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InOrganization, organization_key
from db.constraints import (
    check,
    deleted_index,
    email_format,
    json_objects,
    later,
    not_blank,
    not_negative,
    positive,
    slug_format,
    trash_index,
    unique,
    unique_live,
)
from db.core.people import Profile, UserStatus
from db.fields import PERSONAL, choice, flag, json_object, number, secret
from db.text import Identifier, Name
from db.traits import ResourceType, Traits, Trash


class OrganizationType(StrEnum):
    """The kind of an organization."""

    PERSONAL = "personal"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class BillingPlan(StrEnum):
    """The plan that an organization has subscribed to."""

    FREE = "free"
    STARTER = "starter"
    PRO = "pro"
    BUSINESS = "business"
    SCALE = "scale"
    ENTERPRISE = "enterprise"


class PricingPlanInterval(StrEnum):
    """The interval at which an organization pays."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class UserRoleType(StrEnum):
    """The role of a person in an organization."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    MEMBER = "member"
    VIEWER = "viewer"
    BILLING = "billing"


class InvitationStatus(StrEnum):
    """The status of an invitation."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


MAX_RETENTION = 36_500
"""The longest retention in days, a century; null keeps rows for ever."""


MAX_EXTERNAL = 255
"""Characters of a name or an identifier that an identity provider gives, at most."""
MAX_ALLOWED_CLIENTS = 200
"""Applications that an organization may name as those that reach it."""


class Organization(Entity, kw_only=True):
    """A tenant: its projects, people, plan and limits. Storage is in bytes.

    What was deleted `trash_retention_days` ago may be purged; null keeps it for ever. The
    applications in `allowed_clients`, and the organization's own, reach it; null allows any. Shares
    open nothing in it unless `sharing_allowed`.
    """

    __tablename__ = "organizations"
    traits = Traits(
        ResourceType.ORGANIZATION,
        node="Organization",
        trash=Trash.PURGED,
        scope_key="organization_id",
        opens=True,
    )

    name: Mapped[Name]
    slug: Mapped[str]
    type: Mapped[OrganizationType] = choice(OrganizationType.TEAM)
    billing_plan: Mapped[BillingPlan] = choice(BillingPlan.FREE)
    billing_cycle: Mapped[PricingPlanInterval] = choice(PricingPlanInterval.MONTHLY)
    max_members: Mapped[int] = number(25)
    max_monthly_requests: Mapped[int] = number(100_000, BigInteger)
    trash_retention_days: Mapped[int | None] = mapped_column(default=30, server_default="30")
    allowed_clients: Mapped[list[str] | None] = mapped_column(default=None)
    sharing_allowed: Mapped[bool] = flag(default=True)
    second_factor_required: Mapped[bool] = flag(default=False)
    """True if people without a second factor have no role here."""
    settings: Mapped[dict[str, Any]] = json_object()
    member_count: Mapped[int] = mapped_column(init=False, default=0, server_default="0")
    storage_used: Mapped[int] = number(0, BigInteger)
    usage_limits: Mapped[dict[str, Any]] = json_object()
    """Limits that were agreed with the organization, in place of those of its plan."""
    trial_ends_at: Mapped[datetime | None] = mapped_column(default=None)
    payment_required_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time from which nothing but deletions is written until a payment is made."""
    owner_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )

    __table_args__ = (
        *not_blank(),
        slug_format(),
        positive("max_members"),
        positive("max_monthly_requests"),
        check(
            "trash_retention_days",
            "range",
            f"trash_retention_days BETWEEN 1 AND {MAX_RETENTION}",
            f"A retention is 1 to {MAX_RETENTION} days, or null to keep everything.",
        ),
        check(
            "allowed_clients",
            "length",
            f"cardinality(allowed_clients) <= {MAX_ALLOWED_CLIENTS}",
            f"An organization allows at most {MAX_ALLOWED_CLIENTS} applications.",
        ),
        not_negative("member_count"),
        not_negative("storage_used"),
        *json_objects("settings", "usage_limits"),
        unique_live("organizations", "slug"),
        Index(None, "created_at"),
        deleted_index("organizations"),
    )


class OrganizationMember(InOrganization, kw_only=True):
    """A person's membership. A person who joins again has the same row restored."""

    __tablename__ = "organization_members"
    traits = Traits(
        ResourceType.MEMBER,
        node="OrganizationMember",
        named_by="person_name",
        trash=Trash.KEPT,
        grants=True,
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    role: Mapped[UserRoleType] = choice(UserRoleType.MEMBER)
    status: Mapped[UserStatus] = choice(UserStatus.ACTIVE)
    last_active_at: Mapped[datetime | None] = mapped_column(default=None)
    joined_domain: Mapped[str | None] = mapped_column(default=None)
    """The domain of the address by which the person joined; None for all others."""
    user_name: Mapped[Identifier | None] = mapped_column(info=PERSONAL, default=None)
    external_id: Mapped[Identifier | None] = mapped_column(info=PERSONAL, default=None)
    """The name and the identifier of the member at the identity provider that provisions them."""

    @hybrid_property
    def person_name(self) -> str:
        raise AttributeError("`person_name` exists in statements only.")

    @person_name.inplace.expression
    @classmethod
    def _person_name(cls) -> ColumnElement[str]:
        """Return the expression for a member's name, or their address where they have none."""
        name = func.coalesce(Profile.full_name, Profile.email)
        return select(name).where(Profile.id == cls.user_id).scalar_subquery()

    __table_args__ = (
        organization_key(),
        unique("organization_id", "user_id", message="This person is a member already."),
        check(
            "joined_domain",
            "length",
            "char_length(joined_domain) <= 253",
            "A domain has at most 253 characters.",
        ),
        Index(None, "user_id"),
        *not_blank("user_name", MAX_EXTERNAL),
        *not_blank("external_id", MAX_EXTERNAL),
        unique_live(
            "organization_members",
            "organization_id",
            "lower(user_name)",
            where="user_name IS NOT NULL",
            message="Another member has this user name.",
        ),
        unique_live(
            "organization_members",
            "organization_id",
            "external_id",
            where="external_id IS NOT NULL",
            message="Another member has this external ID.",
        ),
        Index(None, "organization_id", "created_at"),
        trash_index("organization_members"),
    )


class OrganizationInvitation(InOrganization, kw_only=True):
    """An invitation of an address to join, once, in a role. `token` is in the mailed link."""

    __tablename__ = "organization_invitations"
    traits = Traits(ResourceType.INVITATION, node="OrganizationInvitation", named_by="email")

    email: Mapped[Identifier] = mapped_column(info=PERSONAL)
    role: Mapped[UserRoleType] = choice(UserRoleType.MEMBER)
    token: Mapped[UUID] = secret()
    status: Mapped[InvitationStatus] = choice(InvitationStatus.PENDING)
    expires_at: Mapped[datetime]

    __table_args__ = (
        organization_key(),
        email_format(),
        check(
            "email",
            "reserved",
            r"email !~* '@service-accounts\.invalid$'",
            "A service account belongs to one organization and is not invited.",
        ),
        later("expires_at"),
        unique("token"),
        unique_live(
            "organization_invitations",
            "organization_id",
            "lower(email)",
            where="status = 'pending'",
            message="This address has been invited already.",
        ),
        Index("ix_organization_invitations_email", text("lower(email)")),
        Index(None, "organization_id", "created_at"),
    )
