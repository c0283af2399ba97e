"""Settings of projects and plans of requirements: repository, budget, effort and dates."""

from datetime import date
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import planning as db
from db.delivery.planning import RepositoryType
from db.delivery.teams import Team as TeamRow
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.references import references
from graph.delivery.shapes import (
    MAX_ITEMS,
    AcceptanceCriterion,
    AcceptanceCriterionInput,
    UserStory,
    UserStoryInput,
)
from graph.delivery.teams import Team
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, patch, restore, update
from graph.kit.node import Node
from graph.kit.scalars import BigInt
from graph.requirements.requirements import Requirement

describe_enum(
    RepositoryType,
    "The version control system of a repository.",
    {"GIT": "Git.", "SVN": "Subversion."},
)


@strawberry.type(description="How a project is delivered.")
class ProjectDelivery(Authored, Node):
    model = db.ProjectDelivery

    repository_url: str | None = described(
        "The URL of the repository: http, https, ssh, git or svn."
    )
    repository_type: RepositoryType = described("The version control system of the repository.")
    template_type: str | None = described(
        "The kind of the project, such as `microservice`, `monolith` or `mobile`."
    )
    tech_stack: list[str] = described("The technologies of the project.")
    estimated_hours: int | None = described("The estimated hours of work.")
    actual_hours: int | None = described("The hours of work so far.")
    details: JSON = described("Further details of the delivery, as a JSON object.")
    project_id: UUID = described("The ID of the project.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project.")
    owner: Profile | None = to_one(
        "owner_id", ProfileRow, Profile, "The user who answers for the delivery."
    )
    team: Team | None = to_one("team_id", TeamRow, Team, "The team of the project, if any.")


@strawberry.type(description="The budget of a project, which administrators alone see.")
class ProjectBudget(Authored, Node):
    model = db.ProjectBudget

    budget_allocated_cents: BigInt = described("The allocated budget, in cents.")
    project_id: UUID = described("The ID of the project.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project.")


@strawberry.type(description="The stories, criteria, effort and dates of a requirement.")
class RequirementPlan(Authored, Node):
    model = db.RequirementPlan

    estimated_effort_points: int | None = described("The estimated effort, in points.")
    actual_effort_points: int | None = described("The effort so far, in points.")
    priority_order: int | None = described("The place among other requirements; less comes first.")
    start_date: date | None = described("The date when the work starts.")
    target_date: date | None = described(
        "The date when the work is due, which is not before the start."
    )
    completed_date: date | None = described("The date when the work was completed.")
    requirement_id: UUID = described("The ID of the requirement.")
    document_id: UUID = described("The ID of the document of the requirement.")
    project_id: UUID = described("The ID of the project of the requirement.")
    requirement: Requirement | None = to_one(
        "requirement_id", RequirementRow, Requirement, "The requirement."
    )

    @computed("user_stories", text=f"The user stories, at most {MAX_ITEMS}.")
    def user_stories(root: strawberry.Parent[Any]) -> list[UserStory]:  # noqa: N805
        return shown_items(UserStory, root.user_stories)

    @computed("acceptance_criteria", text=f"The criteria of acceptance, at most {MAX_ITEMS}.")
    def acceptance_criteria(root: strawberry.Parent[Any]) -> list[AcceptanceCriterion]:  # noqa: N805
        return shown_items(AcceptanceCriterion, root.acceptance_criteria)


ProjectDeliveryFilterInput = filter_input(
    ProjectDelivery,
    *("id", "project_id", "repository_url", "repository_type", "template_type", "tech_stack"),
    *("owner_id", "team_id", "created_at", "updated_at"),
)
ProjectDeliveryOrderInput = order_input(ProjectDelivery, "created_at", "updated_at")
ProjectBudgetFilterInput = filter_input(ProjectBudget, "id", "project_id", "created_at")
ProjectBudgetOrderInput = order_input(ProjectBudget, "budget_allocated_cents", "created_at")
RequirementPlanFilterInput = filter_input(
    RequirementPlan,
    *("id", "project_id", "document_id", "requirement_id"),
    *("start_date", "target_date", "completed_date", "created_at", "updated_at"),
)
RequirementPlanOrderInput = order_input(
    RequirementPlan, "priority_order", "start_date", "target_date", "created_at", "updated_at"
)


@input_for(ProjectDelivery, "How a project is delivered.")
class ProjectDeliveryCreateInput:
    project_id: UUID
    owner_id: UUID
    team_id: UUID | None = UNSET
    repository_url: str | None = UNSET
    repository_type: RepositoryType = RepositoryType.GIT
    template_type: str | None = UNSET
    tech_stack: list[str] | None = UNSET
    estimated_hours: int | None = UNSET
    actual_hours: int | None = UNSET
    details: JSON | None = UNSET


@input_for(ProjectDelivery, "The fields of the delivery of a project to change.")
class ProjectDeliveryUpdateInput:
    owner_id: Maybe[UUID]
    team_id: Maybe[UUID | None]
    repository_url: Maybe[str | None]
    repository_type: Maybe[RepositoryType]
    template_type: Maybe[str | None]
    tech_stack: Maybe[list[str]]
    estimated_hours: Maybe[int | None]
    actual_hours: Maybe[int | None]
    details: Maybe[JSON]
    details_patch: Maybe[JSON] = patch("details")


@input_for(ProjectBudget, "The budget of a project.")
class ProjectBudgetCreateInput:
    project_id: UUID
    budget_allocated_cents: BigInt


@input_for(ProjectBudget, "The fields of a budget to change.")
class ProjectBudgetUpdateInput:
    budget_allocated_cents: Maybe[BigInt]


@input_for(RequirementPlan, "The plan of a requirement.")
class RequirementPlanCreateInput:
    requirement_id: UUID
    user_stories: list[UserStoryInput] | None = json_items(MAX_ITEMS, default=UNSET)
    acceptance_criteria: list[AcceptanceCriterionInput] | None = json_items(
        MAX_ITEMS, default=UNSET
    )
    estimated_effort_points: int | None = UNSET
    actual_effort_points: int | None = UNSET
    priority_order: int | None = UNSET
    start_date: date | None = UNSET
    target_date: date | None = UNSET
    completed_date: date | None = UNSET


@input_for(RequirementPlan, "The fields of the plan of a requirement to change.")
class RequirementPlanUpdateInput:
    user_stories: Maybe[list[UserStoryInput]] = json_items(MAX_ITEMS)
    acceptance_criteria: Maybe[list[AcceptanceCriterionInput]] = json_items(MAX_ITEMS)
    estimated_effort_points: Maybe[int | None]
    actual_effort_points: Maybe[int | None]
    priority_order: Maybe[int | None]
    start_date: Maybe[date | None]
    target_date: Maybe[date | None]
    completed_date: Maybe[date | None]


def _deliveries(key: str | None, text: str) -> Any:
    return connection(
        db.ProjectDelivery,
        ProjectDelivery,
        ProjectDeliveryFilterInput,
        ProjectDeliveryOrderInput,
        text,
        key=key,
    )


def _budgets(key: str | None, text: str) -> Any:
    return connection(
        db.ProjectBudget,
        ProjectBudget,
        ProjectBudgetFilterInput,
        ProjectBudgetOrderInput,
        text,
        key=key,
    )


def _plans(key: str | None, text: str) -> Any:
    return connection(
        db.RequirementPlan,
        RequirementPlan,
        RequirementPlanFilterInput,
        RequirementPlanOrderInput,
        text,
        key=key,
    )


extend_type(
    Project,
    deliveries=_deliveries("project_id", "How the project is delivered: one object, or none."),
    budgets=_budgets(
        "project_id",
        "The budget of the project: one object, or none for viewers who are not administrators.",
    ),
    requirement_plans=_plans("project_id", "The plans of the requirements of the project."),
)
extend_type(
    Requirement,
    plans=_plans("requirement_id", "The plan of the requirement: one object, or none."),
)
DELIVERY = references({"team_id": TeamRow}, ("owner_id",))


@strawberry.type
class Query:
    project_delivery = by_id(
        db.ProjectDelivery, ProjectDelivery, "Look up the delivery of a project by its ID."
    )
    project_deliveries = _deliveries(None, "List how projects are delivered.")
    requirement_plan = by_id(
        db.RequirementPlan, RequirementPlan, "Look up the plan of a requirement by its ID."
    )
    requirement_plans = _plans(None, "List plans of requirements that the viewer can read.")


@strawberry.type
class Mutation:
    project_delivery_create = create(
        ProjectDelivery,
        ProjectDeliveryCreateInput,
        "Set how a project is delivered. A project has one delivery.",
        within=(ProjectRow, "project_id"),
        prepare=DELIVERY,
    )
    project_delivery_update = update(
        ProjectDelivery,
        ProjectDeliveryUpdateInput,
        "Update how a project is delivered.",
        prepare=DELIVERY,
    )
    project_delivery_delete = delete(
        ProjectDelivery, "Delete how a project is delivered. It can be restored."
    )
    project_delivery_restore = restore(ProjectDelivery, "Restore how a project is delivered.")
    project_budget_create = create(
        ProjectBudget,
        ProjectBudgetCreateInput,
        "Set the budget of a project.",
        within=(ProjectRow, "project_id"),
    )
    project_budget_update = update(
        ProjectBudget, ProjectBudgetUpdateInput, "Update the budget of a project."
    )
    project_budget_delete = delete(ProjectBudget, "Delete a budget. It can be restored.")
    project_budget_restore = restore(ProjectBudget, "Restore a deleted budget.")
    requirement_plan_create = create(
        RequirementPlan,
        RequirementPlanCreateInput,
        "Create the plan of a requirement.",
        within=(RequirementRow, "requirement_id"),
    )
    requirement_plan_update = update(
        RequirementPlan, RequirementPlanUpdateInput, "Update the plan of a requirement."
    )
    requirement_plan_delete = delete(
        RequirementPlan, "Delete the plan of a requirement. It can be restored."
    )
    requirement_plan_restore = restore(RequirementPlan, "Restore the plan of a requirement.")
