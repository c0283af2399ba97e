"""What the kernel keeps for a connection that lasts, and what it tells of how the peer reads."""

import asyncio
import socket
import struct
import sys
from array import array
from fcntl import ioctl
from termios import TIOCOUTQ

UNSENT = 64 * 1024
"""Bytes that the kernel keeps for a peer beside those that are on their way."""
BYTES_ACKED = 120
"""Where `struct tcp_info` has them (linux/tcp.h), since 4.1."""


def bound_waiting(transport: asyncio.Transport) -> None:
    """Bound what the kernel keeps for a peer that does not read: it could hold megabytes."""
    connected = _connected(transport)
    if connected is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


def taken(transport: asyncio.Transport) -> int:
    """Bytes that the peer's machine has acknowledged: two calls tell how many in between.

    What leaves our own buffer says less: the kernel takes it in steps, and more may have come in.
    Where the kernel does not tell, it has to do.
    """
    acknowledged = _acknowledged(transport)
    return -transport.get_write_buffer_size() if acknowledged is None else acknowledged


def untaken(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the peer's machine has not acknowledged (tcp(7))."""
    connected = _measured(transport)
    kept = array("i", [0])
    if connected is not None:
        ioctl(connected.fileno(), TIOCOUTQ, kept)
    return transport.get_write_buffer_size() + kept[0]


class Pulse:
    """Whether a peer still takes what is written to it, looked at from time to time."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    def lives(self, transport: asyncio.Transport) -> bool | None:
        """Whether it has taken something since the last time; None when nothing waits for it.

        Whoever is told None writes something, so that there is an answer the next time.
        """
        if transport.is_closing():  # its socket may be another's already
            return True
        acknowledged = _acknowledged(transport)
        before, self._taken = self._taken, acknowledged or 0
        if not untaken(transport):
            return None
        return acknowledged is None or acknowledged > before


def _acknowledged(transport: asyncio.Transport) -> int | None:
    """None where the kernel does not tell: others than Linux, and what only looks like it."""
    connected = _measured(transport)
    if connected is None:
        return None
    size = BYTES_ACKED + 8
    told = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    if len(told) < size:
        return None
    acknowledged: int = struct.unpack_from("Q", told, BYTES_ACKED)[0]
    return acknowledged or None  # whoever was answered has acknowledged that


def _measured(transport: asyncio.Transport) -> socket.socket | None:
    return _connected(transport) if sys.platform == "linux" else None


def _connected(transport: asyncio.Transport) -> socket.socket | None:
    connected: socket.socket | None = transport.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return None
    return connected if connected.family in (socket.AF_INET, socket.AF_INET6) else None
