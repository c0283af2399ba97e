"""Assessments of documents against frameworks, run by workers, and the tasks that follow."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import (
    Base,
    Entity,
    InOrganization,
    Part,
    member_key,
    organization_key,
    tenant_key,
)
from db.constraints import (
    check,
    json_objects,
    not_blank,
    not_negative,
    positive,
    trash_index,
    unique,
)
from db.fields import choice, identity, json_object, number, secret
from db.text import Lines, Name
from db.traits import ResourceType, Traits, Trash

MAX_ATTEMPTS = 3
"""Attempts after which an assessment whose workers fall silent has failed."""


class AssessmentStatus(StrEnum):
    """The status of an assessment."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class TaskStatus(StrEnum):
    """The status of a task."""

    OPEN = "open"
    DONE = "done"


class Assessment(InOrganization, kw_only=True):
    """An assessment of a document, of the member who asked for it.

    It is created and deleted as any row. All that workers write, functions of the database do
    (`ctx.claim_assessments` and others), which record it. `results` are not in the audit log.
    `document_name` is that of the document at the creation; the document's column is not called
    `document_id`, which places rows in documents of requirements.
    """

    __tablename__ = "assessments"
    traits = Traits(
        ResourceType.ASSESSMENT,
        node="Assessment",
        named_by="document_name",
        scope_key="assessment_id",
        owned_by=("compliance_document_id",),
        trash=Trash.PURGED,
    )

    user_id: Mapped[UUID]
    compliance_document_id: Mapped[UUID]
    document_name: Mapped[Name]
    status: Mapped[AssessmentStatus] = choice(AssessmentStatus.PENDING)
    results: Mapped[dict[str, Any]] = json_object()
    severity_counts: Mapped[dict[str, Any]] = json_object()
    score: Mapped[float | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    completed_at: Mapped[datetime | None] = mapped_column(default=None)
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    attempts: Mapped[int] = number(0)
    progress: Mapped[float | None] = mapped_column(default=None)
    claimed_by: Mapped[UUID | None] = mapped_column(default=None)
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)
    lease_id: Mapped[UUID | None] = secret(default=None, deferred=True)
    worker: Mapped[str | None] = mapped_column(default=None)
    model_name: Mapped[str | None] = mapped_column(default=None)
    results_archived_at: Mapped[datetime | None] = mapped_column(default=None)
    results_key: Mapped[str | None] = secret(default=None, deferred=True)

    __table_args__ = (
        organization_key(),
        member_key("user_id"),
        tenant_key("compliance_documents", "compliance_document_id"),
        unique("organization_id", "id"),
        *not_blank("document_name"),
        *json_objects("results", "severity_counts"),
        check(
            "error_message",
            "failed",
            "error_message IS NULL OR status = 'failed'",
            "Only a failed assessment has an error message.",
        ),
        check(
            "error_message",
            "length",
            "char_length(error_message) <= 2000",
            "At most 2,000 characters.",
        ),
        check(
            "completed_at",
            "later",
            "completed_at >= started_at",
            "An assessment is completed after it was started.",
        ),
        not_negative("duration_ms"),
        not_negative("attempts"),
        check("progress", "range", "progress BETWEEN 0 AND 1", "Progress is from 0 to 1."),
        check("score", "range", "score BETWEEN 0 AND 1", "A score is from 0 to 1."),
        check(
            "lease_id",
            "processing",
            "(status = 'processing') = (lease_id IS NOT NULL AND claimed_until IS NOT NULL)",
            "An assessment is leased while it is processed.",
        ),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "organization_id", "user_id", "created_at", "id"),
        Index(None, "compliance_document_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "user_id", "status"),
        Index(
            "ix_assessments_queue",
            "created_at",
            "id",
            postgresql_where=text("status = 'pending' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_assessments_queue_of_tenant",
            "organization_id",
            "created_at",
            "id",
            postgresql_where=text("status = 'pending' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_assessments_started_at",
            "started_at",
            postgresql_where=text("started_at IS NOT NULL"),
        ),
        Index(
            "ix_assessments_open",
            "organization_id",
            postgresql_where=text("status IN ('pending', 'processing')"),
        ),
        Index(
            "ix_assessments_claimed_until",
            "claimed_until",
            postgresql_where=text("status = 'processing'"),
        ),
        Index(
            "ix_assessments_kept",
            "completed_at",
            postgresql_where=text("status = 'completed' AND results_archived_at IS NULL"),
        ),
        trash_index("assessments"),
    )


class AssessmentFramework(Part, kw_only=True):
    """A framework that an assessment is run against, in the revision of that time."""

    __tablename__ = "assessment_frameworks"
    whole: ClassVar[type[Entity]] = Assessment
    whole_key: ClassVar[str] = "assessment_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    assessment_id: Mapped[UUID]
    framework_id: Mapped[UUID]
    revision_id: Mapped[UUID]
    framework_revision: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        # Links come before their assessment: it is sent at the end of the transaction.
        ForeignKeyConstraint(
            ["organization_id", "assessment_id"],
            ["assessments.organization_id", "assessments.id"],
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(["framework_id"], ["frameworks.id"], ondelete="RESTRICT"),
        ForeignKeyConstraint(["revision_id"], ["framework_revisions.id"], ondelete="RESTRICT"),
        positive("framework_revision"),
        unique(
            "organization_id",
            "assessment_id",
            "framework_id",
            message="The assessment has this framework already.",
        ),
        Index(None, "assessment_id", "id"),
        Index(None, "framework_id"),
        Index(None, "revision_id"),
    )


class FindingTask(InOrganization, kw_only=True):
    """A task for a colleague that follows from a finding, with a date on which it is due."""

    __tablename__ = "finding_tasks"
    traits = Traits(
        ResourceType.ASSESSMENT,
        node="FindingTask",
        named_by="title",
        owned_by=("assessment_id", "compliance_document_id"),
        trash=Trash.PURGED,
    )

    assessment_id: Mapped[UUID]
    compliance_document_id: Mapped[UUID]
    framework: Mapped[str]
    requirement: Mapped[str]
    title: Mapped[Name]
    comment: Mapped[Lines | None] = mapped_column(default=None)
    assignee_id: Mapped[UUID]
    due_date: Mapped[datetime]
    status: Mapped[TaskStatus] = choice(TaskStatus.OPEN)

    __table_args__ = (
        organization_key(),
        tenant_key("assessments", "assessment_id"),
        tenant_key("compliance_documents", "compliance_document_id"),
        member_key("assignee_id"),
        *not_blank("title"),
        *not_blank("framework", 50),
        *not_blank("requirement", 100),
        *not_blank("comment", 5_000),
        Index(None, "assessment_id", "created_at", "id"),
        Index(None, "compliance_document_id"),
        Index(None, "assignee_id", "status", "due_date", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("finding_tasks"),
    )


class DocumentPage(Base, kw_only=True):
    """The text of a page of a document. Only functions of the database write and read it."""

    __tablename__ = "compliance_pages"

    compliance_document_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    organization_id: Mapped[UUID]
    content: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "compliance_document_id"],
            ["compliance_documents.organization_id", "compliance_documents.id"],
            ondelete="CASCADE",
        ),
    )
