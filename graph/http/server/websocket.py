"""WebSockets as uvicorn serves them here: frames written at once, peers that stall cut off.

The handshake and the parsing of frames are those of uvicorn and websockets. Once an application
takes the connection over (graph.http.stream.transport), objects that ASGI alone needs are dropped:
an idle connection is a transport, a parser and its receiver.
"""

import asyncio
import logging
from typing import Any

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from graph.http.server.keepalive import Keepalive
from graph.http.server.tcp import PeerProgress, bound_waiting, taken
from graph.http.stream.transport import (
    EXTENSION,
    HIGH_WATER_MARK,
    MAX_UNREAD_BYTES,
    MIN_READ,
    STALL,
    STALL_TIMEOUT,
    Receiver,
)

GOODBYE = 2.0
"""Seconds that a peer has to answer a close."""
SMALL = 4096
"""Bytes of a fragment that counts as a message: thousands of them could make up one."""
ROUNDS = 2
"""Checks that may find a connection in the middle of the same message before it is closed."""
TEXT, LONG, LONGER = 0x81, 126, 127
PING = b"\x89\x00"
RESTART, UNFINISHED = 1012, 1008

QUIET = logging.getLogger("graph.http.server.websocket")
QUIET.setLevel(logging.ERROR)  # uvicorn and websockets tell of each connection, with its address


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection, as uvicorn's own until it is handed over."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = self.conn.logger = QUIET
        self.conn.debug = False
        self._heart: Keepalive = config.heart  # type: ignore[attr-defined]
        self._receiver: Receiver | None = None
        self._over = False
        self._alive = True
        self._binary = False
        self._unfinished = 0
        self._timer: asyncio.TimerHandle | None = None
        self._paused_at = 0.0
        self._reads = True
        self._taken, self._pulse = 0, PeerProgress()
        self._room: asyncio.Event | None = None

    # What the server tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the buffers for a peer, here and in the kernel."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_MARK)
        bound_waiting(self.transport)

    def handle_connect(self, event: Request) -> None:
        """Offer the application to take the connection over."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    async def run_asgi(self) -> None:
        """Run the application, which returns at once when it has taken the connection over."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application")
            self.send_500_response()
        if self._receiver is None and self.close_timer is None:
            self.transport.close()

    def start_keepalive(self) -> None:
        """Join the keepalive that serves all connections."""
        self._heart.join(self)

    def shutdown(self) -> None:
        """Close with 1012 when the server stops, so that the client connects again."""
        if self._receiver is None:
            super().shutdown()
        else:
            self.close(RESTART, "Service restart")
            self._lose()

    def pause_writing(self) -> None:
        """Start watching a peer for which too much waits."""
        if self._receiver is None:
            super().pause_writing()
        if self._timer is None:
            self._paused_at = self.loop.time()
            self._watch()

    def resume_writing(self) -> None:
        """Stop watching, and release what waits for room."""
        if self._receiver is None:
            super().resume_writing()
        if self._timer is not None and not self._over:
            self._timer.cancel()
            self._timer = None
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of a closed connection."""
        self._heart.leave(self)
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._make_room()
        if self._receiver is None:
            super().connection_lost(exc)
        else:
            self.connections.discard(self)
            self._lose()
            self.transport.close()

    # What the application tells

    def hand_over(self, receiver: Receiver) -> None:
        """Pass all further messages to the receiver, and drop objects that ASGI needs."""
        self._receiver = receiver
        waiting = self.queue
        self.conn.reader.buffer = bytearray(self.conn.reader.buffer)  # that of the handshake is big
        for name in ("queue", "writable", "scope", "request", "response", "app", "app_state"):
            vars(self).pop(name, None)
        if self.read_paused:
            self.transport.resume_reading()
        while not waiting.empty():
            message = waiting.get_nowait()
            if message["type"] == "websocket.receive":
                receiver.received(message.get("text") or message.get("bytes") or "")
            elif message["type"] == "websocket.disconnect":
                self._lose()

    def write(self, start: bytes, payload: bytes = b"", end: bytes = b"") -> None:
        """Send one text message at once."""
        if self._over:
            return
        transport = self.transport
        if (
            self._timer is not None
            and transport.get_write_buffer_size() > MAX_UNREAD_BYTES
            and self.loop.time() - self._paused_at > STALL_TIMEOUT
        ):
            self._cut_off()
            return
        size = len(start) + len(payload) + len(end)
        if size < LONG:
            head = bytes((TEXT, size))
        elif size < 1 << 16:
            head = bytes((TEXT, LONG, size >> 8, size & 0xFF))
        else:
            head = bytes((TEXT, LONGER)) + size.to_bytes(8)
        transport.write(b"".join((head, start, payload, end)))

    async def ready(self) -> None:
        """Wait until the peer is no longer watched, or is gone."""
        while self._timer is not None and not self._over:
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()

    def pause(self) -> None:
        """Stop reading: data waits in the kernel's buffers, and then at the peer (backpressure)."""
        if self._reads and not self.transport.is_closing():
            self._reads = False
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._reads and not self.transport.is_closing():
            self._reads = True
            self.transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; a peer that does not answer is not waited for."""
        if self._over:
            return
        self._over = True
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
        self._flush()
        self._await_end()

    # Reading

    def data_received(self, data: bytes) -> None:
        """Parse frames, and pass messages to the receiver."""
        self._alive = True
        if self._receiver is None:
            super().data_received(data)
            return
        self.conn.receive_data(data)
        for event in self.conn.events_received():
            if isinstance(event, Frame) and not self._over:
                self._take(event, self._receiver)
        self._flush()
        if self.conn.parser_exc is not None and not self._over:
            self._over = True
            self._lose()
            self._await_end()
            # The peer's answer is not read any more. One that is still sending hears first why.
            sending = isinstance(self.conn.parser_exc, PayloadTooBig)
            if not sending and self.transport.can_write_eof():
                self.transport.write_eof()
        elif self.conn.close_rcvd is not None:
            self._over = True
            self._lose()
            self.transport.close()
            self._await_end()

    def _take(self, frame: Frame, receiver: Receiver) -> None:
        if frame.opcode is Opcode.PING:
            receiver.beat()
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._binary = frame.opcode is Opcode.BINARY
            self.frames.append(bytes(frame.data))
            if not frame.fin:
                if len(frame.data) < SMALL:
                    receiver.beat()
                return
            self._unfinished = 0
            data, self.frames = b"".join(self.frames), []
            if self._binary:
                receiver.received(data)
                return
            try:
                text = data.decode()
            except UnicodeDecodeError:
                self.close(1007, "Text is UTF-8")
                self._lose()
            else:
                receiver.received(text)

    # Writing

    def _flush(self) -> None:
        if (output := b"".join(self.conn.data_to_send())) and not self.transport.is_closing():
            self.transport.write(output)

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    def beat(self) -> bool:
        """Ping the peer; return False when it did not answer the last ping."""
        if not self._reads:  # an answer would not be read
            return True
        if self._receiver is not None and (self.frames or self.conn.reader.buffer):
            self._unfinished += 1
            if self._unfinished > ROUNDS and not self._over:
                self.close(UNFINISHED, "A message was not finished in time")
                self._lose()
        if self._over:
            return True
        if (lives := self._pulse.lives(self.transport)) is not None:
            return lives  # a ping would wait behind the rest
        if not self._alive:
            return False
        self._alive = False
        self.transport.write(PING)
        return True

    def stop(self) -> None:
        """Abort the connection of a dead peer."""
        self._over = True
        self._lose()
        self.transport.abort()

    def _watch(self) -> None:
        self._taken = taken(self.transport)
        self._timer = self.loop.call_later(STALL, self._look_again)

    def _look_again(self) -> None:
        if taken(self.transport) - self._taken < MIN_READ:
            self._cut_off()
        else:
            self._watch()

    def _cut_off(self) -> None:
        self._over = True
        self._lose(stalled=True)
        self.transport.abort()

    def _await_end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(GOODBYE, self.transport.abort)

    def _lose(self, *, stalled: bool = False) -> None:
        if self._receiver is not None:
            self._receiver.lost(stalled=stalled)
