"""The links that cover requirements, as arguments, and the filter of requirements by coverage."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from db.problem import Problem
from db.requirements.collaboration import EntityType as EntityLabel
from graph.kit.entity_types import EntityType
from graph.kit.filters import ConditionInput
from graph.requirements.requirement_types import RequirementLevel
from graph.requirements.sql.coverage import ENDS, Coverage, is_covered
from graph.requirements.sql.trace_graph import DIRECTED
from graph.requirements.trace_types import TraceDirection, TraceLinkType

MAX_VALUES = 50
"""Values of one list."""

DIRECTION = "The direction in which the links lead from the requirement."
LINK_TYPES = "The types of links that count. The default is all types with a direction."
ENTITY_TYPES = (
    "The types of objects at the other end that count: documents, blocks, requirements, test cases"
    " and executions. The default is all of these."
)
LEVELS = "The levels of requirements at the other end that count. Other objects then do not count."

Direction = Annotated[TraceDirection, strawberry.argument(description=DIRECTION)]
LinkTypes = Annotated[list[TraceLinkType] | None, strawberry.argument(description=LINK_TYPES)]
EntityTypes = Annotated[list[EntityType] | None, strawberry.argument(description=ENTITY_TYPES)]
Levels = Annotated[list[RequirementLevel] | None, strawberry.argument(description=LEVELS)]


def coverage_of(
    direction: TraceDirection,
    link_types: Sequence[TraceLinkType] | None,
    entity_types: Sequence[Any] | None,
    levels: Sequence[RequirementLevel] | None,
    field: Sequence[str | int] = (),
) -> Coverage:
    """Return the links that count. Raises INVALID with the path, which begins with `field`."""
    lists = {"linkTypes": link_types, "entityTypes": entity_types, "levels": levels}
    for name, values in lists.items():
        if values is not None and not 0 < len(values) <= MAX_VALUES:
            message = f"Must have 1 to {MAX_VALUES} items."
            raise Problem("INVALID", message, field=[*field, name])
    labels = {label.entity: label for label in ENDS}
    for place, type_ in enumerate(entity_types or ()):
        if type_.value not in labels:
            message = "Objects of this type do not cover requirements."
            raise Problem("INVALID", message, field=[*field, "entityTypes", place])
    covering: tuple[EntityLabel, ...] = tuple(labels[type_.value] for type_ in entity_types or ())
    return Coverage(
        direction,
        tuple(dict.fromkeys(link_types or DIRECTED)),
        tuple(dict.fromkeys(covering or ENDS)),
        tuple(dict.fromkeys(levels or ())),
    )


@strawberry.enum(description="Whether a requirement is covered by trace links.")
class CoverageState(Enum):
    COVERED = strawberry.enum_value(
        "covered", description="The requirement has at least one link that counts."
    )
    UNCOVERED = strawberry.enum_value(
        "uncovered", description="The requirement has no link that counts."
    )
    SUSPECT = strawberry.enum_value(
        "suspect",
        description="The requirement is covered, and at least one link that counts is suspect.",
    )


@strawberry.input(
    description="Selects requirements that are covered, or not covered, by trace links. Links whose"
    " other end the viewer cannot read do not count."
)
class CoverageFilterInput(ConditionInput):
    weight = 50

    state: CoverageState = strawberry.field(description="The state of the requirements to return.")
    direction: TraceDirection = strawberry.field(
        default=TraceDirection.DOWNSTREAM, description=DIRECTION
    )
    link_types: list[TraceLinkType] | None = strawberry.field(default=None, description=LINK_TYPES)
    entity_types: list[EntityType] | None = strawberry.field(default=None, description=ENTITY_TYPES)
    levels: list[RequirementLevel] | None = strawberry.field(default=None, description=LEVELS)

    def conditions(self, model: Any, field: Sequence[str | int]) -> Iterator[Any]:
        """Yield the condition. Raises INVALID with the path of the input, which is `field`."""
        coverage = coverage_of(
            self.direction, self.link_types, self.entity_types, self.levels, field
        )
        suspect = self.state is CoverageState.SUSPECT
        covered = is_covered(coverage, model.id, suspect=suspect)
        yield ~covered if self.state is CoverageState.UNCOVERED else covered
