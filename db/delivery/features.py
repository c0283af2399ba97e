"""Features: the parts in which requirements are implemented."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, member_key, project_key, tenant_key
from db.constraints import (
    bounded,
    check,
    json_arrays,
    json_objects,
    not_blank,
    not_negative,
    trash_index,
    unique,
    unique_live,
    web_address,
    within,
)
from db.fields import Searchable, choice, json_list, json_object, search_of
from db.gin import gin_index
from db.text import Identifier, Lines, Name
from db.traits import ResourceType, Traits, Trash

MAX_POINTS = 13


class ImplementationStatus(StrEnum):
    """The status of the implementation of a feature."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    BLOCKED = "blocked"


class CodeReviewStatus(StrEnum):
    """The status of the review of the code of a feature."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested"


class Feature(Searchable, InProject, kw_only=True):
    """A part of the implementation of a requirement, which may be in another project.

    `external_id` is its name in another system.
    """

    __tablename__ = "features"
    traits = Traits(ResourceType.FEATURE, node="Feature", trash=Trash.PURGED)

    requirement_id: Mapped[UUID]
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    implementation_status: Mapped[ImplementationStatus] = choice(ImplementationStatus.NOT_STARTED)
    implementation_notes: Mapped[list[Any]] = json_list()
    developer_id: Mapped[UUID | None] = mapped_column(default=None)
    branch_name: Mapped[Identifier | None] = mapped_column(default=None)
    pull_request_url: Mapped[Identifier | None] = mapped_column(default=None)
    code_review_status: Mapped[CodeReviewStatus] = choice(CodeReviewStatus.PENDING)
    estimated_hours: Mapped[int | None] = mapped_column(default=None)
    actual_hours: Mapped[int | None] = mapped_column(default=None)
    complexity_points: Mapped[int | None] = mapped_column(default=None)
    start_date: Mapped[datetime | None] = mapped_column(default=None)
    completed_date: Mapped[datetime | None] = mapped_column(default=None)
    blocked_reason: Mapped[Lines | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = json_object()

    __table_args__ = (
        search_of(external_id="A", name="A", description="B"),
        project_key(),
        unique("organization_id", "project_id", "id"),
        tenant_key("requirements", "requirement_id"),
        member_key("developer_id"),
        *not_blank("name", 255),
        check("name", "short", "char_length(name) >= 2", "Name must have 2 characters or more."),
        *not_blank("external_id", 255),
        *json_arrays("implementation_notes"),
        bounded("branch_name", 255),
        web_address("pull_request_url"),
        not_negative("estimated_hours"),
        not_negative("actual_hours"),
        within("complexity_points", 1, MAX_POINTS),
        check(
            "blocked_reason",
            "blocked",
            r"implementation_status <> 'blocked' OR blocked_reason ~ '\S'",
            "A feature that is blocked needs a reason.",
        ),
        bounded("blocked_reason", 10_000),
        *json_objects("details"),
        unique_live(
            "features",
            "organization_id",
            "project_id",
            "external_id",
            where="external_id IS NOT NULL",
        ),
        Index(None, "requirement_id", "created_at", "id"),
        Index(None, "developer_id"),
        Index(
            "ix_features_open",
            "project_id",
            "implementation_status",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("features"),
        gin_index("features", "search"),
    )
