"""The interface of one WebSocket: messages are received by callbacks, and sent without waiting.

A server that offers `EXTENSION` in its scope hands over the connection, and the application's
coroutine returns: an idle connection then needs neither a task nor its scope. On any other ASGI
server `bridge_asgi` stands between.
"""

import asyncio
from collections import deque
from typing import Protocol

from starlette.types import Receive, Send

EXTENSION = "gateway.wire"
HIGH_WATER_MARK = 256 * 1024
"""Bytes that may wait for a peer before it is watched."""
MIN_READ, STALL = 16 * 1024, 2.0
"""Bytes that a peer which is watched takes in each so many seconds, or loses the connection."""
MAX_UNREAD_BYTES, STALL_TIMEOUT = 16 * HIGH_WATER_MARK, 1.0
"""The bytes waiting for a peer past which it is cut off, once it has been slow for so many seconds:
it has a chance to read a burst."""


class SocketTransport(Protocol):
    """The way to the peer. Only `ready` waits, and nothing is sent after the end."""

    def write(self, start: bytes, payload: bytes = b"", end: bytes = b"") -> None:
        """Send one text message in UTF-8, in up to three parts."""

    async def ready(self) -> None:
        """Wait until the peer has read most of its pending data, or is gone."""

    def pause(self) -> None:
        """Stop reading for now, so that the sender waits. Data already read is still delivered."""

    def resume(self) -> None:
        """Read on."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and end the connection; `reason` has at most 123 bytes."""


class Receiver(Protocol):
    """Callbacks of a connection to its endpoint."""

    def received(self, message: str | bytes) -> None:
        """Receive a message: text, or bytes of a binary one."""

    def beat(self) -> None:
        """Note that the peer has sent something that is no message: a ping, or a part of one."""

    def lost(self, *, stalled: bool = False) -> None:
        """Note the end of the connection; `stalled` when the peer did not read."""


class HandOver(SocketTransport, Protocol):
    """The transport found under `EXTENSION` in the scope of a connection."""

    def hand_over(self, receiver: Receiver) -> None:
        """Pass all further messages to this receiver; the handshake has been accepted."""


class _Queued:
    """A wire whose messages are sent by `bridge_asgi`, in their order."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.size, self.since = 0, 0.0
        self.more, self.room, self.reads = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.over = False
        self.goodbye: tuple[int, str] | None = None
        self.overrun = False

    def write(self, start: bytes, payload: bytes = b"", end: bytes = b"") -> None:
        if self.goodbye is not None or self.overrun:
            return
        now = asyncio.get_running_loop().time()
        self.since = self.since if self.waiting else now
        if self.size > MAX_UNREAD_BYTES and now - self.since > STALL_TIMEOUT:
            self.overrun = True
            return
        message = start + payload + end
        self.waiting.append(message)
        self.size += len(message)
        self.more.set()

    async def ready(self) -> None:
        while self.size > HIGH_WATER_MARK and not self.over:
            self.room.clear()
            await self.room.wait()

    def pause(self) -> None:
        self.reads.clear()

    def resume(self) -> None:
        self.reads.set()

    def close(self, code: int, reason: str) -> None:
        if self.goodbye is None:
            self.goodbye = (code, reason)
            self.more.set()


class Connectable(Receiver, Protocol):
    """A receiver that is given its transport."""

    wire: SocketTransport


async def bridge_asgi(receiver: Connectable, receive: Receive, send: Send) -> None:
    """Carry messages between the receiver and an ASGI server, until the connection is over."""
    wire = _Queued()
    receiver.wire = wire

    async def read() -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            receiver.received(message["bytes"] if text is None else text)
            await wire.reads.wait()

    reading = asyncio.create_task(read())
    reading.add_done_callback(lambda _: wire.more.set())
    stalled = False
    try:
        while not reading.done() and not stalled:
            await wire.more.wait()
            wire.more.clear()
            try:
                await _flush(wire, send)
            except TimeoutError:
                stalled = True
            if wire.goodbye and not reading.done() and not stalled:
                code, reason = wire.goodbye
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
    finally:
        reading.cancel()
        wire.over = True
        wire.room.set()
        receiver.lost(stalled=stalled)


async def _flush(wire: _Queued, send: Send) -> None:
    while wire.waiting:
        message = wire.waiting.popleft()
        async with asyncio.timeout(STALL * (1 + len(message) // MIN_READ)):
            await send({"type": "websocket.send", "text": message.decode()})
        wire.size -= len(message)
        wire.room.set()
    if wire.overrun:
        raise TimeoutError
