"""Health checks: whether the process lives (/healthz) and is ready for requests (/readyz)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Ready = Callable[[], Awaitable[str | None]]
"""Says why requests cannot be answered, such as "the database cannot be reached", or None."""

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that are requested by address: the Host header is not checked."""


def alive(_: Request) -> Response:
    """Answer 200: the process runs and its event loop turns. The database is not checked."""
    return JSONResponse({"status": "ok"})


def readiness(ready: Ready) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint /readyz: 200, or 503 with the reason.

    A process that drains is not ready; the lifespan's state holds its `graceful_stop.Drain`.
    """

    async def respond(request: Request) -> Response:
        drain = getattr(request.state, "drain", None)
        reason = "draining" if drain and drain.draining else await ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    return respond
