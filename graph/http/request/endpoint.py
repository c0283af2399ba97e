"""GraphQL over HTTP: the ASGI application of /graphql.

Host check, request ID, headers, compression and the access log are done here in one pass and not by
a chain of middleware, which would take longer than most operations.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from auth.credentials.identify import origin_from
from auth.origin import Origin
from graph.http.operation.answer import (
    CONTENT_TYPES,
    Answer,
    failed,
    refused,
    send_pieces,
    start_of,
)
from graph.http.operation.deadline import Disconnected
from graph.http.operation.documents import Operation
from graph.http.operation.errors import Refusal, Reporter
from graph.http.operation.json_text import READ_AT_ONCE
from graph.http.operation.negotiate import GRAPHQL, JSON, answer_type, require_readable
from graph.http.operation.operations import Asker, NotRun, OperationRequest, Operations, Prepared
from graph.http.operation.params import Params, from_body, from_query_string, read_body
from graph.http.request.access_log import CLIENT_GONE, log_request
from graph.http.request.compression import MIN_COMPRESSED_BYTES, compressed
from graph.http.request.cors import cors
from graph.http.request.cross_site import OwnSite
from graph.http.request.response_headers import Header, complete, request_id_of, secure_headers
from graph.http.request.trusted import Hosts
from graph.http.request.www_authenticate import Challenges
from graph.http.server.whole_answer import SMALL, WHOLE_ANSWER
from graph.logs import REQUEST_ID
from graph.settings import Settings

OK = 200
NONE: dict[str, Any] = {}

MakeContext = Callable[[HTTPConnection, Origin], Awaitable[Asker]]
"""Identifies the viewer of a request. A Problem raised here is answered with its HTTP status."""
Known = Callable[[str, Origin], Asker | None]
"""Returns a context for this header `Authorization` if it was verified a moment ago, else None."""
HeaderMap = dict[bytes, bytes]
"""The headers of a request by their names, in lower case; the first of each name counts."""


@dataclass(slots=True)
class Arrived:
    """One request as it came in."""

    scope: Scope
    receive: Receive
    headers: HeaderMap
    media_type: str
    request_id: str
    facts: dict[str, Any]
    status: int = CLIENT_GONE
    """The status of the answer, once it is sent."""
    traced: tuple[Header, ...] = ()
    """The header with the trace of the operation, if it is traced."""


class GraphQLEndpoint:
    """The application behind /graphql for plain requests; one for the life of the process."""

    def __init__(
        self,
        operations: Operations,
        make_context: MakeContext,
        settings: Settings,
        known: Known = lambda *_: None,
    ) -> None:
        self.operations = operations
        self._make_context, self._known = make_context, known
        self._body_limit = settings.body_limit
        self._site = OwnSite(settings)
        self._hosts = Hosts(settings)
        self._challenges = Challenges(settings)
        self._cors = cors(settings)
        self.tells_origins = self._cors is not None
        """True if responses have CORS headers."""
        self._secure = secure_headers(settings)
        self._lines = {
            media_type: b"".join(b"%s: %s\r\n" % header for header in (kind, *self._secure))
            for media_type, kind in CONTENT_TYPES.items()
        }
        """By media type: the headers that all answers have, as they are written."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer and log one HTTP request, valid or not."""
        started = time.perf_counter()
        headers: HeaderMap = dict(reversed(scope["headers"]))
        request_id = request_id_of(headers.get(b"x-request-id"))
        bound = REQUEST_ID.set(request_id)
        media_type = answer_type(headers.get(b"accept", b"").decode("latin-1"))
        arrived = Arrived(scope, receive, headers, media_type or JSON, request_id, {})

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                arrived.status = message["status"]
                complete(message, (*self._secure, *arrived.traced), request_id)
            await send(message)

        try:
            if await self._hosts.admit(headers.get(b"host"), scope, receive, send_completed):
                answering = partial(self._exchange, arrived, send_completed, started)
                if self.operations.tracing is None:
                    await answering(is_acceptable=media_type is not None)
                else:
                    shown = headers.get(b"traceparent", b"").decode("latin-1")
                    with self.operations.tracing.operation(shown, arrived.facts) as trace:
                        arrived.traced = ((b"traceresponse", trace.encode()),)
                        await answering(is_acceptable=media_type is not None)
        except Exception as error:  # noqa: BLE001 (the answer has begun: there is only the log)
            Reporter(request_id).of_exception(error)
        finally:
            seconds = time.perf_counter() - started
            log_request(scope, request_id, arrived.status, seconds, arrived.facts)
            REQUEST_ID.reset(bound)

    async def _exchange(
        self, arrived: Arrived, send: Send, started: float, *, is_acceptable: bool
    ) -> None:
        """Answer it, and count the answer."""
        metrics, facts = self.operations.metrics, arrived.facts
        metrics.in_flight.value += 1
        try:
            if is_acceptable:
                answer = await self._answer(arrived)
            else:
                answer = failed(Refusal(406, f"Answers are sent as {GRAPHQL} or {JSON}."))
            body = answer.written()
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered)
            answer = failed(Reporter(arrived.request_id).of_exception(error))
            body = answer.written()
        finally:
            metrics.in_flight.value -= 1
        errors = answer.content.get("errors")
        facts["code"] = code = errors[0]["extensions"]["code"] if errors else "OK"
        seconds = time.perf_counter() - started
        metrics.answered(facts.get("operation", "none"), code, seconds, facts.get("cost"))
        if not self._write(arrived, answer, body):
            await self._send(arrived, send, answer, body)

    async def _answer(self, arrived: Arrived) -> Answer:
        """Answer the request. Raises Refusal for no GraphQL request, and Problem for a failure."""
        scope, headers = arrived.scope, arrived.headers
        params = await self._params(scope, headers, arrived.receive)
        with self.operations.deadline() as deadline:
            origin = origin_from(scope, headers, arrived.request_id)
            shown = headers.get(b"authorization", b"").decode("latin-1")
            once = len(headers) == len(scope["headers"]) or not _has_twice(scope, b"authorization")
            context = self._known(shown, origin) if shown and once else None
            if context is None:
                context = await self._make_context(HTTPConnection(scope), origin)
            request_id, facts = arrived.request_id, arrived.facts
            asked = OperationRequest(
                params, arrived.media_type, request_id, facts, address=origin.ip_address
            )
            try:
                permit = PERMITTED[scope["method"]]
                prepared = self.operations.prepare(asked, context.viewer, permit)
            except NotRun as reason:
                return refused(reason.errors, arrived.media_type, context.viewer)
            if prepared.operation.kind == "query":
                deadline.watch(arrived.receive)
                answer = await self.operations.run(asked, prepared, context)
                return _with_rate(answer, prepared)
            # A mutation goes on without its client, who may have been cut off by a bad network.
            sent = Headers(scope=scope)
            answer = await self.operations.run_once(asked, prepared, context, sent)
            return _with_rate(answer, prepared)

    async def params_of(self, scope: Scope, receive: Receive) -> Params:
        """Return the parameters of a request. Raises Refusal, also for another site's page."""
        return await self._params(scope, dict(reversed(scope["headers"])), receive)

    async def _params(self, scope: Scope, headers: HeaderMap, receive: Receive) -> Params:
        method = scope["method"]
        if method not in PERMITTED:
            raise Refusal(405, "GET and POST are accepted.", headers={"Allow": "GET, POST"})
        if b"authorization" not in headers:
            self._site.require(Headers(scope=scope))
        if method == "GET":
            return from_query_string(scope["query_string"])
        require_readable(headers.get(b"content-type"), headers.get(b"content-encoding"))
        body = await read_body(headers.get(b"content-length"), receive, self._body_limit)
        if len(body) > READ_AT_ONCE:
            return await asyncio.to_thread(from_body, body)
        return from_body(body)

    def _write(self, arrived: Arrived, answer: Answer, body: bytes) -> bool:
        """Have the server write a usual answer as it is; return False for all others."""
        scope, size = arrived.scope, len(body)
        write = scope.get("extensions", NONE).get(WHOLE_ANSWER)
        if write is None or answer.status != OK or self._cors is not None:
            return False
        if scope["state"].get("dpop_nonce") or size > SMALL or arrived.traced:
            return False
        lines = [self._lines[arrived.media_type]]
        if size >= MIN_COMPRESSED_BYTES:
            if b"gzip" in arrived.headers.get(b"accept-encoding", b""):
                return False
            lines.append(b"vary: Accept-Encoding\r\n")
        told = f"x-request-id: {arrived.request_id}\r\ncontent-length: {size}\r\n"
        for name, value in answer.headers.items():
            told += f"{name.lower()}: {value}\r\n"
        if told.count("\n") != len(answer.headers) + 2:
            return False  # the server refuses it
        lines.append(told.encode("latin-1"))
        if not write(scope, b"".join(lines), body):
            return False
        arrived.status = answer.status
        return True

    async def _send(self, arrived: Arrived, send: Send, answer: Answer, body: bytes) -> None:
        """Write the answer, compressed where it is large and the client takes that."""
        scope, headers = arrived.scope, arrived.headers
        start = start_of(answer, len(body), arrived.media_type)
        self._challenges.complete(start, scope)
        if self._cors is not None:
            await self._cors.send(start, _nowhere, Headers(scope=scope))
        if len(body) < MIN_COMPRESSED_BYTES:
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        if b"gzip" not in headers.get(b"accept-encoding", b""):
            MutableHeaders(raw=start["headers"]).add_vary_header("Accept-Encoding")
            await send(start)
            await send_pieces(send, body)
            return

        async def write(_: Scope, __: Receive, send: Send) -> None:
            await send(start)
            await send_pieces(send, body)

        await compressed(write)(scope, _nothing, send)


def _with_rate(answer: Answer, prepared: Prepared) -> Answer:
    """Return the answer with the headers of the rate limit."""
    answer.headers = {**answer.headers, **prepared.charge.headers()}
    return answer


def require_plain(operation: Operation) -> None:
    """Refuse an operation that is answered by events (400)."""
    if operation.kind == "subscription":
        raise Refusal(400, "A subscription needs a WebSocket or an event stream.")


def require_safe(operation: Operation) -> None:
    """Refuse a mutation by GET (405)."""
    if operation.kind == "mutation":
        raise Refusal(405, "GET runs queries only.", headers={"Allow": "POST"})


def _require_plain_and_safe(operation: Operation) -> None:
    require_plain(operation)
    require_safe(operation)


PERMITTED = {"GET": _require_plain_and_safe, "POST": require_plain}
"""By method, the function that raises the Refusal of an operation it does not run."""


def _has_twice(scope: Scope, header: bytes) -> bool:
    return [name for name, _ in scope["headers"]].count(header) > 1


async def _nothing() -> Message:
    """Wait in place of `receive`, for a request that has been read."""
    return {"type": "http.disconnect"}


async def _nowhere(_: Message) -> None:
    """Discard a message, in place of `send`."""
