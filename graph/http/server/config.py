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
from graph.http.server.whole_answer import WholeAnswer
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
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._in_head, self._in_body, self._upgraded = False, False, False
        self._head_size = 0
        self._streamed: Streamed | None = None
        self._pulse = PeerProgress()
        self.stalled = False
        """True if the connection was cut off because the peer did not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request's head."""
        super().connection_made(transport)
        self._arm(self._head_limit)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines of a closed connection."""
        self._disarm()
        self.config.heart.leave(self)
        self.resume_writing()
        super().connection_lost(exc)
        if self._streamed is not None:
            self._streamed.lost()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and set the deadline for the part still missing."""
        waiting = not self._in_body
        self._head_size += len(data) if waiting else 0
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head or not (self._in_body or answering):
            # A request's head, or bytes between two requests, which never need end.
            if self._head_size > MAX_HEAD_BYTES:
                self.transport.abort()
            elif self._deadline is None:
                self._arm(self._head_limit)

    def on_message_begin(self) -> None:
        """Start the deadline of a request's head."""
        super().on_message_begin()
        self._in_head = True
        if self._deadline is None:
            self._arm(self._head_limit)

    def on_headers_complete(self) -> None:
        """Start the deadline of the body after the head."""
        self._in_head, self._in_body, self._head_size = False, True, 0
        self._arm(self._body_limit)
        super().on_headers_complete()
        extensions: dict[str, Any] = {STREAM: self}
        self.scope["extensions"] = extensions
        cycle: Any = self.cycle  # None, or the last one, where the connection is upgraded
        if cycle is not None and cycle.transport is self.transport:
            cycle.transport = WholeAnswer(self.transport, self.loop)

    def on_message_complete(self) -> None:
        """Stop the deadlines after the whole request: the operation has its own."""
        self._in_body = False
        self._disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Stop the deadlines for the protocol that takes over, which has its own."""
        self._disarm()
        self._upgraded = True
        super().handle_websocket_upgrade()
        # Nothing refers to this one any more but itself, by way of its parser.
        vars(self).update(parser=None, scope=None, headers=None)

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

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
