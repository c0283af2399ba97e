"""Settings of projects and plans of requirements: repository, budget, effort and dates."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InDocument, InProject, document_key, member_key, project_key, tenant_key
from db.constraints import (
    bounded,
    check,
    json_arrays,
    json_objects,
    not_negative,
    trash_index,
    unique_live,
    web_address,
)
from db.fields import choice, json_list, json_object, words
from db.gin import gin_index
from db.text import Identifier, Name, Names
from db.traits import ResourceType, Traits, Trash


class RepositoryType(StrEnum):
    """The version control system of a repository."""

    GIT = "git"
    SVN = "svn"


class ProjectDelivery(InProject, kw_only=True):
    """The settings of a project for delivery; a project has one or none."""

    __tablename__ = "project_deliveries"
    traits = Traits(
        ResourceType.PROJECT, node="ProjectDelivery", named_by="repository_url", trash=Trash.PURGED
    )

    owner_id: Mapped[UUID]
    team_id: Mapped[UUID | None] = mapped_column(default=None)
    repository_url: Mapped[Identifier | None] = mapped_column(default=None)
    repository_type: Mapped[RepositoryType] = choice(RepositoryType.GIT)
    template_type: Mapped[Name | None] = mapped_column(default=None)
    tech_stack: Mapped[Names] = words()
    estimated_hours: Mapped[int | None] = mapped_column(default=None)
    actual_hours: Mapped[int | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = json_object()

    __table_args__ = (
        project_key(),
        member_key("owner_id"),
        tenant_key("teams", "team_id", ondelete="SET NULL (team_id)"),
        web_address("repository_url", "https?|ssh|git|svn"),
        bounded("template_type", 50),
        not_negative("estimated_hours"),
        not_negative("actual_hours"),
        *json_objects("details"),
        unique_live(
            "project_deliveries",
            "organization_id",
            "project_id",
            message="The project has its delivery already.",
        ),
        Index(None, "team_id"),
        Index(None, "owner_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("project_deliveries"),
        gin_index("project_deliveries", "tech_stack"),
    )


class ProjectBudget(InProject, kw_only=True):
    """The budget of a project in cents, which administrators alone see; one or none a project."""

    __tablename__ = "project_budgets"
    traits = Traits(ResourceType.PROJECT, node="ProjectBudget", named_by=None, trash=Trash.PURGED)

    budget_allocated_cents: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        project_key(),
        not_negative("budget_allocated_cents"),
        unique_live(
            "project_budgets",
            "organization_id",
            "project_id",
            message="The project has a budget already.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("project_budgets"),
    )


class RequirementPlan(InDocument, kw_only=True):
    """The stories, criteria, effort and dates of a requirement, which has one plan or none.

    It stands in the document of its requirement, and follows it to another.
    """

    __tablename__ = "requirement_plans"
    traits = Traits(
        ResourceType.REQUIREMENT, node="RequirementPlan", named_by=None, trash=Trash.PURGED
    )

    requirement_id: Mapped[UUID]
    user_stories: Mapped[list[Any]] = json_list()
    acceptance_criteria: Mapped[list[Any]] = json_list()
    estimated_effort_points: Mapped[int | None] = mapped_column(default=None)
    actual_effort_points: Mapped[int | None] = mapped_column(default=None)
    priority_order: Mapped[int | None] = mapped_column(default=None)
    start_date: Mapped[date | None] = mapped_column(default=None)
    target_date: Mapped[date | None] = mapped_column(default=None)
    completed_date: Mapped[date | None] = mapped_column(default=None)

    __table_args__ = (
        document_key(),
        tenant_key("requirements", "requirement_id"),
        *json_arrays("user_stories", "acceptance_criteria"),
        not_negative("estimated_effort_points"),
        not_negative("actual_effort_points"),
        check(
            "target_date",
            "order",
            "target_date >= start_date",
            "The target date must not be before the start date.",
        ),
        unique_live(
            "requirement_plans",
            "organization_id",
            "requirement_id",
            message="The requirement has a plan already.",
        ),
        Index(None, "requirement_id", "created_at", "id"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "project_id", "target_date"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("requirement_plans"),
    )
