"""Headers of every answer: a request id, and those that protect browsers."""

import re
from collections.abc import Sequence

from starlette.types import Message
from uuid_utils import uuid7

from graph.settings import Settings

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
YEAR = 365 * 24 * 3600
Header = tuple[bytes, bytes]

SECURE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Headers that are set unless the response has its own, as pages and the explorer's files do."""


def secure_headers(settings: Settings) -> tuple[Header, ...]:
    """Return the headers of every answer; those that insist on https where it is served."""
    if not settings.url.startswith("https:"):
        return SECURE
    return (*SECURE, (b"strict-transport-security", b"max-age=%d" % YEAR))


def request_id_of(shown: bytes | None) -> str:
    """Return the request ID that the client sent, if it is safe to log; else a new one."""
    if shown is not None and REQUEST_ID.fullmatch(shown):
        return shown.decode("ascii")
    return str(uuid7())


def complete(start: Message, secure: Sequence[Header], request_id: str) -> None:
    """Add the headers of every response to the message that starts one."""
    headers = start.get("headers", ())
    there = {name.lower() for name, _ in headers}
    start["headers"] = [
        *headers,
        *[header for header in secure if header[0] not in there],
        (b"x-request-id", request_id.encode()),
    ]
