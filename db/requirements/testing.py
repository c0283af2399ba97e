"""Tests of requirements, their executions, and views that summarize them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, member_key, project_key, tenant_key
from db.constraints import (
    check,
    json_arrays,
    json_objects,
    not_blank,
    positive,
    trash_index,
    unique,
    unique_live,
)
from db.fields import (
    Searchable,
    choice,
    content_version,
    flag,
    json_list,
    json_object,
    search_of,
    words,
)
from db.gin import gin_index
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash


class TestType(StrEnum):
    """The kind of a test."""

    __test__ = False

    UNIT = "unit"
    INTEGRATION = "integration"
    SYSTEM = "system"
    ACCEPTANCE = "acceptance"
    PERFORMANCE = "performance"
    SECURITY = "security"
    REGRESSION = "regression"
    USABILITY = "usability"


class TestPriority(StrEnum):
    """The priority of a test, least first."""

    __test__ = False

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class TestStatus(StrEnum):
    """The status of a test, or the result of its last execution."""

    __test__ = False

    DRAFT = "draft"
    PLANNED = "planned"
    ACTIVE = "active"
    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"
    DEPRECATED = "deprecated"


class TestMethod(StrEnum):
    """The method by which a requirement is verified."""

    __test__ = False

    MANUAL = "manual"
    AUTOMATED = "automated"
    SEMI_AUTOMATED = "semi_automated"
    ANALYSIS = "analysis"
    INSPECTION = "inspection"
    DEMONSTRATION = "demonstration"


class ExecutionStatus(StrEnum):
    """The status of one execution of a test; those after IN_PROGRESS are final."""

    NOT_RUN = "not_run"
    IN_PROGRESS = "in_progress"
    PASS = "pass"  # noqa: S105 (a result)
    FAIL = "fail"
    SKIP = "skip"
    BLOCKED = "blocked"
    ERROR = "error"


class TestCase(Searchable, InProject, kw_only=True):
    """The definition of a test. `test_id` is its name in another system."""

    __test__ = False
    __tablename__ = "test_req"
    traits = Traits(
        ResourceType.TEST,
        node="TestCase",
        named_by="title",
        trash=Trash.PURGED,
        derived=("status", "result"),
        content=("title", "description", "preconditions", "test_steps", "expected_results"),
    )

    test_id: Mapped[Identifier | None] = mapped_column(default=None)
    title: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    test_type: Mapped[TestType] = choice(TestType.SYSTEM)
    priority: Mapped[TestPriority] = choice(TestPriority.MEDIUM)
    status: Mapped[TestStatus] = choice(TestStatus.PLANNED)
    method: Mapped[TestMethod] = choice(TestMethod.MANUAL)
    result: Mapped[str | None] = mapped_column(default=None)
    expected_results: Mapped[Lines | None] = mapped_column(default=None)
    preconditions: Mapped[Lines | None] = mapped_column(default=None)
    test_steps: Mapped[list[Any]] = json_list()
    estimated_duration: Mapped[timedelta | None] = mapped_column(default=None)
    category: Mapped[Names] = words()
    test_environment: Mapped[Name | None] = mapped_column(default=None)
    attachments: Mapped[list[Any]] = json_list()
    is_active: Mapped[bool] = flag(default=True)

    __table_args__ = (
        search_of(test_id="A", title="A", description="B", expected_results="C"),
        content_version(),
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank("title"),
        *not_blank("test_id"),
        check(
            "estimated_duration",
            "not_negative",
            "estimated_duration >= '0'",
            "A duration must not be less than zero.",
        ),
        *json_arrays("test_steps", "attachments"),
        unique_live(
            "test_req", "organization_id", "project_id", "test_id", where="test_id IS NOT NULL"
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("test_req"),
        gin_index("test_req", "search"),
        gin_index("test_req", "category"),
    )


class TestExecution(InProject, kw_only=True):
    """One run of a test for a requirement, in the project of the test.

    `requirement_version` is the version of the requirement that the run was against.
    """

    __test__ = False
    __tablename__ = "requirement_tests"
    traits = Traits(
        ResourceType.TEST_EXECUTION,
        node="TestExecution",
        named_by=None,
        content=("execution_status", "result_notes"),
    )

    requirement_id: Mapped[UUID]
    test_id: Mapped[UUID]
    execution_status: Mapped[ExecutionStatus] = choice(ExecutionStatus.NOT_RUN)
    result_notes: Mapped[Lines | None] = mapped_column(default=None)
    executed_at: Mapped[datetime | None] = mapped_column(default=None)
    executed_by: Mapped[UUID | None] = mapped_column(default=None)
    execution_environment: Mapped[Name | None] = mapped_column(default=None)
    execution_version: Mapped[Name | None] = mapped_column(default=None)
    defects: Mapped[list[Any]] = json_list()
    evidence_artifacts: Mapped[list[Any]] = json_list()
    external_test_id: Mapped[Identifier | None] = mapped_column(default=None)
    external_req_id: Mapped[Identifier | None] = mapped_column(default=None)
    requirement_version: Mapped[int | None] = mapped_column(BigInteger, default=None)

    __table_args__ = (
        content_version(),
        project_key(),
        unique("organization_id", "project_id", "id"),
        tenant_key("requirements", "requirement_id"),
        tenant_key("test_req", "project_id", "test_id", onupdate="CASCADE"),
        member_key("executed_by"),
        *json_arrays("defects", "evidence_artifacts"),
        positive("requirement_version"),
        Index(None, "requirement_id", "created_at", "id"),
        Index(None, "test_id", "created_at", "id"),
        Index(None, "test_id", "executed_at", "id"),
        Index(None, "executed_by"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class TestMatrixView(InProject, kw_only=True):
    """A saved way of looking at requirements against tests; a project has one by default."""

    __test__ = False
    __tablename__ = "test_matrix_views"
    traits = Traits(ResourceType.TEST_MATRIX_VIEW, node="TestMatrixView", trash=Trash.PURGED)

    name: Mapped[Name]
    configuration: Mapped[dict[str, Any]] = json_object()
    is_active: Mapped[bool] = flag(default=True)
    is_default: Mapped[bool] = flag(default=False)

    __table_args__ = (
        project_key(),
        *not_blank(),
        *json_objects("configuration"),
        unique_live(
            "test_matrix_views",
            "organization_id",
            "project_id",
            "is_default",
            where="is_default",
            message="The project has a default view already.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at"),
        trash_index("test_matrix_views"),
    )
