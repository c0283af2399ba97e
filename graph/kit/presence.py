"""Presence in a document: the types that resolvers and the hub share."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from graph.kit.stream import Announcement

LEASED = timedelta(seconds=30)
"""The duration of a lease that is not renewed."""


class Focus(NamedTuple):
    """The focus of a client: a row, one of its fields, a range of its characters."""

    entity_id: UUID
    field: str | None = None
    start: int | None = None
    end: int | None = None


class Place(NamedTuple):
    """The object of a lease: one field of one row."""

    entity_id: UUID
    field: str


class Lease(NamedTuple):
    """A field that others should leave alone. The lease that was `taken` first is the one."""

    place: Place
    taken: datetime
    until: datetime

    @property
    def entity_id(self) -> UUID:
        """Return the ID of the row."""
        return self.place.entity_id

    @property
    def field(self) -> str:
        """Return the name of its field."""
        return self.place.field


class Client(NamedTuple):
    """One tab of one person in one document."""

    document_id: UUID
    client_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Present:
    """A client present in a document, immutable: each change replaces it."""

    client: Client
    since: datetime
    focus: Focus | None = None
    leases: tuple[Lease, ...] = ()

    @property
    def client_id(self) -> UUID:
        """Return the ID of the client's tab."""
        return self.client.client_id

    def again(self, since: datetime) -> "Present":
        """Return a copy with a later `since`, for a client that has reconnected."""
        return replace(self, since=since)

    def at(self, focus: Focus | None) -> "Present":
        """Return a copy with this focus."""
        return replace(self, focus=focus)

    def only(self, leases: Collection[Lease]) -> "Present":
        """Return a copy with no leases but these."""
        return replace(self, leases=tuple(one for one in self.leases if one in leases))

    def without(self, place: Place) -> "Present":
        """Return a copy without a lease of this field."""
        return replace(self, leases=tuple(one for one in self.leases if one.place != place))

    def holding(self, lease: Lease) -> "Present":
        """Return a copy with this lease in place of an earlier one of the field."""
        return replace(self, leases=(*self.without(lease.place).leases, lease))

    def lease_of(self, place: Place, now: datetime) -> Lease | None:
        """Return the client's lease of this field, unless it has expired."""
        return next((one for one in self.leases if one.place == place and one.until > now), None)


@dataclass(frozen=True, slots=True)
class PresentPeople(Announcement):
    """The people present in a document."""

    present: tuple[Present, ...] = field(repr=False)


class Presence(Protocol):
    """Actions of people who are present. They are counted: RATE_LIMITED when there are too many.

    Every method raises NOT_FOUND for a client that is not present in this document.
    """

    def require(self, client: Client) -> None:
        """Count an action that this client is about to take."""

    def point(self, client: Client, focus: Focus | None) -> Present:
        """Move the client's focus."""

    def take(self, client: Client, place: Place) -> tuple[Lease, Present]:
        """Take or renew the lease of a field; return the lease in force, and its holder.

        `require` counts it before. RATE_LIMITED as well for a client that holds too many.
        """

    def release(self, client: Client, place: Place) -> bool:
        """Give a lease back; False when there was none."""
