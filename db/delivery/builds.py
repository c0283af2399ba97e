"""Builds of projects, and the pages of their output."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InProject, Part, member_key, project_key, tenant_key
from db.constraints import (
    bounded,
    check,
    json_objects,
    not_blank,
    not_negative,
    positive,
    trash_index,
    unique,
    within,
)
from db.fields import choice, flag, identity, json_object, number
from db.text import Identifier, Lines
from db.traits import ResourceType, Traits, Trash

MAX_PAGE = 60_000
"""Characters of one page of the output of a build."""


class BuildStatus(StrEnum):
    """The status of a build; those after BUILDING are final."""

    PENDING = "pending"
    BUILDING = "building"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SecurityScanStatus(StrEnum):
    """The result of the security scan of a build."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    WARNINGS = "warnings"


class Build(InProject, kw_only=True):
    """A build of a project. Its number is given by the project, without gaps, unless one is sent.

    The counts follow from its results and its scan. `report_digest` is that of the report that
    created it, so that the report is taken once.
    """

    __tablename__ = "builds"
    traits = Traits(
        ResourceType.BUILD,
        node="Build",
        named_by="version_tag",
        trash=Trash.PURGED,
        derived=(
            "tests_run",
            "tests_passed",
            "tests_failed",
            "vulnerabilities_critical",
            "vulnerabilities_high",
            "vulnerabilities_medium",
            "vulnerabilities_low",
        ),
    )

    feature_id: Mapped[UUID | None] = mapped_column(default=None)
    build_number: Mapped[int] = mapped_column(default_factory=int)
    version_tag: Mapped[Identifier]
    git_commit_hash: Mapped[Identifier]
    git_branch: Mapped[Identifier]
    status: Mapped[BuildStatus] = choice(BuildStatus.PENDING)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    completed_at: Mapped[datetime | None] = mapped_column(default=None)
    committed_at: Mapped[datetime | None] = mapped_column(default=None)
    triggered_by: Mapped[UUID | None] = mapped_column(default=None)
    artifact_path: Mapped[Identifier | None] = mapped_column(default=None)
    artifact_size_bytes: Mapped[int | None] = mapped_column(BigInteger, default=None)
    docker_image_url: Mapped[Identifier | None] = mapped_column(default=None)
    docker_image_size_bytes: Mapped[int | None] = mapped_column(BigInteger, default=None)
    tests_run: Mapped[int] = number(0)
    tests_passed: Mapped[int] = number(0)
    tests_failed: Mapped[int] = number(0)
    code_coverage_percent: Mapped[float | None] = mapped_column(default=None)
    security_scan_status: Mapped[SecurityScanStatus] = choice(SecurityScanStatus.PENDING)
    vulnerabilities_critical: Mapped[int] = number(0)
    vulnerabilities_high: Mapped[int] = number(0)
    vulnerabilities_medium: Mapped[int] = number(0)
    vulnerabilities_low: Mapped[int] = number(0)
    performance_metrics: Mapped[dict[str, Any]] = json_object()
    report_digest: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)

    __table_args__ = (
        project_key(),
        unique("organization_id", "project_id", "id"),
        unique(
            "organization_id",
            "project_id",
            "build_number",
            message="The project has a build with this number.",
        ),
        tenant_key("features", "project_id", "feature_id", ondelete="SET NULL (feature_id)"),
        member_key("triggered_by"),
        positive("build_number"),
        *not_blank("version_tag", 50),
        check(
            "git_commit_hash",
            "format",
            "git_commit_hash ~ '^[0-9a-f]{7,40}$'",
            "A commit has 7 to 40 hexadecimal digits.",
        ),
        *not_blank("git_branch", 255),
        check(
            "completed_at",
            "order",
            "completed_at >= started_at",
            "A build must not be completed before it was started.",
        ),
        bounded("artifact_path", 512),
        bounded("docker_image_url", 512),
        *map(
            not_negative,
            (
                "artifact_size_bytes",
                "docker_image_size_bytes",
                "tests_run",
                "tests_passed",
                "tests_failed",
                "vulnerabilities_critical",
                "vulnerabilities_high",
                "vulnerabilities_medium",
                "vulnerabilities_low",
            ),
        ),
        within("code_coverage_percent", 0, 100),
        *json_objects("performance_metrics"),
        check(
            "report_digest",
            "digest",
            "octet_length(report_digest) = 32",
            "This is not a SHA-256 digest.",
        ),
        Index(None, "feature_id", "created_at", "id"),
        Index(None, "triggered_by"),
        Index(None, "project_id", "status", "created_at", "id"),
        Index(None, "project_id", "git_commit_hash"),
        Index(None, "project_id", "version_tag"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("builds"),
    )


class BuildOutput(Part, kw_only=True):
    """A page of the output of a build, or of its errors."""

    __tablename__ = "build_outputs"
    whole: ClassVar[type[Entity]] = Build
    whole_key: ClassVar[str] = "build_id"

    id: Mapped[UUID] = identity()
    project_id: Mapped[UUID]
    build_id: Mapped[UUID]
    is_error: Mapped[bool] = flag(default=False)
    place: Mapped[int]
    text: Mapped[Lines]

    __table_args__ = (
        tenant_key("builds", "project_id", "build_id"),
        not_negative("place"),
        bounded("text", MAX_PAGE),
        Index(None, "build_id", "is_error", "place", "id"),
    )
