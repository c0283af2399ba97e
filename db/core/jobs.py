"""Background jobs: work that is done later, by a worker, at least once."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from db.base import Entity, organization_key
from db.constraints import check, json_objects
from db.fields import choice, json_object, number, secret
from db.traits import ResourceType, Traits

MAX_KIND_LENGTH = 100
KIND = rf"^[a-z][a-z0-9_.]{{0,{MAX_KIND_LENGTH - 1}}}$"
"""The form of a kind, such as `assignments.remind`."""
GATEWAY = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"
"""The place of the gateway's own jobs among those of tenants, which take turns."""
TRACEPARENT = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
"""The form of the header `traceparent` (W3C Trace Context)."""


class JobStatus(StrEnum):
    """The status of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Entity, kw_only=True):
    """One job: its arguments, when it is to run, and what has become of it.

    A job without an organization is the gateway's own. It runs as the principal, a person, with
    their rights at that time within `scopes`, or as nobody. A job with an interval (`every`) is
    queued again when it has run. Only functions of the database write jobs (`db.job_queue`), and a
    trigger records it.
    """

    __tablename__ = "jobs"
    traits = Traits(ResourceType.JOB, node="Job", named_by="kind")

    organization_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-9)
    user_id: Mapped[UUID | None] = mapped_column(default=None)
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    confined_project: Mapped[UUID | None] = mapped_column(default=None)
    """The only project that it reaches, if the token that enqueued it was for one."""
    kind: Mapped[str]
    key: Mapped[str | None] = mapped_column(default=None)
    payload: Mapped[dict[str, Any]] = json_object()
    status: Mapped[JobStatus] = choice(JobStatus.QUEUED)
    run_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    every: Mapped[timedelta | None] = mapped_column(default=None)
    attempts: Mapped[int] = number(0)
    max_attempts: Mapped[int] = number(10)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_id: Mapped[UUID | None] = secret(default=None, deferred=True)
    lease_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    worker: Mapped[str | None] = mapped_column(default=None)
    progress: Mapped[float | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    result: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    traceparent: Mapped[str | None] = secret(default=None, deferred=True)
    checkpoint: Mapped[dict[str, Any] | None] = secret(default=None, deferred=True)

    __table_args__ = (
        organization_key(),
        check("kind", "format", f"kind ~ '{KIND}'", "A kind is lower-case words and dots."),
        check("key", "length", "char_length(key) BETWEEN 1 AND 200", "At most 200 characters."),
        *json_objects("payload", "result"),
        check("progress", "range", "progress BETWEEN 0 AND 1", "Progress is from 0 to 1."),
        check("message", "length", "char_length(message) <= 500", "At most 500 characters."),
        check("error", "length", "char_length(error) <= 2000", "At most 2,000 characters."),
        check("traceparent", "format", f"traceparent ~ '{TRACEPARENT}'", "This is no trace."),
        check("every", "positive", "every >= interval '1 second'", "At least one second."),
        check("max_attempts", "range", "max_attempts BETWEEN 1 AND 100", "From 1 to 100."),
        check(
            "lease_id",
            "running",
            "(status = 'running') = (lease_id IS NOT NULL AND lease_expires_at IS NOT NULL)",
            "A job is leased while it runs.",
        ),
        Index(
            "uq_jobs_organization_id_kind_key",
            "organization_id",
            "kind",
            "key",
            unique=True,
            postgresql_where=text("key IS NOT NULL"),
            postgresql_nulls_not_distinct=True,
            info={"column": "key", "message": "There is a job of this kind with this key."},
        ),
        Index(
            "ix_jobs_due",
            "kind",
            text("(coalesce(lease_expires_at, run_at))"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index(
            "ix_jobs_tenant",
            "kind",
            text(f"(coalesce(organization_id, {GATEWAY}))"),
            text("(coalesce(lease_expires_at, run_at))"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index(
            "ix_jobs_leased",
            "lease_expires_at",
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "ix_jobs_finished",
            "finished_at",
            postgresql_where=text("status NOT IN ('queued', 'running')"),
        ),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "kind", "created_at", "id"),
        Index(None, "user_id", "created_at", "id"),
    )
