"""How far the features of requirements are, by their tests and the environments they reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, and_, any_, bindparam, func, or_, select

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.delivery.builds import Build
from db.delivery.deployments import Deployment, DeploymentStatus, Environment
from db.delivery.features import Feature, ImplementationStatus
from db.delivery.testing import FeatureTest, FeatureTestOutcome, FeatureTestStatus

IDS = bindparam("ids", type_=ARRAY(Uuid))


@dataclass(frozen=True)
class Reached:
    """The numbers of features of a requirement, and of their active tests by the latest run."""

    features: int = 0
    completed: int = 0
    tests: int = 0
    passing: int = 0
    failing: int = 0


async def reached(session: ViewerSession, requirement_ids: Sequence[UUID]) -> dict[UUID, Reached]:
    """Return the numbers of each of these requirements that has features; one statement."""
    rows: Any = await session.query(_reached(), {"ids": list(requirement_ids)})
    return {
        row["requirement_id"]: Reached(
            row["features"], row["completed"], row["tests"], row["passing"], row["failing"]
        )
        for row in rows
    }


async def environments_of(
    session: ViewerSession, requirement_ids: Sequence[UUID]
) -> dict[UUID, list[UUID]]:
    """Return the environments that each of these requirements has reached; one statement."""
    found: dict[UUID, list[UUID]] = {}
    rows: Any = await session.query(_environments(), {"ids": list(requirement_ids)})
    for row in rows:
        found.setdefault(row["requirement_id"], []).append(row["id"])
    return found


def _is(column: Any, *values: Any) -> Any:
    return or_(*(column == bindparam(None, one, type_=column.type, unique=True) for one in values))


@cache
def _reached() -> Select[Any]:
    features = readable(Feature, "id", "requirement_id", "implementation_status")
    tests = readable(FeatureTest, "id", "feature_id", "status", "last_run_status")
    active = and_(
        tests.c.feature_id == features.c.id, _is(tests.c.status, FeatureTestStatus.ACTIVE)
    )
    completed = _is(features.c.implementation_status, ImplementationStatus.COMPLETED)
    last = tests.c.last_run_status
    failed = _is(last, FeatureTestOutcome.FAILED, FeatureTestOutcome.ERROR)
    number = func.count(features.c.id.distinct())
    return (
        select(
            features.c.requirement_id,
            number.label("features"),
            number.filter(completed).label("completed"),
            func.count(tests.c.id).label("tests"),
            func.count(tests.c.id).filter(_is(last, FeatureTestOutcome.PASSED)).label("passing"),
            func.count(tests.c.id).filter(failed).label("failing"),
        )
        .select_from(features.outerjoin(tests, active))
        .where(features.c.requirement_id == any_(IDS))
        .group_by(features.c.requirement_id)
    )


@cache
def _environments() -> Select[Any]:
    """Return the environments with a successful deployment of a build that has a feature.

    A build has the feature that it names, and those of its project that were completed before it.
    """
    features = readable(Feature, "id", "requirement_id", "project_id", "completed_date")
    places = readable(Environment, "id", "project_id", "position", "name")
    runs = readable(Deployment, "environment_id", "build_id", "status")
    builds = readable(Build, "id", "feature_id", "created_at")
    has = or_(
        builds.c.feature_id == features.c.id, builds.c.created_at >= features.c.completed_date
    )
    deployed = (
        select(runs.c.build_id)
        .select_from(runs.join(builds, builds.c.id == runs.c.build_id))
        .where(
            runs.c.environment_id == places.c.id, _is(runs.c.status, DeploymentStatus.SUCCESS), has
        )
        .correlate(features, places)
        .exists()
    )
    return (
        select(features.c.requirement_id, places.c.id, places.c.position, places.c.name)
        .distinct()
        .select_from(features.join(places, places.c.project_id == features.c.project_id))
        .where(features.c.requirement_id == any_(IDS), deployed)
        .order_by(features.c.requirement_id, places.c.position, places.c.name)
    )
