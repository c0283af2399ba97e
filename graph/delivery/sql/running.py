"""SQL of the deployments that run in environments, and of the measures of their deployments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    Double,
    Select,
    Uuid,
    any_,
    bindparam,
    case,
    column,
    extract,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.delivery.builds import Build
from db.delivery.deployments import Deployment, DeploymentStatus

IDS = bindparam("ids", type_=ARRAY(Uuid))


@dataclass(frozen=True)
class Running:
    """The build that runs in an environment, since when, and by which deployment."""

    deployment_id: UUID
    build_id: UUID
    since: datetime


@dataclass(frozen=True)
class Measured:
    """The deployments of a time: their number, the failures, and medians in seconds."""

    deployments: int = 0
    failures: int = 0
    lead_time: float | None = None
    time_to_restore: float | None = None


async def running(session: ViewerSession, environment_ids: Sequence[UUID]) -> dict[UUID, Running]:
    """Return what runs in each of these environments; one statement."""
    rows: Any = await session.query(_running(), {"ids": list(environment_ids)})
    return {
        row["environment_id"]: Running(row["id"], row["build_id"], row["since"]) for row in rows
    }


async def measured(
    session: ViewerSession, environment_ids: Sequence[UUID], since: datetime
) -> dict[UUID, Measured]:
    """Return the measures of the deployments completed since then; one statement."""
    values = {"ids": list(environment_ids), "since": since}
    rows: Any = await session.query(_measured(), values)
    return {
        row["environment_id"]: Measured(
            row["deployments"], row["failures"], row["lead_time"], row["time_to_restore"]
        )
        for row in rows
    }


def _has(rows: Any, status: DeploymentStatus) -> Any:
    bound: Any = bindparam(None, status, type_=rows.c.status.type, unique=True)
    return rows.c.status == bound


@cache
def _running() -> Select[Any]:
    """Return the last success of each environment, or the build that a rollback returned to.

    Each of both is found by an index of its own.
    """
    wanted: Any = func.unnest(IDS)
    ids = wanted.table_valued(column("id", Uuid)).render_derived("environments_of")
    names = (
        *("id", "environment_id", "build_id", "status", "completed_at"),
        *("rolled_back_to_build_id", "rolled_back_at"),
    )
    lasts = []
    for status, build, at in (
        (DeploymentStatus.SUCCESS, "build_id", "completed_at"),
        (DeploymentStatus.ROLLED_BACK, "rolled_back_to_build_id", "rolled_back_at"),
    ):
        rows = readable(Deployment, *names).alias()
        last = (
            select(rows.c.id, rows.c[build].label("build_id"), rows.c[at].label("since"))
            .where(rows.c.environment_id == ids.c.id, _has(rows, status))
            .order_by(rows.c[at].desc(), rows.c.id.desc())
            .limit(literal_column("1"))
            .correlate(ids)
        )
        lasts.append(select(last.subquery()))
    both = union_all(*lasts).subquery()
    newest = select(both).order_by(both.c.since.desc()).limit(literal_column("1")).lateral("newest")
    return select(
        ids.c.id.label("environment_id"), newest.c.id, newest.c.build_id, newest.c.since
    ).select_from(ids.join(newest, true()))


@cache
def _measured() -> Select[Any]:
    """Return the four measures of DORA, but for the length of the time."""
    names = (
        *("id", "environment_id", "build_id", "status", "started_at", "completed_at"),
        *("rolled_back_at", "created_at"),
    )
    rows, later = readable(Deployment, *names), readable(Deployment, *names).alias("later")
    builds = readable(Build, "id", "committed_at", "created_at")
    ended = func.coalesce(rows.c.completed_at, rows.c.rolled_back_at)
    broke = func.coalesce(rows.c.completed_at, rows.c.started_at, rows.c.created_at)
    next_success = (
        select(func.min(later.c.completed_at))
        .where(
            later.c.environment_id == rows.c.environment_id,
            _has(later, DeploymentStatus.SUCCESS),
            later.c.completed_at > broke,
        )
        .correlate(rows)
        .scalar_subquery()
    )
    succeeded = _has(rows, DeploymentStatus.SUCCESS)
    failed = or_(_has(rows, DeploymentStatus.FAILED), _has(rows, DeploymentStatus.ROLLED_BACK))
    committed = func.coalesce(builds.c.committed_at, builds.c.created_at)
    lead = case((succeeded, rows.c.completed_at - committed), else_=null())
    restored = func.coalesce(rows.c.rolled_back_at, next_success)
    each = (
        select(
            rows.c.environment_id,
            failed.label("failed"),
            extract("epoch", lead).label("lead_time"),
            extract("epoch", case((failed, restored - broke), else_=null())).label("restoring"),
        )
        .select_from(rows.outerjoin(builds, builds.c.id == rows.c.build_id))
        .where(
            rows.c.environment_id == any_(IDS),
            ended >= bindparam("since", type_=DateTime(timezone=True)),
            or_(succeeded, failed),
        )
        .subquery("each")
    )

    half: Any = bindparam("half", 0.5, type_=Double)

    def median(value: Any) -> Any:
        return func.percentile_cont(half).within_group(value)

    return select(
        each.c.environment_id,
        func.count().label("deployments"),
        func.count().filter(each.c.failed).label("failures"),
        median(each.c.lead_time).label("lead_time"),
        median(each.c.restoring).label("time_to_restore"),
    ).group_by(each.c.environment_id)
