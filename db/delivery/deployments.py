"""Environments, and the deployments of builds to them."""

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
    finite,
    json_arrays,
    json_objects,
    not_blank,
    trash_index,
    unique,
    unique_live,
    web_address,
    within,
)
from db.fields import choice, flag, json_list, json_object, number
from db.text import Identifier, Lines
from db.traits import ResourceType, Traits, Trash


class DeploymentStatus(StrEnum):
    """The status of a deployment."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    SUCCESS = "success"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class DeploymentStrategy(StrEnum):
    """The way in which a build replaces another."""

    BLUE_GREEN = "blue_green"
    CANARY = "canary"
    ROLLING = "rolling"
    RAMP = "ramp"


class HealthStatus(StrEnum):
    """The health of what was deployed, best first."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Environment(InProject, kw_only=True):
    """A place where builds run. Deployments to a protected one need an approval."""

    __tablename__ = "environments"
    traits = Traits(ResourceType.ENVIRONMENT, node="Environment", trash=Trash.PURGED)

    name: Mapped[Identifier]
    url: Mapped[str | None] = mapped_column(default=None)
    protected: Mapped[bool] = flag(default=False)
    position: Mapped[float] = number(0.0)

    __table_args__ = (
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank("name", 50),
        web_address("url"),
        finite(),
        unique_live("environments", "organization_id", "project_id", "name"),
        Index(None, "project_id", "position", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("environments"),
    )


class Deployment(InProject, kw_only=True):
    """A deployment of a build to an environment."""

    __tablename__ = "deployments"
    traits = Traits(
        ResourceType.DEPLOYMENT,
        node="Deployment",
        named_by=None,
        owned_by=("build_id", "environment_id"),
    )

    build_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    status: Mapped[DeploymentStatus] = choice(DeploymentStatus.PENDING)
    deployment_strategy: Mapped[DeploymentStrategy] = choice(DeploymentStrategy.BLUE_GREEN)
    canary_percentage: Mapped[int] = number(0)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    completed_at: Mapped[datetime | None] = mapped_column(default=None)
    deployed_by: Mapped[UUID | None] = mapped_column(default=None)
    approved_by: Mapped[UUID | None] = mapped_column(default=None)
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    approval_notes: Mapped[Lines | None] = mapped_column(default=None)
    deployment_log: Mapped[Lines | None] = mapped_column(default=None)
    deployment_errors: Mapped[Lines | None] = mapped_column(default=None)
    rollback_reason: Mapped[Lines | None] = mapped_column(default=None)
    rolled_back_at: Mapped[datetime | None] = mapped_column(default=None)
    rolled_back_to_build_id: Mapped[UUID | None] = mapped_column(default=None)
    pre_deployment_checks: Mapped[list[Any]] = json_list()
    post_deployment_checks: Mapped[list[Any]] = json_list()
    health_check_status: Mapped[HealthStatus] = choice(HealthStatus.HEALTHY)
    endpoints_tested: Mapped[list[Any]] = json_list()
    performance_metrics: Mapped[dict[str, Any]] = json_object()
    error_rate_percent: Mapped[float | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        tenant_key("builds", "project_id", "build_id"),
        tenant_key("environments", "project_id", "environment_id"),
        tenant_key("builds", "project_id", "rolled_back_to_build_id"),
        member_key("deployed_by"),
        member_key("approved_by"),
        within("canary_percentage", 0, 100),
        check(
            "canary_percentage",
            "canary",
            "canary_percentage = 0 OR deployment_strategy = 'canary'",
            "Only a canary has a percentage.",
        ),
        check(
            "approved_by",
            "other",
            "approved_by <> deployed_by",
            "A deployment is approved by somebody else than who deploys it.",
        ),
        check(
            "approved_at",
            "together",
            "(approved_by IS NULL) = (approved_at IS NULL)",
            "An approval has a person and a time.",
        ),
        check(
            "rollback_reason",
            "together",
            "num_nonnulls(rollback_reason, rolled_back_at, rolled_back_to_build_id)"
            " = CASE status WHEN 'rolled_back' THEN 3 ELSE 0 END",
            "A deployment that is rolled back has a reason, a time and a build, and no other has.",
        ),
        check(
            "completed_at",
            "order",
            "completed_at >= started_at",
            "A deployment must not be completed before it was started.",
        ),
        bounded("approval_notes", 10_000),
        bounded("deployment_log", 100_000),
        bounded("deployment_errors", 100_000),
        *not_blank("rollback_reason", 10_000),
        within("error_rate_percent", 0, 100),
        *json_arrays("pre_deployment_checks", "post_deployment_checks", "endpoints_tested"),
        *json_objects("performance_metrics"),
        Index(None, "build_id", "created_at", "id"),
        Index(None, "environment_id", "created_at", "id"),
        Index(
            "ix_deployments_running",
            "environment_id",
            text("completed_at DESC"),
            text("id DESC"),
            postgresql_where=text("status = 'success' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_deployments_rolled_back",
            "environment_id",
            text("rolled_back_at DESC"),
            text("id DESC"),
            postgresql_where=text("status = 'rolled_back' AND deleted_at IS NULL"),
        ),
        Index(None, "rolled_back_to_build_id"),
        Index(None, "deployed_by"),
        Index(None, "approved_by"),
        Index(None, "project_id", "status", "created_at"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )
