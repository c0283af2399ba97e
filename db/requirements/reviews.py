"""Reviews: people's verdicts on requirements, documents, baselines and change sets."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InProject, project_key, tenant_key
from db.constraints import check, json_objects, not_blank, positive, unique, unique_live
from db.core.projects import ProjectRole
from db.fields import choice, json_object, labels, number
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet
from db.requirements.documents import Document
from db.requirements.requirements import Requirement
from db.requirements.workflows import MAX_APPROVALS
from db.text import Lines, Name
from db.traits import ResourceType, Traits

REVIEWABLE: tuple[type[Entity], ...] = (Requirement, Document, Baseline, ChangeSet)
"""The models whose rows can be reviewed."""


class ReviewState(StrEnum):
    """The state of a review; CLOSED and CANCELLED are final."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class ReviewDecision(StrEnum):
    """The verdict of one reviewer on one item."""

    APPROVE = "approve"
    REJECT = "reject"
    ABSTAIN = "abstain"


class Review(InProject, kw_only=True):
    """A review of objects of a project by people.

    An item is approved when `quorum` reviewers approve it and none rejects it. `edited_at` changes
    with the items and reviewers and `last_verdict_at` with the verdicts, so that the version of the
    review covers them.
    """

    __tablename__ = "reviews"
    traits = Traits(ResourceType.REVIEW, node="Review")

    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    state: Mapped[ReviewState] = choice(ReviewState.OPEN)
    quorum: Mapped[int] = number(1, BigInteger)
    due_date: Mapped[datetime | None] = mapped_column(default=None)
    edited_at: Mapped[datetime | None] = mapped_column(default=None)
    last_verdict_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        check(
            "quorum",
            "range",
            f"quorum BETWEEN 1 AND {MAX_APPROVALS}",
            f"The quorum must be from 1 to {MAX_APPROVALS}.",
        ),
        check(
            "closed_at",
            "final",
            "state = 'open' OR closed_at IS NOT NULL",
            "A review that was closed or cancelled has the time of that.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_reviews_due",
            "due_date",
            postgresql_where=text("due_date IS NOT NULL AND state = 'open' AND deleted_at IS NULL"),
        ),
    )


class ReviewItem(InProject, kw_only=True):
    """One object under review, pinned to its content when it was added.

    `pin` stands for that content: the approval holds while the object has the same one. Of a
    requirement it is the content version, of a document a digest of the content versions of all
    that is in it, of a change set the version; a baseline never changes. `content` is a copy of
    the content, and `author_id` the person who last changed it.
    """

    __tablename__ = "review_items"
    traits = Traits(ResourceType.REVIEW, node="ReviewItem", named_by=None, owned_by=("review_id",))

    review_id: Mapped[UUID]
    entity_type: Mapped[str]
    entity_id: Mapped[UUID]
    entity_version: Mapped[int] = mapped_column(BigInteger)
    pin: Mapped[str]
    content: Mapped[dict[str, Any]] = json_object()
    author_id: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        tenant_key("reviews", "project_id", "review_id", ondelete="CASCADE"),
        unique("organization_id", "project_id", "id"),
        *not_blank("entity_type"),
        *not_blank("pin"),
        *json_objects("content"),
        positive("entity_version"),
        unique_live("review_items", "organization_id", "review_id", "entity_id"),
        Index(None, "review_id", "created_at", "id"),
        Index(None, "entity_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class Reviewer(InProject, kw_only=True):
    """A person who reviews, or a role: everybody who holds at least it, except the author."""

    __tablename__ = "reviewers"
    traits = Traits(ResourceType.REVIEW, node="Reviewer", named_by=None, owned_by=("review_id",))

    review_id: Mapped[UUID]
    reviewer_id: Mapped[UUID | None] = mapped_column(default=None)
    role: Mapped[ProjectRole | None] = mapped_column(labels(ProjectRole), default=None)

    __table_args__ = (
        project_key(),
        tenant_key("reviews", "project_id", "review_id", ondelete="CASCADE"),
        check(
            "reviewer_id",
            "or_role",
            "num_nonnulls(reviewer_id, role) = 1",
            "A reviewer is either a person or a role.",
        ),
        unique_live(
            "reviewers",
            "organization_id",
            "review_id",
            "reviewer_id",
            "role",
            message="This reviewer has been added already.",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "review_id", "created_at", "id"),
        Index(None, "reviewer_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class ReviewVerdict(InProject, kw_only=True):
    """The verdict of a person on an item, which they can change while the review is open."""

    __tablename__ = "review_verdicts"
    traits = Traits(
        ResourceType.REVIEW, node="ReviewVerdict", named_by=None, owned_by=("review_id",)
    )

    review_id: Mapped[UUID]
    item_id: Mapped[UUID]
    reviewer_id: Mapped[UUID]
    verdict: Mapped[ReviewDecision] = choice(ReviewDecision.ABSTAIN)
    comment: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        tenant_key("reviews", "project_id", "review_id", ondelete="CASCADE"),
        tenant_key("review_items", "project_id", "item_id", ondelete="CASCADE"),
        unique_live("review_verdicts", "organization_id", "item_id", "reviewer_id"),
        Index(None, "item_id", "created_at", "id"),
        Index(None, "review_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )
