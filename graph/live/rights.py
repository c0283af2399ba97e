"""Changes of rights: the events that cause them, the people affected, and loading them again."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from auth.credentials.viewer_cache import ViewerCache
from auth.oauth.managed import client_id
from auth.viewer import Role, Viewer
from db.feed.reading import Event
from db.problem import Problem
from graph.http.operation.ports import Access

log = structlog.get_logger(__name__)

GRANTS_OF_A_PERSON = frozenset({"OrganizationMember", "ProjectMember", "UserRole", "Profile"})
"""Entities whose rows give rights to one person."""
OF_PLACE = {
    "Organization": {"deleted_at", "allowed_clients", "sharing_allowed", "second_factor_required"},
    "Project": {"deleted_at", "visibility"},
    "Document": {"deleted_at", "project_id"},
}
"""Entities whose rows decide what many may see, and the columns that do."""
CREDENTIALS = frozenset({"session", "token", "oauth_client", "user", "share"})
"""The resources of events that may end somebody's access."""
CREDENTIAL_INVALID = "The credential is no longer valid."
CLOCK_SKEW = 0.2
"""Seconds by which the database's clock may be behind the gateway's at the end of a role."""
MAX_CONCURRENT = 4
"""Renewals at one time. Requests are identified by the same connections, and an organization whose
rights change may have thousands of people, whose subscriptions pause until it is their turn."""
GRANTING_ACTIONS = frozenset({"issue", "register", "consent"})
"""The actions of such events that take no right away."""
AccessKey = UUID | str
"""A key by which people whose rights may change are found: the ID of a person, a session or another
credential, a client, an organization, or a document in which people are present. It does not name
the kind of the ID: if two were ever alike, rights would only be loaded once more."""
ANYWHERE = "anywhere"
"""The mark of subscriptions whose stream is not known yet, so that any event may concern them."""
APPLICATIONS = "applications"
"""The mark of every application that acts for a person."""


def marks_of(viewer: Viewer) -> set[AccessKey]:
    """Return the keys by which a viewer is found, whatever they follow.

    Rows of any of their organizations may be in a payload: the subject of a notification, or rows
    that belong to the actor of an event.
    """
    own = {viewer.id, viewer.session_id, viewer.client_id, viewer.client_id and APPLICATIONS}
    own.update(viewer.actors)
    if viewer.shared is not None:
        own.add(viewer.shared.organization_id)
    return {mark for mark in own if mark} | viewer.organizations


def forget(viewers: ViewerCache, marks: frozenset[AccessKey]) -> None:
    """Remove the viewers that have one of these marks from the cache."""
    if ANYWHERE in marks:
        viewers.clear()
    else:
        viewers.remove(lambda viewer: not marks.isdisjoint(marks_of(viewer)))


def moving(document_id: UUID) -> AccessKey:
    """Return the mark of viewers who follow a document, and may see it by roles at its project."""
    return f"moving {document_id}"


def concerned_by(event: Event) -> frozenset[AccessKey]:
    """Return the marks of viewers whose rights the event may have changed."""
    if event.entity_type in GRANTS_OF_A_PERSON:
        return frozenset({event.user_id or event.entity_id})
    if changing := OF_PLACE.get(event.entity_type):
        if event.action == "create" or changing.isdisjoint(event.changed_fields):
            return frozenset()
        tenant = event.organization_id if event.entity_type != "Document" else None
        place: set[AccessKey] = {tenant or event.entity_id, ANYWHERE}
        if event.entity_type == "Document" and "project_id" in event.changed_fields:
            place.add(moving(event.entity_id))
        return frozenset({*place, APPLICATIONS} if event.entity_type == "Organization" else place)
    if event.resource_type in CREDENTIALS and event.action not in GRANTING_ACTIONS:
        return _ending(event)
    return frozenset()


def opened_by(event: Event) -> UUID | None:
    """Return the project of which the event has changed the visibility, and no other right."""
    if event.entity_type != "Project" or "deleted_at" in event.changed_fields:
        return None
    return event.entity_id if "visibility" in event.changed_fields else None


def keeps_rights(viewer: Viewer, organization_id: UUID | None, project_id: UUID) -> bool:
    """Return whether a viewer's rights at a project do not depend on its visibility."""
    grants = viewer.grants
    if organization_id and grants.get(organization_id, Role.ANYONE) >= Role.VIEWER:
        return True
    return project_id in grants and project_id not in viewer.by_visibility


def _ending(event: Event) -> frozenset[AccessKey]:
    if event.entity_type == "Share":
        return frozenset({str(event.entity_id)})
    if event.entity_type == "OrganizationClient":  # its actor is an owner, and not itself
        return frozenset({client_id(event.entity_id)})
    person = event.user_id or event.actor_id
    if event.entity_type == "OAuthClient" or person is None:
        return frozenset({event.client_id} if event.client_id else ())
    return frozenset({person, str(event.entity_id)})


@dataclass(slots=True)
class Renewal:
    """A renewal of one access's rights: `outdated` until it starts, and if rights change then."""

    outdated: bool = True
    not_before: float = 0.0
    """The loop's time from which the database reports the end of a role."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Renewals:
    """Loads the rights of accesses again when an event has changed them, or when a right expires.

    `ended` is called with each access of which a right has expired; `renewed` with each that is
    still valid, before its renewal ends, and returns whether it still has subscriptions. A pending
    renewal costs an entry in a queue, and no task.
    """

    def __init__(
        self, ended: Callable[[Access], None], renewed: Callable[[Access], Awaitable[bool]]
    ) -> None:
        self._ended, self._renewed = ended, renewed
        self._running: dict[Access, Renewal] = {}
        self._clocks: dict[Access, asyncio.TimerHandle] = {}
        self._queue: deque[tuple[Access, Renewal]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._closed = False

    def pending(self, access: Access) -> bool:
        """Return whether the rights of this access are being loaded again."""
        return access in self._running

    async def over(self, access: Access) -> bool:
        """Wait for a pending renewal; return whether there was one."""
        renewal = self._running.get(access)
        if renewal:
            await renewal.over.wait()
        return renewal is not None

    async def now(self, access: Access) -> None:
        """Load the rights of an access that starts a subscription. Raises UNAUTHENTICATED."""
        if not await access.renew():
            raise Problem("UNAUTHENTICATED", CREDENTIAL_INVALID)
        self._expect(access)

    def begin(self, access: Access, *, later: float = 0.0) -> None:
        """Load the rights of this access again, after so many seconds at the earliest."""
        loop = asyncio.get_running_loop()
        not_before = loop.time() + later
        if renewal := self._running.get(access):
            renewal.outdated, renewal.not_before = True, max(renewal.not_before, not_before)
            return
        renewal = self._running[access] = Renewal(not_before=not_before)
        if later:
            loop.call_at(not_before, self._enqueue, access, renewal)
        else:
            self._enqueue(access, renewal)

    def outdate(self) -> None:
        """Load again the rights that are being loaded, since they may have changed meanwhile."""
        for renewal in self._running.values():
            renewal.outdated = True

    def forget(self, access: Access) -> None:
        """Cancel the timer of an access without subscriptions."""
        if clock := self._clocks.pop(access, None):
            clock.cancel()

    def close(self) -> None:
        """End everything that runs."""
        for clock in self._clocks.values():
            clock.cancel()
        self._closed = True
        for worker in self._workers:
            worker.cancel()

    def _enqueue(self, access: Access, renewal: Renewal) -> None:
        self._queue.append((access, renewal))
        if len(self._workers) < MAX_CONCURRENT and not self._closed:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Read the rights of one access after the other."""
        while self._queue:
            await self._run(*self._queue.popleft())

    async def _run(self, access: Access, renewal: Renewal) -> None:
        try:
            await self._renew(access, renewal)
        except Problem as problem:
            access.ended(problem)
        except Exception:
            log.exception("rights")
            access.ended(Problem("BUSY", "Access cannot be checked at the moment."))
        finally:
            del self._running[access]
            renewal.over.set()

    async def _renew(self, access: Access, renewal: Renewal) -> None:
        follows = False
        while renewal.outdated:
            renewal.outdated = False
            await asyncio.sleep(renewal.not_before - asyncio.get_running_loop().time())
            if not await access.renew():
                raise Problem("UNAUTHENTICATED", CREDENTIAL_INVALID)
            follows = await self._renewed(access)
        if follows:
            self._expect(access)

    def _expect(self, access: Access) -> None:
        """Schedule the next renewal for when the first right expires.

        An earlier timer stays: a subscription may still use rights that were loaded before the last
        ones, which no longer include the right that has just expired.
        """
        if until := access.viewer.until:
            loop = asyncio.get_running_loop()
            wait = max((until - datetime.now(UTC)).total_seconds(), 0)
            clock = self._clocks.get(access)
            if clock is None or clock.when() > loop.time() + wait:
                self.forget(access)
                self._clocks[access] = loop.call_later(wait, self._ring, access)

    def _ring(self, access: Access) -> None:
        del self._clocks[access]
        self._ended(access)
        self.begin(access, later=CLOCK_SKEW)
