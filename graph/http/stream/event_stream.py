"""GraphQL over server-sent events: one operation a request, whose results are a stream of events.

The protocol is graphql-sse's in its mode of distinct connections
(https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md); events are those of the HTML
Standard, section 9.2, with lines ended by LF.
"""

import asyncio
import random
from typing import Final, Protocol

import orjson
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send
from uuid_utils import uuid7

from auth.credentials.identify import origin_of
from db.problem import CODES, Problem
from graph.http.operation.answer import failed, send_answer
from graph.http.operation.deadline import Disconnected
from graph.http.operation.errors import Error, Refusal, Reporter, described
from graph.http.operation.negotiate import GRAPHQL
from graph.http.operation.params import Params
from graph.http.request.endpoint import GraphQLEndpoint, require_safe
from graph.http.stream.connection import Live, LiveConnection, RunningOperation, anything
from graph.http.stream.transport import MAX_UNREAD_BYTES, MIN_READ, STALL, STALL_TIMEOUT

EXTENSION = "gateway.stream"
"""The key in the extensions of the ASGI scope under which a server supervises streams."""
SSE: Final = "sse"
KEEP_ALIVE = 10.0
"""Seconds without an event, after which a comment shows that the stream is alive, where the server
does not supervise it."""
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
MAX_CURSOR_LENGTH = 256
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store, no-transform"),
        (b"x-accel-buffering", b"no"),  # nginx would keep events until its buffer is full
    ],
}


class Streamed(Protocol):
    """An endless response."""

    def end(self) -> None:
        """End the response when the server stops."""

    def beat(self) -> None:
        """Write a heartbeat, so that a lost client is noticed."""

    def lost(self) -> None:
        """Note that the client is gone."""


class Streaming(Protocol):
    """The server's supervision of a stream, found under `EXTENSION`.

    Such a server checks every few seconds that the client still lives, and cuts off one that does
    not read MIN_READ bytes in each STALL once HIGHEST bytes wait for it.
    """

    stalled: bool
    """True if it has cut off the client because it did not read."""

    def stream(self, streamed: Streamed | None) -> None:
        """Start supervising an endless response; None ends that."""

    def write(self, part: bytes) -> bool:
        """Write a part of the body at once; return False while more waits than HIGHEST bytes."""

    def abort(self) -> None:
        """Cut the connection off."""


class EventStreams:
    """The application behind /graphql for clients that accept events."""

    def __init__(self, live: Live, endpoint: GraphQLEndpoint) -> None:
        self._live, self._endpoint = live, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope.setdefault("state", {}).setdefault("request_id", str(uuid7()))
        address = scope["client"][0] if scope.get("client") else ""
        refused: Problem | None = None
        try:
            self._live.capacity.connect(SSE, address)
        except Refusal as refusal:
            refused = refusal
        else:
            try:
                refused = await self._serve(scope, receive, send)
            except Disconnected:
                return
            finally:
                self._live.capacity.disconnect(SSE, address)
        if refused is None:
            return
        scope["state"].setdefault("graphql", {})["code"] = refused.code
        if scope["method"] == "GET" and CODES[refused.code].retryable:
            await _send_later(send, refused)
        else:
            answer = failed(refused)
            await send_answer(send, answer, answer.written(), GRAPHQL)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> Problem | None:
        """Stream the results, or return the reason why there is no stream. Raises Disconnected."""
        connection = HTTPConnection(scope)
        origin = origin_of(connection)
        try:
            params = await self._endpoint.params_of(scope, receive)
            with self._live.operations.deadline():
                viewer = await self._live.visitors.identify(connection)
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered)
            return Reporter(origin.request_id or "").of_exception(error)
        stream = Stream(scope)
        visit = LiveConnection(self._live, SSE, viewer, origin, stream.leave)
        try:
            return await stream.run(visit, params, receive, send)
        finally:
            visit.over()


class Stream:
    """One stream of events: its pending writes, and its end.

    Where the server supervises it, an event is written as soon as it comes, and waits only while
    the client does not read.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._server: Streaming | None = scope.get("extensions", {}).get(EXTENSION)
        self._waiting: list[bytes] = []
        self._size, self._since = 0, 0.0
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._open = self._ended = self._gone = self._stalled = False

    async def run(
        self, visit: LiveConnection, params: Params, receive: Receive, send: Send
    ) -> Problem | None:
        """Run the operation and write its results, until it or the client ends."""
        headers = Headers(scope=self._scope)
        after = headers.get("last-event-id")
        after = after and after[:MAX_CURSOR_LENGTH]
        permit = require_safe if self._scope["method"] == "GET" else anything
        operation = SseOperation(visit, self)
        task = operation.begin(params, headers, after, permit)
        task.add_done_callback(lambda _: self._more.set())
        watching = self._watch(receive)
        try:
            await self._more.wait()
            if task.done() and (error := task.exception()) is not None:
                return Reporter(visit.request_id).of_exception(error)
            if not self._gone:
                await self._write(visit, send)
            return None
        finally:
            self._gone = True
            self._room.set()
            operation.end()
            if watching is not None:
                watching.cancel()
            if self._server is not None:
                self._server.stream(None)

    async def ready(self) -> None:
        """Wait until the client has read most of its pending data, or is gone."""
        while self._size > MIN_READ and not self._gone:
            self._room.clear()
            await self._room.wait()

    def put(self, event: bytes) -> None:
        """Write this as soon as the client reads."""
        if self._ended or self._stalled:
            return
        if self._open and not self._waiting and self._server and self._server.write(event):
            return
        now = asyncio.get_running_loop().time()
        self._since = self._since if self._size else now
        if self._size > MAX_UNREAD_BYTES and now - self._since > STALL_TIMEOUT:
            self._stalled = True
            if self._server is not None:
                self._server.abort()
        self._waiting.append(event)
        self._size += len(event)
        self._more.set()

    def end(self) -> None:
        """Close the stream when all is written; without a `complete` the client reconnects."""
        self._ended = True
        self._more.set()

    def beat(self) -> None:
        """Write a comment, when nothing else waits."""
        if self._open and not self._size:
            self.put(COMMENT)

    def lost(self) -> None:
        """End the stream, because its client has disconnected."""
        self._gone = True
        self.end()

    def leave(self, problem: Problem, expired: bool) -> None:
        """End the stream of a dead credential; without an error if it has only expired."""
        if not expired:
            self.put(event_of(orjson.dumps({"errors": [described(problem)]}), None))
            self.put(COMPLETE)
        self.end()

    def _watch(self, receive: Receive) -> "asyncio.Task[None] | None":
        """Have the end of the client noted, by the server if it supervises the stream."""
        if self._server is not None:
            self._server.stream(self)
            return None

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.lost()

        return asyncio.create_task(watch())

    async def _write(self, visit: LiveConnection, send: Send) -> None:
        await send({**START})
        await send(_body(COMMENT))
        self._open = True
        try:
            while not self._gone and not self._stalled:
                if self._waiting:
                    await self._flush(send)
                elif self._ended:
                    await send({"type": "http.response.body", "body": b""})
                    return
                else:
                    await self._wait()
        except TimeoutError:
            self._stalled = True
        if self._stalled or (self._server is not None and self._server.stalled):
            visit.live.capacity.stalled[SSE] += 1
            if self._server is not None:
                self._server.abort()
                while not self._gone:  # the server tells when it is done
                    await self._wait()

    async def _flush(self, send: Send) -> None:
        waiting, self._waiting = b"".join(self._waiting), []
        for start in range(0, len(waiting), MIN_READ):
            chunk = waiting[start : start + MIN_READ]
            async with asyncio.timeout(STALL if self._server is None else None):
                await send(_body(chunk))
            self._size -= len(chunk)
            self._room.set()
            if self._gone or self._stalled:
                return

    async def _wait(self) -> None:
        self._more.clear()
        try:
            async with asyncio.timeout(KEEP_ALIVE if self._server is None else None):
                await self._more.wait()
        except TimeoutError:
            self.put(COMMENT)


class SseOperation(RunningOperation):
    """The one operation of a stream."""

    __slots__ = ("_stream",)

    def __init__(self, visit: LiveConnection, stream: Stream) -> None:
        super().__init__(visit)
        self._stream = stream

    async def ready(self) -> None:
        """Wait for the stream."""
        await self._stream.ready()

    def next(self, payload: bytes, cursor: str | None) -> None:
        """Send one result, under its cursor."""
        if not self._over:
            self._stream.put(event_of(payload, cursor))
            self.visit.live.capacity.frames[SSE] += 1

    def error(self, errors: list[Error]) -> None:
        """Say that it was not run, or cannot go on: as a result, and the last."""
        if not self._over:
            self.next(orjson.dumps({"errors": errors}), None)
            self.complete()

    def complete(self) -> None:
        """Send `complete` and end the stream."""
        if self.end():
            self._stream.put(COMPLETE)
            self._stream.end()


async def _send_later(send: Send, refused: Problem) -> None:
    """Have an EventSource reconnect: any status but 200 would be final (HTML, section 9.2.2).

    The delay is partly random, so that clients refused together do not reconnect together.
    """
    seconds = int(failed(refused).headers.get("Retry-After", "1"))
    wait = round(1000 * seconds * random.uniform(1, 2))  # noqa: S311 (no secret)
    await send({**START})
    body = b"retry: %d\n: %b\n\n" % (wait, refused.code.encode())
    await send({"type": "http.response.body", "body": body})


def event_of(payload: bytes, cursor: str | None) -> bytes:
    """Return a result as an event; JSON as it is written here has no line breaks."""
    if cursor is None:
        return b"event: next\ndata: %b\n\n" % payload
    return b"event: next\nid: %b\ndata: %b\n\n" % (cursor.encode(), payload)


def _body(chunk: bytes) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": True}
