"""The trace that runs in this task, for what carries it on: jobs, and requests to other servers."""

from contextvars import ContextVar

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The value of the header `traceparent` (W3C Trace Context) that continues the trace; None if
nothing is traced."""


def trace_headers() -> dict[str, str]:
    """Return the headers by which another server continues the trace."""
    traceparent = TRACEPARENT.get()
    return {"traceparent": traceparent} if traceparent else {}
