"""The state of nodes converges, also when messages between them are lost."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from graph.kit.presence import LEASED, Client, Focus, Lease, Place, Present
from graph.live import peers
from graph.live.bus import MAX_MESSAGE_BYTES
from graph.live.peers import Peers
from graph.live.presence_registry import PresenceRegistry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Lossy:
    """A bus in memory that loses messages."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.loss, self.hearing, self.sizes = chance, 0.0, [], []

    async def run(self, hear, connected):
        self.hearing.append(hear)
        connected()
        await asyncio.Event().wait()

    def publish(self, message: str) -> None:
        self.sizes.append(len(message.encode()))
        for hear in self.hearing:
            if self.chance.random() >= self.loss:
                asyncio.get_running_loop().call_soon(hear, message)


@pytest.fixture
async def cluster(monkeypatch):
    """Yield three nodes, on a bus that can lose messages."""
    monkeypatch.setattr(peers, "SEND_INTERVAL", 0.01)
    monkeypatch.setattr(peers, "CHECK_INTERVAL", 0.02)
    monkeypatch.setattr(peers, "HEARTBEAT_INTERVAL", 0.05)
    monkeypatch.setattr(peers, "RESEND_INTERVAL", 0.02)
    bus = Lossy(random.Random(3))
    nodes = []
    for _ in range(3):
        board = PresenceRegistry()
        nodes.append((board, Peers(board, bus, lambda _: None)))
    running = [asyncio.create_task(node.run()) for _, node in nodes]
    yield bus, nodes
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def agreed(nodes, document, number=None):
    """Wait until all nodes see the same participants, or this number of them."""
    shown = None
    async with asyncio.timeout(20):
        while shown is None or len(shown) > 1 or number not in (None, *map(len, shown)):
            await asyncio.sleep(0.02)
            shown = {board.shown(document, NOW) for board, _ in nodes}


def there(document: UUID, leases=(), **more) -> Present:
    return Present(Client(document, uuid4(), uuid4()), NOW, leases=tuple(leases), **more)


@pytest.mark.slow
async def test_all_nodes_agree_in_the_end_whatever_is_lost(cluster):
    bus, nodes = cluster
    document, chance = uuid4(), random.Random(7)
    await asyncio.sleep(0.05)
    bus.loss = 0.4
    own = [[] for _ in nodes]
    for _ in range(150):
        which = chance.randrange(3)
        board, node = nodes[which]
        if own[which] and chance.random() < 0.4:
            gone = own[which].pop(chance.randrange(len(own[which])))
            board.drop(node.node, gone.client)
            node.tell(gone.client)
        else:
            place = Place(uuid4(), "name")
            present = there(document, [Lease(place, NOW, NOW + LEASED)])
            own[which].append(present)
            board.put(node.node, present)
            node.tell(present.client)
        await asyncio.sleep(0.002)
    bus.loss = 0.0
    await agreed(nodes, document)
    everybody = {present.client for each in own for present in each}
    assert {one.client for one in nodes[0][0].shown(document, NOW)} == everybody


async def test_the_largest_client_fits_into_a_message(cluster):
    """So do very many of them, and their leaving, in as many messages as it takes."""
    bus, nodes = cluster
    document, name = uuid4(), "\U0001f6d1" * 100
    lease = timedelta(microseconds=123456) + NOW
    clients = [
        there(
            document,
            [Lease(Place(uuid4(), name), lease, lease) for _ in range(10)],
            focus=Focus(uuid4(), name, 999_999, 1_000_000),
        )
        for _ in range(60)
    ]
    board, node = nodes[0]
    await asyncio.sleep(0.05)
    for present in clients:
        board.put(node.node, present)
        node.tell(present.client)
    await agreed(nodes, document, 60)
    for present in clients:
        board.drop(node.node, present.client)
        node.tell(present.client)
    await agreed(nodes, document, 0)
    assert max(bus.sizes) <= MAX_MESSAGE_BYTES


async def test_of_two_leases_of_a_field_the_first_one_holds_and_then_the_other():
    board, document, place = PresenceRegistry(), uuid4(), Place(uuid4(), "name")
    later = there(document, [Lease(place, NOW + timedelta(seconds=1), NOW + LEASED * 2)])
    first = there(document, [Lease(place, NOW, NOW + LEASED)])
    board.put(uuid4(), later)
    board.put(uuid4(), first)

    def holders(now):
        return [one.client for one in board.shown(document, now) if one.leases]

    assert holders(NOW) == [first.client]
    assert holders(NOW + LEASED) == [later.client]
    assert set(board.expire(NOW + LEASED)) == {document}
    assert holders(NOW + LEASED * 2) == []
