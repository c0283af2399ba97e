"""Environments, and the deployments of builds to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import deployments as db
from db.delivery.builds import Build as BuildRow
from db.delivery.deployments import DeploymentStatus, DeploymentStrategy, HealthStatus
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.builds import Build, seconds
from graph.delivery.references import references
from graph.delivery.shapes import (
    MAX_ITEMS,
    DeploymentCheck,
    DeploymentCheckInput,
    TestedEndpoint,
    TestedEndpointInput,
)
from graph.delivery.states.steps import DEPLOYMENT
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node

describe_enum(
    DeploymentStatus,
    "The status of a deployment.",
    DEPLOYMENT.described(
        {
            "PENDING": "The deployment has not started.",
            "DEPLOYING": "The deployment has started.",
            "SUCCESS": "The build runs in the environment.",
            "FAILED": "The deployment failed.",
            "ROLLED_BACK": "Another build has replaced this one again.",
        }
    ),
)
describe_enum(
    DeploymentStrategy,
    "The way in which a build replaces another one.",
    {
        "BLUE_GREEN": "A second environment is prepared, and then used in place of the first.",
        "CANARY": "A share of the requests goes to the build, which grows.",
        "ROLLING": "One instance is replaced after the other.",
        "RAMP": "The number of instances of the build grows.",
    },
)
describe_enum(
    HealthStatus,
    "The health of what was deployed, best first.",
    {
        "HEALTHY": "All works.",
        "DEGRADED": "Some of it is slow or fails.",
        "UNHEALTHY": "It does not work.",
    },
)


@strawberry.type(description="An environment of a project, in which builds run.")
class Environment(Authored, Node):
    model = db.Environment

    name: str = described("The name of the environment, such as `production`, unique in a project.")
    url: str | None = described("The http or https URL of what runs in the environment.")
    protected: bool = described("Whether deployments to the environment need an approval.")
    position: float = described("The place of the environment; builds reach the least one first.")
    project_id: UUID = described("The ID of the project of the environment.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the environment."
    )


@strawberry.type(description="A deployment of a build to an environment.")
class Deployment(Authored, Node):
    model = db.Deployment

    status: DeploymentStatus = described("The status of the deployment.")
    deployment_strategy: DeploymentStrategy = described(
        "The way in which the build replaces another one."
    )
    canary_percentage: int = described(
        "The share of requests that go to a canary, from 0 to 100; 0 for other strategies."
    )
    started_at: datetime | None = described("The date and time when the deployment started.")
    completed_at: datetime | None = described("The date and time when it was completed.")
    approved_at: datetime | None = described("The date and time of the approval.")
    approval_notes: str | None = described("The notes about the approval.")
    deployment_log: str | None = described("The log of the deployment.")
    deployment_errors: str | None = described("The errors of the deployment.")
    rollback_reason: str | None = described("The reason why the deployment was rolled back.")
    rolled_back_at: datetime | None = described("The date and time when it was rolled back.")
    health_check_status: HealthStatus = described("The health of what was deployed.")
    performance_metrics: JSON = described("Measurements of the deployment, as a JSON object.")
    error_rate_percent: float | None = described("The share of requests that fail, from 0 to 100.")
    project_id: UUID = described("The ID of the project of the deployment.")
    build_id: UUID = described("The ID of the build.")
    environment_id: UUID = described("The ID of the environment.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the deployment."
    )
    build: Build | None = to_one("build_id", BuildRow, Build, "The build.")
    environment: Environment | None = to_one(
        "environment_id", db.Environment, Environment, "The environment."
    )
    rolled_back_to_build: Build | None = to_one(
        "rolled_back_to_build_id",
        BuildRow,
        Build,
        "The build that runs again after the deployment was rolled back.",
    )
    deployed_by: Profile | None = to_one(
        "deployed_by", ProfileRow, Profile, "The user or service account that deploys."
    )
    approved_by: Profile | None = to_one(
        "approved_by", ProfileRow, Profile, "The user who approved the deployment."
    )

    @computed(
        "started_at",
        "completed_at",
        text="The seconds from the start to the completion; null before it.",
    )
    def duration_seconds(root: strawberry.Parent[Any]) -> int | None:  # noqa: N805
        return seconds(root)

    @computed("pre_deployment_checks", text=f"The checks before it, at most {MAX_ITEMS}.")
    def pre_deployment_checks(root: strawberry.Parent[Any]) -> list[DeploymentCheck]:  # noqa: N805
        return shown_items(DeploymentCheck, root.pre_deployment_checks)

    @computed("post_deployment_checks", text=f"The checks after it, at most {MAX_ITEMS}.")
    def post_deployment_checks(root: strawberry.Parent[Any]) -> list[DeploymentCheck]:  # noqa: N805
        return shown_items(DeploymentCheck, root.post_deployment_checks)

    @computed("endpoints_tested", text=f"The endpoints that were tested, at most {MAX_ITEMS}.")
    def endpoints_tested(root: strawberry.Parent[Any]) -> list[TestedEndpoint]:  # noqa: N805
        return shown_items(TestedEndpoint, root.endpoints_tested)

    @computed("status", text="The statuses that may follow the current one.")
    def next_statuses(root: strawberry.Parent[Any]) -> list[DeploymentStatus]:  # noqa: N805
        return DEPLOYMENT.after(root.status)


EnvironmentFilterInput = filter_input(
    Environment, "id", "project_id", "name", "protected", "created_at", "updated_at"
)
EnvironmentOrderInput = order_input(Environment, "position", "name", "created_at")
DeploymentFilterInput = filter_input(
    Deployment,
    *("id", "project_id", "build_id", "environment_id", "status", "deployment_strategy"),
    *("health_check_status", "deployed_by", "approved_by"),
    *("started_at", "completed_at", "created_at", "updated_at"),
)
DeploymentOrderInput = order_input(
    Deployment, "status", "started_at", "completed_at", "created_at", "updated_at"
)


@input_for(Environment, "An environment to create in a project.")
class EnvironmentCreateInput:
    project_id: UUID
    name: str
    url: str | None = UNSET
    protected: bool = False
    position: float = 0.0


@input_for(Environment, "The fields of an environment to change.")
class EnvironmentUpdateInput:
    name: Maybe[str]
    url: Maybe[str | None]
    protected: Maybe[bool]
    position: Maybe[float]


@input_for(Deployment, "A deployment of a build to create.")
class DeploymentCreateInput:
    build_id: UUID
    environment_id: UUID
    deployment_strategy: DeploymentStrategy = DeploymentStrategy.BLUE_GREEN
    canary_percentage: int = 0
    pre_deployment_checks: list[DeploymentCheckInput] | None = json_items(MAX_ITEMS, default=UNSET)


@input_for(Deployment, "The fields of a deployment to change.")
class DeploymentUpdateInput:
    status: Maybe[DeploymentStatus]
    canary_percentage: Maybe[int]
    started_at: Maybe[datetime | None]
    completed_at: Maybe[datetime | None]
    deployment_log: Maybe[str | None]
    deployment_errors: Maybe[str | None]
    pre_deployment_checks: Maybe[list[DeploymentCheckInput]] = json_items(MAX_ITEMS)
    post_deployment_checks: Maybe[list[DeploymentCheckInput]] = json_items(MAX_ITEMS)
    health_check_status: Maybe[HealthStatus]
    endpoints_tested: Maybe[list[TestedEndpointInput]] = json_items(MAX_ITEMS)
    performance_metrics: Maybe[JSON]
    error_rate_percent: Maybe[float | None]


async def _name_deployer(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    for item in items:
        item.row.deployed_by = transaction.person


def _environments(key: str | None, text: str) -> Any:
    return connection(
        db.Environment, Environment, EnvironmentFilterInput, EnvironmentOrderInput, text, key=key
    )


def _deployments(key: str | None, text: str) -> Any:
    return connection(
        db.Deployment, Deployment, DeploymentFilterInput, DeploymentOrderInput, text, key=key
    )


extend_type(
    Project,
    environments=_environments("project_id", "The environments of the project."),
    deployments=_deployments("project_id", "The deployments of the project."),
)
extend_type(Build, deployments=_deployments("build_id", "The deployments of the build."))
extend_type(
    Environment, deployments=_deployments("environment_id", "The deployments to the environment.")
)


@strawberry.type
class Query:
    environment = by_id(db.Environment, Environment, "Look up an environment by its ID.")
    environments = _environments(None, "List environments that the viewer can read.")
    deployment = by_id(db.Deployment, Deployment, "Look up a deployment by its ID.")
    deployments = _deployments(None, "List deployments that the viewer can read.")


@strawberry.type
class Mutation:
    environment_create = create(
        Environment,
        EnvironmentCreateInput,
        "Create an environment in a project.",
        within=(ProjectRow, "project_id"),
    )
    environment_update = update(Environment, EnvironmentUpdateInput, "Update an environment.")
    environment_delete = delete(
        Environment, "Delete an environment with its deployments. It can be restored."
    )
    environment_restore = restore(
        Environment, "Restore a deleted environment with its deployments."
    )
    deployment_create = create(
        Deployment,
        DeploymentCreateInput,
        "Create a deployment of a build to an environment, by the viewer.",
        within=(BuildRow, "build_id"),
        prepare=references({"environment_id": db.Environment}, then=_name_deployer),
    )
    deployment_update = update(Deployment, DeploymentUpdateInput, "Update a deployment.")
