"""Statistics: counts of rows in groups, declared for an entity by the dimensions it has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.policy import PRODUCT_OF, scope_for
from db.base import Entity
from db.problem import Problem
from db.text import fault_in
from graph.kit.connection import Filter
from graph.kit.context import Context, Info
from graph.kit.declared import class_of
from graph.kit.enums import enum_of
from graph.kit.fields import computed, described
from graph.kit.filters import matches
from graph.kit.node import Node
from graph.kit.scopes import SCOPE
from graph.requirements.sql.statistics import Counting, Dimension, counts, totals

MAX_DIMENSIONS = 3
"""Dimensions of one question, at most."""
DEFAULT_GROUPS, MAX_GROUPS = 100, 500
"""Groups that are returned: by default, and at most."""
MAX_KEY_LENGTH = 500
"""Characters of the name of a property."""


class Grouped(NamedTuple):
    """A dimension of an entity: how rows are grouped, what it is, and the objects it leads to."""

    by: Dimension
    text: str
    object: type[Entity] | None = None
    key: str | None = None
    """The key of a `property` that is fixed; else who asks names it."""


@strawberry.enum(description="The order of the groups of statistics.")
class StatisticsSort(Enum):
    COUNT = strawberry.enum_value("count", description="The largest groups first.")
    KEY = strawberry.enum_value(
        "key",
        description="By the values of the groups: enum values in their order, days from the"
        " earliest, null last.",
    )


@strawberry.type(description="The value that the objects of a group have in one dimension.")
class StatisticsKey:
    value: str | None = described(
        "The value: the name of an enum value, a day (UTC) in ISO 8601 format, an ID, or a text."
        " Null for objects without a value."
    )
    model: strawberry.Private[type[Entity] | None]

    @strawberry.field(
        description="The object whose ID is the value; null for values that are no IDs."
    )
    async def object(self, info: Info) -> Node | None:
        if self.model is None or self.value is None:
            return None
        return await info.context.one(self.model, UUID(self.value))  # type: ignore[return-value]


@strawberry.type(description="Objects with the same values.")
class StatisticsGroup:
    keys: list[StatisticsKey] = strawberry.field(
        description="The values, in the order of `groupBy`; empty for the other groups.",
        metadata={"largest_page": MAX_DIMENSIONS},
    )
    count: int = described("The number of objects in the group.")
    is_other: bool = described("Whether this group contains all groups that are not returned.")


First = Annotated[
    int,
    strawberry.argument(
        description=f"The number of groups to return, the largest ones, at most {MAX_GROUPS}."
    ),
]
Sort = Annotated[StatisticsSort, strawberry.argument(description="The order of the groups.")]


@dataclass(frozen=True)
class Question:
    """The count beneath one parent, and the key that the parents of a field share."""

    parent: UUID
    counting: Counting
    dimensions: tuple[Grouped, ...]
    shape: tuple[object, ...]


@strawberry.type(description="The numbers of objects, in groups.")
class Statistics:
    question: strawberry.Private[Question]

    @strawberry.field(description="The number of objects that match the filter.")
    async def total_count(self, info: Info) -> int:
        return (await total(info.context, self.question))["number"]

    @strawberry.field(
        description="The groups. If there are more than `first`, a last group contains all others."
        " An object with several tags, or several values of a property, is in the group of each.",
    )
    async def groups(
        self, info: Info, first: First = DEFAULT_GROUPS, sort: Sort = StatisticsSort.COUNT
    ) -> list[StatisticsGroup]:
        return [
            StatisticsGroup(keys=keys, count=numbers["number"], is_other=is_other)
            for keys, numbers, is_other in await groups_of(info.context, self.question, first, sort)
        ]


async def total(context: Context, asked: Question) -> Mapping[str, int]:
    """Return the numbers of all rows; one statement for all parents.

    It is the statement of the groups, where they are asked for and each row is in one of them.
    """

    async def batch(parents: list[UUID]) -> list[Mapping[str, int]]:
        counting = asked.counting
        groups = next((one for key, one in context.loaders.items() if _is_of(key, asked)), None)
        if groups and not any(dimension.is_many for dimension, _ in counting.groupings):
            return [found.all for found in await groups.load_many(parents)]
        found = await totals(context.session, counting, parents)
        none = dict.fromkeys(counting.numbers, 0)
        return [found.get(parent, none) for parent in parents]

    numbers: Mapping[str, int] = await context.loader(("total", asked.shape), batch).load(
        asked.parent
    )
    return numbers


def _is_of(key: object, asked: Question) -> bool:
    """Return whether this is the key of a loader of the groups of the question."""
    return isinstance(key, tuple) and key[:2] == ("groups", asked.shape)


class Group(NamedTuple):
    """A group: its keys, which are none for that of all others, and its numbers."""

    keys: list[StatisticsKey]
    numbers: Mapping[str, int]
    is_other: bool


class Groups(NamedTuple):
    """The groups of a parent, and the sums of their numbers."""

    shown: list[Group]
    all: Mapping[str, int]


async def groups_of(
    context: Context, asked: Question, first: int, sort: StatisticsSort
) -> list[Group]:
    """Return the largest groups; one statement for all parents. Raises INVALID."""
    if not 1 <= first <= MAX_GROUPS:
        raise Problem("INVALID", f"Must be from 1 to {MAX_GROUPS}.", field=["first"])

    async def batch(parents: list[UUID]) -> list[Groups]:
        found = await counts(
            context.session,
            asked.counting,
            parents,
            first,
            sorted_by_key=sort is StatisticsSort.KEY,
        )
        return [_shown(asked, found[parent]) for parent in parents]

    loader = context.loader(("groups", asked.shape, first, sort), batch)
    groups: Groups = await loader.load(asked.parent)
    return groups.shown


def _shown(asked: Question, records: Sequence[Any]) -> Groups:
    names = asked.counting.numbers
    all_ = {name: records[0][f"all_{name}"] if records else 0 for name in names}
    groups = [
        Group(
            [
                StatisticsKey(
                    value=_spelled(asked.counting.model, grouped.by, record[f"d{i}"]),
                    model=grouped.object,
                )
                for i, grouped in enumerate(asked.dimensions)
            ],
            {name: record[name] for name in names},
            False,
        )
        for record in records
    ]
    if records and records[0]["groups"] > len(records):
        others = {name: all_[name] - sum(group.numbers[name] for group in groups) for name in names}
        groups.append(Group([], others, True))
    return Groups(groups, all_)


def _spelled(model: type[Entity], by: Dimension, value: Any) -> str | None:
    """Return a value as the API has it: of an enumeration, the name for the label."""
    if value is None:
        return None
    type_: Any = model.__table__.c[by.column].type
    enum = getattr(type_, "enum_class", None)
    if enum is not None:
        name: str = enum(value).name
        return name
    return str(value).lower() if isinstance(value, bool) else str(value)


def require_present(context: Context, row: Any, name: str) -> None:
    """Raise INVALID for a row of the past: what is counted is the current state."""
    if context.past_of(row) is not None:
        raise Problem("INVALID", f"A past state has no {name}.")


def group_input(name: str, dimensions: Mapping[str, Grouped]) -> Any:
    """Return the input that names a dimension of an entity, as `{by: STATUS}`."""
    by: Any = enum_of(
        f"{name}Group",
        {label: label for label in dimensions},
        "The values by which objects are grouped.",
        {label: grouped.text for label, grouped in dimensions.items()},
    )
    members = {"by": (by, strawberry.field(description="The values to group by."))}
    if any(grouped.by.kind == "property" for grouped in dimensions.values()):
        text = "The name of the property, with `PROPERTY`."
        members["property"] = (str | None, strawberry.field(default=UNSET, description=text))
    return strawberry.input(
        class_of(f"{name}GroupInput", members), description="A dimension of statistics."
    )


def statistics(
    model: type[Entity],
    group_: Any,
    dimensions: Mapping[str, Grouped],
    filter_: Any = None,
) -> Callable[[str, str], Any]:
    """Return a function that declares the statistics of an entity beneath a parent.

    It takes the column that names the parent, and the description of the field. `group_` is the
    input that names a dimension, and `filter_` the one that filters rows, if there is one.
    """
    group: Any = group_
    compared: Any = filter_ or str

    def field(key: str, text: str) -> Any:
        async def resolve(
            root: strawberry.Parent[Any],
            info: Info,
            group_by: Annotated[
                list[group],
                strawberry.argument(
                    description=f"The dimensions of the groups, 1 to {MAX_DIMENSIONS}."
                ),
            ],
            filter: Filter[compared | None] = None,
        ) -> Statistics | None:
            require_present(info.context, root, "statistics")
            shape = (model, key, repr(group_by), repr(filter))

            def prepare() -> Question:
                chosen = chosen_dimensions(dimensions, group_by)
                groupings = tuple((grouped.by, name) for grouped, name in chosen)
                where = (matches(model, filter),) if filter else ()
                counting = Counting(model, key, groupings, where)
                return Question(root.id, counting, tuple(one for one, _ in chosen), shape)

            asked = info.context.once(shape, prepare)
            return Statistics(
                question=Question(root.id, asked.counting, asked.dimensions, asked.shape)
            )

        scope = scope_for("read", PRODUCT_OF[model])
        declared = computed("id", text=text, metadata={SCOPE: scope})(resolve)
        if filter_ is None:
            declared.arguments = [a for a in declared.arguments if a.python_name != "filter"]
        return declared

    return field


def chosen_dimensions(
    dimensions: Mapping[str, Grouped], group_by: Sequence[Any]
) -> list[tuple[Grouped, str | None]]:
    """Return the dimensions asked for, each with the property if it is one. Raises INVALID."""
    if not 1 <= len(group_by) <= MAX_DIMENSIONS:
        message = f"Must have 1 to {MAX_DIMENSIONS} items."
        raise Problem("INVALID", message, field=["groupBy"])
    chosen: dict[tuple[str, str | None], tuple[Grouped, str | None]] = {}
    for place, asked in enumerate(group_by):
        grouped = dimensions[asked.by.value]
        name = getattr(asked, "property", UNSET) or None
        field: list[str | int] = ["groupBy", place]
        if (grouped.by.kind == "property" and not grouped.key) != (name is not None):
            message = "Required with `PROPERTY`, and with nothing else."
            raise Problem("INVALID", message, field=[*field, "property"])
        if name is not None and (fault := _fault(name)):
            raise Problem("INVALID", fault, field=[*field, "property"])
        if (asked.by.value, name) in chosen:
            raise Problem("INVALID", "This dimension is given twice.", field=field)
        chosen[asked.by.value, name] = grouped, grouped.key or name
    return list(chosen.values())


def _fault(name: str) -> str | None:
    if len(name) > MAX_KEY_LENGTH:
        return f"At most {MAX_KEY_LENGTH} characters."
    return fault_in(name)
