"""The GraphQL types of change events, and the subscriptions to organizations and projects."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from auth.policy import ENTITIES, entity_of
from auth.policy.scopes import scopes_beneath
from auth.session import Row
from auth.session.row import model_of
from auth.session.versions import Version
from db.base import Entity
from db.core.organizations import Organization
from db.core.people import Profile as ProfileRow
from db.core.projects import Project
from db.feed.reading import Event
from db.fields import secrets
from db.problem import Problem
from graph.core.people import Profile
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import Id, described
from graph.kit.named import columns_named, field_names, followed_models
from graph.kit.node import NODES, Node
from graph.kit.scalars import BigInt
from graph.kit.stream import Kind, Stream

MAX_NAMES = 50


@strawberry.enum(description="The kind of a change event.")
class ChangeKind(Enum):
    READY = strawberry.enum_value(
        "ready", description="The subscription is active. This is always the first event."
    )
    CREATED = strawberry.enum_value("created", description="The object was created.")
    UPDATED = strawberry.enum_value("updated", description="Fields of the object were changed.")
    DELETED = strawberry.enum_value("deleted", description="The object was deleted.")
    RESTORED = strawberry.enum_value("restored", description="The object was restored.")
    MOVED = strawberry.enum_value(
        "moved",
        description="The object was moved. A subscription to the place that it left receives no"
        " further events of it.",
    )
    RESYNC = strawberry.enum_value(
        "resync",
        description="The events after the given cursor are no longer available. Read the data"
        " again, and continue from the cursor of this event.",
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a stream delivers it; without an `event` it is about the stream itself."""

    kind: ChangeKind
    cursor: str
    at: datetime
    event: Event | None = None


def kind_of(event: Event) -> ChangeKind:
    """Return the kind of an event."""
    match event.action:
        case "create":
            return ChangeKind.CREATED
        case "delete":
            return ChangeKind.DELETED
        case "restore":
            return ChangeKind.RESTORED
        case _:
            model = ENTITIES.get(event.entity_type)
            place = model.place_keys() if model else ()
            is_moved = not set(place).isdisjoint(event.changed_fields)
            return ChangeKind.MOVED if is_moved else ChangeKind.UPDATED


def model_named(entity_type: str) -> type[Entity] | None:
    """Return the model of this name, or None when the API has no type for it."""
    return next((model for model in NODES if model.__name__ == entity_type), None)


def changed_fields_of(event: Event) -> list[str]:
    """Return the names of the fields that the event has changed, of those that the API shows."""
    model = model_named(event.entity_type)
    names = field_names(model) if model else {}
    hidden = secrets(model) if model else frozenset()
    shown = (column for column in event.changed_fields if column not in hidden)
    return [names[column] for column in shown if column in names]


async def row_told(event: Event | None, context: Context) -> Row | None:
    """Return the row of an event at its version, or None when it was deleted or is not shown."""
    if event is None or event.action == "delete" or event.version is None:
        return None
    model = model_named(event.entity_type)
    if model is None:
        return None
    row = await context.one(model, event.entity_id)
    if row is not None and row.version == event.version:
        return row
    return await context.at_version(model, Version(event.entity_id, event.version, event.at))


def of_event(name: str, type_: Any, text: str) -> Any:
    """Return a field of the event, null when the stream reports on itself."""

    def resolve(root: strawberry.Parent[Any]) -> type_:
        return root.event and getattr(root.event, name)

    return strawberry.field(resolve, description=text)


@strawberry.type(description="A change of an object, as a subscription delivers it.")
class ChangeEvent:
    cursor: str = described(
        "The cursor of the event. Pass it as `after` to continue after this event."
    )
    kind: ChangeKind = described("The kind of the event.")
    at: datetime = described("The date and time of the event.")
    entity_id: UUID | None = of_event("entity_id", UUID | None, "The ID of the object.")
    version: BigInt | None = of_event(
        "version", BigInt | None, "The version of the object after the change."
    )
    correlation_id: UUID | None = of_event(
        "correlation_id",
        UUID | None,
        "The correlation ID of the request that made the change. A client recognizes its own"
        " changes by it.",
    )
    sequence: BigInt | None = of_event(
        "sequence",
        BigInt | None,
        "The number of the event in its document, without gaps. Events that a filter or the access"
        " of the viewer leave out keep their numbers.",
    )

    @strawberry.field(description="The type of the object.")
    def entity_type(root: strawberry.Parent[Any]) -> EntityType | None:  # noqa: N805
        return root.event and root.event.entity_type

    @strawberry.field(
        description="The object at the version of this event; null if it was deleted or the viewer"
        " can no longer read it."
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await row_told(root.event, info.context)  # type: ignore[return-value]

    @strawberry.field(
        description="The names of the fields that were changed. Can be empty for a deletion."
    )
    def changed_fields(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        return changed_fields_of(root.event) if root.event else []

    @strawberry.field(
        description="Whether the object left the project or document of the subscription,"
        " which receives"
        " no further events of it."
    )
    def departed(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        departed = root.event.departed if root.event else None
        return departed is not None and not departed.is_linked

    via: UUID | None = of_event(
        "via",
        UUID | None,
        "The ID of the block, document or project whose deletion or restoration included"
        " the object."
        " Such events are delivered if `types` names the type of the object, but not that of its"
        " container.",
    )

    @strawberry.field(
        description="Whether only the position changed, to make room for another object."
    )
    def renumbered(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.event is not None and root.event.renumbered

    @strawberry.field(description="The user who made the change; null for the system.")
    async def actor(root: strawberry.Parent[Any], info: Info) -> Profile | None:  # noqa: N805
        id = root.event.actor_id if root.event else None
        return await info.context.one(ProfileRow, id) if id else None  # type: ignore[return-value]


After = Annotated[
    str | None,
    strawberry.argument(description="The cursor of the last event received, to continue after it."),
]
Types = Annotated[
    list[EntityType] | None,
    strawberry.argument(description="Deliver only events of objects of these types."),
]
Fields = Annotated[
    list[str] | None,
    strawberry.argument(
        description="Deliver updates only if they change one of these fields, named as in"
        " `changedFields`."
    ),
]


def followed(
    kind: Kind,
    row: Any,
    after: str | None,
    types: list[EntityType] | None = None,
    fields: list[str] | None = None,
) -> Stream:
    """Return the stream of a row that these arguments describe. Raises INVALID for a bad filter."""
    for name, given in (("types", types), ("fields", fields)):
        if given is not None and not 0 < len(given) <= MAX_NAMES:
            raise Problem(
                "INVALID", f"Must have 1 to {MAX_NAMES} items, or be left out.", field=[name]
            )
    model = entity_of(model_of(row))
    among = [model] if kind == "entity" else [*NODES]
    models = followed_models(types, "types") if types else among
    scopes = scopes_beneath(model, row)
    return Stream(
        kind,
        row.id,
        scopes.get("organization_id"),
        after,
        frozenset(model.__name__ for model in models) if types else None,
        columns_named(fields, models, "fields") if fields else None,
        entity_type=model.__name__,
        project_id=scopes.get("project_id"),
        document_id=scopes.get("document_id"),
    )


def stream(
    kind: Kind,
    row: Any,
    after: str | None,
    types: list[EntityType] | None = None,
    fields: list[str] | None = None,
) -> AsyncGenerator[ChangeEvent, None]:
    """Return the stream in place of an async generator; the hub follows it."""
    return cast("AsyncGenerator[ChangeEvent, None]", followed(kind, row, after, types, fields))


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The changes of the objects in an organization that the viewer can read."
    )
    async def organization_changed(
        self,
        info: Info,
        id: Id,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Organization, id)
        return stream("organization", row, after, types, fields)

    @strawberry.subscription(description="The changes of the objects in a project.")
    async def project_changed(
        self,
        info: Info,
        id: Id,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Project, id)
        return stream("project", row, after, types, fields)
