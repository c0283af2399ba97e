"""Who is in a document, as resolvers and the hub speak of it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

LEASED = timedelta(seconds=30)
"""How long a lease lasts when it is not taken again."""


class Focus(NamedTuple):
    """Where somebody is: at a row, in one of its fields, at these characters of it."""

    entity_id: UUID
    field: str | None = None
    start: int | None = None
    end: int | None = None


class Place(NamedTuple):
    """What is leased: one field of one row."""

    entity_id: UUID
    field: str


class Lease(NamedTuple):
    """A field that others should leave alone. The lease that was `taken` first is the one."""

    place: Place
    taken: datetime
    until: datetime

    @property
    def entity_id(self) -> UUID:
        """The row."""
        return self.place.entity_id

    @property
    def field(self) -> str:
        """The field of it."""
        return self.place.field


class Client(NamedTuple):
    """One tab of one person in one document."""

    document_id: UUID
    client_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who is there; replaced by another one whenever anything about them changes."""

    client: Client
    since: datetime
    focus: Focus | None = None
    leases: tuple[Lease, ...] = ()

    @property
    def client_id(self) -> UUID:
        """Their tab."""
        return self.client.client_id

    def again(self, since: datetime) -> "Present":
        """The same one, who has come again."""
        return replace(self, since=since)

    def at(self, focus: Focus | None) -> "Present":
        """The same one, elsewhere."""
        return replace(self, focus=focus)

    def only(self, leases: Collection[Lease]) -> "Present":
        """The same one, with none but these of their leases."""
        return replace(self, leases=tuple(one for one in self.leases if one in leases))

    def without(self, place: Place) -> "Present":
        """The same one, without a lease of this field."""
        return replace(self, leases=tuple(one for one in self.leases if one.place != place))

    def holding(self, lease: Lease) -> "Present":
        """The same one, with this lease in the place of the one before."""
        return replace(self, leases=(*self.without(lease.place).leases, lease))

    def lease_of(self, place: Place, now: datetime) -> Lease | None:
        """Their lease of this field, unless it is over."""
        return next((one for one in self.leases if one.place == place and one.until > now), None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Who is in a document now. `position` orders the announcements of one node."""

    position: int
    at: datetime
    present: tuple[Present, ...] = field(repr=False)


class Presence(Protocol):
    """What people do who are present. What they do is counted: RATE_LIMITED when it is too much.

    Everything raises NOT_FOUND for who is not present in this document as this client.
    """

    def require(self, client: Client) -> None:
        """Count something that this client is about to do."""

    def point(self, client: Client, focus: Focus | None) -> Present:
        """Be there."""

    def take(self, client: Client, place: Place) -> tuple[Lease, Present]:
        """Lease a field, or go on leasing it: the lease there is now, and who holds it.

        It is counted by `require` before. RATE_LIMITED as well for who holds too many.
        """

    def release(self, client: Client, place: Place) -> bool:
        """Give a lease back; False when there was none."""
