"""The history of a project's tests as a field of the project."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from graph.core.projects import Project
from graph.kit.context import Info
from graph.kit.fields import computed, extend_type
from graph.kit.scopes import SCOPE
from graph.requirements.counting import require_present
from graph.requirements.testing_days import DEFAULT_DAYS, MAX_DAYS, TestingDay, history

Last = Annotated[
    int,
    strawberry.argument(description=f"The number of days up to today (UTC), at most {MAX_DAYS}."),
]


@computed(
    "id",
    text="The requirements, their coverage and the test results of the last days, counted from the"
    " current objects: what was deleted is not counted on any day.",
    metadata={SCOPE: "requirements:read", "largest_page": MAX_DAYS},
)
async def _history(
    root: strawberry.Parent[Any], info: Info, last: Last = DEFAULT_DAYS
) -> list[TestingDay] | None:
    require_present(info.context, root, "history of tests")

    async def batch(projects: list[UUID]) -> list[list[TestingDay]]:
        return await history(info.context.session, projects, last)

    found: list[TestingDay] = await info.context.loader(("testing", last), batch).load(root.id)
    return found


extend_type(Project, testing_history=_history)
