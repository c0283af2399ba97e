"""Builds of projects, their numbers, and the pages of their output."""

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
from db.delivery import builds as db
from db.delivery.builds import BuildStatus, SecurityScanStatus
from db.delivery.features import Feature as FeatureRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.features import Feature
from graph.delivery.references import references
from graph.delivery.states.steps import BUILD
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node
from graph.kit.scalars import BigInt

describe_enum(
    BuildStatus,
    "The status of a build. SUCCESS, FAILED and CANCELLED are final.",
    BUILD.described(
        {
            "PENDING": "The build has not started.",
            "BUILDING": "The build has started.",
            "SUCCESS": "The build succeeded.",
            "FAILED": "The build failed.",
            "CANCELLED": "The build was cancelled.",
        }
    ),
)
describe_enum(
    SecurityScanStatus,
    "The result of the security scan of a build.",
    {
        "PENDING": "No scan has been reported.",
        "PASSED": "The scan has found no vulnerability.",
        "FAILED": "The scan has found critical or high vulnerabilities.",
        "WARNINGS": "The scan has found medium or low vulnerabilities.",
    },
)


def seconds(root: Any) -> int | None:
    """Return the whole seconds from the start of a row to its completion, if both are known."""
    if root.started_at is None or root.completed_at is None:
        return None
    whole: int = round((root.completed_at - root.started_at).total_seconds())
    return whole


@strawberry.type(description="A build of a project.")
class Build(Authored, Node):
    model = db.Build

    build_number: int = described("The number of the build, unique within the project.")
    version_tag: str = described("The version that was built, such as `1.4.0`.")
    git_commit_hash: str = described("The commit, as 7 to 40 hexadecimal digits.")
    git_branch: str = described("The branch of the commit.")
    status: BuildStatus = described("The status of the build.")
    started_at: datetime | None = described("The date and time when the build started.")
    completed_at: datetime | None = described("The date and time when the build was completed.")
    committed_at: datetime | None = described("The date and time of the commit.")
    artifact_path: str | None = described("The path of the artifact.")
    artifact_size_bytes: BigInt | None = described("The size of the artifact, in bytes.")
    docker_image_url: str | None = described("The name of the container image.")
    docker_image_size_bytes: BigInt | None = described("The size of the image, in bytes.")
    tests_run: int = described("The number of test results. It follows from these.")
    tests_passed: int = described("The number of test results that passed.")
    tests_failed: int = described("The number of test results that failed or ended with an error.")
    code_coverage_percent: float | None = described("The code that tests cover, from 0 to 100.")
    security_scan_status: SecurityScanStatus = described("The result of the security scan.")
    vulnerabilities_critical: int = described("The number of critical vulnerabilities found.")
    vulnerabilities_high: int = described("The number of high vulnerabilities found.")
    vulnerabilities_medium: int = described("The number of medium vulnerabilities found.")
    vulnerabilities_low: int = described("The number of low vulnerabilities found.")
    performance_metrics: JSON = described("Measurements of the build, as a JSON object.")
    project_id: UUID = described("The ID of the project of the build.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project of the build.")
    feature: Feature | None = to_one(
        "feature_id",
        FeatureRow,
        Feature,
        "The feature that was built; null for a build of a branch with several features.",
    )
    triggered_by: Profile | None = to_one(
        "triggered_by", ProfileRow, Profile, "The user or service account that started the build."
    )

    @computed(
        "started_at",
        "completed_at",
        text="The seconds from the start to the completion; null before it.",
    )
    def duration_seconds(root: strawberry.Parent[Any]) -> int | None:  # noqa: N805
        return seconds(root)

    @computed("status", text="The statuses that may follow the current one.")
    def next_statuses(root: strawberry.Parent[Any]) -> list[BuildStatus]:  # noqa: N805
        return BUILD.after(root.status)


@strawberry.type(description="A page of the output of a build.")
class BuildOutput:
    id: UUID = described("The ID of the page.")
    is_error: bool = described("Whether the page is of the errors of the build.")
    place: int = described("The place of the page, from 0.")
    text: str = described(f"The text, at most {db.MAX_PAGE:,} characters.")


BuildFilterInput = filter_input(
    Build,
    *("id", "project_id", "feature_id", "build_number", "version_tag", "git_commit_hash"),
    *("git_branch", "status", "security_scan_status", "triggered_by"),
    *("started_at", "completed_at", "created_at", "updated_at"),
)
BuildOrderInput = order_input(
    Build, *("build_number", "status", "started_at", "completed_at", "created_at", "updated_at")
)
BuildOutputFilterInput = filter_input(BuildOutput, "is_error", model=db.BuildOutput)
BuildOutputOrderInput = order_input(BuildOutput, "place")


@input_for(Build, "A build to create in a project.")
class BuildCreateInput:
    project_id: UUID
    version_tag: str
    git_commit_hash: str
    git_branch: str
    build_number: int | None = strawberry.field(
        default=UNSET,
        description="The number of the build, more than zero and unique within the project; by"
        " default the next one.",
    )
    feature_id: UUID | None = UNSET
    status: BuildStatus = BuildStatus.PENDING
    started_at: datetime | None = UNSET
    completed_at: datetime | None = UNSET
    committed_at: datetime | None = UNSET
    artifact_path: str | None = UNSET
    artifact_size_bytes: BigInt | None = UNSET
    docker_image_url: str | None = UNSET
    docker_image_size_bytes: BigInt | None = UNSET
    code_coverage_percent: float | None = UNSET
    performance_metrics: JSON | None = UNSET


@input_for(Build, "The fields of a build to change.")
class BuildUpdateInput:
    feature_id: Maybe[UUID | None]
    status: Maybe[BuildStatus]
    started_at: Maybe[datetime | None]
    completed_at: Maybe[datetime | None]
    artifact_path: Maybe[str | None]
    artifact_size_bytes: Maybe[BigInt | None]
    docker_image_url: Maybe[str | None]
    docker_image_size_bytes: Maybe[BigInt | None]
    code_coverage_percent: Maybe[float | None]
    performance_metrics: Maybe[JSON]


async def number(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Give builds without a number the next one of their project, and name who triggered them.

    The project is locked, so that numbers have no gaps.
    """
    for item in items:
        item.row.triggered_by = item.row.triggered_by or transaction.person
    for project_id in {item.row.project_id for item in items if not item.row.build_number}:
        await transaction.find(ProjectRow, project_id, to_create=db.Build)
        last = await transaction.values(
            db.Build,
            ["build_number"],
            db.Build.project_id == project_id,
            order=(db.Build.build_number.desc(),),
            limit=1,
            deleted=None,
        )
        ((next_,),) = last or ((0,),)
        for item in items:
            if item.row.project_id == project_id and not item.row.build_number:
                next_ += 1
                item.row.build_number = next_


def builds(key: str | None, text: str) -> Any:
    """Return the connection of builds whose column `key` names the parent."""
    return connection(db.Build, Build, BuildFilterInput, BuildOrderInput, text, key=key)


extend_type(Project, builds=builds("project_id", "The builds of the project."))
extend_type(Feature, builds=builds("feature_id", "The builds of the feature alone."))
extend_type(
    Build,
    output=connection(
        db.BuildOutput,
        BuildOutput,
        BuildOutputFilterInput,
        BuildOutputOrderInput,
        "The output of the build, in pages, which are in no list or event.",
        key="build_id",
        by=("is_error", "place"),
    ),
)
IN_PROJECT = (ProjectRow, "project_id")


@strawberry.type
class Query:
    build = by_id(db.Build, Build, "Look up a build by its ID.")
    builds = builds(None, "List builds that the viewer can read.")


@strawberry.type
class Mutation:
    build_create = create(
        Build,
        BuildCreateInput,
        "Create a build in a project.",
        within=IN_PROJECT,
        prepare=references({"feature_id": FeatureRow}, then=number),
    )
    build_update = update(
        Build,
        BuildUpdateInput,
        "Update a build.",
        prepare=references({"feature_id": FeatureRow}),
    )
    build_delete = delete(Build, "Delete a build with its deployments. It can be restored.")
    build_restore = restore(Build, "Restore a deleted build with its deployments.")
