"""The history of a row: each recorded change, by whom and when, what was before and what since."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Enum as EnumType
from sqlalchemy import Text
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.session import Row
from auth.session.record import SECRETS
from db.base import Base
from db.change import AuditLog
from graph.kit.connection import (
    After,
    Before,
    Connection,
    Direction,
    First,
    Last,
    asked_for,
)
from graph.kit.context import Info
from graph.kit.cursor import Key
from graph.kit.fields import described
from graph.kit.scalars import BigInt
from graph.kit.word_diff import Kind, word_diff

FIELDS, PARTS = 5, 5
"""What a change is taken to have, fields and parts of a text, where an operation's cost is told."""
AT_ONCE = 20_000
"""Characters of both texts that are compared without letting other requests go on meanwhile."""


@strawberry.enum(description="What was done to a row.")
class ChangeAction(Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


strawberry.enum(Kind, name="DiffKind", description="What became of a part of a text.")


@strawberry.type(description="A part of a text before and after, of one of them, or of both.")
class DiffPart:
    kind: Kind = strawberry.field(description="In which of the texts it is.")
    text: str = strawberry.field(description="The part itself.")


@strawberry.type(description="One field that a change has set. Values are as the API shows them.")
class FieldChange:
    field: str = strawberry.field(description="The field's name.")
    old: JSON | None = strawberry.field(description="What it held before.")
    new: JSON | None = strawberry.field(description="What it has held since.")
    is_text: strawberry.Private[bool]

    @strawberry.field(
        metadata={"largest_page": PARTS},
        description="Texts word by word, in order. Parts that are not INSERTED are the old text,"
        " those not DELETED the new one. Null for what is no text, before or after.",
    )
    async def diff(self) -> list[DiffPart] | None:
        old, new = self.old, self.new
        if not (self.is_text and isinstance(old, str) and isinstance(new, str)):
            return None
        if len(old) + len(new) > AT_ONCE:
            parts = await asyncio.to_thread(word_diff, old, new)
        else:
            parts = word_diff(old, new)
        return [DiffPart(kind=part.kind, text=part.text) for part in parts]


@strawberry.type(description="One recorded change of a row.")
class HistoryEntry:
    id: UUID = described("Its name in the record of changes.")
    version: BigInt = described("The row's version since this change; see `atVersion`.")
    at: datetime = strawberry.field(
        resolver=lambda root: root.created_at, description="When it was recorded."
    )
    correlation_id: UUID | None = described("What one request has changed has one of these.")

    @strawberry.field(description="What was done.")
    def action(root: strawberry.Parent[Any]) -> ChangeAction:  # noqa: N805
        return ChangeAction(root.action)

    @strawberry.field(description="The fields it has set.")
    def changed_fields(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        return [to_camel_case(name) for name in root.changed_fields if name not in SECRETS]

    @strawberry.field(
        description="The fields it has set, with what they held before and since.",
        metadata={"largest_page": FIELDS},
    )
    def changes(root: strawberry.Parent[Any]) -> list[FieldChange]:  # noqa: N805
        return list(_changes(root))

    @strawberry.field(description="Whether it overwrote what others had changed, deliberately.")
    def forced(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.details.get("forced") is True

    @strawberry.field(description="The version whose content it brought back, if it is a revert.")
    def reverted_to(root: strawberry.Parent[Any]) -> BigInt | None:  # noqa: N805
        return root.details.get("reverted_to")


def _changes(entry: Row) -> Iterator[FieldChange]:
    old, new = entry.old_data or {}, entry.new_data or {}
    for name in entry.changed_fields:
        if name not in SECRETS:
            yield field_change(entry.entity_type, name, old.get(name), new.get(name))


def field_change(entity: str, name: str, old: Any, new: Any) -> FieldChange:
    """A column of this entity with two values, as they are recorded."""
    return FieldChange(
        field=to_camel_case(name),
        old=shown(entity, name, old),
        new=shown(entity, name, new),
        is_text=isinstance(_columns(entity).get(name), Text),
    )


@cache
def _columns(entity: str) -> dict[str, Any]:
    """The types of a model's columns."""
    for mapper in Base.registry.mappers:
        if mapper.class_.__name__ == entity:
            return {attribute.key: attribute.columns[0].type for attribute in mapper.column_attrs}
    return {}


def shown(entity: str, name: str, value: Any) -> Any:
    """A column's recorded value as the API spells it: the record has the labels of enumerations."""
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
        Direction, strawberry.argument(description="Newest first, unless ASC.")
    ] = Direction.DESC,
) -> Connection[HistoryEntry] | None:
    shape = ("history", first, after, last, before, direction)
    key = Key(AuditLog.version, descending=direction is Direction.DESC)
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
    """The field of a row that leads to its history."""
    return strawberry.field(
        _history,
        description="Its recorded changes, newest first; for members of its organization.",
    )
