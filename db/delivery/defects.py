"""Defects of a project, found by people and by tests."""

from datetime import date, datetime
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
    not_blank,
    not_negative,
    trash_index,
    unique_live,
)
from db.delivery.priorities import DeliveryPriority
from db.fields import Searchable, choice, flag, json_list, search_of, words
from db.gin import gin_index
from db.text import Lines, Name, Names
from db.traits import ResourceType, Traits, Trash


class DefectSeverity(StrEnum):
    """The severity of a defect, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class DefectStatus(StrEnum):
    """The status of a defect."""

    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    VERIFIED = "verified"
    CLOSED = "closed"
    WONT_FIX = "wont_fix"


class DefectType(StrEnum):
    """The kind of a defect."""

    BUG = "bug"
    ENHANCEMENT = "enhancement"
    DOCUMENTATION = "documentation"
    TASK = "task"


FINISHED = "('verified', 'closed', 'wont_fix')"
"""SQL of the statuses in which nothing is left to do."""


class Defect(Searchable, InProject, kw_only=True):
    """A defect. One that a test has found names the test; there is one open at a time for each.

    `resolution_proposed` means that the test has passed since. `test_result_id` has no foreign key,
    as results are removed by the month.
    """

    __tablename__ = "defects"
    traits = Traits(ResourceType.DEFECT, node="Defect", named_by="title", trash=Trash.PURGED)

    feature_id: Mapped[UUID | None] = mapped_column(default=None)
    test_case_id: Mapped[UUID | None] = mapped_column(default=None)
    test_result_id: Mapped[UUID | None] = mapped_column(default=None)
    title: Mapped[Name]
    description: Mapped[Lines]
    severity: Mapped[DefectSeverity] = choice(DefectSeverity.MEDIUM)
    priority: Mapped[DeliveryPriority] = choice(DeliveryPriority.MEDIUM)
    status: Mapped[DefectStatus] = choice(DefectStatus.OPEN)
    type: Mapped[DefectType] = choice(DefectType.BUG)
    assigned_to: Mapped[UUID | None] = mapped_column(default=None)
    reported_by: Mapped[UUID] = mapped_column(default=None)
    reproduction_steps: Mapped[Lines | None] = mapped_column(default=None)
    environment: Mapped[Name | None] = mapped_column(default=None)
    affected_version: Mapped[Name | None] = mapped_column(default=None)
    fixed_version: Mapped[Name | None] = mapped_column(default=None)
    root_cause: Mapped[Lines | None] = mapped_column(default=None)
    fix_description: Mapped[Lines | None] = mapped_column(default=None)
    estimated_fix_hours: Mapped[int | None] = mapped_column(default=None)
    actual_fix_hours: Mapped[int | None] = mapped_column(default=None)
    due_date: Mapped[date | None] = mapped_column(default=None)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    resolved_by: Mapped[UUID | None] = mapped_column(default=None)
    resolution_proposed: Mapped[bool] = flag(default=False)
    verified_at: Mapped[datetime | None] = mapped_column(default=None)
    verified_by: Mapped[UUID | None] = mapped_column(default=None)
    labels: Mapped[Names] = words()
    attachments: Mapped[list[Any]] = json_list()

    __table_args__ = (
        search_of(title="A", description="B"),
        project_key(),
        tenant_key("features", "project_id", "feature_id", ondelete="SET NULL (feature_id)"),
        tenant_key("test_cases", "project_id", "test_case_id", ondelete="SET NULL (test_case_id)"),
        *map(member_key, ("assigned_to", "reported_by", "resolved_by", "verified_by")),
        *not_blank("title", 255),
        check("title", "short", "char_length(title) >= 5", "Title must have 5 characters or more."),
        check("description", "not_blank", r"description ~ '\S'", "Description must not be blank."),
        bounded("environment", 100),
        bounded("affected_version", 50),
        bounded("fixed_version", 50),
        not_negative("estimated_fix_hours"),
        not_negative("actual_fix_hours"),
        check(
            "assigned_to",
            "assigned",
            "status <> 'assigned' OR assigned_to IS NOT NULL",
            "A defect that is assigned needs a person.",
        ),
        check(
            "verified_by",
            "other",
            "verified_by <> resolved_by",
            "A defect is verified by somebody else than who resolved it.",
        ),
        *json_arrays("attachments"),
        unique_live(
            "defects",
            "organization_id",
            "project_id",
            "test_case_id",
            where=f"test_case_id IS NOT NULL AND status NOT IN {FINISHED}",
            message="The test has an open defect already.",
        ),
        Index(None, "feature_id", "created_at", "id"),
        Index(None, "test_case_id", "created_at", "id"),
        Index(None, "test_result_id"),
        Index(None, "assigned_to", "status", "created_at"),
        *(Index(None, column) for column in ("reported_by", "resolved_by", "verified_by")),
        Index(
            "ix_defects_open",
            "project_id",
            text("severity DESC"),
            "created_at",
            "id",
            postgresql_where=text(f"deleted_at IS NULL AND status NOT IN {FINISHED}"),
        ),
        Index(None, "project_id", "status", "created_at"),
        Index(None, "project_id", "due_date"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("defects"),
        gin_index("defects", "search"),
        gin_index("defects", "labels"),
    )
