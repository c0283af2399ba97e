"""Uvicorn as the gateway runs it: clients that stall are cut off."""

import asyncio
from functools import cached_property
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from graph.http.server.keepalive import Keepalive
from graph.http.server.tcp import PeerProgress, bound_waiting, taken
from graph.http.server.timer import Timer
from graph.http.server.whole_answer import WHOLE_ANSWER, WholeAnswer
from graph.http.stream.event_stream import EXTENSION as STREAM
from graph.http.stream.event_stream import Streamed
from graph.http.stream.transport import HIGH_WATER_MARK, MIN_READ, STALL
from graph.settings import Settings

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request's head; uvicorn itself would take any number of headers."""
PROTOCOL = "graph.http.server.config:Protocol"
WEBSOCKETS = "graph.http.server.websocket:WebSocketProtocol"


class Config(uvicorn.Config):
    """Uvicorn's configuration, with the settings for the protocol.

    It is passed to worker processes, so it has nothing that cannot be pickled.
    """

    def __init__(self, app: ASGIApp | str, settings: Settings, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "http": PROTOCOL,
            "lifespan": "on",
            "log_config": None,  # graph.logs has set it up
            "access_log": False,  # the application logs its requests, with their ids
            "server_header": False,
            "forwarded_allow_ips": settings.trusted_proxies,
            "ws": WEBSOCKETS,
            "ws_max_size": settings.body_limit,
            "ws_per_message_deflate": False,  # a small message could unpack to a huge one
            "timeout_graceful_shutdown": settings.drain_timeout,
        }
        super().__init__(app, **(defaults | options))
        self.settings = settings
        self.beginning: tuple[Any, bytes] = (None, b"")
        """The server's headers, and the lines that they make."""

    @cached_property
    def heart(self) -> Keepalive:
        """Return the keepalive of this process's WebSockets; each process creates its own."""
        return Keepalive()


class Protocol(HttpToolsProtocol):
    """HTTP by httptools, with a deadline for each request's head and body.

    A request that is incomplete at its deadline is cut off without an answer: its sender is gone,
    or wants to hold the connection. So is a peer that does not read MIN_READ bytes of its answer
    in each BODY_TIMEOUT, of a stream in each STALL once HIGH_WATER_MARK bytes wait for it.
    """

    config: Config

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        settings = self.config.settings
        self._head_limit, self._body_limit = settings.head_timeout, settings.body_timeout
        self._timer = Timer(self.loop)
        self._stalled: asyncio.TimerHandle | None = None
        self._in_head, self._in_body, self._upgraded = False, False, False
        self._idle = False
        """True if the last request is answered, and nothing of another has come."""
        self._head_size = 0
        self._streamed: Streamed | None = None
        self._pulse = PeerProgress()
        self.stalled = False
        """True if the connection was cut off because the peer did not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request's head."""
        super().connection_made(transport)
        self._timer.start(self._head_limit, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines of a closed connection."""
        self._timer.end()
        self.config.heart.leave(self)
        self.resume_writing()
        super().connection_lost(exc)
        if self._streamed is not None:
            self._streamed.lost()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and set the deadline for the part still missing."""
        waiting = not self._in_body
        self._head_size += len(data) if waiting else 0
        if self._idle:  # the time for the next request's head begins now
            self._idle = False
            self._timer.stop()
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head or not (self._in_body or answering):
            # A request's head, or bytes between two requests, which never need end.
            if self._head_size > MAX_HEAD_BYTES:
                self.transport.abort()
            elif not self._timer.is_running:
                self._timer.start(self._head_limit, self.transport.abort)

    def on_message_begin(self) -> None:
        """Start the deadline of a request's head."""
        super().on_message_begin()
        self._in_head = True
        if not self._timer.is_running:
            self._timer.start(self._head_limit, self.transport.abort)

    def on_headers_complete(self) -> None:
        """Start the deadline of the body after the head."""
        self._in_head, self._in_body, self._head_size = False, True, 0
        self._timer.start(self._body_limit, self.transport.abort)
        super().on_headers_complete()
        extensions: dict[str, Any] = {STREAM: self, WHOLE_ANSWER: self.answer}
        self.scope["extensions"] = extensions
        cycle: Any = self.cycle  # None, or the last one, where the connection is upgraded
        if cycle is not None and cycle.transport is self.transport:
            cycle.transport = WholeAnswer(self.transport, self.loop)

    def on_message_complete(self) -> None:
        """Stop the deadlines after the whole request: the operation has its own."""
        self._in_body = False
        self._timer.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin with the next request of the connection, or wait for one.

        As uvicorn does, by the timer of the other deadlines.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._timer.is_running:  # and nothing of the next one has come
            self._idle = True
            self._timer.start(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def handle_websocket_upgrade(self) -> None:
        """Stop the deadlines for the protocol that takes over, which has its own."""
        self._timer.end()
        self._upgraded = True
        super().handle_websocket_upgrade()
        # Nothing refers to this one any more but itself, by way of its parser.
        vars(self).update(parser=None, scope=None, headers=None)

    def answer(self, scope: Any, lines: bytes, body: bytes) -> bool:
        """Write the answer to a request, of status 200, with these lines of headers.

        Return False where it has to be sent as ASGI has it: another request is answered first, the
        client is gone or reads slowly, or the connection ends with the answer.
        """
        cycle: Any = self.cycle
        if (
            cycle is None
            or cycle.scope is not scope
            or cycle.response_started
            or cycle.disconnected
            or not cycle.keep_alive
            or self.flow.write_paused
            or scope["method"] == "HEAD"
        ):
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self.transport.write(b"".join((self._begin(), lines, b"\r\n", body)))
        cycle.on_response()
        return True

    def _begin(self) -> bytes:
        """Return the first lines of an answer: status, and the server's own headers."""
        headers = self.server_state.default_headers  # replaced each second, for the date
        if self.config.beginning[0] is not headers:
            lines = b"".join(b"%s: %s\r\n" % header for header in headers)
            self.config.beginning = headers, b"HTTP/1.1 200 OK\r\n" + lines
        return self.config.beginning[1]

    def write(self, part: bytes) -> bool:
        """Write a chunk of the body of a stream at once; return False while the peer is behind."""
        if self.flow.write_paused:
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        return True

    def abort(self) -> None:
        """Cut the connection of a client that does not read its stream."""
        self.transport.abort()

    def stream(self, streamed: Streamed | None) -> None:
        """Start or stop supervising an endless response."""
        self._streamed = streamed
        if self.transport.is_closing():
            if streamed is not None:
                streamed.lost()
            return
        if streamed is not None:
            bound_waiting(self.transport)
            self.transport.set_write_buffer_limits(high=HIGH_WATER_MARK)
            self.config.heart.join(self)
        else:
            self.transport.set_write_buffer_limits()
            self.config.heart.leave(self)

    def beat(self) -> bool:
        """Send a heartbeat on a stream; return False when the peer has not read the last one."""
        if self._streamed is None:
            return True
        lives = self._pulse.lives(self.transport)
        if lives is None:
            self._streamed.beat()
        return lives is not False

    def stop(self) -> None:
        """Abort the connection of a dead peer."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Let requests finish, and end streams."""
        super().shutdown()
        if self._streamed is not None:
            self._streamed.end()

    def pause_writing(self) -> None:
        """Start watching a peer that does not read what was sent."""
        super().pause_writing()
        if self._stalled is None:
            self._watch_reading()

    def resume_writing(self) -> None:
        """Stop watching a peer that reads again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch_reading(self, before: int | None = None) -> None:
        now = taken(self.transport)
        if before is not None and now - before < MIN_READ:
            self.stalled = True
            self.transport.abort()
        else:
            limit = self._body_limit if self._streamed is None else STALL
            self._stalled = self.loop.call_later(limit, self._watch_reading, now)
