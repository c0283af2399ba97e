"""Incoming webhooks, as the gateway stores and handles them: functions of PostgreSQL write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from db.pool import Lent
from db.trace_context import TRACEPARENT

FIND = "SELECT id, provider, event_type, body FROM webhook_events WHERE id = $1"
LIST = """
SELECT id, provider, external_id, event_type, status::text AS status, attempts, error, created_at
FROM webhook_events
WHERE ($1::text IS NULL OR provider = $1) AND (NOT $2 OR status = 'failed')
ORDER BY created_at DESC, id DESC LIMIT $3
"""


@dataclass(frozen=True)
class NewEvent:
    """An event whose signature was checked."""

    external_id: str
    event_type: str
    occurred_at: datetime | None
    body: str
    """The body as it was sent: a JSON object."""


@dataclass(frozen=True)
class StoredEvent:
    """An event to handle."""

    id: UUID
    provider: str
    event_type: str
    body: str


async def receive(
    connection: Lent, provider: str, event: NewEvent, kind: str | None
) -> UUID | None:
    """Store an event, and enqueue a job of this kind for it; return None if it is stored already.

    Both commit, or neither.
    """
    id: UUID | None = await connection.fetchval(
        "SELECT ctx.receive_webhook_event($1, $2, $3, $4, $5, $6, $7)",
        provider,
        event.external_id,
        event.event_type,
        event.occurred_at,
        event.body,
        kind,
        TRACEPARENT.get(),
    )
    return id


async def find(connection: Lent, id: UUID) -> StoredEvent | None:
    """Return an event, if it is still stored."""
    row = await connection.fetchrow(FIND, id)
    return StoredEvent(**dict(row)) if row else None


async def finish(connection: Lent, id: UUID) -> None:
    """Note that an event was handled."""
    await connection.execute("SELECT ctx.end_webhook_event($1, 'processed', NULL)", id)


async def fail(connection: Lent, id: UUID, reason: str, *, final: bool) -> None:
    """Note that an attempt to handle an event failed, and whether there are no more."""
    status = "failed" if final else "received"
    await connection.execute("SELECT ctx.end_webhook_event($1, $2, $3)", id, status, reason)


async def replay(connection: Lent, kinds: Mapping[str, str], id: UUID | None) -> list[UUID]:
    """Handle an event again, or all that failed if no ID is given; return the IDs.

    `kinds` has the kind of job of each provider. Events that are being handled are left out.
    """
    text = orjson.dumps(kinds).decode()
    rows = await connection.fetch("SELECT * FROM ctx.replay_webhook_events($1, $2)", text, id)
    return [row[0] for row in rows]


async def prune(connection: Lent, batch: int) -> int:
    """Delete events 30 days after they were handled, and 90 days after they failed."""
    pruned: int = await connection.fetchval("SELECT ctx.prune_webhook_events($1)", batch)
    return pruned


async def list_events(
    connection: Lent, provider: str | None, *, failed: bool, most: int
) -> Sequence[Mapping[str, Any]]:
    """Return the newest events of a provider, or of all."""
    return [dict(row) for row in await connection.fetch(LIST, provider, failed, most)]
