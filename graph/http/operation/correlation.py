"""Correlation IDs, by which a client finds its changes in the audit log and in its subscriptions.

Each change of a mutation has the mutation's ID. It proves nothing: a reader of a change can send
the same ID.
"""

import re
from uuid import UUID

from graph.http.operation.answer import Answer
from graph.http.operation.request_tags import RequestTag

CANONICAL = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""The text of a UUID (RFC 9562, section 4)."""


def _uuid(text: str) -> UUID | None:
    return UUID(text) if CANONICAL.fullmatch(text) else None


CORRELATION = RequestTag("X-Correlation-Id", "correlationId", "a UUID", _uuid)


def told_by(answer: Answer) -> str | None:
    """Return the correlation ID in the body of an answer; None when nothing was run.

    A repeat under an idempotency key has that of the first request, which made the changes.
    """
    id: str | None = answer.content.get("extensions", {}).get(CORRELATION.member)
    return id
