"""The types of change sets and of the changes that they propose."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.session import Row
from auth.session.write.audit import recorded
from auth.session.write.merge import Overlap
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import change_sets as db
from db.requirements.change_sets import ChangeSetAction, ChangeSetState
from graph.core.changes import After, ChangeEvent, stream
from graph.core.feed import followable
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.filters import EntityTypeFilterInput
from graph.kit.history import FIELDS, FieldChange, field_change, shown
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node
from graph.kit.scalars import BigInt
from graph.requirements.baselines import spelled
from graph.requirements.change_sets.draft import Draft, merged
from graph.requirements.change_sets.ends import missing_ends

DRAFT = ("entity_type", "entity_id", "action", "base_version", "base", "proposed", "place")
"""The columns of an item that make its draft."""
MAX_ITEMS_PAGE_SIZE = 500

describe_enum(
    ChangeSetState,
    "The state of a change set.",
    {
        "OPEN": "The change set can be edited, applied and withdrawn.",
        "APPLIED": "The changes were made.",
        "WITHDRAWN": "The changes will not be made.",
    },
)
describe_enum(
    ChangeSetAction,
    "The change of an object that a change set proposes.",
    {
        "CREATE": "To create the object.",
        "UPDATE": "To change fields of the object, or its place.",
        "DELETE": "To delete the object with everything in it.",
        "RESTORE": "To restore the deleted object.",
    },
)


@strawberry.type(
    description="A named proposal of changes to the objects of a project. Its changes are invisible"
    " in the project until it is applied."
)
class ChangeSet(Authored, Node):
    model = db.ChangeSet

    name: str = described("The name of the change set.")
    description: str | None = described("The description of the change set.")
    state: ChangeSetState = described("The state of the change set.")
    edited_at: datetime | None = described(
        "The date and time when its items were last changed; null if it never had any. The change"
        " set gets a new version whenever its items change."
    )
    closed_at: datetime | None = described(
        "The date and time when the change set was applied or withdrawn; null while it is open."
    )
    organization_id: UUID = described("The ID of the organization of the change set.")
    project_id: UUID = described("The ID of the project of the change set.")
    reverses_id: UUID | None = described(
        "The ID of the change set whose changes it reverses; null if it is not a reversal."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the change set."
    )
    closed_by: Profile | None = to_one(
        "closed_by", ProfileRow, Profile, "The user who applied or withdrew the change set."
    )


@strawberry.type(
    description="A field that both the change set and another user have changed since the proposal."
)
class ChangeSetConflict:
    field: str = described("The name of the field.")
    path: list[str] = described(
        "The path to the value in conflict: the name of the field, then keys of a JSON object."
    )
    base: JSON | None = described("The value on which the proposal is based.")
    current: JSON | None = described("The current value.")
    proposed: JSON | None = described("The proposed value; null for a proposed deletion.")


_DELETED = ChangeSetConflict(
    field="deletedAt", path=["deletedAt"], base=None, current=None, proposed=None
)
"""The conflict of an object that others have deleted."""


@strawberry.type(description="A proposed place among the objects of a project.")
class ChangeSetPlace:
    container_id: UUID | None = described(
        "The ID of the document to move it to; null for the current one."
    )
    inside_id: UUID | None = described("The ID of the block to move it into; null for none.")
    after_id: UUID | None = described("The ID of the object to be placed after.")
    before_id: UUID | None = described("The ID of the object to be placed before.")
    first: bool = described("Whether to place it before all others.")
    position: float | None = described(
        "The position to give it, in a reversal; null to place it by the other fields."
    )


@strawberry.type(description="The proposed change of one object.")
class ChangeSetItem(Authored, Node):
    model = db.ChangeSetItem

    entity_type: EntityType = described("The type of the object.")
    entity_id: UUID = described(
        "The ID of the object. An object that the change set creates has it once it is applied."
    )
    action: ChangeSetAction = described("The proposed change.")
    base_version: BigInt | None = described(
        "The version of the object on which the proposal is based; null for a new object."
    )
    organization_id: UUID = described("The ID of the organization of the change set.")
    project_id: UUID = described("The ID of the project of the change set.")
    change_set_id: UUID = described("The ID of the change set.")
    change_set: ChangeSet | None = to_one(
        "change_set_id", db.ChangeSet, ChangeSet, "The change set."
    )

    @computed(
        "entity_type", "base", text="The values on which the proposal is based, by field names."
    )
    def base(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        return spelled(root.entity_type, root.base, people=True)  # type: ignore[no-any-return]

    @computed("entity_type", "proposed", text="The proposed values, by field names.")
    def proposed(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        return spelled(root.entity_type, root.proposed, people=True)  # type: ignore[no-any-return]

    @computed("place", text="The proposed place; null if the object is not moved.")
    def place(root: strawberry.Parent[Any]) -> ChangeSetPlace | None:  # noqa: N805
        if not root.place:
            return None
        named = {f"{name}_id": root.place.get(name) for name in ("inside", "after", "before")}
        ids = {name: UUID(id) if id else None for name, id in named.items()}
        container = root.place.get("container_id")
        return ChangeSetPlace(
            container_id=UUID(container) if container else None,
            first=bool(root.place.get("first")),
            position=root.place.get("position"),
            **ids,
        )

    @computed(
        "entity_type",
        "entity_id",
        text="The object as it is now; null if it does not exist, or the viewer cannot read it.",
    )
    async def current(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await _current(info.context, root)  # type: ignore[return-value]

    @computed(
        *DRAFT,
        text="The fields that applying the change set would change, with their current values and"
        " those after it, merged with what others have changed since. Fields in conflict have the"
        " proposed value. A deletion has none.",
        metadata={"largest_page": FIELDS},
    )
    async def changes(root: strawberry.Parent[Any], info: Info) -> list[FieldChange]:  # noqa: N805
        draft, row = Draft.of(root), await _current(info.context, root)
        if draft.exists and row is None:
            return []
        values = dict((await merged(draft, row)).values)
        values = {**draft.proposed, **values} if row is None else _after(draft, values)
        old = {name: recorded(getattr(row, name)) for name in values} if row is not None else {}
        return [
            field_change(root.entity_type, name, old.get(name), value)
            for name, value in values.items()
        ]

    @computed(
        "change_set_id",
        *DRAFT,
        text="The fields that others have changed since the proposal, so that they cannot be"
        " merged, and the ends of a new link that were deleted since. The change set can be applied"
        " when no item has any.",
    )
    async def conflicts(
        root: strawberry.Parent[Any],  # noqa: N805
        info: Info,
    ) -> list[ChangeSetConflict]:
        draft, row = Draft.of(root), await _current(info.context, root)
        if not draft.exists:
            gone = await missing_ends(info.context, root.change_set_id, draft)
            return [_gone(draft, name) for name in gone]
        if row is None:
            return [_DELETED]
        found = await merged(draft, row)
        return [_conflict(root.entity_type, overlap) for overlap in found.overlaps]


def _gone(draft: Draft, name: str) -> ChangeSetConflict:
    """Return the conflict of an end of a new link that is not there any more."""
    field, id = to_camel_case(name), draft.proposed[name]
    return ChangeSetConflict(field=field, path=[field], base=id, current=None, proposed=id)


def _after(draft: Draft, merged_values: dict[str, Any]) -> dict[str, Any]:
    """Return the values after the change: of fields in conflict, the proposed ones."""
    left = {name: value for name, value in draft.proposed.items() if name not in merged_values}
    unmerged = {name: value for name, value in left.items() if name in draft.base}
    return {**merged_values, **unmerged}


def _conflict(entity_type: str, overlap: Overlap) -> ChangeSetConflict:
    name = to_camel_case(overlap.field)
    sides = (overlap.base, overlap.current, overlap.yours)
    if not overlap.keys:
        base, current, yours = (shown(entity_type, overlap.field, side) for side in sides)
    else:
        base, current, yours = sides
    path = [name, *overlap.keys]
    return ChangeSetConflict(field=name, path=path, base=base, current=current, proposed=yours)


async def _current(context: Context, item: Any) -> Row | None:
    model = next(m for m in db.PROPOSABLE if m.__name__ == item.entity_type)
    return await context.one(model, item.entity_id)


ChangeSetFilterInput = filter_input(
    ChangeSet, "id", "project_id", "name", "state", "created_by", "created_at", "updated_at"
)
ChangeSetOrderInput = order_input(ChangeSet, "name", "state", "created_at", "updated_at")
ChangeSetItemFilterInput = filter_input(
    ChangeSetItem,
    "id",
    "entity_type",
    "entity_id",
    "action",
    "created_at",
    comparisons={"entity_type": EntityTypeFilterInput},
)
ChangeSetItemOrderInput = order_input(ChangeSetItem, "created_at", "updated_at")


def _change_sets(key: str | None, text: str) -> Any:
    return connection(
        db.ChangeSet, ChangeSet, ChangeSetFilterInput, ChangeSetOrderInput, text, key=key
    )


extend_type(Project, change_sets=_change_sets("project_id", "The change sets of the project."))
extend_type(
    ChangeSet,
    reverses=to_one(
        "reverses_id", db.ChangeSet, ChangeSet, "The change set whose changes it reverses."
    ),
    items=connection(
        db.ChangeSetItem,
        ChangeSetItem,
        ChangeSetItemFilterInput,
        ChangeSetItemOrderInput,
        "The changes that the change set proposes.",
        key="change_set_id",
        largest=MAX_ITEMS_PAGE_SIZE,
    ),
)


@strawberry.type
class Query:
    change_set = by_id(db.ChangeSet, ChangeSet, "Look up a change set by its ID.")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The changes of a change set. Each change of its items gives it a new version."
    )
    async def change_set_changed(
        self, info: Info, id: Id, after: After = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(db.ChangeSet, id)
        return stream("entity", row, after, None, None)


followable("entity", ChangeSet)
