"""What is told of an event to those who follow something: the GraphQL types of the feed."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from auth.session import Row
from auth.session.record import SECRETS
from db.base import Entity
from db.core.organizations import Organization
from db.core.people import Profile as ProfileRow
from db.core.projects import Project
from db.feed.reading import Event
from db.problem import Problem
from graph.core.people import Profile
from graph.kit.context import Context, Info
from graph.kit.fields import described
from graph.kit.node import NODES, Node
from graph.kit.scalars import BigInt
from graph.kit.stream import Kind, Stream

MOVED_BY = frozenset({"position", "parent_id", "block_id", "document_id", "project_id"})
"""Columns that say where a row stands: who changes one of them has moved it."""
MOST_NAMES = 50


@strawberry.enum(description="What has happened, or what the stream says of itself.")
class ChangeKind(Enum):
    READY = strawberry.enum_value(
        "ready", description="The first event: from its cursor on, everything is told."
    )
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = strawberry.enum_value(
        "moved",
        description="It stands elsewhere. A stream that it has left hears no more of it.",
    )
    RESYNC = strawberry.enum_value(
        "resync",
        description="What happened since the cursor that was given is not known any more: read"
        " again what is shown, and go on from here.",
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a stream tells it; without an event it speaks of itself."""

    kind: ChangeKind
    cursor: str
    at: datetime
    event: Event | None = None


def kind_of(event: Event) -> ChangeKind:
    """What an event is called."""
    match event.action:
        case "create":
            return ChangeKind.CREATED
        case "delete":
            return ChangeKind.DELETED
        case "restore":
            return ChangeKind.RESTORED
        case _:
            moved = not MOVED_BY.isdisjoint(event.changed_fields)
            return ChangeKind.MOVED if moved else ChangeKind.UPDATED


def model_named(entity_type: str) -> type[Entity] | None:
    """The model of this name, if the API has a type for it."""
    return next((model for model in NODES if model.__name__ == entity_type), None)


async def row_told(event: Event | None, context: Context) -> Row | None:
    """The row that an event is about, at its version; None when it was deleted, or is not shown."""
    if event is None or event.action == "delete" or event.version is None:
        return None
    model = model_named(event.entity_type)
    if model is None:
        return None
    row = await context.one(model, event.entity_id)
    if row is None or row.version != event.version:
        try:
            row = await context.get_then(model, event.entity_id, event.version, None)
        except Problem as problem:
            if problem.code != "NOT_FOUND":
                raise
            return None
    return row


def of_event(name: str, type_: Any, text: str) -> Any:
    """A field that is null where the stream speaks of itself."""

    def resolve(root: strawberry.Parent[Any]) -> type_:
        return root.event and getattr(root.event, name)

    return strawberry.field(resolve, description=text)


@strawberry.type(description="Something that has happened, in the order in which it did.")
class ChangeEvent:
    cursor: str = described("Give it back as `after` to go on right after this event.")
    kind: ChangeKind = described("What has happened.")
    at: datetime = described("When it was recorded.")
    entity_type: str | None = of_event("entity_type", str | None, "Its type: Requirement, say.")
    entity_id: UUID | None = of_event("entity_id", UUID | None, "Its id.")
    version: BigInt | None = of_event("version", BigInt | None, "Its version since this event.")
    correlation_id: UUID | None = of_event(
        "correlation_id",
        UUID | None,
        "That of the request which did it, by which a client knows its own changes.",
    )
    sequence: BigInt | None = of_event(
        "sequence",
        BigInt | None,
        "The event's number in its document, counted without gaps; filters and rights leave out"
        " events, never numbers.",
    )

    @strawberry.field(
        description="What it happened to, at the version of this event; null when it is deleted,"
        " or no longer to be seen."
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await row_told(root.event, info.context)  # type: ignore[return-value]

    @strawberry.field(description="The fields that it set.")
    def changed_fields(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        event: Event | None = root.event
        if event is None:
            return []
        return [to_camel_case(name) for name in event.changed_fields if name not in SECRETS]

    @strawberry.field(
        description="Whether it left the project or document that is followed: the last it hears."
    )
    def departed(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.event is not None and root.event.departed is not None

    @strawberry.field(
        description="Whether its position changed only because another was moved next to it."
    )
    def renumbered(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.event is not None and root.event.renumbered

    @strawberry.field(description="Who did it; null for the gateway itself.")
    async def actor(root: strawberry.Parent[Any], info: Info) -> Profile | None:  # noqa: N805
        id = root.event.actor_id if root.event else None
        return await info.context.one(ProfileRow, id) if id else None  # type: ignore[return-value]


After = Annotated[
    str | None,
    strawberry.argument(description="The cursor of the last event that was received, to go on."),
]
Types = Annotated[
    list[str] | None,
    strawberry.argument(description="Tell only of these types: Requirement, say."),
]
Fields = Annotated[
    list[str] | None,
    strawberry.argument(description="Of updates, tell only those that set one of these fields."),
]


def stream(
    kind: Kind,
    id: UUID,
    organization_id: UUID | None,
    after: str | None,
    types: list[str] | None = None,
    fields: list[str] | None = None,
) -> AsyncGenerator[ChangeEvent, None]:
    """What a root field of Subscription answers. Raises INVALID for a filter nothing could pass."""
    for name, given in (("types", types), ("fields", fields)):
        if given is not None and not 0 < len(given) <= MOST_NAMES:
            raise Problem("INVALID", f"Name 1 to {MOST_NAMES}, or none.", field=[name])
    known = {model.__name__ for model in NODES}
    if types and (unknown := [name for name in types if name not in known]):
        raise Problem("INVALID", f"There is no type {unknown[0]}.", field=["types"])
    followed = Stream(
        kind,
        id,
        organization_id,
        after,
        frozenset(types) if types else None,
        frozenset(map(to_snake_case, fields)) if fields else None,
    )
    return cast("AsyncGenerator[ChangeEvent, None]", followed)


@strawberry.type
class Subscription:
    @strawberry.subscription(description="What happens in an organization, as far as one may see.")
    async def organization_changed(
        self,
        info: Info,
        id: UUID,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Organization, id)
        return stream("organization", row.id, row.id, after, types, fields)

    @strawberry.subscription(description="What happens in a project.")
    async def project_changed(
        self,
        info: Info,
        id: UUID,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Project, id)
        return stream("project", row.id, row.organization_id, after, types, fields)
