"""Presence: a client that follows a document's presence is present, and is sent who else is.

Nothing is stored in the database. Presence is in the memory of the nodes, and ends with the
subscription, the lease or the node.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from db.problem import Problem
from graph.kit.presence import LEASED, Client, Focus, Lease, Place, Present, PresentPeople
from graph.kit.stream import Announcement
from graph.kit.token_bucket import TokenBucket
from graph.live.bus import Bus
from graph.live.debounce import Debounce
from graph.live.follower import Member
from graph.live.peers import Focused, Peers, PresenceCommand, Released, Taken
from graph.live.presence_registry import PresenceRegistry
from graph.live.tasks import stop

OFTEN, EACH = 0.1, 0.005
"""Seconds between two announcements in a document, at least: OFTEN, or EACH for everybody there."""
MAX_PRESENT, MAX_TABS = 500, 20
"""Clients in one document, and those of one person in it."""
MAX_LEASES = 10
"""Leases of one client."""
BURST, RATE = 30, 15
"""The burst of actions that a client may take, and the actions that each second adds."""
MIN_STEP = timedelta(microseconds=1)
"""The least by which a client that reconnects is later, also where the clocks of nodes differ."""
CHECK_INTERVAL = 0.5
"""Seconds between two checks for expired leases."""


class Presence:
    """Presence on one node of many. `announce` sends announcements to followers of a document."""

    def __init__(self, bus: Bus, announce: Callable[[UUID, Announcement], None]) -> None:
        self._board = PresenceRegistry()
        self._peers = Peers(self._board, bus, self.changed)
        self._announce = announce
        self._clients: dict[Member, Client] = {}
        self._tabs = Counter[Client]()
        self._buckets: dict[Client, TokenBucket] = {}
        self._paces: dict[UUID, Debounce] = {}
        self.position = 0
        """The position of this node's newest announcement."""

    async def run(self) -> None:
        """Keep it up to date until the task is cancelled."""
        sharing = asyncio.create_task(self._peers.run())
        try:
            while not sharing.done():
                await asyncio.wait([sharing], timeout=CHECK_INTERVAL)
                for document_id in self._board.expire(datetime.now(UTC)):
                    self.changed(document_id)
                now, known = asyncio.get_running_loop().time(), self._buckets
                self._buckets = {one: each for one, each in known.items() if not each.is_full(now)}
            await sharing
        finally:
            for pace in self._paces.values():
                pace.cancel()
            await stop(sharing)

    # Coming and going

    def enter(self, member: Member) -> None:
        """Add a client that follows presence in a document, and so is present. Raises Problem."""
        stream, person = member.stream, member.access.viewer.id
        client = Client(stream.id, cast(UUID, stream.client_id), cast(UUID, person))
        if client not in self._tabs:
            self._require_room(client)
            known = self._board.find(client)
            present = Present(client, datetime.now(UTC))
            if known:  # it comes again, before it was missed
                present = known[1].again(max(present.since, known[1].since + MIN_STEP))
            self._board.put(self._peers.node, present)
            self._peers.tell(client)
        self._tabs[client] += 1
        self._clients[member] = client

    def leave(self, member: Member) -> None:
        """Remove a member that no longer follows."""
        client = self._clients.pop(member, None)
        if client is None:
            return
        self._tabs[client] -= 1
        if not self._tabs[client]:
            del self._tabs[client]
            self._board.drop(self._peers.node, client)
            self._peers.tell(client)
        self.changed(client.document_id)

    def changed(self, document_id: UUID) -> None:
        """Schedule an announcement to the followers of this document."""
        if document_id not in self._paces:
            self._paces[document_id] = Debounce(
                lambda: self._tell(document_id),
                lambda: max(OFTEN, EACH * len(self._board.occupants(document_id))),
            )
        self._paces[document_id].ask()

    def _tell(self, document_id: UUID) -> None:
        now = datetime.now(UTC)
        self.position += 1
        present = self._board.shown(document_id, now)
        if not present:
            del self._paces[document_id]
        self._announce(document_id, PresentPeople(self.position, now, present))

    def _require_room(self, client: Client) -> None:
        there = self._board.occupants(client.document_id)
        clients = [one.client for one in there if one.client != client]
        if any(one.client_id == client.client_id for one in clients):
            message = "Another participant uses this `clientId`. Choose a random one."
            raise Problem("ALREADY_EXISTS", message, field=["clientId"])
        _require_fewer(len(clients), MAX_PRESENT, "clients in a document")
        own = sum(one.person_id == client.person_id for one in clients)
        _require_fewer(own, MAX_TABS, "clients of one person in a document")

    # What clients do

    def require(self, client: Client) -> None:
        """Count something that this client is about to do. Raises NOT_FOUND and RATE_LIMITED."""
        self._find(client)
        now = asyncio.get_running_loop().time()
        bucket = self._buckets.setdefault(client, TokenBucket(RATE, BURST, now))
        if bucket.wait(1, now):
            message = f"A client may do {BURST} things at once, and {RATE} a second then."
            raise Problem("RATE_LIMITED", message, limit="updates", maximum=BURST, retryAfter=1)
        bucket.take(1, now)

    def point(self, client: Client, focus: Focus | None) -> Present:
        """Move the client's focus. Raises NOT_FOUND and RATE_LIMITED."""
        self.require(client)
        return self._do(client, Focused(focus=focus))

    def take(self, client: Client, place: Place) -> tuple[Lease, Present]:
        """Take or renew the lease of a field; return the lease in force, and its holder."""
        now = datetime.now(UTC)
        held = self._board.lease(client.document_id, place, now)
        if held and held[1].client != client:
            return held
        lease = Lease(place, held[0].taken if held else now, now + LEASED)
        _, present = self._find(client)
        others = sum(one.until > now for one in present.without(place).leases)
        _require_fewer(others, MAX_LEASES, "leases of one client")
        return lease, self._do(client, Taken(lease=lease))

    def release(self, client: Client, place: Place) -> bool:
        """Give a lease back; False when there was none. Raises NOT_FOUND and RATE_LIMITED."""
        self.require(client)
        _, present = self._find(client)
        if present.lease_of(place, datetime.now(UTC)) is None:
            return False
        self._do(client, Released(place=place))
        return True

    def _find(self, client: Client) -> tuple[UUID, Present]:
        found = self._board.find(client)
        if found is None:
            message = "There is no presence subscription of this document with this `clientId`."
            raise Problem("NOT_FOUND", message, field=["input", "clientId"])
        return found

    def _do(self, client: Client, deed: PresenceCommand) -> Present:
        node, present = self._find(client)
        done = deed.upon(present)
        if self._board.put(node, done):
            self.changed(client.document_id)
            if node == self._peers.node:
                self._peers.tell(client)
            else:
                self._peers.pass_on(node, client, deed)
        return done


def _require_fewer(count: int, most: int, what: str) -> None:
    if count >= most:
        message = f"There are at most {most} {what}."
        wait = int(LEASED.total_seconds())
        raise Problem("RATE_LIMITED", message, limit=what, maximum=most, retryAfter=wait)
