"""Coverage: how many requirements have trace links of some kind, in groups."""

from typing import Annotated, Any

import strawberry

from auth.policy import PRODUCT_OF, scope_for
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.projects import Project
from graph.kit.connection import Filter
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.filters import matches
from graph.kit.scopes import SCOPE
from graph.requirements.counting import (
    DEFAULT_GROUPS,
    MAX_DIMENSIONS,
    First,
    Question,
    Sort,
    StatisticsKey,
    StatisticsSort,
    chosen_dimensions,
    groups_of,
    require_present,
    total,
)
from graph.requirements.coverage_filters import (
    Direction,
    EntityTypes,
    Levels,
    LinkTypes,
    coverage_of,
)
from graph.requirements.documents import Document
from graph.requirements.requirements import RequirementFilterInput
from graph.requirements.sql.coverage import measures
from graph.requirements.sql.statistics import Counting
from graph.requirements.statistics import REQUIREMENTS, RequirementGroupInput
from graph.requirements.trace_types import TraceDirection

COVERED = "The number of these with at least one link that counts."
UNCOVERED = "The number of these without a link that counts."
SUSPECT = "The number of those covered with at least one suspect link that counts."


@strawberry.type(description="The coverage of requirements with the same values.")
class CoverageGroup:
    keys: list[StatisticsKey] = strawberry.field(
        description="The values, in the order of `groupBy`; empty for the other groups.",
        metadata={"largest_page": MAX_DIMENSIONS},
    )
    count: int = described("The number of requirements in the group.")
    covered_count: int = described(COVERED)
    uncovered_count: int = described(UNCOVERED)
    suspect_count: int = described(SUSPECT)
    is_other: bool = described("Whether this group contains all groups that are not returned.")


@strawberry.type(description="The coverage of requirements by trace links.")
class Coverage:
    question: strawberry.Private[Question]

    @strawberry.field(description="The number of requirements that match the filter.")
    async def total_count(self, info: Info) -> int:
        return (await total(info.context, self.question))["number"]

    @strawberry.field(description=COVERED)
    async def covered_count(self, info: Info) -> int:
        return (await total(info.context, self.question))["covered"]

    @strawberry.field(description=UNCOVERED)
    async def uncovered_count(self, info: Info) -> int:
        numbers = await total(info.context, self.question)
        return numbers["number"] - numbers["covered"]

    @strawberry.field(description=SUSPECT)
    async def suspect_count(self, info: Info) -> int:
        return (await total(info.context, self.question))["suspect"]

    @strawberry.field(
        description="The same numbers by the values of `groupBy`; empty without it. If there are"
        " more groups than `first`, a last group contains all others."
    )
    async def groups(
        self, info: Info, first: First = DEFAULT_GROUPS, sort: Sort = StatisticsSort.COUNT
    ) -> list[CoverageGroup]:
        if not self.question.dimensions:
            return []
        return [
            CoverageGroup(
                keys=group.keys,
                count=group.numbers["number"],
                covered_count=group.numbers["covered"],
                uncovered_count=group.numbers["number"] - group.numbers["covered"],
                suspect_count=group.numbers["suspect"],
                is_other=group.is_other,
            )
            for group in await groups_of(info.context, self.question, first, sort)
        ]


GroupBy: Any = Annotated[
    list[RequirementGroupInput] | None,
    strawberry.argument(description=f"The dimensions of the groups, at most {MAX_DIMENSIONS}."),
]


def _coverage(key: str, text: str) -> Any:
    """Declare the coverage of the requirements of which this column names the parent."""

    async def resolve(
        root: strawberry.Parent[Any],
        info: Info,
        direction: Direction = TraceDirection.DOWNSTREAM,
        link_types: LinkTypes = None,
        entity_types: EntityTypes = None,
        levels: Levels = None,
        group_by: GroupBy = None,
        filter: Filter[RequirementFilterInput | None] = None,
    ) -> Coverage | None:
        require_present(info.context, root, "coverage")
        arguments = (direction, link_types, entity_types, levels, group_by, filter)
        shape = ("coverage", key, repr(arguments))

        def prepare() -> tuple[Counting, tuple[Any, ...]]:
            chosen = chosen_dimensions(REQUIREMENTS, group_by) if group_by is not None else []
            counting = Counting(
                RequirementRow,
                key,
                tuple((grouped.by, name) for grouped, name in chosen),
                (matches(RequirementRow, filter),) if filter else (),
                measures(coverage_of(direction, link_types, entity_types, levels)),
            )
            return counting, tuple(grouped for grouped, _ in chosen)

        counting, dimensions = info.context.once(shape, prepare)
        return Coverage(question=Question(root.id, counting, dimensions, shape))

    scope = scope_for("read", PRODUCT_OF[RequirementRow])
    return computed("id", text=text, metadata={SCOPE: scope})(resolve)


for type_, key in ((Project, "project_id"), (Document, "document_id")):
    name = type_.__name__.lower()
    extend_type(
        type_,
        coverage=_coverage(
            key, f"The coverage of the requirements in the {name} by links to other objects."
        ),
    )
