"""GraphQL over WebSocket: one connection's part of the protocol, from its first message on."""

import asyncio
from typing import Any, Final

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Scope

from auth.identify import origin_of
from auth.session.origin import Origin
from auth.viewer import Viewer
from db.problem import CODES, Problem
from graph.http.errors import Error, Reporter, described
from graph.http.messages import BadMessage, Close, Message, read, start_of_next, written
from graph.http.visit import Live, Running, Visit
from graph.http.wire import Wire

log = structlog.get_logger("graph.http.access")

RATE, BURST = 20.0, 40.0
"""Messages a second that a client sends for long, and at once."""
MOST_RUNNING = 50
"""Operations of one connection that are being run or followed."""
WEBSOCKET: Final = "websocket"
LONGEST_REASON = 123
"""Bytes of a closing reason (RFC 6455, section 5.5)."""
END = b"}"
CREDENTIALS = ("authorization", "dpop")
"""Members of the first payload that stand for the headers of these names."""

REASONS = {
    Close.FORBIDDEN: "Forbidden",
    Close.TRY_AGAIN: "Try again later",
    Close.DEFECT: "Internal error",
}


class Socket:
    """One connection. Its wire calls it; nothing here waits, and an idle one has no task."""

    __slots__ = (
        "_address",
        "_allowance",
        "_code",
        "_init",
        "_live",
        "_over",
        "_running",
        "_scope",
        "_stamp",
        "_started",
        "_visit",
        "request_id",
        "wire",
    )
    wire: Wire

    def __init__(self, live: Live, scope: Scope, address: str, patience: float) -> None:
        self._live, self._address = live, address
        self._scope: Scope | None = scope
        self._visit: Visit | None = None
        self._running: dict[str, RunningHere] = {}
        self._over = False
        loop = asyncio.get_running_loop()
        self._allowance, self._stamp = BURST, loop.time()
        self._started, self._code = self._stamp, 0
        self.request_id: str = scope.get("state", {}).get("request_id", "")
        self._init: asyncio.TimerHandle | asyncio.Task[None] | None = loop.call_later(
            patience, self.close, Close.INIT_TIMEOUT, "Connection initialisation timeout"
        )

    # What the wire tells

    def received(self, message: str | bytes) -> None:
        """Answer one message."""
        if not self._allowed():
            return
        try:
            self._handle(read(message))
        except BadMessage as bad:
            self.close(Close.BAD_MESSAGE, str(bad))

    def beat(self) -> None:
        """The peer has sent something that is no message."""
        self._allowed()

    def lost(self, *, stalled: bool = False) -> None:
        """The connection is gone."""
        if self._over:
            return
        self._over = True
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
        self.wire.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        self.lost()

    def send(self, type_: str, **members: Any) -> None:
        """Send one message."""
        self.wire.write(written(type_, **members))

    # The protocol

    def _allowed(self) -> bool:
        """Take one message from the allowance, which fills up again as time goes by."""
        if self._over:
            return False
        now = asyncio.get_running_loop().time()
        allowance = min(BURST, self._allowance + (now - self._stamp) * RATE)
        self._stamp, self._allowance = now, allowance - 1
        if allowance < 1:
            self.close(Close.TOO_MANY, "Too many messages")
            return False
        return True

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
            async with self._live.operations.deadline():
                viewer = await self._live.visitors.identify(connection)
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is told)
            self._init = None
            self._refuse(Reporter(self.request_id).of_exception(error))
            return
        self._init = None
        if viewer.id is None and viewer.client_id is None:
            self._refuse(Problem("UNAUTHENTICATED", "Nobody is signed in."))
        else:
            self._welcome(viewer, origin)

    def _welcome(self, viewer: Viewer, origin: Origin) -> None:
        self._visit = Visit(self._live, WEBSOCKET, viewer, origin, self._leave)
        self.send("connection_ack")

    def _refuse(self, problem: Problem) -> None:
        code = code_of(problem)
        self.close(code, REASONS[code])

    def _leave(self, problem: Problem, expired: bool) -> None:
        if expired:
            self.close(Close.UNAUTHORIZED, "Token expired")
        else:
            self._refuse(problem)

    def _start(self, visit: Visit, message: Message) -> None:
        id, running = message.id, self._running
        if id in running:
            self.close(Close.SUBSCRIBER_EXISTS, f"Subscriber for {id[:64]} already exists")
            return
        params = message.params()
        operation = RunningHere(visit, self, id)
        if len(running) >= MOST_RUNNING:
            busy = Problem("RATE_LIMITED", f"At most {MOST_RUNNING} operations run at once.")
            operation.refuse(busy)
            return
        running[id] = operation
        operation.begin(params)

    def forget(self, id: str, operation: "RunningHere") -> None:
        """The operation is over; its id may be used again."""
        if self._running.get(id) is operation:
            del self._running[id]


def code_of(problem: Problem) -> Close:
    """The code that a connection is closed with."""
    if problem.code in ("UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"):
        return Close.FORBIDDEN
    return Close.TRY_AGAIN if CODES[problem.code].retryable else Close.DEFECT


def shown(scope: Scope, payload: dict[str, Any]) -> HTTPConnection:
    """The connection with the credentials that its first message shows, in place of its own.

    Raises BadMessage.
    """
    given = {name.lower(): value for name, value in payload.items() if name.lower() in CREDENTIALS}
    headers = [(name, value) for name, value in scope["headers"] if name.decode() not in given]
    for name, value in given.items():
        if not isinstance(value, str) or not value.isascii():
            raise BadMessage(f"`{name}` is a string of ASCII characters.")
        headers.append((name.encode(), value.encode()))
    return HTTPConnection({**scope, "headers": headers})


class RunningHere(Running):
    """One operation of a connection, whose results carry its id."""

    __slots__ = ("_id", "_socket", "_start")

    def __init__(self, visit: Visit, socket: Socket, id: str) -> None:
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
        """Say that there is nothing more."""
        if self.end():
            self._socket.send("complete", id=self._id)

    def refuse(self, problem: Problem) -> None:
        """Say that it is not even tried."""
        self._socket.send("error", id=self._id, payload=[described(problem)])

    def end(self) -> bool:
        """Stop it; its id is free again."""
        if not super().end():
            return False
        self._socket.forget(self._id, self)
        return True
