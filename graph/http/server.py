"""Uvicorn as the gateway runs it: clients that stall are cut off."""

import asyncio
from functools import cached_property
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from graph.http.event_stream import EXTENSION as STREAM
from graph.http.event_stream import Streamed
from graph.http.heart import Heart
from graph.http.kernel import Pulse, bound_waiting, taken
from graph.http.wire import HIGHEST, LEAST_READ, STALL
from graph.settings import Settings

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's head; uvicorn itself would take any number of headers."""
PROTOCOL = "graph.http.server:Protocol"
WEBSOCKETS = "graph.http.websocket:WebSocketProtocol"


class Config(uvicorn.Config):
    """Uvicorn's configuration, with the settings at hand for the protocol.

    It is given to worker processes as it is, so it holds nothing that cannot be pickled.
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
    def heart(self) -> Heart:
        """What keeps the WebSockets of one process alive; each process makes its own."""
        return Heart()


class Protocol(HttpToolsProtocol):
    """HTTP by httptools, with a deadline for each request's head and body.

    A request that has not come in at its deadline is cut off without an answer: its sender is not
    listening, or wants to hold the connection. So is a peer that hardly reads: LEAST_READ of its
    answer in each BODY_TIMEOUT, of a stream in each STALL once HIGHEST wait for it.
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
        self._pulse = Pulse()
        self.stalled = False
        """Whether it was cut off because the peer did not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request has to come in from here on."""
        super().connection_made(transport)
        self._arm(self._head_limit)

    def connection_lost(self, exc: Exception | None) -> None:
        """No deadline outlives its connection."""
        self._disarm()
        self.config.heart.leave(self)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see what is still to come."""
        waiting = not self._in_body
        self._head_size += len(data) if waiting else 0
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head or not (self._in_body or answering):
            # A request's head, or bytes between two requests, which never need end.
            if self._head_size > LARGEST_HEAD:
                self.transport.abort()
            elif self._deadline is None:
                self._arm(self._head_limit)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        if self._deadline is None:
            self._arm(self._head_limit)

    def on_headers_complete(self) -> None:
        """The head is there; the body may follow."""
        self._in_head, self._in_body, self._head_size = False, True, 0
        self._arm(self._body_limit)
        super().on_headers_complete()
        extensions: dict[str, Any] = {STREAM: self}
        self.scope["extensions"] = extensions

    def on_message_complete(self) -> None:
        """The whole request is there; from here on the operation has a deadline of its own."""
        self._in_body = False
        self._disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes over, which has deadlines of its own."""
        self._disarm()
        self._upgraded = True
        super().handle_websocket_upgrade()
        # Nothing refers to this one any more but itself, by way of its parser.
        vars(self).update(parser=None, scope=None, headers=None)

    def abort(self) -> None:
        """Cut the connection: nobody reads what is streamed."""
        self.transport.abort()

    def stream(self, streamed: Streamed | None) -> None:
        """An answer without an end begins, or is over."""
        self._streamed = streamed
        if self.transport.is_closing():
            return
        if streamed is not None:
            bound_waiting(self.transport)
            self.transport.set_write_buffer_limits(high=HIGHEST)
            self.config.heart.join(self)
        else:
            self.transport.set_write_buffer_limits()
            self.config.heart.leave(self)

    def beat(self) -> bool:
        """Have the peer of a stream sent something; False when it took nothing of the last."""
        if self._streamed is None:
            return True
        lives = self._pulse.lives(self.transport)
        if lives is None:
            self._streamed.beat()
        return lives is not False

    def stop(self) -> None:
        """The peer is dead."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Let requests finish, and end streams."""
        super().shutdown()
        if self._streamed is not None:
            self._streamed.end()

    def pause_writing(self) -> None:
        """The peer does not read what was sent."""
        super().pause_writing()
        if self._stalled is None:
            self._watch_reading()

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch_reading(self, before: int | None = None) -> None:
        now = taken(self.transport)
        if before is not None and now - before < LEAST_READ:
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
