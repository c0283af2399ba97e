"""GraphQL over WebSocket: one connection's part of the protocol, from its first message on."""

import asyncio
from collections import deque
from typing import Any, Final

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Scope

from auth.credentials.identify import origin_of
from auth.origin import Origin
from auth.viewer import Viewer
from db.problem import CODES, Problem
from graph.http.operation.errors import Error, Reporter
from graph.http.operation.json_text import READ_AT_ONCE
from graph.http.stream.connection import Live, LiveConnection, RunningOperation
from graph.http.stream.messages import BadMessage, Close, Message, read, start_of_next, written
from graph.http.stream.transport import SocketTransport
from graph.kit.token_bucket import TokenBucket

log = structlog.get_logger("graph.http.access")

RATE, BURST = 50.0, 100.0
"""Messages a second that are taken of a client for long, and at once. More have to wait."""
MAX_RUNNING = 50
"""Operations of one connection that are run at once, beside those that are followed."""
WEBSOCKET: Final = "websocket"
MAX_REASON_LENGTH = 123
"""Bytes of a closing reason (RFC 6455, section 5.5)."""
END = b"}"
CREDENTIALS = ("authorization", "dpop")
"""Members of the first payload, or of its `headers`, that replace the headers of these names."""
TOKEN = "authtoken"  # noqa: S105 (the name of a member)
"""A member that holds the token alone, as in examples of some clients."""
NOTHING_SHOWN = "No credential: send `authorization` in the payload of connection_init."

REASONS = {Close.TRY_AGAIN: "Try again later", Close.DEFECT: "Internal error"}
"""Reasons in place of the problem's message, when it is not the client's fault."""


class Socket:
    """One connection. Its wire calls it; nothing here waits, and an idle one has no task."""

    __slots__ = (
        "_address",
        "_bucket",
        "_code",
        "_init",
        "_live",
        "_over",
        "_parsing",
        "_pausing",
        "_running",
        "_scope",
        "_started",
        "_visit",
        "_waiting",
        "request_id",
        "wire",
    )
    wire: SocketTransport

    def __init__(self, live: Live, scope: Scope, address: str, patience: float) -> None:
        self._live, self._address = live, address
        self._scope: Scope | None = scope
        self._visit: LiveConnection | None = None
        self._running: dict[str, SocketOperation] = {}
        self._over = self._parsing = False
        self._waiting: deque[str | bytes] | None = None
        self._pausing: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        self._started, self._code = loop.time(), 0
        self._bucket = TokenBucket(RATE, BURST, self._started)
        self.request_id: str = scope.get("state", {}).get("request_id", "")
        self._init: asyncio.TimerHandle | asyncio.Task[None] | None = loop.call_later(
            patience, self.close, Close.INIT_TIMEOUT, "Connection initialisation timeout"
        )

    # What the wire tells

    def received(self, message: str | bytes) -> None:
        """Answer one message, after those that wait."""
        if self._over:
            return
        self._waiting = self._waiting or deque()
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._proceed()

    def beat(self) -> None:
        """Count something from the peer that is no message against its rate limit."""
        if not self._over:
            self._spend()
            if seconds := self._bucket.wait(1, self._now()):
                self._pause(seconds)

    def lost(self, *, stalled: bool = False) -> None:
        """Stop everything for a closed connection."""
        if self._over:
            return
        self._over = True
        self._waiting = None
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None
        capacity = self._live.capacity
        capacity.disconnect(WEBSOCKET, self._address)
        capacity.stalled[WEBSOCKET] += stalled
        if self._init is not None:
            self._init.cancel()
            self._init = None
        if self._visit is not None:
            self._visit.over()
        for operation in [*self._running.values()]:
            operation.end()
        self._scope = self._visit = None
        seconds = round(asyncio.get_running_loop().time() - self._started, 1)
        log.info(
            "connection",
            transport=WEBSOCKET,
            code=self._code,
            seconds=seconds,
            request_id=self.request_id,
        )

    # What it tells the wire

    def close(self, code: Close, reason: str) -> None:
        """Say why, and end the connection with all that runs in it."""
        self._code = int(code)
        self.wire.resume()  # or the peer's goodbye would not be read
        self.wire.close(code, reason.encode()[:MAX_REASON_LENGTH].decode(errors="ignore"))
        self.lost()

    def send(self, type_: str, **members: Any) -> None:
        """Send one message."""
        self.wire.write(written(type_, **members))

    # The protocol

    def _proceed(self) -> None:
        """Process pending messages as far as limits allow, and resume reading when none is pending.

        Until then nothing more is read, so a client that sends too fast has to wait (backpressure).
        """
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None
        while self._waiting and not self._over:
            if self._parsing:
                self._pause(None)
                return
            if (wait := self._wait()) is None or wait > 0:
                self._pause(wait)
                return
            self._spend()
            message = self._waiting.popleft()
            if len(message) > READ_AT_ONCE:
                self._parsing = True
                self._live.start(self._answer_later(message))
            else:
                self._answer(message)
        self._waiting = None
        if not self._over:
            self.wire.resume()

    def _wait(self) -> float | None:
        """Return the seconds until the next message is read; None: until an operation ends."""
        followed = self._visit.subscriptions if self._visit else 0
        if len(self._running) - followed >= MAX_RUNNING:
            return None
        return self._bucket.wait(1, self._now())

    def _pause(self, seconds: float | None) -> None:
        self.wire.pause()
        if seconds is not None and self._pausing is None:
            loop = asyncio.get_running_loop()
            self._pausing = loop.call_later(seconds, self._proceed)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _spend(self) -> None:
        """Count one message; a flood of pings leaves a debt, and not one without an end."""
        self._bucket.take(1, self._now(), debt=BURST)

    async def _answer_later(self, message: str | bytes) -> None:
        """Parse a large message beside the loop; those after it wait."""
        try:
            parsed = await asyncio.to_thread(read, message)
            self._parsing = False
            if not self._over:
                self._handle(parsed)
                self._proceed()
        except BadMessage as bad:
            self.close(Close.BAD_MESSAGE, str(bad))

    def _answer(self, message: str | bytes) -> None:
        try:
            self._handle(read(message))
        except BadMessage as bad:
            self.close(Close.BAD_MESSAGE, str(bad))

    def _handle(self, message: Message) -> None:
        match message.type:
            case "ping":
                given = {"payload": message.payload} if message.payload is not None else {}
                self.send("pong", **given)
            case "pong":
                pass
            case "connection_init":
                self._initialise(message.payload)
            case _ if self._visit is None:
                self.close(Close.UNAUTHORIZED, "Unauthorized")
            case "subscribe":
                self._start(self._visit, message)
            case "complete":
                if operation := self._running.get(message.id):
                    operation.end()

    def _initialise(self, payload: dict[str, Any] | None) -> None:
        scope, self._scope = self._scope, None
        if scope is None:
            self.close(Close.TOO_MANY, "Too many initialisation requests")
            return
        connection = shown(scope, payload or {})
        if self._init is not None:
            self._init.cancel()
        self._init = self._live.start(self._identify(connection))

    async def _identify(self, connection: HTTPConnection) -> None:
        origin = origin_of(connection)
        try:
            with self._live.operations.deadline():
                viewer = await self._live.visitors.identify(connection)
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is told)
            self._init = None
            self._refuse(Reporter(self.request_id).of_exception(error))
            return
        self._init = None
        if viewer.id is None and viewer.client_id is None:
            self._refuse(Problem("UNAUTHENTICATED", NOTHING_SHOWN))
        else:
            self._welcome(viewer, origin)

    def _welcome(self, viewer: Viewer, origin: Origin) -> None:
        self._visit = LiveConnection(self._live, WEBSOCKET, viewer, origin, self._leave)
        self.send("connection_ack")

    def _refuse(self, problem: Problem) -> None:
        code = code_of(problem)
        self.close(code, REASONS.get(code, problem.message))

    def _leave(self, problem: Problem, expired: bool) -> None:
        if expired:
            self.close(Close.UNAUTHORIZED, "Token expired")
        else:
            self._refuse(problem)

    def _start(self, visit: LiveConnection, message: Message) -> None:
        id, running = message.id, self._running
        if id in running:
            self.close(Close.SUBSCRIBER_EXISTS, f"Subscriber for {id[:64]} already exists")
            return
        params = message.params()
        running[id] = operation = SocketOperation(visit, self, id)
        operation.begin(params)

    def forget(self, id: str, operation: "SocketOperation") -> None:
        """Remove an operation that has ended; its ID may be used again."""
        if self._running.get(id) is operation:
            del self._running[id]
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._proceed)


def code_of(problem: Problem) -> Close:
    """Return the code that a connection is closed with."""
    if problem.code in ("UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"):
        return Close.FORBIDDEN
    return Close.TRY_AGAIN if CODES[problem.code].retryable else Close.DEFECT


def shown(scope: Scope, payload: dict[str, Any]) -> HTTPConnection:
    """Return the connection with the credentials of its first message in place of its own.

    Raises BadMessage.
    """
    given = _credentials(payload)
    headers = [(name, value) for name, value in scope["headers"] if name.decode() not in given]
    for name, value in given.items():
        if not isinstance(value, str) or not value.isascii():
            raise BadMessage(f"`{name}` is a string of ASCII characters.")
        headers.append((name.encode(), value.encode()))
    return HTTPConnection({**scope, "headers": headers})


def _credentials(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the headers in the first payload, by name."""
    members = {name.lower(): value for name, value in payload.items()}
    headers = members.get("headers")
    if not isinstance(headers, dict | None):
        raise BadMessage("`headers` is an object.")
    within = {name.lower(): value for name, value in (headers or {}).items()} | members
    given = {name: within[name] for name in CREDENTIALS if name in within}
    if isinstance(token := members.get(TOKEN), str) and "authorization" not in given:
        given["authorization"] = token if " " in token else f"Bearer {token}"
    return given


class SocketOperation(RunningOperation):
    """One operation of a connection, whose results carry its id."""

    __slots__ = ("_id", "_socket", "_start")

    def __init__(self, visit: LiveConnection, socket: Socket, id: str) -> None:
        super().__init__(visit)
        self._socket, self._id = socket, id
        self._start = start_of_next(id)

    async def ready(self) -> None:
        """Wait for the connection, which may carry others' results, too."""
        await self._socket.wire.ready()

    def next(self, payload: bytes, cursor: str | None) -> None:  # noqa: ARG002 (in the payload)
        """Send one result: the bytes that other connections are sent, too, between its own."""
        if not self._over:
            self._socket.wire.write(self._start, payload, END)
            self.visit.live.capacity.frames[WEBSOCKET] += 1

    def error(self, errors: list[Error]) -> None:
        """Say that it was not run, or cannot go on."""
        if self.end():
            self._socket.send("error", id=self._id, payload=errors)

    def complete(self) -> None:
        """Send `complete` and end the operation."""
        if self.end():
            self._socket.send("complete", id=self._id)

    def end(self) -> bool:
        """Stop it; its id is free again."""
        if not super().end():
            return False
        self._socket.forget(self._id, self)
        return True
