"""Access reviews: who has which right, and whether a reviewer has confirmed it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Uuid, bindparam, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import Function

from db.base import InOrganization, member_key, organization_key, project_key, tenant_key
from db.constraints import check, later, not_blank, not_negative, positive, unique, unique_live
from db.core.organizations import UserRoleType
from db.fields import choice, labels
from db.text import Lines, Name
from db.traits import ResourceType, Traits

MAX_REVIEWERS = 50
"""The most reviewers of an access review."""
MAX_COMMENT = 500
"""The most characters of the comment on an item."""
MAX_REPORT = 5_000_000
"""The most characters of a report."""


class AccessReviewState(StrEnum):
    """The state of an access review; CLOSED and CANCELLED are final."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class GrantKind(StrEnum):
    """The kind of row that gives a right."""

    MEMBERSHIP = "membership"
    PROJECT_MEMBERSHIP = "project_membership"
    ROLE = "role"


class AccessDecision(StrEnum):
    """The decision on a grant, or its outcome without one."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"
    ENDED = "ended"
    UNCONFIRMED = "unconfirmed"
    GONE = "gone"


class AccessReview(InOrganization, kw_only=True):
    """A review of all rights in an organization, or at one project and its documents.

    `ends_by` is the person with whose rights the grants that nobody has confirmed end at the due
    date; null if they are left. A closed review has a `report`, canonical JSON with its SHA-256 and
    the head of the organization's audit chain at that time. A trigger refuses every later change.
    """

    __tablename__ = "access_reviews"
    traits = Traits(ResourceType.ACCESS_REVIEW, node="AccessReview")

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    state: Mapped[AccessReviewState] = choice(AccessReviewState.OPEN)
    due_date: Mapped[datetime]
    reviewer_ids: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid), default_factory=list, server_default=text("'{}'::uuid[]")
    )
    ends_by: Mapped[UUID | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[UUID | None] = mapped_column(default=None)
    report: Mapped[str | None] = mapped_column(default=None)
    report_hash: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    chain_seq: Mapped[int | None] = mapped_column(BigInteger, default=None)
    chain_hash: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        unique("organization_id", "id"),
        *not_blank(),
        later("due_date"),
        check(
            "reviewer_ids",
            "length",
            f"cardinality(reviewer_ids) <= {MAX_REVIEWERS}",
            f"An access review has at most {MAX_REVIEWERS} reviewers.",
        ),
        check(
            "closed_at",
            "final",
            "state = 'open' OR closed_at IS NOT NULL",
            "A review that was closed or cancelled has the time of that.",
        ),
        check(
            "report",
            "closed",
            "state <> 'closed' OR num_nulls(report, report_hash, chain_seq, chain_hash) = 0",
            "A closed review has a report.",
        ),
        check(
            "report",
            "length",
            f"char_length(report) <= {MAX_REPORT}",
            "The report is too long.",
        ),
        *(
            check(column, "digest", f"octet_length({column}) = 32", "This is not a SHA-256 digest.")
            for column in ("report_hash", "chain_hash")
        ),
        not_negative("chain_seq"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_access_reviews_due",
            "due_date",
            postgresql_where=text("state = 'open' AND deleted_at IS NULL"),
        ),
    )


class AccessReviewItem(InOrganization, kw_only=True):
    """One right of a person, as it was when the review began or when it was confirmed.

    `grant_id` is the membership or role that gives it, at `grant_version`. `last_used_at` is the
    time when the person last used it, exact to an hour.
    """

    __tablename__ = "access_review_items"
    traits = Traits(
        ResourceType.ACCESS_REVIEW,
        node="AccessReviewItem",
        named_by=None,
        owned_by=("access_review_id",),
    )

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    access_review_id: Mapped[UUID]
    user_id: Mapped[UUID]
    kind: Mapped[GrantKind] = mapped_column(labels(GrantKind))
    grant_id: Mapped[UUID]
    grant_version: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[UserRoleType] = mapped_column(labels(UserRoleType))
    object_type: Mapped[str]
    object_id: Mapped[UUID]
    granted_at: Mapped[datetime]
    granted_by: Mapped[UUID | None] = mapped_column(default=None)
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    decision: Mapped[AccessDecision] = choice(AccessDecision.PENDING)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[UUID | None] = mapped_column(default=None)
    comment: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        member_key("user_id"),
        tenant_key("access_reviews", "access_review_id", ondelete="CASCADE"),
        *not_blank("object_type"),
        *not_blank("comment", MAX_COMMENT),
        positive("grant_version"),
        unique_live("access_review_items", "organization_id", "access_review_id", "grant_id"),
        Index(None, "access_review_id", "created_at", "id"),
        Index(None, "user_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


def chain_head(organization_id: UUID) -> Function[object]:
    """Return the call for the head of an organization's audit chain, as JSON: `seq` and `hash`.

    Before the first event, `seq` is 0 and `hash` null. It is null for other tenants.
    """
    return func.ctx.chain_head(
        bindparam(None, organization_id, type_=Uuid, unique=True), type_=JSONB
    )
