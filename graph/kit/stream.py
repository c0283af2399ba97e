"""Streams of events: the values of Subscription's root fields, which the hub follows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NoReturn
from uuid import UUID

Kind = Literal["organization", "project", "document", "entity", "person", "presence", "statistics"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message to all followers of a place. `position` orders the announcements of one node.

    One that was not sent yet is replaced by the next one.
    """

    position: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Recount(Announcement):
    """The announcement that something was changed in an organization, project or document."""

    id: UUID


@dataclass(frozen=True)
class Stream:
    """The events to follow: of everything beneath a scope, of one row, or those for one person.

    Followers of `presence` in a document are sent announcements of who is there, and no events;
    those of the `statistics` of a place are sent an announcement after changes there.

    The root field has checked that the viewer may read it, and is called again when rights have
    changed. `after` is the cursor to resume from; `types`, `fields` and `actions` filter events. It
    is an asynchronous iterable because graphql-core requires one; the hub pushes instead.
    """

    kind: Kind
    id: UUID
    organization_id: UUID | None
    after: str | None = field(default=None, compare=False)
    types: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    client_id: UUID | None = field(default=None, compare=False)
    """The client as which the person is present, where following makes them present."""
    actions: frozenset[str] | None = None
    entity_type: str | None = None
    """The type of the one row that is followed."""
    project_id: UUID | None = None
    document_id: UUID | None = None
    """The project and document of what is followed, where it is in one."""

    @property
    def key(self) -> tuple[Kind, UUID]:
        """Return the key that subscriptions to the same thing share."""
        return self.kind, self.id

    @property
    def keys(self) -> tuple[tuple[str, UUID], ...]:
        """Return the keys by which it is found: a row also by the document that may hide it."""
        if self.kind == "entity" and self.document_id:
            return self.key, ("within", self.document_id)
        return (self.key,)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> NoReturn:
        raise TypeError("Streams are followed through the hub.")
