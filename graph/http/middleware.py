"""What surrounds every answer: a request id, security headers, one line in the log, a last resort.

Plain ASGI: nothing here buffers an answer or copies a request.
"""

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars
from uuid_utils import uuid7

from graph.http.errors import Reporter, described
from graph.http.health import PROBES
from graph.http.trusted import allowed_hosts
from graph.settings import Settings

log = structlog.get_logger("graph.http.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
LONGEST_PATH = 200
CLIENT_GONE = 499
"""Stands in the log for an answer that nobody waited for; no status of HTTP says it."""
SMALLEST_COMPRESSED = 1000
OAUTH = ("/oauth/", "/.well-known/oauth-")
YEAR = 365 * 24 * 3600

SECURE = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Set unless the answer says otherwise, as the pages and the explorer's files do."""


def middleware(settings: Settings) -> list[Middleware]:
    """The middleware of the whole application, outermost first."""
    return [
        Middleware(Surroundings, secure_transport=settings.url.startswith("https:")),
        Middleware(Elsewhere, inner=TrustedHostMiddleware, options=_hosts(settings), than=PROBES),
        *(
            [Middleware(Elsewhere, inner=CORSMiddleware, options=_cors(settings), than=OAUTH)]
            if settings.cors_origins
            else []
        ),
    ]


def compressed(app: ASGIApp) -> ASGIApp:
    """The application with answers of a kilobyte and more sent as gzip to whoever takes it.

    Compression tells the length of what an attacker can vary next to what they want to guess, when
    they can have a victim's browser ask and can see how long the answers are (BREACH). So it goes
    around the API alone, where requests of other sites are refused before anything is read, and
    never around a page with a form's secret in it. Level 1 costs a third of the default's time
    and packs JSON nearly as well.
    """
    return GZipMiddleware(app, minimum_size=SMALLEST_COMPRESSED, compresslevel=1)


def _hosts(settings: Settings) -> dict[str, Any]:
    return {"allowed_hosts": allowed_hosts(settings), "www_redirect": False}


def _cors(settings: Settings) -> dict[str, Any]:
    # No credentials: a page on another origin shows a token, and never acts with a cookie.
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ("GET", "POST"),
        "allow_headers": (
            "Authorization",
            "Content-Type",
            "DPoP",
            "Idempotency-Key",
            "Last-Event-ID",
            "X-Correlation-Id",
            "X-Request-Id",
        ),
        "expose_headers": (
            "DPoP-Nonce",
            "Idempotent-Replayed",
            "Retry-After",
            "WWW-Authenticate",
            "X-Correlation-Id",
            "X-Request-Id",
        ),
    }


class Elsewhere:
    """Another middleware, for all paths but those that are, or begin with, one of `than`.

    Probes of a load balancer name no host; the OAuth endpoints say themselves which of them other
    sites' pages may call.
    """

    def __init__(
        self, app: ASGIApp, inner: type[Any], options: Mapping[str, Any], than: Iterable[str]
    ) -> None:
        self._app, self._guarded, self._than = app, inner(app, **options), tuple(than)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        app = self._app if scope.get("path", "").startswith(self._than) else self._guarded
        await app(scope, receive, send)


class Surroundings:
    """Gives each request an id and each answer its headers; logs one line of bounded length."""

    def __init__(self, app: ASGIApp, *, secure_transport: bool) -> None:
        self._app = app
        self._headers = dict(SECURE)
        if secure_transport:
            self._headers[b"strict-transport-security"] = b"max-age=%d" % YEAR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, also when the application fails to; log it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        shown = Headers(scope=scope).get("x-request-id", "")
        request_id = shown if REQUEST_ID.fullmatch(shown) else str(uuid7())
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
                headers = message.setdefault("headers", [])
                there = {name.lower() for name, _ in headers}
                message["headers"] = [
                    *headers,
                    *((name, value) for name, value in self._headers.items() if name not in there),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 (the last resort)
            problem = Reporter(request_id).of_exception(error)
            if status == CLIENT_GONE:
                body = orjson.dumps({"errors": [described(problem)]})
                await _send_failure(send_with_headers, body)
        finally:
            # The path as it was sent: percent-encoded, so that it cannot break the line.
            path = scope.get("raw_path", b"").decode("ascii", "replace")
            # Probes come every second; one that succeeds tells nothing.
            write = log.debug if path in PROBES and status < 400 else log.info  # noqa: PLR2004
            write(
                "request",
                method=scope["method"],
                path=path[:LONGEST_PATH],
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                **scope["state"].get("graphql", {}),
            )


async def _send_failure(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
