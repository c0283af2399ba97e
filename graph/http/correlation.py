"""Correlation ids: by which a client finds what it has done in the record, and knows its own echo.

The id of a mutation stands with each change that it makes. It proves nothing: whoever reads of a
change can send the same id.
"""

import re
from uuid import UUID

from graph.http.answer import Answer
from graph.http.marks import Mark

CANONICAL = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""The text of a UUID (RFC 9562, section 4)."""


def _uuid(text: str) -> UUID | None:
    return UUID(text) if CANONICAL.fullmatch(text) else None


CORRELATION = Mark("X-Correlation-Id", "correlationId", "a UUID", _uuid)


def told_by(answer: Answer) -> str | None:
    """The id that the body of an answer tells; None when nothing was run.

    A repeat under an idempotency key tells that of the first request, which made the changes.
    """
    id: str | None = answer.content.get("extensions", {}).get(CORRELATION.member)
    return id
