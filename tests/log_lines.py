"""The log lines that a test causes, without those of jobs that run beside it."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.testing import capture_logs

CAPTURING: ContextVar[bool] = ContextVar("CAPTURING", default=False)


def of_this_context(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop a line that was logged outside the block: tasks inherit the context they start in."""
    if not CAPTURING.get():
        raise structlog.DropEvent
    return line


@contextmanager
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """Yield the list of what this block logs, and the tasks that it starts.

    A server that was started before the block answers in a context of its own: use
    `capture_logs` for it, and look for the lines that are meant.
    """
    token = CAPTURING.set(True)
    try:
        with capture_logs(processors=[of_this_context]) as lines:
            yield lines
    finally:
        CAPTURING.reset(token)
