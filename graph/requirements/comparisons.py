"""What has become of a baseline: compared with another one, or with what there is now."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from db.problem import Problem
from db.requirements import baselines as db
from graph.kit.context import LARGEST_PAGE, Context, Info
from graph.kit.fields import described, extend_type
from graph.kit.history import FIELDS, FieldChange, field_change
from graph.requirements.baselines import PEOPLE, Baseline, sees_people, spelled
from graph.requirements.differences import ChangeKind, Difference, classified, fields

LARGEST_DIFFERENCE = 500

strawberry.enum(
    ChangeKind, name="BaselineChangeKind", description="What became of an item; it may be two."
)
ENDS = {"test": "TestCase"}
"""The types at the ends of links that are called otherwise in the API."""

Pair = tuple[UUID, UUID | None, bool]
"""A baseline, what it is compared with, and whether they are of a whole project."""


@strawberry.type(description="What a link, or a run of a test, joins.")
class BaselineEnd:
    entity_type: str = described("The name of its type, such as Requirement.")
    entity_id: UUID = described("Its id.")
    name: str | None = described("What it is called; null when the viewer may not see it.")


@strawberry.type(description="One item, and what became of it.")
class BaselineChange:
    kinds: list[ChangeKind] = described("What became of it: it may have changed and moved.")
    entity_type: str = described("The name of its type, such as Requirement.")
    entity_id: UUID = described("Its id.")
    name: str | None = described("What it is, or was, called; null for links and runs of tests.")
    source: BaselineEnd | None = described("Where a link starts; the test that was run.")
    target: BaselineEnd | None = described("Where a link leads; what the test was run for.")
    before: JSON | None = described("All its fields before; null when it was not there.")
    after: JSON | None = described("All its fields after; null when it is not there.")
    fields: list[FieldChange] = strawberry.field(
        description="The fields that differ.", metadata={"largest_page": FIELDS}
    )


First = Annotated[
    int, strawberry.argument(description=f"How many, at most {LARGEST_DIFFERENCE}, by their ids.")
]
After = Annotated[
    UUID | None, strawberry.argument(description="Only items whose ids come after this one.")
]
Kinds = Annotated[
    list[ChangeKind] | None, strawberry.argument(description="Only these; all unless given.")
]
Types = Annotated[
    list[str] | None, strawberry.argument(description="Only items of these types, by name.")
]


@strawberry.type(description="What became of the items of a baseline.")
class BaselineDiff:
    pair: strawberry.Private[Pair]
    people: strawberry.Private[bool]
    differences: strawberry.Private[list[Difference]]

    @strawberry.field(description="How many items are new.")
    def added(self) -> int:
        return self._count(ChangeKind.ADDED)

    @strawberry.field(description="How many items are there no more.")
    def removed(self) -> int:
        return self._count(ChangeKind.REMOVED)

    @strawberry.field(description="How many items have other values.")
    def changed(self) -> int:
        return self._count(ChangeKind.CHANGED)

    @strawberry.field(
        description="How many items stand in another document or block, or have another place among"
        " those around them. New numbers alone are no move."
    )
    def moved(self) -> int:
        return self._count(ChangeKind.MOVED)

    @strawberry.field(
        description="The items, by their ids; what is as it was is not among them.",
        metadata={"largest_page": LARGEST_DIFFERENCE},
    )
    async def changes(
        self,
        info: Info,
        first: First = LARGEST_PAGE,
        after: After = None,
        kinds: Kinds = None,
        entity_types: Types = None,
    ) -> list[BaselineChange]:
        if not 0 <= first <= LARGEST_DIFFERENCE:
            message = f"A page holds 0 to {LARGEST_DIFFERENCE} items."
            raise Problem("INVALID", message, field=["first"])
        wanted = [
            found
            for found in self.differences
            if (after is None or found.entity_id > after)
            and (kinds is None or not set(kinds).isdisjoint(found.kinds))
            and (entity_types is None or found.entity_type in entity_types)
        ][:first]
        return await _changes(info.context, self.pair, wanted, people=self.people)

    def _count(self, kind: ChangeKind) -> int:
        return sum(kind in found.kinds for found in self.differences)


With = Annotated[
    UUID | None,
    strawberry.argument(
        name="with",
        description="Another baseline of the same document or project, of which it is said what is"
        " there instead; what is there now, unless given.",
    ),
]


async def diff(root: strawberry.Parent[Any], info: Info, with_: With = None) -> BaselineDiff:
    context = info.context
    if with_ is not None:
        other = await context.get(db.Baseline, with_)
        if (other.project_id, other.document_id) != (root.project_id, root.document_id):
            message = "A baseline is compared with one of the same document or project."
            raise Problem("INVALID", message, field=["with"])
    whole_project = root.document_id is None
    batch = partial(_differences, context, with_, whole_project)
    found = await context.loader(("differences", with_, whole_project), batch).load(root.id)
    return BaselineDiff(
        pair=(root.id, with_, whole_project),
        people=sees_people(info, root),
        differences=found,
    )


async def _differences(
    context: Context, other: UUID | None, whole_project: bool, ids: list[UUID]
) -> list[list[Difference]]:
    rows = await context.session.comparison.differences(ids, other, whole_project=whole_project)
    return [classified(rows.get(id, [])) for id in ids]


async def _changes(
    context: Context, pair: Pair, wanted: list[Difference], *, people: bool
) -> list[BaselineChange]:
    """The items with their data and names, in two statements for all pairs of a level."""
    baseline, other, whole_project = pair
    asked: Any = context.loader(
        ("sides", other, whole_project), partial(_sides, context, other, whole_project)
    )
    sides = await asked.load((baseline, tuple(found.entity_id for found in wanted)))
    ends = {id: list(_ends(before or after)) for id, (before, after) in sides.items()}
    asked = context.loader(("names", other), partial(_names, context, other))
    joined = tuple(sorted({id for joins in ends.values() for _, id in joins}))
    names = await asked.load((baseline, joined)) if joined else {}

    def end(type_: str, id: UUID) -> BaselineEnd:
        known = names.get(id, {})
        name = next((known[at] for at in (other, baseline, None) if at in known), None)
        return BaselineEnd(entity_type=type_, entity_id=id, name=name)

    def change(found: Difference, before: Any, after: Any) -> BaselineChange:
        source, target = [end(*one) for one in ends[found.entity_id]] or (None, None)
        either = after or before
        return BaselineChange(
            kinds=list(found.kinds),
            entity_type=found.entity_type,
            entity_id=found.entity_id,
            name=either.get("name") or either.get("title"),
            source=source,
            target=target,
            before=spelled(found.entity_type, before, people=people),
            after=spelled(found.entity_type, after, people=people),
            fields=[
                field_change(found.entity_type, one.column, one.old, one.new)
                for one in fields(found, before, after)
                if people or one.column not in PEOPLE
            ],
        )

    # What others have deleted since the differences were read has no side left.
    there = (found for found in wanted if any(sides[found.entity_id]))
    return [change(found, *sides[found.entity_id]) for found in there]


def _ends(data: Any) -> Iterable[tuple[str, UUID]]:
    """The types and ids that a link, or the run of a test, joins."""
    if data and "link_type" in data:
        for end in ("source", "target"):
            type_ = data[f"{end}_type"]
            name = ENDS.get(type_) or "".join(word.title() for word in type_.split("_"))
            yield name, UUID(data[f"{end}_id"])
    elif data and "execution_status" in data:
        yield "TestCase", UUID(data["test_id"])
        yield "Requirement", UUID(data["requirement_id"])


async def _sides(
    context: Context, other: UUID | None, whole_project: bool, keys: list[Any]
) -> list[Any]:
    baselines, ids = {key[0] for key in keys}, {id for key in keys for id in key[1]}
    found = await context.session.comparison.both_sides(
        baselines, other, ids, whole_project=whole_project
    )
    nothing = (None, None)
    return [{id: found.get((baseline, id), nothing) for id in ids} for baseline, ids in keys]


async def _names(context: Context, other: UUID | None, keys: list[Any]) -> list[Any]:
    baselines, ids = {key[0] for key in keys}, {id for key in keys for id in key[1]}
    found = await context.session.comparison.names(baselines | ({other} if other else set()), ids)
    return [found for _ in keys]


extend_type(
    Baseline,
    diff=strawberry.field(
        diff, description="What has become of it in another baseline, or until now."
    ),
)
