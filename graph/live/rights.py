"""What somebody may see changes: which events say so, whom they concern, and reading it again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from auth.viewer import Viewer
from db.feed.reading import Event
from db.problem import Problem
from graph.http.live import Access

log = structlog.get_logger(__name__)

OF_PERSON = frozenset({"OrganizationMember", "ProjectMember", "UserRole", "Profile"})
"""Rows that say what one person may do."""
OF_PLACE = {
    "Organization": {"deleted_at"},
    "Project": {"deleted_at", "visibility"},
    "Document": {"deleted_at", "project_id"},
}
"""Rows that say what many may see, and the columns that do."""
CREDENTIALS = frozenset({"session", "token", "oauth_client", "user"})
"""What events outside of all tenants are about when they end somebody's access."""
DEAD = "The credential is no longer valid."
CLOCKS_DIFFER = 0.2
"""Seconds by which the database may say later than the gateway that a role has ended."""
GIVING = frozenset({"issue", "register", "consent"})
"""What such events do when they take nothing from anybody."""


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whose rights are to be read again: of one person or client, or of everybody at a place."""

    person: UUID | None = None
    credential: str | None = None
    client_id: str | None = None
    place: UUID | None = None
    """An organization, or a document in which people are present."""
    applications: bool = False
    """Whether it may be the rights of any application that acts for somebody."""

    def includes(self, viewer: Viewer, places: set[UUID]) -> bool:
        """Whether it is this viewer, who follows streams at these places."""
        return (
            (self.person is not None and viewer.id == self.person)
            or (self.credential is not None and viewer.session_id == self.credential)
            or (self.client_id is not None and viewer.client_id == self.client_id)
            or (self.place is not None and self.place in places)
            or (self.applications and viewer.client_id is not None)
        )


def concerned_by(event: Event) -> Concerned | None:
    """Whose rights the event may have changed; None when nobody's."""
    if event.entity_type in OF_PERSON:
        return Concerned(person=event.user_id or event.entity_id)
    if changing := OF_PLACE.get(event.entity_type):
        if event.action == "create" or changing.isdisjoint(event.changed_fields):
            return None
        tenant = event.organization_id if event.entity_type != "Document" else None
        place, ends = tenant or event.entity_id, event.entity_type == "Organization"
        return Concerned(place=place, applications=ends)
    if event.resource_type in CREDENTIALS and event.action not in GIVING:
        person = event.user_id or event.actor_id
        if event.entity_type == "OAuthClient" or person is None:
            return Concerned(client_id=event.client_id)
        return Concerned(person=person, credential=str(event.entity_id))
    return None


@dataclass(slots=True)
class Renewal:
    """The rights of one access are being read; `outdated` when they have changed meanwhile."""

    outdated: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class Renewals:
    """Reads the rights of accesses again, when something has changed them or when some end.

    `renewed` is called with each access that is alive, before its renewal is over.
    """

    def __init__(self, renewed: Callable[[Access], Awaitable[None]]) -> None:
        self._renewed = renewed
        self._running: dict[Access, Renewal] = {}
        self._clocks: dict[Access, asyncio.TimerHandle] = {}

    def pending(self, access: Access) -> bool:
        """Whether it is not known what this access may see."""
        return access in self._running

    async def over(self, access: Access) -> bool:
        """Wait until it is known; whether that took any time."""
        renewal = self._running.get(access)
        if renewal:
            await renewal.over.wait()
        return renewal is not None

    async def now(self, access: Access) -> None:
        """Read the rights of an access that has begun to follow. Raises UNAUTHENTICATED."""
        if not await access.renew():
            raise Problem("UNAUTHENTICATED", DEAD)
        self._expect(access)

    def begin(self, access: Access) -> None:
        """Something has changed the rights of this access."""
        if renewal := self._running.get(access):
            renewal.outdated = True
            return
        renewal = self._running[access] = Renewal()
        renewal.task = asyncio.create_task(self._run(access, renewal))

    def forget(self, access: Access) -> None:
        """It follows nothing any more."""
        if clock := self._clocks.pop(access, None):
            clock.cancel()

    def close(self) -> None:
        """End everything that runs."""
        for clock in self._clocks.values():
            clock.cancel()
        for renewal in self._running.values():
            if renewal.task:
                renewal.task.cancel()

    async def _run(self, access: Access, renewal: Renewal) -> None:
        try:
            while True:
                renewal.outdated = False
                if not await access.renew():
                    access.ended(Problem("UNAUTHENTICATED", DEAD))
                    return
                await self._renewed(access)
                if not renewal.outdated:
                    break
            self._expect(access)
        except Problem as problem:
            access.ended(problem)
        except Exception:
            log.exception("rights")
            access.ended(Problem("BUSY", "It cannot be known now what may be seen."))
        finally:
            del self._running[access]
            renewal.over.set()

    def _expect(self, access: Access) -> None:
        """Read the rights again when the next of them ends by itself."""
        self.forget(access)
        if until := access.viewer.until:
            wait = max((until - datetime.now(UTC)).total_seconds(), 0) + CLOCKS_DIFFER
            loop = asyncio.get_running_loop()
            self._clocks[access] = loop.call_later(wait, self.begin, access)
