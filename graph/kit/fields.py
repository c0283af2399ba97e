"""Fields that most types have: described columns, edges to one row, edges declared by the child."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from auth.session import Past, Row, has_past
from db.base import Entity, Readable
from db.problem import Problem
from graph.kit.context import Context, Info
from graph.kit.edges import COLUMNS, EDGE, ById, ToOne
from graph.kit.scalars import BigInt

AtVersion = Annotated[
    BigInt | None,
    strawberry.argument(description="Read the object, and everything in it, as of this version."),
]
AsOf = Annotated[
    datetime | None,
    strawberry.argument(
        description="Read the object, and everything in it, as of this time. Users and roles"
        " are the"
        " current ones."
    ),
]


InChangeSet = Annotated[
    UUID | None,
    strawberry.argument(
        description="Read the object, and everything in it, as this open change set would leave"
        " it. Fields in conflict have the proposed value."
    ),
]
Propose = Callable[[Context, UUID], Awaitable[Past]]
"""Returns the state that a change set proposes, by its ID."""

Id = Annotated[UUID, strawberry.argument(description="The ID of the object.")]


def described(text: str, *, name: str | None = None) -> Any:
    """Declare a plain field: the column of the same name, and its description."""
    return strawberry.field(description=text, name=name)


def computed(
    *columns: str,
    text: str,
    of_model: Callable[[Readable], tuple[str, ...]] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Return the decorator of a resolver written by hand that reads these columns of its row.

    `of_model` returns them where they differ by the model of the row.
    """
    return strawberry.field(
        description=text, metadata={**(metadata or {}), COLUMNS: of_model or columns}
    )


def to_one(key: str, model: type[Entity], type_: Any, text: str) -> Any:
    """Declare an edge to the row of a foreign key; null when the viewer may not see it."""
    edge = ToOne(model, key)

    async def resolve(root: strawberry.Parent[Any], info: Info) -> type_ | None:
        id: UUID | None = getattr(root, edge.key)
        past = info.context.past_of(root)
        return await info.context.one(edge.model, id, past) if id else None

    return strawberry.field(resolve, description=text, metadata={EDGE: edge})


def by_id(model: type[Entity], type_: Any, text: str, *, proposed: Propose | None = None) -> Any:
    """Declare a root field: one row by its ID, now or at a point in the past, or NOT_FOUND.

    A row of no organization has no past. With `proposed`, a row can also be read as a change set
    would leave it.
    """
    edge = ById(model)
    if proposed:
        return _by_id_proposed(edge, type_, text, proposed)
    if not has_past(model):
        return _by_id_now(edge, type_, text)

    async def resolve(
        info: Info, id: Id, at_version: AtVersion = None, as_of: AsOf = None
    ) -> type_ | None:
        return await info.context.get_then(edge.model, id, at_version, as_of)

    return strawberry.field(resolve, description=text, metadata={EDGE: edge})


def _by_id_now(edge: ById, type_: Any, text: str) -> Any:
    async def resolve(info: Info, id: Id) -> type_ | None:
        return await info.context.get(edge.model, id)

    return strawberry.field(resolve, description=text, metadata={EDGE: edge})


def _by_id_proposed(edge: ById, type_: Any, text: str, proposed: Propose) -> Any:
    async def resolve(
        info: Info,
        id: Id,
        at_version: AtVersion = None,
        as_of: AsOf = None,
        change_set: InChangeSet = None,
    ) -> type_ | None:
        context = info.context
        if change_set is None:
            return await context.get_then(edge.model, id, at_version, as_of)
        if at_version is not None or as_of is not None:
            message = "Give a version, a time or a change set, not several."
            raise Problem("INVALID", message, field=["changeSet"])
        state = await context.state(change_set, proposed)
        return await context.get(edge.model, id, state)

    return strawberry.field(resolve, description=text, metadata={EDGE: edge})


def extend_type(type_: type, **fields: StrawberryField) -> None:
    """Add fields to a type declared elsewhere, as `extend type` does in the schema language.

    The child declares the edge that leads to it, so that a parent imports none of its children.
    """
    definition = get_object_definition(type_, strict=True)
    for name, field in fields.items():
        field.python_name = name
        field.origin = type_
        definition.fields.append(field)


def same(row: Row, *names: str) -> dict[str, Any]:
    """Return these columns of a row, for a row beneath it."""
    return {name: getattr(row, name) for name in names}
