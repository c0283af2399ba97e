"""What somebody may see changes: which events say so, whom they concern, and reading it again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from auth.oauth.managed import client_id
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
AT_ONCE = 4
"""Renewals at one time. Requests are identified by the same connections, and an organization whose
rights change may have thousands of people; they stand still until it is their turn."""
GIVING = frozenset({"issue", "register", "consent"})
"""What such events do when they take nothing from anybody."""
Mark = UUID | str
"""What somebody whose rights may change is found by: the id of a person, a session or another
credential, a client, an organization, or a document in which people are present. It need not say of
what it is the id: if two of them were ever alike, somebody's rights would be read once more."""
ANYWHERE = "anywhere"
"""The mark of those who may be at any place, since it is not known yet what they follow."""
APPLICATIONS = "applications"
"""The mark of every application that acts for somebody."""


def marks_of(viewer: Viewer) -> set[Mark]:
    """By what a viewer is found, whatever they follow.

    In an organization of theirs something may be told of wherever they follow: in what a
    notification is about, or in what else belongs to the person who has done something.
    """
    own = {viewer.id, viewer.session_id, viewer.client_id, viewer.client_id and APPLICATIONS}
    return {mark for mark in own if mark} | viewer.organizations


def concerned_by(event: Event) -> frozenset[Mark]:
    """The marks of those whose rights the event may have changed: whoever has one of them."""
    if event.entity_type in OF_PERSON:
        return frozenset({event.user_id or event.entity_id})
    if changing := OF_PLACE.get(event.entity_type):
        if event.action == "create" or changing.isdisjoint(event.changed_fields):
            return frozenset()
        tenant = event.organization_id if event.entity_type != "Document" else None
        place: set[Mark] = {tenant or event.entity_id, ANYWHERE}
        return frozenset({*place, APPLICATIONS} if event.entity_type == "Organization" else place)
    if event.resource_type in CREDENTIALS and event.action not in GIVING:
        return _ending(event)
    return frozenset()


def _ending(event: Event) -> frozenset[Mark]:
    if event.entity_type == "OrganizationClient":  # its actor is an owner, and not itself
        return frozenset({client_id(event.entity_id)})
    person = event.user_id or event.actor_id
    if event.entity_type == "OAuthClient" or person is None:
        return frozenset({event.client_id} if event.client_id else ())
    return frozenset({person, str(event.entity_id)})


@dataclass(slots=True)
class Renewal:
    """The rights of one access are read: `outdated` until it begins, and if they change then."""

    outdated: bool = True
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class Renewals:
    """Reads the rights of accesses again, when something has changed them or when some end.

    `changed` is called with each access as soon as its rights may be others; `renewed` with each
    that is alive, before its renewal is over, and says whether it still follows anything.
    """

    def __init__(
        self, changed: Callable[[Access], None], renewed: Callable[[Access], Awaitable[bool]]
    ) -> None:
        self._changed, self._renewed = changed, renewed
        self._running: dict[Access, Renewal] = {}
        self._clocks: dict[Access, asyncio.TimerHandle] = {}
        self._reading = asyncio.Semaphore(AT_ONCE)

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
        self._changed(access)
        if renewal := self._running.get(access):
            renewal.outdated = True
            return
        renewal = self._running[access] = Renewal()
        renewal.task = asyncio.create_task(self._run(access, renewal))

    def outdate(self) -> None:
        """Something has changed that those whose rights are being read may see by then."""
        for renewal in self._running.values():
            renewal.outdated = True

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
            async with self._reading:
                await self._renew(access, renewal)
        except Problem as problem:
            access.ended(problem)
        except Exception:
            log.exception("rights")
            access.ended(Problem("BUSY", "It cannot be known now what may be seen."))
        finally:
            del self._running[access]
            renewal.over.set()

    async def _renew(self, access: Access, renewal: Renewal) -> None:
        follows = False
        while renewal.outdated:
            renewal.outdated = False
            if not await access.renew():
                raise Problem("UNAUTHENTICATED", DEAD)
            follows = await self._renewed(access)
        if follows:
            self._expect(access)

    def _expect(self, access: Access) -> None:
        """Read the rights again when the next of them ends by itself.

        A clock that rings earlier stays: somebody may still be told by rights that were read before
        the last ones, which know no more of what has just ended.
        """
        if until := access.viewer.until:
            loop = asyncio.get_running_loop()
            wait = max((until - datetime.now(UTC)).total_seconds(), 0) + CLOCKS_DIFFER
            clock = self._clocks.get(access)
            if clock is None or clock.when() > loop.time() + wait:
                self.forget(access)
                self._clocks[access] = loop.call_later(wait, self._ring, access)

    def _ring(self, access: Access) -> None:
        del self._clocks[access]
        self.begin(access)
