"""Configure logging: one line an event, JSON in production, of bounded length, no secrets.

`structlog.contextvars.bind_contextvars(request_id=...)` puts an id on every line of a request.
Lines of libraries that use the standard `logging` pass the same processors.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from graph.settings import Settings

MAX_VALUE_LENGTH = 1000
"""Characters of a value that are kept; a traceback keeps its end, other text its beginning."""
REMOVED = "[removed]"
SECRET_KEY = re.compile("password|token|secret|authorization|cookie|api_?key|dsn", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"(?i)(?<=://)[^/\s:@]*:[^/\s@]*(?=@)|(?<=bearer )\S+|\brq[a-z]_(?:[a-z]+_)?[\w-]{43,}"
)


def set_up(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Write all log events of this process to the stream, in the format of the settings."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _remove_colors,
        remove_secrets,
        shorten,
    ]
    if settings.in_production:
        first = structlog.processors.format_exc_info
        last = [first, *last, structlog.processors.JSONRenderer(_json)]
    else:
        readable = structlog.dev.plain_traceback
        colors = stream.isatty()
        last.append(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=readable))
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    handler = _Handler(stream)
    handler.lines = _Lines(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    _Requests.write = None
    if settings.in_production and root.isEnabledFor(logging.INFO):
        _Requests.write = handler.lines.add
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in ("watchfiles", "asyncio", "alembic"):  # they tell what only their authors need
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _variable() -> ContextVar[Any]:
    """Return the variable in which structlog keeps the request's ID."""
    bound = structlog.contextvars.bind_contextvars(request_id="")
    structlog.contextvars.reset_contextvars(**bound)
    variable: ContextVar[Any] = bound["request_id"].var
    return variable


REQUEST_ID = _variable()
"""The ID on every line of a request; setting it takes a tenth of `bind_contextvars`."""
REQUESTS = "graph.http.access"
"""The logger of requests."""
_requests = structlog.get_logger(REQUESTS)


MIN_SECRET_LENGTH = 37
"""Characters of the gateway's shortest secret in a path or an ID; IDs that it generates have 36."""


class _Requests:
    """The writer of request lines, where that is not structlog."""

    write: Callable[[bytes], None] | None = None


def log_request(request_id: str, line: Mapping[str, Any]) -> None:
    """Write the line of a request, the most frequent one.

    In production it is written without the processors of other lines: its values are numbers and
    known words, except for the path and the ID, which are searched for secrets.
    """
    if (write := _Requests.write) is None:
        _requests.info("request", **line)
        return
    told = {
        "event": "request",
        "logger": REQUESTS,
        "level": "info",
        "request_id": request_id,
        **line,
        "timestamp": datetime.now(UTC),
    }
    for key in ("request_id", "path"):
        if len(told[key]) >= MIN_SECRET_LENGTH or "://" in told[key]:
            told[key] = SECRET_TEXT.sub(REMOVED, told[key])
    write(orjson.dumps(told, str, orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


class _Lines:
    """The lines of requests that wait for the end of the event loop's turn, to be written at once.

    Other lines are written after those that wait.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._binary = stream, getattr(stream, "buffer", None)
        self._waiting: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Write the line at the end of this turn of the loop, or now where none runs."""
        self._waiting.append(line)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.write)
            except RuntimeError:
                self.write()

    def write(self) -> None:
        """Write the lines that wait."""
        lines, self._waiting = b"".join(self._waiting), []
        if not lines:
            return
        with suppress(OSError, ValueError):  # nobody reads the log any more
            if self._binary is None:
                self._stream.write(lines.decode())
            else:
                self._binary.write(lines)
            self._stream.flush()


class _Handler(logging.StreamHandler[TextIO]):
    """The handler of all other lines."""

    lines: _Lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record behind the lines of requests."""
        self.lines.write()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits, at the end of the process at the latest."""
        self.lines.write()
        super().flush()


def _json(event: Any, default: Callable[[Any], Any], **_: Any) -> str:
    return orjson.dumps(event, default, orjson.OPT_NON_STR_KEYS).decode()


def remove_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace values whose key names a secret, and credentials inside of text."""
    return {key: _safe(key, value) for key, value in event.items()}


def _remove_colors(_logger: object, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says its lines twice
    return event


def _safe(key: str, value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value  # the number of tokens is not a token
    if SECRET_KEY.search(key):
        return REMOVED
    if isinstance(value, Mapping):
        return {name: _safe(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(key, inner) for inner in value]
    return SECRET_TEXT.sub(REMOVED, value) if isinstance(value, str) else value


def shorten(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep a line short, whatever a client sent and however deep a traceback is."""
    for key, value in event.items():
        if key == "exc_info" or isinstance(value, bool | int | float | None):
            continue
        text = value if isinstance(value, str) else str(value)
        if len(text) <= MAX_VALUE_LENGTH:
            continue
        kept = text[-4 * MAX_VALUE_LENGTH :] if key == "exception" else text[:MAX_VALUE_LENGTH]
        event[key] = f"{kept} [of {len(text)} characters]"
    return event
