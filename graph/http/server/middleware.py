"""The middleware around routes: hosts, other sites' pages, headers of responses, internal errors.

Plain ASGI: nothing here buffers a response or copies a request.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from db.problem import CODES
from graph.http.operation.errors import Reporter, described
from graph.http.request.access_log import CLIENT_GONE, log_request
from graph.http.request.cors import cors_options
from graph.http.request.response_headers import complete, request_id_of, secure_headers
from graph.http.request.trusted import Hosts
from graph.http.server.health import PROBES
from graph.settings import Settings

OAUTH = ("/oauth/", "/.well-known/oauth-")
API = "/graphql"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""


def middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware of the whole application, outermost first."""
    chain = [
        Middleware(RequestMiddleware, settings=settings),
        Middleware(KnownHosts, settings=settings),
    ]
    if settings.cors_origins:
        options = cors_options(settings)
        chain.append(Middleware(ExceptPaths, inner=CORSMiddleware, options=options, than=OAUTH))
    return chain


class ExceptPaths:
    """Another middleware, for all paths but those that begin with one of `than`.

    The OAuth endpoints decide themselves which of them other sites' pages may call.
    """

    def __init__(
        self, app: ASGIApp, inner: type[Any], options: Mapping[str, Any], than: Iterable[str]
    ) -> None:
        self._app, self._guarded, self._than = app, inner(app, **options), tuple(than)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        app = self._app if scope.get("path", "").startswith(self._than) else self._guarded
        await app(scope, receive, send)


class KnownHosts:
    """Refuses requests for other hosts (400). Probes of a load balancer name no host."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._hosts = app, Hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBES:
            host = next((value for name, value in scope["headers"] if name == b"host"), None)
            if not await self._hosts.admit(host, scope, receive, send):
                return
        await self._app(scope, receive, send)


class AfterWrites:
    """Calls `work` for each request that may have written something, before it is answered."""

    def __init__(self, app: ASGIApp, work: Callable[[], None]) -> None:
        self._app, self._work = app, work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] in SAFE or scope["path"] == API:
            await self._app(scope, receive, send)
            return

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._work()
            await send(message)

        try:
            await self._app(scope, receive, send_after)
        finally:
            self._work()


class RequestMiddleware:
    """Gives each request an id and each answer its headers; logs one line of bounded length."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._secure = app, secure_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, also when the application fails to; log it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        shown = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        request_id = request_id_of(shown)
        scope.setdefault("state", {})["request_id"] = request_id
        with bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._answer(scope, receive, send, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        status = CLIENT_GONE

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                complete(message, self._secure, request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 (the last resort)
            problem = Reporter(request_id).of_exception(error)
            if status == CLIENT_GONE:
                body = orjson.dumps({"errors": [described(problem)]})
                await _send_failure(send_with_headers, CODES[problem.code].status, body)
        finally:
            facts = scope["state"].get("graphql", {})
            log_request(scope, request_id, status, time.perf_counter() - started, facts)


async def _send_failure(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
