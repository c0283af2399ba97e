"""The queue of webhooks, as workers use it: which endpoints are due, and what is to be sent.

A worker sends to the endpoints that it holds, and to no others. Every write names the worker: one
that was taken for dead changes nothing of an endpoint that another one holds by now.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import Boolean, DateTime, Integer, Text, Uuid, bindparam, func
from sqlalchemy.sql.functions import Function
from uuid_utils.compat import uuid7

from db.pool import Lent

LOCKS = 1_109_420_102
"""The class of the advisory locks that workers hold, by their numbers."""
MAX_QUEUED = 10_000
"""Messages of an endpoint that are queued, at most; what is beyond waits in the feed."""

REGISTER = """
INSERT INTO webhook_workers (id, has_lock, expires_at) VALUES ($1, $2, now() + $3) RETURNING number
"""
EXTEND = "UPDATE webhook_workers SET expires_at = now() + $2 WHERE id = $1 RETURNING number"
CLAIM = """
SELECT c.endpoint_id, c.epoch, c.position, e.organization_id, e.project_id, e.url,
    e.service_account_id, e.scopes, e.event_types, e.fields, e.selection, e.secret,
    e.former_secret, e.former_secret_expires_at, e.failing_since
FROM ctx.claim_webhooks($1, $2, $3, $4) AS c JOIN webhook_endpoints AS e ON e.id = c.endpoint_id
"""
LOAD = """
SELECT (SELECT count(*) FROM webhook_workers) AS workers,
    (SELECT count(*) FROM webhook_cursors WHERE worker_id IS NOT NULL) AS held
"""
HELD = "SELECT FROM webhook_cursors WHERE endpoint_id = $1 AND worker_id = $2 FOR UPDATE"
COUNT = """
SELECT count(*) FROM (SELECT FROM webhook_deliveries
    WHERE endpoint_id = $1 AND status = 'queued' LIMIT $2) AS queued
"""
# What comes after a message that has failed waits for it.
ADD = """
INSERT INTO webhook_deliveries (id, organization_id, project_id, endpoint_id, webhook_id,
    event_type, event, entity_type, entity_id, order_key, position, due_at)
SELECT n.id, e.organization_id, e.project_id, e.id, n.webhook_id, n.event_type, n.event,
    n.entity_type, n.entity_id, n.order_key, n.position,
    greatest(now(), (SELECT max(q.due_at) FROM webhook_deliveries AS q
        WHERE q.endpoint_id = e.id AND q.order_key = n.order_key AND q.status = 'queued'))
FROM jsonb_to_recordset($2) AS n (id uuid, webhook_id text, event_type text, event jsonb,
    entity_type text, entity_id uuid, order_key uuid, position bigint)
JOIN webhook_endpoints AS e ON e.id = $1
ON CONFLICT DO NOTHING
"""
ADVANCE = "UPDATE webhook_cursors SET position = $2, epoch = $3 WHERE endpoint_id = $1"
DUE = """
SELECT id, webhook_id, event_type, event, order_key, attempts, request_body
FROM webhook_deliveries
WHERE endpoint_id = $1 AND status = 'queued' AND due_at <= now() AND order_key <> ALL ($2::uuid[])
ORDER BY position, id LIMIT $3
"""
# Messages behind one that is tried again are due with it.
STORE = """
WITH told AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($2) AS t (id uuid, order_key uuid, status text,
        again_in float8, url text, request_headers jsonb, request_body text, response_status int,
        response_headers jsonb, response_body text, error text, entry jsonb)
), stored AS (
    UPDATE webhook_deliveries AS d SET
        status = t.status::webhook_delivery_status,
        attempts = d.attempts + (t.entry IS NOT NULL)::int,
        due_at = CASE WHEN t.again_in IS NULL THEN d.due_at
            ELSE now() + make_interval(secs => t.again_in) END,
        url = coalesce(t.url, d.url),
        request_headers = coalesce(t.request_headers, d.request_headers),
        request_body = coalesce(t.request_body, d.request_body),
        response_status = t.response_status, response_headers = t.response_headers,
        response_body = t.response_body, error = t.error,
        log = CASE WHEN t.entry IS NULL THEN d.log
            WHEN jsonb_array_length(d.log) >= 30 THEN (d.log - 0) || t.entry
            ELSE d.log || t.entry END,
        last_attempt_at = CASE WHEN t.entry IS NULL THEN d.last_attempt_at ELSE now() END,
        finished_at = CASE t.status WHEN 'queued' THEN NULL ELSE now() END,
        version = d.version + 1, updated_at = now()
    FROM told AS t WHERE d.id = t.id
)
UPDATE webhook_deliveries AS b SET due_at = now() + make_interval(secs => t.again_in)
FROM told AS t
WHERE t.again_in IS NOT NULL AND b.endpoint_id = $1 AND b.order_key = t.order_key
    AND b.status = 'queued' AND b.id NOT IN (SELECT id FROM told)
"""
HEALTH = """
UPDATE webhook_endpoints SET
    last_success_at = CASE WHEN $2 THEN now() ELSE last_success_at END,
    last_failure_at = CASE WHEN $3 THEN now() ELSE last_failure_at END,
    failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, now()) END
WHERE id = $1 AND ($2 AND (failing_since IS NOT NULL OR last_success_at IS NULL
        OR last_success_at < now() - interval '1 minute')
    OR $3 AND (NOT $2 AND failing_since IS NULL OR last_failure_at IS NULL
        OR last_failure_at < now() - interval '1 minute'))
"""
FAILING = "SELECT failing_since < now() - $2::interval FROM webhook_endpoints WHERE id = $1"
LET_GO = """
UPDATE webhook_cursors SET worker_id = NULL, position = $2, epoch = $3, due_at = coalesce((
    SELECT min(d.due_at) FROM webhook_deliveries AS d
    WHERE d.endpoint_id = $1 AND d.status = 'queued'), 'infinity')
WHERE endpoint_id = $1
"""
STREAMS = """
SELECT DISTINCT organization_id, project_id FROM feed_events
WHERE position > $1 AND position <= $2
"""
# Rows are locked in one order: the endpoint, as by whoever updates it, and then the cursor.
LOCK = "SELECT FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE"
ADMINISTRATORS = """
SELECT m.user_id, e.version, e.organization_id FROM webhook_endpoints AS e
JOIN organization_members AS m ON m.organization_id = e.organization_id
JOIN profiles AS p ON p.id = m.user_id
WHERE e.id = $1 AND m.role IN ('owner', 'admin') AND m.status = 'active' AND m.deleted_at IS NULL
    AND p.service_of IS NULL
"""
PRUNE = """
WITH old AS (
    SELECT id FROM webhook_deliveries WHERE created_at < now() - $1::interval
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (DELETE FROM webhook_deliveries AS d USING old WHERE d.id = old.id RETURNING 1)
SELECT count(*) FROM gone
"""


class HoldLost(Exception):
    """Another worker may hold the endpoint by now, or it is not sent to any more."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that a worker holds: where to send, what, and as whom."""

    endpoint_id: UUID
    epoch: UUID
    position: int
    organization_id: UUID
    project_id: UUID | None
    url: str
    service_account_id: UUID
    scopes: Sequence[str] | None
    event_types: Sequence[str]
    fields: Sequence[str]
    selection: str | None
    secret: bytes = field(repr=False)
    former_secret: bytes | None = field(repr=False, default=None)
    former_secret_expires_at: datetime | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NewDelivery:
    """A message to queue."""

    webhook_id: str
    event_type: str
    order_key: UUID
    position: int
    event: Mapping[str, Any] | None = None
    entity_type: str | None = None
    entity_id: UUID | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A message that is to be sent now."""

    id: UUID
    webhook_id: str
    event_type: str
    event: Mapping[str, Any] | None
    order_key: UUID
    attempts: int
    request_body: str | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a message: of an attempt to send it, if there is an `entry` for the log.

    One that is `queued` is tried again after `again_in` seconds.
    """

    id: UUID
    order_key: UUID
    status: str
    again_in: float | None = None
    url: str | None = None
    request_headers: Mapping[str, str] | None = None
    request_body: str | None = None
    response_status: int | None = None
    response_headers: Mapping[str, str] | None = None
    response_body: str | None = None
    error: str | None = None
    entry: Mapping[str, Any] | None = None


async def register(
    connection: asyncpg.Connection, worker: UUID, lease: timedelta, *, locks: bool
) -> None:
    """Enter a worker. With `locks`, it is known to live by a lock of this connection as well."""
    number = await connection.fetchval(REGISTER, worker, False, lease)
    if locks:
        await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCKS, number)
        await connection.execute("UPDATE webhook_workers SET has_lock = true WHERE id = $1", worker)


async def extend(connection: asyncpg.Connection, worker: UUID, lease: timedelta) -> bool:
    """Extend the lease of a worker; return False if it was taken for dead."""
    return await connection.fetchval(EXTEND, worker, lease) is not None


async def leave(connection: asyncpg.Connection, worker: UUID) -> None:
    """Remove a worker, and with it its hold of endpoints."""
    await connection.execute("DELETE FROM webhook_workers WHERE id = $1", worker)


async def claim(
    connection: asyncpg.Connection, worker: UUID, head: int, most: int, failing: int
) -> list[Endpoint]:
    """Hold at most `most` endpoints that are due, or whose stream has events up to `head`.

    Of those that fail at most `failing`.
    """
    rows = await connection.fetch(CLAIM, worker, head, most, failing)
    return [Endpoint(**dict(row)) for row in rows]


async def load(connection: asyncpg.Connection) -> tuple[int, int]:
    """Return the number of workers, and of endpoints that they hold."""
    row = await connection.fetchrow(LOAD)
    assert row is not None  # noqa: S101 (a SELECT without FROM is one row)
    return row["workers"], row["held"]


async def streams(connection: asyncpg.Connection, after: int, up_to: int) -> set[UUID]:
    """Return the organizations and projects with events after one position, up to another."""
    rows = await connection.fetch(STREAMS, after, up_to)
    return {id for row in rows for id in row if id is not None}


async def queued(connection: Lent, endpoint: UUID) -> int:
    """Return the number of its queued messages, up to `MAX_QUEUED`."""
    count: int = await connection.fetchval(COUNT, endpoint, MAX_QUEUED)
    return count


async def add(
    connection: Lent,
    worker: UUID,
    endpoint: UUID,
    deliveries: Sequence[NewDelivery],
    position: int,
    epoch: UUID,
) -> None:
    """Queue messages, and store that the endpoint has read up to this position. Raises HoldLost.

    The connection is in a transaction, here and below.
    """
    await _require_held(connection, worker, endpoint)
    if deliveries:
        await connection.execute(ADD, endpoint, _rows(deliveries))
    await connection.execute(ADVANCE, endpoint, position, epoch)


async def due(connection: Lent, endpoint: UUID, busy: Collection[UUID], most: int) -> list[Due]:
    """Return the first messages that are due, but for those of busy documents."""
    rows = await connection.fetch(DUE, endpoint, list(busy), most)
    return [Due(**dict(row)) for row in rows]


async def store(
    connection: Lent,
    worker: UUID,
    endpoint: UUID,
    outcomes: Sequence[Outcome],
    disable_after: timedelta,
) -> bool:
    """Store outcomes; return whether the endpoint has only failed for so long. Raises HoldLost."""
    attempts = [outcome for outcome in outcomes if outcome.entry is not None]
    succeeded = any(outcome.status == "succeeded" for outcome in attempts)
    failed = any(outcome.status != "succeeded" for outcome in attempts)
    if attempts:
        await connection.execute(HEALTH, endpoint, succeeded, failed)
    await _require_held(connection, worker, endpoint)
    await connection.execute(STORE, endpoint, _rows(outcomes))
    if not failed or succeeded:
        return False
    return bool(await connection.fetchval(FAILING, endpoint, disable_after))


async def let_go(
    connection: Lent, worker: UUID, endpoint: UUID, position: int, epoch: UUID
) -> None:
    """Give an endpoint back, which has read up to this position, until it is due again.

    Raises HoldLost.
    """
    await connection.execute(LOCK, endpoint)
    await _require_held(connection, worker, endpoint)
    await connection.execute(LET_GO, endpoint, position, epoch)


async def disable(connection: Lent, endpoint: UUID, reason: str) -> list[tuple[UUID, int, UUID]]:
    """Disable an endpoint; return its administrators, with its version and organization.

    None if it was not active.
    """
    if not await connection.fetchval("SELECT ctx.disable_webhook($1, $2)", endpoint, reason):
        return []
    return [tuple(row) for row in await connection.fetch(ADMINISTRATORS, endpoint)]


async def prune(connection: Lent, older: timedelta, batch: int) -> int:
    """Delete deliveries that are older; return their number, at most `batch`."""
    gone: int = await connection.fetchval(PRUNE, older, batch)
    return gone


def ping(endpoint: UUID, delivery: UUID, event_type: str) -> Function[Any]:
    """Return the call that queues a test message."""
    return func.ctx.ping_webhook(
        bindparam(None, endpoint, type_=Uuid, unique=True),
        bindparam(None, delivery, type_=Uuid, unique=True),
        bindparam(None, event_type, type_=Text, unique=True),
        type_=Uuid,
    )


def replay(
    endpoint: UUID,
    *,
    delivery: UUID | None = None,
    since: datetime | None = None,
    failed_only: bool = False,
    most: int = 1,
) -> Function[Any]:
    """Return the call that queues messages again that have ended: one, or those since a time."""
    return func.ctx.replay_webhooks(
        bindparam(None, endpoint, type_=Uuid, unique=True),
        bindparam(None, delivery, type_=Uuid, unique=True),
        bindparam(None, since, type_=DateTime(timezone=True), unique=True),
        bindparam(None, failed_only, type_=Boolean, unique=True),
        bindparam(None, most, type_=Integer, unique=True),
        type_=Integer,
    )


async def _require_held(connection: Lent, worker: UUID, endpoint: UUID) -> None:
    if await connection.fetchrow(HELD, endpoint, worker) is None:
        raise HoldLost


def _rows(rows: Sequence[NewDelivery | Outcome]) -> Any:
    return orjson.dumps(list(rows), default=str).decode()  # asyncpg has a UUID of its own
