"""One line in the log for each request, of bounded length."""

from collections.abc import Mapping
from typing import Any

import structlog
from starlette.types import Scope

from graph.http.server.health import PROBES
from graph.logs import log_request as write_line

log = structlog.get_logger("graph.http.access")

MAX_PATH_LENGTH = 200
CLIENT_GONE = 499
"""The status in the log when the client disconnected before the answer; HTTP has none."""


def log_request(
    scope: Scope, request_id: str, status: int, seconds: float, facts: Mapping[str, Any]
) -> None:
    """Write the line of one request; `facts` are the attributes of its operation."""
    # The path as it was sent: percent-encoded, so that it cannot break the line.
    path = scope.get("raw_path", b"").decode("ascii", "replace")
    line = {
        "method": scope["method"],
        "path": path[:MAX_PATH_LENGTH],
        "status": status,
        "ms": round(seconds * 1000, 1),
        **facts,
    }
    if path in PROBES and status < 400:  # noqa: PLR2004 (they come every second and tell nothing)
        log.debug("request", **line)
    else:
        write_line(request_id, line)
