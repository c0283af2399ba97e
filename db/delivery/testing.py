"""Tests of features, and their results, which are added only and kept by month."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InProject, Part, project_key, tenant_key
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
    within,
)
from db.delivery.priorities import DeliveryPriority
from db.fields import choice, flag, identity, json_list, json_object, labels, number, words
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash


class FeatureTestType(StrEnum):
    """The kind of a test of a feature."""

    UNIT = "unit"
    INTEGRATION = "integration"
    E2E = "e2e"
    PERFORMANCE = "performance"
    SECURITY = "security"
    ACCESSIBILITY = "accessibility"


class FeatureTestStatus(StrEnum):
    """The status of a test of a feature."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    DISABLED = "disabled"


class FeatureTestOutcome(StrEnum):
    """The outcome of one run of a test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class FeatureTest(InProject, kw_only=True):
    """A test of a feature. `external_id` is the name by which reports of build servers call it.

    The columns about runs follow from its results, without a new version.
    """

    __tablename__ = "test_cases"
    traits = Traits(
        ResourceType.FEATURE_TEST,
        node="FeatureTest",
        owned_by=("feature_id",),
        trash=Trash.PURGED,
        derived=("last_run_at", "last_run_status", "run_count", "pass_count", "fail_count"),
    )

    feature_id: Mapped[UUID]
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    test_type: Mapped[FeatureTestType] = choice(FeatureTestType.UNIT)
    priority: Mapped[DeliveryPriority] = choice(DeliveryPriority.MEDIUM)
    status: Mapped[FeatureTestStatus] = choice(FeatureTestStatus.ACTIVE)
    preconditions: Mapped[Lines | None] = mapped_column(default=None)
    steps: Mapped[list[Any]] = json_list()
    expected_result: Mapped[Lines | None] = mapped_column(default=None)
    test_data: Mapped[dict[str, Any]] = json_object()
    automated: Mapped[bool] = flag(default=False)
    automation_tool: Mapped[Name | None] = mapped_column(default=None)
    automation_script_path: Mapped[Identifier | None] = mapped_column(default=None)
    coverage_areas: Mapped[Names] = words()
    last_run_at: Mapped[datetime | None] = mapped_column(default=None)
    last_run_status: Mapped[FeatureTestOutcome | None] = mapped_column(
        labels(FeatureTestOutcome), default=None
    )
    run_count: Mapped[int] = number(0)
    pass_count: Mapped[int] = number(0)
    fail_count: Mapped[int] = number(0)

    __table_args__ = (
        project_key(),
        unique("organization_id", "project_id", "id"),
        tenant_key("features", "project_id", "feature_id"),
        *not_blank("name", 500),
        check("name", "short", "char_length(name) >= 3", "Name must have 3 characters or more."),
        *not_blank("external_id", 500),
        *json_arrays("steps"),
        *json_objects("test_data"),
        bounded("automation_tool", 100),
        bounded("automation_script_path", 512),
        *map(not_negative, ("run_count", "pass_count", "fail_count")),
        check(
            "run_count",
            "sum",
            "pass_count + fail_count <= run_count",
            "Passes and failures are runs.",
        ),
        unique_live(
            "test_cases",
            "organization_id",
            "project_id",
            "external_id",
            where="external_id IS NOT NULL",
        ),
        Index(None, "feature_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "project_id", "test_type"),
        Index(None, "project_id", "status"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("test_cases"),
    )


class FeatureTestResult(Part, kw_only=True):
    """One run of a test. Rows are only added, and kept by the month of their ID.

    An ID is a UUIDv7, which begins with the time, so that it is the key of the partitions and of
    the table.
    """

    __tablename__ = "test_results"
    whole: ClassVar[type[Entity]] = FeatureTest
    whole_key: ClassVar[str] = "test_case_id"

    id: Mapped[UUID] = identity()
    project_id: Mapped[UUID]
    test_case_id: Mapped[UUID]
    feature_id: Mapped[UUID]
    build_id: Mapped[UUID | None] = mapped_column(default=None)
    status: Mapped[FeatureTestOutcome] = mapped_column(labels(FeatureTestOutcome))
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    error_message: Mapped[Lines | None] = mapped_column(default=None)
    error_stacktrace: Mapped[Lines | None] = mapped_column(default=None)
    assertions_run: Mapped[int | None] = mapped_column(default=None)
    assertions_passed: Mapped[int | None] = mapped_column(default=None)
    assertions_failed: Mapped[int | None] = mapped_column(default=None)
    code_coverage_percent: Mapped[float | None] = mapped_column(default=None)
    memory_used_mb: Mapped[int | None] = mapped_column(default=None)
    cpu_percent: Mapped[float | None] = mapped_column(default=None)
    execution_environment: Mapped[Name | None] = mapped_column(default=None)
    logs: Mapped[list[Any]] = json_list()
    artifacts: Mapped[list[Any]] = json_list()
    executed_by: Mapped[UUID | None] = mapped_column(default=None)
    executed_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        tenant_key("test_cases", "project_id", "test_case_id"),
        tenant_key("features", "project_id", "feature_id"),
        tenant_key("builds", "project_id", "build_id"),
        *map(not_negative, ("duration_ms", "assertions_run", "memory_used_mb", "cpu_percent")),
        check(
            "assertions_run",
            "sum",
            "assertions_passed + assertions_failed <= assertions_run",
            "Assertions that passed or failed were run.",
        ),
        within("code_coverage_percent", 0, 100),
        bounded("error_message", 10_000),
        bounded("error_stacktrace", 100_000),
        bounded("execution_environment", 100),
        *json_arrays("logs", "artifacts"),
        Index(None, "test_case_id", "executed_at", "id"),
        Index(None, "feature_id", "status", "created_at"),
        Index(None, "build_id", "status", "id"),
        Index(
            "ix_test_results_recent",
            "project_id",
            "status",
            text("executed_at DESC"),
            text("id DESC"),
            postgresql_include=[
                "organization_id",
                "test_case_id",
                "code_coverage_percent",
                "duration_ms",
            ],
        ),
        {"postgresql_partition_by": "RANGE (id)"},
    )
