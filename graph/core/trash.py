"""The trash: deleted rows of every type that can be restored, newest deletion first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.policy import ENTITIES
from auth.session.trash import kinds, restorable_models
from db.base import Entity
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.core.people import Profile
from graph.kit.connection import After, Before, Connection, First, Last, asked_for
from graph.kit.context import Info
from graph.kit.cursor import Key
from graph.kit.entity_types import EntityType, label_of
from graph.kit.fields import computed, described, to_one
from graph.kit.node import Node
from graph.kit.scopes import ACTION


@strawberry.type(description="A deleted object that the viewer can restore, with everything in it.")
class TrashItem:
    id: strawberry.ID = described("The ID of the object.")
    type: EntityType = described("The type of the object.", name="entityType")
    name: str | None = described("The name of the object.")
    deleted_at: datetime = described("The date and time when the object was deleted.")
    deleted_by: Profile | None = to_one(
        "deleted_by", ProfileRow, Profile, "The user who deleted the object."
    )
    purgeable_at: datetime | None = described(
        "The date and time from which the object can be purged: `trashRetentionDays` after its"
        " deletion. Null if that is null, while the organization is under a legal hold, and for"
        " memberships, which are kept."
    )

    @computed("type", "id", text="The deleted object. What was in it cannot be read.")
    async def node(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await info.context.deleted(ENTITIES[root.type], root.id)  # type: ignore[return-value]


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


OrganizationId = Annotated[
    UUID | None, _says("Return only objects in this organization, or itself.")
]
ProjectId = Annotated[UUID | None, _says("Return only objects in this project, or itself.")]
DocumentId = Annotated[UUID | None, _says("Return only objects in this document, or itself.")]
Types = Annotated[list[EntityType] | None, _says("Return only objects of these types.")]


async def _trash(
    info: Info,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    document_id: DocumentId = None,
    types: Types = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[TrashItem] | None:
    session = info.context.session
    places = (organization_id, project_id, document_id)
    asked = asked_for(first, after, last, before, _keys(ProfileRow))
    wanted = None if types is None else _restorable(types)
    among = kinds(session.viewer, wanted, places)
    rows = await session.trash(
        among,
        places,
        lambda columns: asked.bounds(_keys(columns)),
        lambda columns: asked.order(_keys(columns)),
        asked.size + 1,
    )

    async def count() -> int:
        return await session.count_trash(among, places)

    return Connection[TrashItem](page=asked.page(rows, count))


def _restorable(types: Sequence[Any]) -> list[type[Entity]]:
    """Return the models of these types. Raises INVALID for the first that cannot be restored."""
    models = [ENTITIES[type_.value] for type_ in types]
    for place, model in enumerate(models):
        if model not in restorable_models():
            message = f"{label_of(model)} cannot be restored."
            raise Problem("INVALID", message, field=["types", place])
    return models


def _keys(columns: Any) -> tuple[Key, ...]:
    """Return the sort keys of the trash, made of these columns."""
    return (Key(columns.deleted_at, descending=True), Key(columns.id, descending=True))


@strawberry.type
class Query:
    trash = strawberry.field(
        _trash,
        description="List deleted objects that the viewer can restore, except those in"
        " another deleted"
        " object.",
        metadata={ACTION: "delete"},
    )
