"""The delivery of a requirement: its features, their tests, and the environments it has reached."""

from typing import Any
from uuid import UUID

import strawberry

from db.delivery.deployments import Environment as EnvironmentRow
from graph.delivery.deployments import Environment
from graph.delivery.sql.reached import Reached, environments_of, reached
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.scopes import SCOPE
from graph.requirements.requirements import Requirement

READ = {SCOPE: "delivery:read"}
MAX_PLACES = 100
"""The most environments of a requirement that are listed."""


@strawberry.type(
    description="How far a requirement is delivered, by the features and tests that the viewer can"
    " read. Tests that are not active do not count."
)
class RequirementDelivery:
    feature_count: int = described("The number of features that implement the requirement.")
    completed_feature_count: int = described("The number of these that are completed.")
    test_count: int = described("The number of tests of the features.")
    passing_test_count: int = described("The number of tests whose latest run passed.")
    failing_test_count: int = described(
        "The number of tests whose latest run failed or ended with an error."
    )
    is_covered: bool = described(
        "Whether the requirement is covered by passing tests: there are tests, and all of them"
        " passed in their latest run."
    )


@computed(
    "id",
    text="The implementation, test coverage and deployments of the requirement.",
    metadata=READ,
)
async def _delivery(root: strawberry.Parent[Any], info: Info) -> RequirementDelivery:
    async def batch(ids: list[UUID]) -> list[Reached]:
        found = await reached(info.context.session, ids)
        return [found.get(id, Reached()) for id in ids]

    of: Reached = await info.context.loader("reached", batch).load(root.id)
    return RequirementDelivery(
        feature_count=of.features,
        completed_feature_count=of.completed,
        test_count=of.tests,
        passing_test_count=of.passing,
        failing_test_count=of.failing,
        is_covered=0 < of.tests == of.passing,
    )


@computed(
    "id",
    text="The environments that the requirement has reached: those to which a build with one of its"
    " features was deployed successfully. A build has the feature that it names, and those that"
    f" were completed before it. At most {MAX_PLACES}.",
    metadata=READ | {"largest_page": MAX_PLACES},
)
async def _environments(root: strawberry.Parent[Any], info: Info) -> list[Environment]:
    async def batch(ids: list[UUID]) -> list[list[UUID]]:
        found = await environments_of(info.context.session, ids)
        return [found.get(id, []) for id in ids]

    ids: list[UUID] = await info.context.loader("environments reached", batch).load(root.id)
    return [
        row  # type: ignore[misc]
        for id in ids[:MAX_PLACES]
        if (row := await info.context.one(EnvironmentRow, id))
    ]


extend_type(Requirement, delivery=_delivery, environments=_environments)
