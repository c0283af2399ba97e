"""Presence in documents: the people there, their locations, and the fields they edit."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from auth.policy import allows, require_signed_in
from auth.session.row import model_of
from auth.session.write.db_errors import forbidden
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
from graph.kit.inputs import input_for
from graph.kit.mutations import Input
from graph.kit.presence import Client, Focus, Place
from graph.kit.scopes import SCOPE
from graph.kit.stream import Stream

READING, WRITING = {SCOPE: "requirements:read"}, {SCOPE: "requirements:write"}
SEEING_PEOPLE = {SCOPE: "organizations:read"}
DOCUMENT: Any = strawberry.field(description="The ID of the document.")
CLIENT: Any = strawberry.field(description="The ID of the tab or client.")
MAX_FIELD_LENGTH = 100
"""The most characters of a field's name, which may be a path into a field."""
MAX_OFFSET = 1_000_000
"""The largest offset in one text, in characters."""
LEASABLE: tuple[type[Entity], ...] = (db.Document, db.Block, Requirement)


@strawberry.type(
    description="The location of a user in a document: an object, a field of it, and a cursor"
    " (`start` equals `end`) or a selection in the text of the field."
)
class PresenceFocus:
    entity_id: UUID = described("The ID of the document, or of a block or requirement in it.")
    field: str | None = described("The name of the field; null for the whole object.")
    start: int | None = described(
        "The start of the selection, in characters from 0; null for the whole field."
    )
    end: int | None = described("The end of the selection, in characters, exclusive.")


@strawberry.type(
    description="A request to others not to change a field while a user edits it. It is advisory:"
    " writes by others are not refused."
)
class FieldLease:
    entity_id: UUID = described("The ID of the document, or of a block or requirement in it.")
    field: str = described("The name of the field.")
    until: datetime = described("The date and time when the lease ends, unless it is renewed.")


@strawberry.type(description="A user in a document, in one browser tab or other client.")
class Participant:
    client_id: UUID = described("The ID of the tab or client, which it has chosen itself.")
    since: datetime = described("The date and time when the participant entered the document.")
    focus: PresenceFocus | None = described("The location of the participant, if known.")
    leases: list[FieldLease] = described("The leases of the participant.")

    @strawberry.field(description="The profile of the user.")
    async def person(root: strawberry.Parent[Any], info: Info) -> Profile:  # noqa: N805
        return await info.context.get(ProfileRow, root.client.person_id)  # type: ignore[return-value]


@strawberry.type(description="The participants of a document at a point in time.")
class PresenceEvent:
    at: datetime = described("The date and time of the event.")

    @strawberry.field(
        metadata=SEEING_PEOPLE,
        description="The participants whose profiles the viewer can read, in order of arrival.",
    )
    async def participants(root: strawberry.Parent[Any], info: Info) -> list[Participant]:  # noqa: N805
        return await _seen(info.context, root.present)  # type: ignore[return-value]


async def _seen(context: Context, present: tuple[kit.Present, ...]) -> list[kit.Present]:
    """Return those whose profile the viewer can read."""
    profiles = await asyncio.gather(
        *(context.one(ProfileRow, one.client.person_id) for one in present)
    )
    return [one for one, profile in zip(present, profiles, strict=True) if profile]


@input_for(PresenceFocus, "The location of a user in a document.")
class PresenceFocusInput:
    entity_id: UUID
    field: str | None = None
    start: int | None = None
    end: int | None = None


@input_for(Participant, "The location of the viewer in a document.")
class PresenceUpdateInput:
    document_id: UUID = DOCUMENT
    client_id: UUID
    focus: PresenceFocusInput | None = None


@input_for(FieldLease, "A field of an object in a document to lease.")
class LeaseTakeInput:
    document_id: UUID = DOCUMENT
    client_id: UUID = CLIENT
    entity_id: UUID
    field: str


@input_for(FieldLease, "A lease to end.")
class LeaseReleaseInput:
    document_id: UUID = DOCUMENT
    client_id: UUID = CLIENT
    entity_id: UUID
    field: str


@strawberry.type(description="The result of an update of the presence.")
class PresencePayload:
    participant: Participant = described("The participant after the update.")


@strawberry.type(description="The result of a request for a lease.")
class LeaseTakePayload:
    taken: bool = described("Whether the client now has the lease.")
    lease: FieldLease = described("The current lease of the field.")
    held_by: strawberry.Private[kit.Present]

    @strawberry.field(
        metadata=SEEING_PEOPLE,
        description="The participant with the lease; null if the viewer cannot read the profile.",
    )
    async def holder(self, info: Info) -> Participant | None:
        seen = await _seen(info.context, (self.held_by,))
        return cast(Participant, seen[0]) if seen else None


@strawberry.type(description="The result of the release of a lease.")
class LeaseReleasePayload:
    released: bool = described("Whether the client had the lease.")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        metadata=READING,
        description="The participants of a document: the current ones first, then again after each"
        " change. A subscriber is a participant itself.",
    )
    async def presence(
        self,
        info: Info,
        document_id: Annotated[UUID, strawberry.argument(description="The ID of the document.")],
        client_id: Annotated[
            UUID,
            strawberry.argument(
                description="The ID of the tab or client: a random UUID that it chooses itself."
            ),
        ],
    ) -> AsyncGenerator[PresenceEvent, None]:
        row = await info.context.get(db.Document, document_id)
        followed = Stream(
            "presence",
            row.id,
            row.organization_id,
            client_id=client_id,
            project_id=row.project_id,
            document_id=row.id,
        )
        return cast("AsyncGenerator[PresenceEvent, None]", followed)


@strawberry.type
class Mutation:
    @strawberry.mutation(
        metadata=READING,
        description="Update the location of the viewer in a document. It is not recorded.",
    )
    async def presence_update(
        self, info: Info, input: Input[PresenceUpdateInput]
    ) -> PresencePayload | None:
        presence, client = _as_client(info.context, input)
        present = presence.point(client, _focus(input.focus))
        return PresencePayload(participant=cast(Participant, present))

    @strawberry.mutation(
        metadata=WRITING,
        description="Take or renew a lease of a field for 30 seconds. If another participant has"
        " the lease, it is returned instead. It is not recorded.",
    )
    async def lease_take(self, info: Info, input: Input[LeaseTakeInput]) -> LeaseTakePayload | None:
        presence, client = _as_client(info.context, input)
        place = Place(input.entity_id, _field(input.field, "field"))
        presence.require(client)
        await _require_changeable(info.context, input)
        lease, holder = presence.take(client, place)
        own = holder.client == client
        return LeaseTakePayload(taken=own, lease=cast(FieldLease, lease), held_by=holder)

    @strawberry.mutation(
        metadata=WRITING, description="Release a lease before it ends. It is not recorded."
    )
    async def lease_release(
        self, info: Info, input: Input[LeaseReleaseInput]
    ) -> LeaseReleasePayload | None:
        presence, client = _as_client(info.context, input)
        place = Place(input.entity_id, _field(input.field, "field"))
        return LeaseReleasePayload(released=presence.release(client, place))


def _as_client(
    context: Context, input: PresenceUpdateInput | LeaseTakeInput | LeaseReleaseInput
) -> tuple[kit.Presence, Client]:
    """Return the viewer's client, present or not. Raises UNAUTHENTICATED without a sign-in."""
    require_signed_in(context.viewer)
    if context.presence is None:
        raise TypeError("This context knows nobody who is present.")
    person = cast(UUID, context.viewer.id)
    return context.presence, Client(input.document_id, input.client_id, person)


async def _require_changeable(context: Context, input: LeaseTakeInput) -> None:
    """Raise NOT_FOUND for an object outside the document, FORBIDDEN for one not to be changed."""
    (row,) = await context.nodes([input.entity_id], LEASABLE)
    if row is None or (row.id if model_of(row) is db.Document else row.document_id) != (
        input.document_id
    ):
        raise Problem(
            "NOT_FOUND", "The document has no object with this ID.", field=["input", "entityId"]
        )
    if not allows(context.viewer, "update", row.model, row):
        raise forbidden(row.model)


def _focus(given: PresenceFocusInput | None) -> Focus | None:
    """Return the focus of the input. Raises INVALID."""
    if given is None:
        return None
    within = ("focus",)
    if given.field is None:
        if given.start is not None or given.end is not None:
            raise _invalid("Required with `start` or `end`.", *within, "field")
        return Focus(given.entity_id)
    name = _field(given.field, *within, "field")
    if given.start is None and given.end is None:
        return Focus(given.entity_id, name)
    if given.start is None or not 0 <= given.start <= MAX_OFFSET:
        raise _invalid(f"Must be a number from 0 to {MAX_OFFSET}.", *within, "start")
    if given.end is None or not given.start <= given.end <= MAX_OFFSET:
        raise _invalid(f"Must be a number from `start` to {MAX_OFFSET}.", *within, "end")
    return Focus(given.entity_id, name, given.start, given.end)


def _field(name: str, *within: str) -> str:
    """Return a field's name. Raises INVALID."""
    if not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= MAX_FIELD_LENGTH:
        raise _invalid(f"Must have 1 to {MAX_FIELD_LENGTH} printable characters.", *within)
    if fault := fault_in(name):
        raise _invalid(fault, *within)
    return name


def _invalid(message: str, *within: str) -> Problem:
    return Problem("INVALID", message, field=["input", *within])
