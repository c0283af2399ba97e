"""The differences of a baseline: to another one, or to the current state."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from db.change import AuditLog
from db.problem import Problem
from db.requirements import baselines as db
from db.requirements.collaboration import EntityType as EntityLabel
from graph.kit.connection import After, Before, Connection, First, Last, asked_for
from graph.kit.context import Context, Info
from graph.kit.cursor import Key, decode
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type
from graph.kit.history import FIELDS, FieldChange, field_change
from graph.requirements.baselines import PEOPLE, Baseline, sees_people, spelled
from graph.requirements.differences import ChangeKind, Difference, classified, fields
from graph.requirements.sql.baseline_diff import Comparison

MAX_DIFFERENCE = 500
BY_ID = Key(AuditLog.entity_id)
"""The order of differences; any column of this name and type would do."""
MAX_ON_LOOP = 2_000
"""The most items that are compared on the event loop, in 20 ms; more go to a thread."""

describe_enum(
    ChangeKind,
    "The difference of an item between two states.",
    {
        "ADDED": "The item exists only in the second state.",
        "REMOVED": "The item exists only in the first state.",
        "CHANGED": "The item has different fields.",
        "MOVED": "The item is in another document or block, or at another place among the items"
        " there. A new `position` alone is no move.",
    },
    name="BaselineChangeKind",
)
Pair = tuple[UUID, UUID | None, bool]
"""A baseline, the other one (None: the current state), and whether they are of a project."""


@strawberry.type(description="One end of a trace link, or of the execution of a test case.")
class BaselineEnd:
    entity_type: EntityType = described("The type of the object at this end.")
    entity_id: UUID = described("The ID of the object at this end.")
    name: str | None = described("The name of the object; null if the viewer cannot read it.")


@strawberry.type(description="An item that differs between two states.")
class BaselineChange:
    kinds: list[ChangeKind] = described("The differences; an item can be both changed and moved.")
    entity_type: EntityType = described("The type of the item.")
    entity_id: UUID = described("The ID of the item.")
    name: str | None = described("The name of the item; null if its type has no names.")
    source: BaselineEnd | None = described(
        "The source of a trace link, or the test case of an execution."
    )
    target: BaselineEnd | None = described(
        "The target of a trace link, or the requirement of an execution."
    )
    before: JSON | None = described("The fields in the first state; null if the item was added.")
    after: JSON | None = described("The fields in the second state; null if it was removed.")
    fields: list[FieldChange] = strawberry.field(
        description="The fields that differ.", metadata={"largest_page": FIELDS}
    )


Kinds = Annotated[
    list[ChangeKind] | None,
    strawberry.argument(description="Return only items with these differences."),
]
Types = Annotated[
    list[EntityType] | None, strawberry.argument(description="Return only items of these types.")
]


@strawberry.type(description="The differences between a baseline and another state.")
class BaselineDiff:
    pair: strawberry.Private[Pair]
    people: strawberry.Private[bool]
    differences: strawberry.Private[list[Difference]]

    @strawberry.field(description="The number of items that were added.")
    def added(self) -> int:
        return self._count(ChangeKind.ADDED)

    @strawberry.field(description="The number of items that were removed.")
    def removed(self) -> int:
        return self._count(ChangeKind.REMOVED)

    @strawberry.field(description="The number of items with different fields.")
    def changed(self) -> int:
        return self._count(ChangeKind.CHANGED)

    @strawberry.field(
        description="The number of items in another document or block, or at another place there."
    )
    def moved(self) -> int:
        return self._count(ChangeKind.MOVED)

    @strawberry.field(
        description="The items that differ, in the order of their IDs.",
        metadata={"largest_page": MAX_DIFFERENCE},
    )
    async def changes(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        kinds: Kinds = None,
        entity_types: Types = None,
    ) -> Connection[BaselineChange]:
        arguments = (first, after, last, before)
        asked = asked_for(*arguments, (BY_ID,), largest=MAX_DIFFERENCE)
        names = None if entity_types is None else {type_.value for type_ in entity_types}
        matching = [
            found
            for found in self.differences
            if (kinds is None or not set(kinds).isdisjoint(found.kinds))
            and (names is None or found.entity_type in names)
        ]

        async def count() -> int:
            return len(matching)

        lowest, highest = (
            _id_at(cursor, name) for cursor, name in ((after, "after"), (before, "before"))
        )
        between = [
            found
            for found in matching
            if (lowest is None or found.entity_id > lowest)
            and (highest is None or found.entity_id < highest)
        ]
        rows: list[Any] = between[::-1] if asked.backwards else between
        page = asked.page(rows[: asked.size + 1], count)
        wanted: list[Any] = list(page.rows)
        shown: list[Any] = await _changes(info.context, self.pair, wanted, people=self.people)
        return Connection[BaselineChange](page=replace(page, rows=shown))

    def _count(self, kind: ChangeKind) -> int:
        return sum(kind in found.kinds for found in self.differences)


def _id_at(cursor: str | None, argument: str) -> UUID | None:
    """Return the ID at a cursor, if one is given. Raises INVALID."""
    if cursor is None:
        return None
    (id,) = decode((BY_ID,), cursor, argument)
    return id  # type: ignore[no-any-return]


With = Annotated[
    UUID | None,
    strawberry.argument(
        name="with",
        description="The ID of another baseline of the same document or project, to compare with."
        " The default is the current state.",
    ),
]


async def diff(root: strawberry.Parent[Any], info: Info, with_: With = None) -> BaselineDiff:
    context = info.context
    if with_ is not None:
        other = await context.get(db.Baseline, with_)
        if (other.project_id, other.document_id) != (root.project_id, root.document_id):
            message = "The other baseline is of another document or project."
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
    rows = await Comparison(context.session).differences(ids, other, whole_project=whole_project)
    found = []
    for id in ids:
        of_one = rows.get(id, [])
        if len(of_one) > MAX_ON_LOOP:
            found.append(await asyncio.to_thread(classified, of_one))
        else:
            found.append(classified(of_one))
    return found


async def _changes(
    context: Context, pair: Pair, wanted: list[Difference], *, people: bool
) -> list[BaselineChange]:
    """Return the items with their data and names, in two statements for all pairs of a level."""
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

    # Items that others have deleted since the differences were read have no side left.
    there = (found for found in wanted if any(sides[found.entity_id]))
    return [change(found, *sides[found.entity_id]) for found in there]


def _ends(data: Any) -> Iterable[tuple[str, UUID]]:
    """Yield the types and IDs that a link, or the execution of a test, joins."""
    if data and "link_type" in data:
        for end in ("source", "target"):
            yield EntityLabel(data[f"{end}_type"]).entity, UUID(data[f"{end}_id"])
    elif data and "execution_status" in data:
        yield "TestCase", UUID(data["test_id"])
        yield "Requirement", UUID(data["requirement_id"])


async def _sides(
    context: Context, other: UUID | None, whole_project: bool, keys: list[Any]
) -> list[Any]:
    baselines, ids = {key[0] for key in keys}, {id for key in keys for id in key[1]}
    found = await Comparison(context.session).both_sides(
        baselines, other, ids, whole_project=whole_project
    )
    nothing = (None, None)
    return [{id: found.get((baseline, id), nothing) for id in ids} for baseline, ids in keys]


async def _names(context: Context, other: UUID | None, keys: list[Any]) -> list[Any]:
    baselines, ids = {key[0] for key in keys}, {id for key in keys for id in key[1]}
    found = await Comparison(context.session).names(baselines | ({other} if other else set()), ids)
    return [found for _ in keys]


extend_type(
    Baseline,
    diff=computed(
        "id",
        "organization_id",
        "project_id",
        "document_id",
        text="The differences between this baseline and another one, or the current state.",
    )(diff),
)
