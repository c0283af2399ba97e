"""Fields that most types have: described columns, edges to one row, edges declared by the child."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from auth.session import Row
from db.base import Entity
from graph.kit.context import Info
from graph.kit.scalars import BigInt

AtVersion = Annotated[
    BigInt | None,
    strawberry.argument(
        description="Read it as it was at this version, and what is beneath it as it was then."
    ),
]
AsOf = Annotated[
    datetime | None,
    strawberry.argument(
        description="Read it as it was at this time, and what is beneath it as well; people, and"
        " roles, are those of now."
    ),
]


def described(text: str, *, name: str | None = None) -> Any:
    """A plain field: the column of the same name, and what it means."""
    return strawberry.field(description=text, name=name)


def to_one(key: str, model: type[Entity], type_: Any, text: str) -> Any:
    """The row that a foreign key names; null when there is none the viewer may see."""

    async def resolve(root: strawberry.Parent[Any], info: Info) -> type_ | None:
        id: UUID | None = getattr(root, key)
        past = info.context.past_of(root)
        return await info.context.one(model, id, past) if id else None

    return strawberry.field(resolve, description=text)


def by_id(model: type[Entity], type_: Any, text: str) -> Any:
    """A root field: one row by its id, now or at a point in the past, or NOT_FOUND."""

    async def resolve(
        info: Info, id: UUID, at_version: AtVersion = None, as_of: AsOf = None
    ) -> type_ | None:
        return await info.context.get_then(model, id, at_version, as_of)

    return strawberry.field(resolve, description=text)


def extend_type(type_: type, **fields: StrawberryField) -> None:
    """Add fields to a type declared elsewhere, as `extend type` does in the schema language.

    A child declares the edge that leads to it, so that a parent knows none of its products.
    """
    definition = get_object_definition(type_, strict=True)
    for name, field in fields.items():
        field.python_name = name
        field.origin = type_
        definition.fields.append(field)


def same(row: Row, *names: str) -> dict[str, Any]:
    """These columns of a row, for a row beneath it."""
    return {name: getattr(row, name) for name in names}
