"""The kernel's state of a peer; without it no connection is closed."""

import asyncio
import socket

import pytest

from graph.http.server.tcp import PeerProgress, taken, untaken


class Told(socket.socket):
    """A socket whose kernel reports this state."""

    info = b""

    def getsockopt(self, level, name, size=0):
        return self.info if name == socket.TCP_INFO else super().getsockopt(level, name, size)


class Transport:
    """The part of a transport that is used."""

    def __init__(self, connected):
        self.connected = connected

    def get_extra_info(self, name):
        return self.connected if name == "socket" else None

    def get_write_buffer_size(self):
        return 7

    def is_closing(self):
        return False


@pytest.fixture
async def pair():
    """Yield both ends of a connection, of which the second reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        ours = Told(fileno=accepted.detach())
        with theirs, ours:
            yield ours, theirs


@pytest.mark.parametrize("info", [bytes(256), bytes(104)], ids=["only zeros", "too short"])
async def test_nobody_is_let_go_where_the_kernel_does_not_tell(pair, info):
    ours, _ = pair
    ours.info = info
    transport, pulse = Transport(ours), PeerProgress()
    assert taken(transport) == -7
    assert [pulse.lives(transport) for _ in range(3)] == [True] * 3


async def test_the_kernel_tells_what_the_peer_has_taken(pair):
    ours, theirs = pair
    with socket.socket(fileno=ours.detach()) as plain:
        transport, seen = Transport(plain), []
        for _ in range(2):
            plain.sendall(b"x" * 1000)
            theirs.recv(1000, socket.MSG_WAITALL)
            async with asyncio.timeout(5):
                while untaken(transport) > transport.get_write_buffer_size():  # noqa: ASYNC110
                    await asyncio.sleep(0)
            seen.append(taken(transport))
        assert seen[1] - seen[0] == 1000
