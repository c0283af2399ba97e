"""The trash: what was deleted and can be restored, of every kind, newest deletion first."""

import re
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.session.trash import RESTORABLE, kinds
from db.core.people import Profile as ProfileRow
from graph.core.people import Profile
from graph.kit.connection import After, Before, Connection, First, Last, asked_for
from graph.kit.context import Info
from graph.kit.cursor import Key
from graph.kit.fields import described, to_one
from graph.kit.node import Node
from graph.kit.scopes import ACTION

BY_NAME = {model.__name__: model for model in RESTORABLE}

TrashType: Any = strawberry.enum(
    Enum(  # type: ignore[call-overload]
        "TrashType", {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): name for name in BY_NAME}
    ),
    description="What can be deleted and restored.",
)


@strawberry.type(description="Something deleted that the viewer can restore, with all beneath it.")
class TrashItem:
    id: UUID = described("The id of the deleted row.")
    type: TrashType = described("What it is.")
    name: str | None = described("What it is called.")
    deleted_at: datetime = described("When it was deleted.")
    deleted_by: Profile | None = to_one("deleted_by", ProfileRow, Profile, "Who deleted it.")
    purgeable_at: datetime | None = described(
        "From when on it may be purged: its organization's trashRetentionDays after its deletion;"
        " null while these are unlimited, and for memberships, which are kept."
    )

    @strawberry.field(description="The deleted row; of what is beneath it nothing is to be seen.")
    async def node(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await info.context.deleted(BY_NAME[root.type], root.id)  # type: ignore[return-value]


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


OrganizationId = Annotated[UUID | None, _says("Only this organization, or what is in it.")]
ProjectId = Annotated[UUID | None, _says("Only this project, or what is in it.")]
DocumentId = Annotated[UUID | None, _says("Only this document, or what is in it.")]
Types = Annotated[list[TrashType] | None, _says("Only these; everything unless given.")]


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
    wanted = None if types is None else [BY_NAME[type_.value] for type_ in types]
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


def _keys(columns: Any) -> tuple[Key, ...]:
    """The order of the trash, in these columns."""
    return (Key(columns.deleted_at, descending=True), Key(columns.id, descending=True))


@strawberry.type
class Query:
    trash = strawberry.field(
        _trash,
        description="What the viewer can restore: deleted itself, beneath nothing deleted.",
        metadata={ACTION: "delete"},
    )
