"""Bound the kernel's send buffer of a long connection, and read the peer's progress from it."""

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
"""The offset of `tcpi_bytes_acked` in `struct tcp_info` (linux/tcp.h), since Linux 4.1."""


def bound_waiting(transport: asyncio.Transport) -> None:
    """Bound the kernel's buffer for a peer that does not read, which could hold megabytes."""
    connected = _connected(transport)
    if connected is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


def taken(transport: asyncio.Transport) -> int:
    """Return the bytes that the peer's machine has acknowledged; only differences mean something.

    The size of our own buffer is less exact: the kernel takes from it in steps, and more may have
    been added. It is used where the kernel has no count.
    """
    acknowledged = _acknowledged(transport)
    return -transport.get_write_buffer_size() if acknowledged is None else acknowledged


def untaken(transport: asyncio.Transport) -> int:
    """Return the bytes written that the peer's machine has not acknowledged (tcp(7))."""
    connected = _measured(transport)
    kept = array("i", [0])
    if connected is not None:
        ioctl(connected.fileno(), TIOCOUTQ, kept)
    return transport.get_write_buffer_size() + kept[0]


class PeerProgress:
    """The progress of a peer in reading what is written to it, polled from time to time."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    def lives(self, transport: asyncio.Transport) -> bool | None:
        """Return whether it has read since the last call; None when nothing waits for it.

        After None the caller writes something, so that the next call has a result.
        """
        if transport.is_closing():  # its socket may be another's already
            return True
        acknowledged = _acknowledged(transport)
        before, self._taken = self._taken, acknowledged or 0
        if not untaken(transport):
            return None
        return acknowledged is None or acknowledged > before


def _acknowledged(transport: asyncio.Transport) -> int | None:
    """Return the acknowledged bytes; None where the kernel has no count, such as outside Linux."""
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
