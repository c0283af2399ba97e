"""Whether the process lives (/healthz) and whether it should be sent requests (/readyz)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Ready = Callable[[], Awaitable[str | None]]
"""Says why requests cannot be answered, such as "the database cannot be reached", or None."""

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that are asked by address: no Host header is expected, and none is looked at."""


def alive(_: Request) -> Response:
    """The process runs and its event loop turns. It says nothing about the database."""
    return JSONResponse({"status": "ok"})


def readiness(ready: Ready) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint /readyz: 200, or 503 with the reason.

    A process that drains is not ready; the lifespan's state holds its `graph.http.drain.Drain`.
    """

    async def respond(request: Request) -> Response:
        drain = getattr(request.state, "drain", None)
        reason = "draining" if drain and drain.draining else await ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    return respond
