"""Presence in documents: who is there, where they are, and which fields they are changing."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from auth.policy import allows, require_signed_in
from auth.session.refusal import forbidden
from auth.session.row import model_of
from db.base import Entity
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from db.requirements import documents as db
from db.requirements.requirements import Requirement
from db.text import fault_in
from graph.core.people import Profile
from graph.kit import presence as kit
from graph.kit.context import Context, Info
from graph.kit.fields import described
from graph.kit.presence import Client, Focus, Place
from graph.kit.scopes import SCOPE
from graph.kit.stream import Stream

READING, WRITING = {SCOPE: "requirements:read"}, {SCOPE: "requirements:write"}
SEEING_PEOPLE = {SCOPE: "organizations:read"}
LONGEST_FIELD = 100
"""Characters of a field's name; it may be a path into one."""
LARGEST_OFFSET = 1_000_000
"""Characters in one text."""
LEASABLE: tuple[type[Entity], ...] = (db.Document, db.Block, Requirement)


@strawberry.type(
    description="Where somebody is: at the cursor, where `start` is `end`, or with a selection."
)
class PresenceFocus:
    entity_id: UUID = described("The document, or a block or requirement in it.")
    field: str | None = described("The field of it; null for the whole.")
    start: int | None = described("The first character, counted from 0; null for the whole field.")
    end: int | None = described("The character behind the last.")


@strawberry.type(
    description="A field that others leave alone while somebody changes it. It is a"
    " courtesy: writes are not refused because of it."
)
class FieldLease:
    entity_id: UUID = described("The document, or a block or requirement in it.")
    field: str = described("The field of it.")
    until: datetime = described("When it ends, unless it is taken again before.")


@strawberry.type(description="Somebody who is in a document, with one tab.")
class Present:
    client_id: UUID = described("The tab, as it calls itself.")
    since: datetime = described("When it came.")
    focus: PresenceFocus | None = described("Where they are, if they have said so.")
    leases: list[FieldLease] = described("The fields they are changing.")

    @strawberry.field(description="Who they are.")
    async def person(root: strawberry.Parent[Any], info: Info) -> Profile:  # noqa: N805
        return await info.context.get(ProfileRow, root.client.person_id)  # type: ignore[return-value]


@strawberry.type(description="Who is in a document.")
class PresenceEvent:
    at: datetime = described("The moment of which it tells.")

    @strawberry.field(
        metadata=SEEING_PEOPLE,
        description="Everybody whose profile the viewer may see, who came first first.",
    )
    async def present(root: strawberry.Parent[Any], info: Info) -> list[Present]:  # noqa: N805
        return await _seen(info.context, root.present)  # type: ignore[return-value]


async def _seen(context: Context, present: tuple[kit.Present, ...]) -> list[kit.Present]:
    """Those whose profile the viewer may see."""
    profiles = await asyncio.gather(
        *(context.one(ProfileRow, one.client.person_id) for one in present)
    )
    return [one for one, profile in zip(present, profiles, strict=True) if profile]


@strawberry.input(description="Where somebody is.")
class PresenceFocusInput:
    entity_id: UUID
    field: str | None = None
    start: int | None = None
    end: int | None = None


@strawberry.input
class PresenceUpdate:
    document_id: UUID
    client_id: UUID
    focus: PresenceFocusInput | None = None


@strawberry.input
class LeaseTake:
    document_id: UUID
    client_id: UUID
    entity_id: UUID
    field: str


@strawberry.input
class LeaseRelease:
    document_id: UUID
    client_id: UUID
    entity_id: UUID
    field: str


@strawberry.type
class PresencePayload:
    present: Present


@strawberry.type
class LeaseTakePayload:
    taken: bool = described("Whether the lease is the client's own.")
    lease: FieldLease = described("The lease there is now.")
    held_by: strawberry.Private[kit.Present]

    @strawberry.field(
        metadata=SEEING_PEOPLE, description="Who holds it; null for somebody one may not see."
    )
    async def holder(self, info: Info) -> Present | None:
        seen = await _seen(info.context, (self.held_by,))
        return cast(Present, seen[0]) if seen else None


@strawberry.type
class LeaseReleasePayload:
    released: bool = described("Whether the client had it.")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        metadata=READING,
        description="Who is in a document, first at once and then whenever that changes. Whoever"
        " follows it is there, as `clientId`, a random id that each tab chooses.",
    )
    async def presence(
        self, info: Info, document_id: UUID, client_id: UUID
    ) -> AsyncGenerator[PresenceEvent, None]:
        row = await info.context.get(db.Document, document_id)
        followed = Stream("presence", row.id, row.organization_id, client_id=client_id)
        return cast("AsyncGenerator[PresenceEvent, None]", followed)


@strawberry.type
class Mutation:
    @strawberry.mutation(
        metadata=READING,
        description="Say where one is in a document in which one is present. Nothing is recorded.",
    )
    async def presence_update(self, info: Info, input: PresenceUpdate) -> PresencePayload | None:
        presence, client = _as_client(info.context, input)
        present = presence.point(client, _focus(input.focus))
        return PresencePayload(present=cast(Present, present))

    @strawberry.mutation(
        metadata=WRITING,
        description="Ask others to leave a field alone for 30 seconds; take it again to go on. It"
        " answers with the lease, or with that of whoever holds the field. Nothing is recorded.",
    )
    async def lease_take(self, info: Info, input: LeaseTake) -> LeaseTakePayload | None:
        presence, client = _as_client(info.context, input)
        place = Place(input.entity_id, _field(input.field, "field"))
        presence.require(client)
        await _require_changeable(info.context, input)
        lease, holder = presence.take(client, place)
        own = holder.client == client
        return LeaseTakePayload(taken=own, lease=cast(FieldLease, lease), held_by=holder)

    @strawberry.mutation(
        metadata=WRITING, description="Give a lease back before it ends. Nothing is recorded."
    )
    async def lease_release(self, info: Info, input: LeaseRelease) -> LeaseReleasePayload | None:
        presence, client = _as_client(info.context, input)
        place = Place(input.entity_id, _field(input.field, "field"))
        return LeaseReleasePayload(released=presence.release(client, place))


def _as_client(
    context: Context, input: PresenceUpdate | LeaseTake | LeaseRelease
) -> tuple[kit.Presence, Client]:
    """The viewer's tab, whether or not there is one. UNAUTHENTICATED for who is not signed in."""
    require_signed_in(context.viewer)
    if context.presence is None:
        raise TypeError("This context knows nobody who is present.")
    person = cast(UUID, context.viewer.id)
    return context.presence, Client(input.document_id, input.client_id, person)


async def _require_changeable(context: Context, input: LeaseTake) -> None:
    """NOT_FOUND for what is not in the document, FORBIDDEN for what the viewer may not change."""
    (row,) = await context.nodes([input.entity_id], LEASABLE)
    if row is None or (row.id if model_of(row) is db.Document else row.document_id) != (
        input.document_id
    ):
        raise Problem(
            "NOT_FOUND", "There is nothing with this id here.", field=["input", "entityId"]
        )
    if not allows(context.viewer, "update", row.model, row):
        raise forbidden(row.model)


def _focus(given: PresenceFocusInput | None) -> Focus | None:
    """Where the client says it is. Raises INVALID."""
    if given is None:
        return None
    within = ("focus",)
    if given.field is None:
        if given.start is not None or given.end is not None:
            raise _invalid("Name the field in which they are.", *within, "field")
        return Focus(given.entity_id)
    name = _field(given.field, *within, "field")
    if given.start is None and given.end is None:
        return Focus(given.entity_id, name)
    if given.start is None or not 0 <= given.start <= LARGEST_OFFSET:
        raise _invalid(f"A number from 0 to {LARGEST_OFFSET}.", *within, "start")
    if given.end is None or not given.start <= given.end <= LARGEST_OFFSET:
        raise _invalid(f"A number from `start` to {LARGEST_OFFSET}.", *within, "end")
    return Focus(given.entity_id, name, given.start, given.end)


def _field(name: str, *within: str) -> str:
    """A field's name. Raises INVALID."""
    if not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= LONGEST_FIELD:
        raise _invalid(f"A field's name has 1 to {LONGEST_FIELD} printable characters.", *within)
    if fault := fault_in(name):
        raise _invalid(fault, *within)
    return name


def _invalid(message: str, *within: str) -> Problem:
    return Problem("INVALID", message, field=["input", *within])
