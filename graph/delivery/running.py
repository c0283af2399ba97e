"""The running deployment of an environment, the changes between two, and the DORA measures."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.delivery.builds import Build as BuildRow
from db.delivery.deployments import Deployment as DeploymentRow
from db.delivery.deployments import Environment as EnvironmentRow
from db.delivery.features import Feature as FeatureRow
from db.fields import among
from db.problem import Problem
from db.requirements.requirements import Requirement as RequirementRow
from graph.delivery.builds import Build
from graph.delivery.deployments import Deployment, Environment
from graph.delivery.features import Feature
from graph.delivery.sql.running import Measured, Running, measured, running
from graph.kit.context import Context, Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.scopes import SCOPE
from graph.requirements.requirements import Requirement

MAX_CHANGES = 500
"""The most builds, features and requirements between two environments that are listed."""
DEFAULT_DAYS, MAX_DAYS = 90, 366
READ = {SCOPE: "delivery:read"}
LISTED = READ | {"largest_page": MAX_CHANGES}
Last = Annotated[
    int, strawberry.argument(description=f"The number of days up to now, at most {MAX_DAYS}.")
]
From = Annotated[
    UUID,
    strawberry.argument(description="The ID of the environment that has the older build."),
]
To = Annotated[
    UUID,
    strawberry.argument(
        description="The ID of the environment of the same project that has the newer build."
    ),
]


@strawberry.type(
    description="The measures of DORA of the deployments to an environment that were completed in"
    " the last days."
)
class DeliveryPerformance:
    deployments: int = described("The number of deployments that succeeded, failed or rolled back.")
    deployments_per_day: float = described("The number of deployments divided by the days.")
    lead_time_seconds: float | None = described(
        "The median time from a commit, or from its build if the time of the commit is unknown, to"
        " the end of its successful deployment; null without one."
    )
    change_failure_rate: float | None = described(
        "The share of deployments that failed or were rolled back, from 0 to 1; null without a"
        " deployment."
    )
    time_to_restore_seconds: float | None = described(
        "The median time from a failed deployment to the next successful one or its rollback; null"
        " without a failure that has ended."
    )


@strawberry.type(
    description="What is in one environment and not in another: the builds of the branch after the"
    " build that runs in the one, up to that of the other."
)
class EnvironmentChanges:
    from_build: Build | None = described("The build that runs in the older environment.")
    to_build: Build | None = described("The build that runs in the newer environment.")
    builds: list[Build] = strawberry.field(
        description=f"The builds, oldest first, at most {MAX_CHANGES}.", metadata=LISTED
    )
    commits: list[str] = strawberry.field(
        description="The commits of the builds, oldest first.", metadata=LISTED
    )
    features: list[Feature] = strawberry.field(
        description="The features that the builds name, and those that were completed after the"
        f" older build and before the newer one, at most {MAX_CHANGES}.",
        metadata=LISTED,
    )
    requirements: list[Requirement] = strawberry.field(
        description="The requirements of these features that the viewer can read.", metadata=LISTED
    )


async def _running(context: Context, environment_id: UUID) -> Running | None:
    async def batch(ids: list[UUID]) -> list[Running | None]:
        found = await running(context.session, ids)
        return [found.get(id) for id in ids]

    now: Running | None = await context.loader("running", batch).load(environment_id)
    return now


@computed(
    "id", text="The build that runs in the environment now; null before the first.", metadata=READ
)
async def _running_build(root: strawberry.Parent[Any], info: Info) -> Build | None:
    now = await _running(info.context, root.id)
    return await info.context.one(BuildRow, now.build_id) if now else None  # type: ignore[return-value]


@computed(
    "id",
    text="The deployment by which it runs: the last successful one, or the one that was rolled"
    " back to it.",
    metadata=READ,
)
async def _running_deployment(root: strawberry.Parent[Any], info: Info) -> Deployment | None:
    now = await _running(info.context, root.id)
    return await info.context.one(DeploymentRow, now.deployment_id) if now else None  # type: ignore[return-value]


@computed("id", text="The date and time since when it runs.", metadata=READ)
async def _running_since(root: strawberry.Parent[Any], info: Info) -> datetime | None:
    now = await _running(info.context, root.id)
    return now.since if now else None


@computed("id", text="The measures of DORA of the deployments to the environment.", metadata=READ)
async def _performance(
    root: strawberry.Parent[Any], info: Info, last: Last = DEFAULT_DAYS
) -> DeliveryPerformance:
    if not 1 <= last <= MAX_DAYS:
        raise Problem("INVALID", f"Must be from 1 to {MAX_DAYS}.", field=["last"])
    since = datetime.now(UTC) - timedelta(days=last)

    async def batch(ids: list[UUID]) -> list[Measured]:
        found = await measured(info.context.session, ids, since)
        return [found.get(id, Measured()) for id in ids]

    of: Measured = await info.context.loader(("performance", last), batch).load(root.id)
    return DeliveryPerformance(
        deployments=of.deployments,
        deployments_per_day=of.deployments / last,
        lead_time_seconds=of.lead_time,
        change_failure_rate=of.failures / of.deployments if of.deployments else None,
        time_to_restore_seconds=of.time_to_restore,
    )


async def _between(info: Info, from_id: From, to_id: To) -> EnvironmentChanges:
    context = info.context
    older = await context.get(EnvironmentRow, from_id)
    newer = await context.get(EnvironmentRow, to_id)
    if older.project_id != newer.project_id:
        message = "The environments are of different projects."
        raise Problem("INVALID", message, field=["toId"])
    first, last = await _build(context, from_id), await _build(context, to_id)
    builds: list[Any] = []
    if last is not None and (first is None or first.build_number < last.build_number):
        builds = await context.session.rows(
            BuildRow,
            BuildRow.project_id == last.project_id,
            BuildRow.git_branch == last.git_branch,
            BuildRow.build_number > (first.build_number if first else 0),
            BuildRow.build_number <= last.build_number,
            order=(BuildRow.build_number,),
            limit=MAX_CHANGES,
        )
    features = await _features(context, first, last, builds) if builds else []
    ids = {one.requirement_id for one in features}
    requirements = (
        await context.session.rows(
            RequirementRow, among(RequirementRow.id, ids), order=(RequirementRow.id,)
        )
        if ids
        else []
    )
    found: Any = EnvironmentChanges
    return found(  # type: ignore[no-any-return]
        from_build=first,
        to_build=last,
        builds=builds,
        commits=list(dict.fromkeys(one.git_commit_hash for one in builds)),
        features=features,
        requirements=requirements,
    )


async def _build(context: Context, environment_id: UUID) -> Any:
    now = await _running(context, environment_id)
    return await context.one(BuildRow, now.build_id) if now else None


async def _features(context: Context, first: Any, last: Any, builds: list[Any]) -> list[Any]:
    """Return the features that the builds name, or that were completed between the two."""
    named = among(FeatureRow.id, {one.feature_id for one in builds if one.feature_id})
    completed = FeatureRow.completed_date <= last.created_at
    if first is not None:
        completed &= FeatureRow.completed_date > first.created_at
    return await context.session.rows(
        FeatureRow,
        FeatureRow.project_id == last.project_id,
        named | completed,
        order=(FeatureRow.id,),
        limit=MAX_CHANGES,
    )


extend_type(
    Environment,
    running_build=_running_build,
    running_deployment=_running_deployment,
    running_since=_running_since,
    performance=_performance,
)


@strawberry.type
class Query:
    environment_changes: EnvironmentChanges | None = strawberry.field(
        resolver=_between,
        description="What is in one environment and not in another of the same project: builds,"
        " commits, features and requirements.",
        metadata=READ,
    )
