"""One attempt to send a message: the request, the answer, and when it is tried again."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from auth.outbound import Line, UnreachableError
from db.core.webhooks import MAX_ANSWER_LENGTH
from db.problem import Problem
from db.text import fault_in
from db.webhook_queue import Due, Outcome
from graph.platform.webhooks.signing import headers_of

MINUTE, HOUR = 60.0, 3600.0
RETRY_DELAYS: Sequence[float] = (
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    *(hours * HOUR for hours in (2, 5, 10, 14, 20, 24)),
)
"""Seconds before each further attempt; after the last one a message has failed."""
JITTER = 0.1
MAX_HEADERS, MAX_HEADER_LENGTH = 50, 500
"""Headers of an answer that the log keeps, and their characters."""
FORGOTTEN = "The service account can no longer read the object."


def canceled(due: Due) -> Outcome:
    """Return the outcome of a message that may not be sent any more."""
    return Outcome(id=due.id, order_key=due.order_key, status="canceled", error=FORGOTTEN)


async def attempt(
    line: Line,
    due: Due,
    url: str,
    secrets: list[str],
    body: str,
    delays: Sequence[float],
) -> Outcome:
    """Send a message, and return what has become of it. Raises nothing."""
    at, began = datetime.now(UTC), time.monotonic()
    headers = headers_of(secrets, due.webhook_id, body, at)
    answer, error = None, None
    try:
        answer = await line.post(headers, body.encode())
    except UnreachableError as unreachable:
        error = str(unreachable)
    except Problem as refused:
        error = refused.message
    seconds = round(time.monotonic() - began, 3)
    if answer and not 200 <= answer.status < 300:  # noqa: PLR2004 (success)
        error = f"The endpoint answered {answer.status}."
    again_in = None
    if error and due.attempts < len(delays) and not (answer and answer.status == 410):  # noqa: PLR2004 (Gone)
        again_in = delays[due.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
    status = "succeeded" if not error else "queued" if again_in is not None else "failed"
    return Outcome(
        id=due.id,
        order_key=due.order_key,
        status=status,
        again_in=again_in,
        url=url,
        request_headers=headers,
        request_body=None if due.request_body else body,
        response_status=answer.status if answer else None,
        response_headers=_kept(answer.headers) if answer else None,
        response_body=_text(answer.body) if answer else None,
        error=error,
        entry={
            "at": at.isoformat(),
            "seconds": seconds,
            "status": answer.status if answer else None,
            "error": error,
        },
    )


def _text(body: bytes) -> str:
    return _storable(body[: 4 * MAX_ANSWER_LENGTH].decode(errors="replace"))[:MAX_ANSWER_LENGTH]


def _kept(headers: object) -> dict[str, str]:
    pairs = list(dict(headers).items())[:MAX_HEADERS]  # type: ignore[call-overload]
    return {_storable(k)[:MAX_HEADER_LENGTH]: _storable(v)[:MAX_HEADER_LENGTH] for k, v in pairs}


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if fault_in(text) else text
