"""The history of a row: its changes, with actor, time, and the values before and after."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Enum as EnumType
from sqlalchemy import Text, inspect
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.policy import ENTITIES, in_token_scope
from auth.session import Row
from auth.session.diff import MAX_STEPS, Budget
from db.change import AuditLog
from db.fields import secrets
from graph.kit.connection import (
    After,
    Before,
    Connection,
    First,
    Last,
    OrderDirection,
    asked_for,
)
from graph.kit.context import Context, Info
from graph.kit.cursor import Key
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described
from graph.kit.scalars import BigInt
from graph.kit.word_diff import Kind, Part, whole, word_diff

FIELDS, PARTS = 5, 20
"""The numbers of fields and of parts of a text in a change that an operation's cost assumes."""
MAX_ON_LOOP, MAX_STEPS_ON_LOOP = 5_000, 5_000
"""Characters of both texts, and comparisons, for which a thread is not worth while."""
REQUEST_STEPS = 4 * MAX_STEPS
"""Comparisons of all the diffs of one request, at most: two fifths of a second."""
CHARACTERS_PER_STEP = 16
"""Reading so many characters takes as long as one comparison."""

_THREAD = ThreadPoolExecutor(1, "diff")
"""One thread: more of them would only take the processor from the loop more often."""


class Diffs:
    """The diffs of one request, one after the other, with a bounded number of steps for all."""

    def __init__(self) -> None:
        self._left = REQUEST_STEPS
        self._turn = asyncio.Lock()

    async def between(self, old: str, new: str) -> list[Part]:
        """Return the parts of both texts; both texts whole when no steps are left."""
        size = len(old) + len(new)
        async with self._turn:  # so that each request has one diff at most in the thread
            self._left -= size // CHARACTERS_PER_STEP
            if self._left <= 0:
                return whole(old, new)
            if size <= MAX_ON_LOOP:
                await asyncio.sleep(0)
                parts = word_diff(old, new, budget := Budget(MAX_STEPS_ON_LOOP))
                if budget.left >= 0:
                    return parts
            given = min(self._left, MAX_STEPS)
            budget = Budget(given)
            loop = asyncio.get_running_loop()
            parts = await loop.run_in_executor(_THREAD, word_diff, old, new, budget)
            self._left -= given - max(budget.left, 0)
            return parts


@strawberry.enum(description="The kind of a recorded change.")
class ChangeAction(Enum):
    CREATE = strawberry.enum_value("create", description="The object was created.")
    UPDATE = strawberry.enum_value("update", description="Fields of the object were changed.")
    DELETE = strawberry.enum_value("delete", description="The object was deleted.")
    RESTORE = strawberry.enum_value("restore", description="The object was restored.")


describe_enum(
    Kind,
    "The kind of a part of a text diff.",
    {
        "EQUAL": "The part is in both texts.",
        "DELETED": "The part is only in the old text.",
        "INSERTED": "The part is only in the new text.",
    },
    name="DiffKind",
)


@strawberry.type(description="A part of a text diff.")
class DiffPart:
    kind: Kind = strawberry.field(
        description="Whether the part is in the old text, the new text, or both."
    )
    text: str = strawberry.field(description="The text of the part.")


@strawberry.type(description="The change of one field. Values have the format of the API.")
class FieldChange:
    field: str = strawberry.field(description="The name of the field.")
    old: JSON | None = strawberry.field(description="The value before the change.")
    new: JSON | None = strawberry.field(description="The value after the change.")
    is_text: strawberry.Private[bool]

    @strawberry.field(
        metadata={"largest_page": PARTS},
        description="The diff of the two texts, word by word. Texts that differ too much, or come"
        " after many others in the same request, are one deleted and one inserted part. Null if a"
        " value is not a text.",
    )
    async def diff(self, info: Info) -> list[DiffPart] | None:
        old, new = self.old, self.new
        if not (self.is_text and isinstance(old, str) and isinstance(new, str)):
            return None
        parts = await info.context.once(Diffs, Diffs).between(old, new)
        return [DiffPart(kind=part.kind, text=part.text) for part in parts]


@strawberry.type(description="A recorded change of an object.")
class HistoryEntry:
    id: strawberry.ID = described("The ID of the entry in the audit log.")
    version: BigInt = described(
        "The version of the object after the change, for use as `atVersion`."
    )
    at: datetime = computed("created_at", text="The date and time of the change.")(
        lambda root: root.created_at
    )
    correlation_id: UUID | None = described(
        "The ID that all changes of one request have in common."
    )

    @computed("action", text="The kind of the change.")
    def action(root: strawberry.Parent[Any]) -> ChangeAction:  # noqa: N805
        return ChangeAction(root.action)

    @computed("changed_fields", text="The names of the fields that were changed.")
    def changed_fields(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        return [to_camel_case(name) for name in _shown(root)]

    @computed(
        "entity_type",
        "changed_fields",
        "old_data",
        "new_data",
        text="The fields that were changed, with their values before and after. The ID and type of"
        " an object that the viewer cannot read are null.",
        metadata={"largest_page": FIELDS},
    )
    async def changes(root: strawberry.Parent[Any], info: Info) -> list[FieldChange]:  # noqa: N805
        return await changes_of(root, info.context)

    @computed(
        "details", text="Whether `force` was set, so that changes by others were overwritten."
    )
    def forced(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.details.get("forced") is True

    @computed(
        "details",
        text="The version whose content was restored; null if the change is not a revert.",
    )
    def reverted_to(root: strawberry.Parent[Any]) -> BigInt | None:  # noqa: N805
        return root.details.get("reverted_to")


async def changes_of(entry: Row, context: Context) -> list[FieldChange]:
    """Return the changes of an entry, without values that name rows the viewer cannot read."""
    hidden = await _hidden(entry, context)
    return [
        replace(change, old=None, new=None) if name in hidden else change
        for name, change in _changes(entry)
    ]


def _changes(entry: Row) -> Iterator[tuple[str, FieldChange]]:
    old, new = entry.old_data or {}, entry.new_data or {}
    for name in _shown(entry):
        yield name, field_change(entry.entity_type, name, old.get(name), new.get(name))


async def _hidden(entry: Row, context: Context) -> set[str]:
    """Return the columns of a change that name rows which the viewer cannot read."""
    hidden: set[str] = set()
    for pointer in ENTITIES[entry.entity_type].traits.pointers:
        for data in (entry.old_data or {}, entry.new_data or {}):
            id, type_ = (data.get(column) for column in pointer)
            if id is not None and not await _is_readable(
                entry.entity_type, pointer[1], type_, id, context
            ):
                hidden |= {*pointer}
    return hidden


async def _is_readable(entity: str, column: str, type_: Any, id: str, context: Context) -> bool:
    """Return whether the viewer can read the row with this ID and label of its type."""
    kind: Any = _columns(entity)[column]
    model = ENTITIES.get(kind.enum_class(type_).entity) if type_ else None
    if model is None or not in_token_scope(context.viewer, "read", model):
        return False
    return await context.one(model, UUID(id)) is not None


def _shown(entry: Row) -> list[str]:
    """Return the columns that a change has set, without secrets."""
    hidden = secrets(ENTITIES[entry.entity_type])
    return [name for name in entry.changed_fields if name not in hidden]


def field_change(entity: str, name: str, old: Any, new: Any) -> FieldChange:
    """Return the change of a column from one recorded value to another."""
    return FieldChange(
        field=to_camel_case(name),
        old=shown(entity, name, old),
        new=shown(entity, name, new),
        is_text=isinstance(_columns(entity).get(name), Text),
    )


@cache
def _columns(entity: str) -> dict[str, Any]:
    """Return the types of a model's columns."""
    attributes = inspect(ENTITIES[entity]).column_attrs
    return {attribute.key: attribute.columns[0].type for attribute in attributes}


def shown(entity: str, name: str, value: Any) -> Any:
    """Return a recorded value as the API has it: of an enumeration, the name for the label."""
    type_ = _columns(entity).get(name)
    if isinstance(type_, EnumType) and type_.enum_class and value is not None:
        return type_.enum_class(value).name
    return value


async def _history(
    root: strawberry.Parent[Any],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    direction: Annotated[
        OrderDirection,
        strawberry.argument(
            description="The direction of the sort by version. The default is the newest first."
        ),
    ] = OrderDirection.DESC,
) -> Connection[HistoryEntry] | None:
    shape = ("history", first, after, last, before, direction)
    key = Key(AuditLog.version, descending=direction is OrderDirection.DESC)
    session = info.context.session
    asked = info.context.once(shape, lambda: asked_for(first, after, last, before, (key,)))

    async def pages(rows: list[UUID]) -> list[list[Row]]:
        bounds, limit = asked.bounds(), asked.size + 1
        found = await session.history(rows, *bounds, order=asked.order(), limit=limit)
        return [found.get(row, []) for row in rows]

    async def counts(rows: list[UUID]) -> list[int]:
        found = await session.history_counts(rows)
        return [found.get(row, 0) for row in rows]

    async def count() -> int:
        counted: int = await info.context.loader("history counts", counts).load(root.id)
        return counted

    found = await info.context.loader(shape, pages).load(root.id)
    return Connection[HistoryEntry](page=asked.page(found, count))


def history() -> Any:
    """Declare the field of a row that leads to its history."""
    return computed(
        "id",
        text="The recorded changes of the object. They are empty for viewers outside of the"
        " organization.",
    )(_history)
