"""Exchange of presence with the other nodes.

Each node sends its own clients, and numbers its messages. A node that misses one requests all
clients again; a node that is silent for a while is taken for dead, and its clients are removed.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError

from graph.kit.presence import Client, Focus, Lease, Place, Present
from graph.live.bus import MAX_MESSAGE_BYTES, Bus
from graph.live.debounce import Debounce
from graph.live.presence_registry import PresenceRegistry
from graph.live.tasks import stop

log = structlog.get_logger(__name__)

SEND_INTERVAL = 0.1
"""Seconds between two messages to the others, at least."""
HEARTBEAT_INTERVAL = 3.0
"""Seconds after which a node with clients sends a heartbeat, if it has no other message."""
PEER_TIMEOUT = 9.0
"""Seconds without a message after which a node is taken for dead."""
CHECK_INTERVAL = 0.5
"""Seconds between two checks for dead nodes."""
RESEND_INTERVAL = 1.0
"""Seconds until a node is requested again to send all its clients."""
MAX_DEPARTED = 50
"""Clients that have left, in one message."""
OVERHEAD_BYTES = 400
"""Bytes of a message besides its entries, at most."""
ENTRY = TypeAdapter(Present)


class Focused(BaseModel):
    """A client has moved its focus."""

    kind: Literal["focused"] = "focused"
    focus: Focus | None

    def upon(self, present: Present) -> Present:
        """Return the state of the client after it."""
        return present.at(self.focus)


class Taken(BaseModel):
    """A client has taken the lease of a field."""

    kind: Literal["taken"] = "taken"
    lease: Lease

    def upon(self, present: Present) -> Present:
        """Return the state of the client after it."""
        return present.holding(self.lease)


class Released(BaseModel):
    """A client has released a lease."""

    kind: Literal["released"] = "released"
    place: Place

    def upon(self, present: Present) -> Present:
        """Return the state of the client after it."""
        return present.without(self.place)


PresenceCommand = Focused | Taken | Released
"""A command of a client, which may reach the gateway through any node."""


Kind = Literal["all", "some", "alive", "bye", "who", "did"]


class Message(BaseModel):
    """A message from a node to the others.

    `all`: all clients of the node, from the `first` message to the `last`. `some`: clients that
    have changed, and those that are `gone`. `alive`: a heartbeat. `bye`: the node stops. `who`: a
    request for all clients of all nodes, or of `to`. `did`: a command of a client of the node `to`.
    """

    node: UUID
    number: int
    kind: Kind
    present: tuple[Present, ...] = ()
    gone: tuple[Client, ...] = ()
    first: bool = False
    last: bool = False
    to: UUID | None = None
    client: Client | None = None
    deed: PresenceCommand | None = None


@dataclass(slots=True)
class Peer:
    """The state known of another node."""

    heard_at: float
    number: int | None = None
    """The number of its last message; None before it has sent all its clients."""
    asked_at: float = float("-inf")
    listed: set[Client] = field(default_factory=set)
    """The participants that it has named in a full announcement."""


class Peers:
    """The other nodes, and messages to them. `changed` is called with each document they change."""

    def __init__(self, board: PresenceRegistry, bus: Bus, changed: Callable[[UUID], None]) -> None:
        self.node = uuid4()
        self._board, self._bus, self._changed = board, bus, changed
        self._peers: dict[UUID, Peer] = {}
        self._news: set[Client] = set()
        self._pace = Debounce(self._tell_news, lambda: SEND_INTERVAL)
        self._number = 0
        self._said_at = 0.0

    async def run(self) -> None:
        """Receive and send messages until the task is cancelled."""
        carrying = asyncio.create_task(self._bus.run(self.hear, self._tell_all_and_ask))
        try:
            while not carrying.done():
                await asyncio.wait([carrying], timeout=CHECK_INTERVAL)
                self._look()
            await carrying
        finally:
            self._pace.cancel()
            self._say("bye")
            await stop(carrying)

    def tell(self, client: Client) -> None:
        """Send a change of a client of this node to the others."""
        self._news.add(client)
        self._pace.ask()

    def pass_on(self, node: UUID, client: Client, deed: PresenceCommand) -> None:
        """Send a client's command to the node that it is at."""
        self._say("did", to=node, client=client, deed=deed)

    def hear(self, text: str) -> None:
        """Take note of a message."""
        try:
            message = Message.model_validate_json(text)
        except ValidationError:
            log.warning("a message between nodes cannot be read")
            return
        if message.node == self.node:
            return
        match message.kind:
            case "bye":
                self._bury(message.node)
                return
            case "who" if message.to in (None, self.node):
                self._tell_all()
            case "did" if message.to == self.node and message.client and message.deed:
                self._do(message.client, message.deed)
        self._note(message)

    # What others say

    def _note(self, message: Message) -> None:
        now = asyncio.get_running_loop().time()
        peer = self._peers.setdefault(message.node, Peer(now))
        missed = peer.number is None or message.number != peer.number + 1
        peer.heard_at = now
        if message.first or not missed:
            peer.number = message.number
        elif now - peer.asked_at >= RESEND_INTERVAL:
            peer.asked_at = now
            self._say("who", to=message.node)
        for present in message.present:
            if self._board.put(message.node, present):
                self._changed(present.client.document_id)
        if message.kind == "all" and (message.first or not missed):
            listed = {present.client for present in message.present}
            peer.listed = listed if message.first else peer.listed | listed
            if message.last:
                self._forget(message.node, but=peer.listed)
        self._drop(message.node, message.gone)

    def _do(self, client: Client, deed: PresenceCommand) -> None:
        present = self._board.get(self.node, client)
        if present and self._board.put(self.node, deed.upon(present)):
            self._changed(client.document_id)
            self.tell(client)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for node, peer in list(self._peers.items()):
            if now - peer.heard_at > PEER_TIMEOUT:
                log.info("a node is silent", node=str(node))
                self._bury(node)
        if now - self._said_at >= HEARTBEAT_INTERVAL and self._board.of_node(self.node):
            self._say("alive")

    def _bury(self, node: UUID) -> None:
        self._peers.pop(node, None)
        self._forget(node)

    def _forget(self, node: UUID, but: Collection[Client] = ()) -> None:
        known = [present.client for present in self._board.of_node(node)]
        self._drop(node, [client for client in known if client not in but])

    def _drop(self, node: UUID, clients: Iterable[Client]) -> None:
        for client in clients:
            if self._board.drop(node, client):
                self._changed(client.document_id)

    # What this node says

    def _tell_all_and_ask(self) -> None:
        self._tell_all()
        self._say("who")

    def _tell_all(self) -> None:
        portions = _portions(self._board.of_node(self.node)) or [()]
        for i, present in enumerate(portions):
            self._say("all", present=present, first=i == 0, last=i == len(portions) - 1)

    def _tell_news(self) -> None:
        clients, self._news = self._news, set()
        found = {client: self._board.get(self.node, client) for client in clients}
        gone = [client for client, present in found.items() if present is None]
        for portion in _portions([present for present in found.values() if present]):
            self._say("some", present=portion)
        for start in range(0, len(gone), MAX_DEPARTED):
            self._say("some", gone=tuple(gone[start : start + MAX_DEPARTED]))

    def _say(self, kind: Kind, **more: Any) -> None:
        self._number += 1
        self._said_at = asyncio.get_running_loop().time()
        message = Message(node=self.node, number=self._number, kind=kind, **more)
        self._bus.publish(message.model_dump_json(exclude_defaults=True))


def _portions(present: list[Present]) -> list[tuple[Present, ...]]:
    """Yield the same entries in messages that the bus can carry."""
    portions: list[tuple[Present, ...]] = []
    portion: list[Present] = []
    room = MAX_MESSAGE_BYTES - OVERHEAD_BYTES
    for one in present:
        size = len(ENTRY.dump_json(one)) + 1
        if size > room:
            portions.append(tuple(portion))
            portion, room = [], MAX_MESSAGE_BYTES - OVERHEAD_BYTES
        portion.append(one)
        room -= size
    if portion:
        portions.append(tuple(portion))
    return portions
