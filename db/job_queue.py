"""The queue of jobs, as workers use it: functions of PostgreSQL write, and nothing else does.

A worker claims jobs that are due, for the time of a lease, which it extends while it works. Nobody
else is given a claimed job before the lease is over; whoever is given it then has another lease, so
that what a worker without the present one sends is ignored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    Boolean,
    Double,
    Integer,
    Interval,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.functions import Function
from uuid_utils.compat import uuid7

from db.pool import Lent
from db.trace_context import TRACEPARENT

CLAIM = """
SELECT id, organization_id, user_id, scopes, confined_project, kind, payload, attempts,
    max_attempts, lease_id, traceparent, checkpoint
FROM ctx.claim_jobs($1, $2, $3, $4, $5)
"""
BACKLOG = """
SELECT count(*) AS due, extract(epoch FROM now() - min(coalesce(lease_expires_at, run_at)))::float8
    AS oldest
FROM jobs WHERE status IN ('queued', 'running') AND kind = ANY ($1)
    AND coalesce(lease_expires_at, run_at) <= now()
"""
LIST = """
SELECT id, kind, status::text AS status, run_at, every, attempts, error FROM jobs
WHERE organization_id IS NULL ORDER BY kind, created_at LIMIT 500
"""

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
"""The beginning of the turns of tenants, and the gateway itself, which comes last."""


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job to enqueue. One with a `key` is left out if there is one of its kind with that key."""

    kind: str
    organization_id: UUID | None = None
    user_id: UUID | None = None
    scopes: Sequence[str] | None = None
    confined_project: UUID | None = None
    key: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_at: datetime | None = None
    every: timedelta | None = None
    max_attempts: int = 10
    traceparent: str | None = field(default_factory=TRACEPARENT.get)
    """The trace that enqueues the job, which its runs continue."""
    id: UUID = field(default_factory=uuid7)

    def values(self) -> dict[str, Any]:
        """Return the columns, for JSON."""
        return {
            "id": self.id,
            "organization_id": self.organization_id,
            "user_id": self.user_id,
            "scopes": self.scopes,
            "confined_project": self.confined_project,
            "kind": self.kind,
            "key": self.key,
            "payload": self.payload,
            "run_at": self.run_at,
            "every": f"{self.every.total_seconds()} seconds" if self.every else None,
            "max_attempts": self.max_attempts,
            "traceparent": self.traceparent,
        }


@dataclass(frozen=True)
class Claimed:
    """A job that a worker holds under this lease."""

    id: UUID
    organization_id: UUID | None
    user_id: UUID | None
    scopes: Sequence[str] | None
    confined_project: UUID | None
    kind: str
    payload: Mapping[str, Any]
    attempts: int
    max_attempts: int
    lease_id: UUID
    traceparent: str | None
    checkpoint: Mapping[str, Any] | None = None
    """The state that an earlier attempt has stored, from which this one goes on."""


async def enqueue(connection: Lent, jobs: Sequence[NewJob]) -> list[UUID]:
    """Enqueue jobs of the gateway or of any tenant; return the IDs of those that are new."""
    text = _text([job.values() for job in jobs])
    rows = await connection.fetch("SELECT * FROM ctx.enqueue_jobs($1)", text)
    return [row[0] for row in rows]


async def claim(
    connection: Lent,
    kinds: Sequence[str],
    worker: str,
    most: int,
    lease: timedelta,
    after: UUID = FIRST,
) -> list[Claimed]:
    """Claim at most `most` jobs that are due: one of each tenant in turn, then the oldest ones.

    The turns begin behind the tenant `after`; `next_turn` returns it for the next claim.
    """
    rows = await connection.fetch(CLAIM, list(kinds), worker, most, lease, after)
    return [Claimed(**dict(row)) for row in rows]


def next_turn(claimed: Sequence[Claimed], after: UUID) -> UUID:
    """Return the tenant behind which the next turns begin: the last of those of this claim."""
    tenants = [job.organization_id or LAST for job in claimed]
    return max((one for one in tenants if one > after), default=max(tenants, default=after))


async def extend(connection: Lent, held: Mapping[UUID, UUID], lease: timedelta) -> dict[UUID, bool]:
    """Extend leases, by job; return for each that is still held whether it is to be cancelled."""
    rows = await connection.fetch(
        "SELECT id, cancelled FROM ctx.extend_jobs($1, $2, $3)", [*held], [*held.values()], lease
    )
    return {row["id"]: row["cancelled"] for row in rows}


async def report(
    connection: Lent, job: UUID, lease: UUID, share: float, message: str | None
) -> bool:
    """Store the progress of a job; return whether the lease is still held."""
    told: bool = await connection.fetchval(
        "SELECT ctx.report_job($1, $2, $3, $4)", job, lease, share, message
    )
    return told


async def checkpoint(connection: Lent, job: UUID, lease: UUID, state: Mapping[str, Any]) -> bool:
    """Store the state from which another attempt goes on; return whether the lease is held."""
    text = _text(state)
    held: bool = await connection.fetchval(
        "SELECT ctx.checkpoint_job($1, $2, $3)", job, lease, text
    )
    return held


async def complete(
    connection: Lent, job: UUID, lease: UUID, result: Mapping[str, Any] | None
) -> bool:
    """End a job in success; return whether the lease was still held."""
    text = _text(result)
    ended: bool = await connection.fetchval("SELECT ctx.complete_job($1, $2, $3)", job, lease, text)
    return ended


async def fail(connection: Lent, job: UUID, lease: UUID, reason: str, *, final: bool) -> str | None:
    """End an attempt in failure; return the status of the job, or None if the lease was lost."""
    status: str | None = await connection.fetchval(
        "SELECT ctx.fail_job($1, $2, $3, $4)::text", job, lease, reason, final
    )
    return status


async def release(connection: Lent, held: Mapping[UUID, UUID]) -> None:
    """Give jobs back that a worker which stops has not ended: the attempt does not count."""
    await connection.execute("SELECT ctx.release_jobs($1, $2)", [*held], [*held.values()])


async def prune(connection: Lent, batch: int) -> int:
    """Delete jobs that ended 7 days ago, and 30 days ago in failure; return their number."""
    pruned: int = await connection.fetchval("SELECT ctx.prune_jobs($1)", batch)
    return pruned


async def backlog(connection: Lent, kinds: Sequence[str]) -> tuple[int, float]:
    """Return the number of jobs that are due, and the seconds that the oldest has waited."""
    row = await connection.fetchrow(BACKLOG, list(kinds))
    assert row is not None  # noqa: S101 (an aggregate has one row)
    return row["due"], max(row["oldest"] or 0.0, 0.0)


async def list_own(connection: Lent) -> list[dict[str, Any]]:
    """Return the jobs of the gateway itself."""
    return [dict(row) for row in await connection.fetch(LIST)]


def enqueue_own(jobs: Sequence[NewJob]) -> Function[Any]:
    """Return the call by which a person enqueues jobs that run as them; it returns the new IDs."""
    return func.ctx.enqueue_own_jobs(_json([job.values() for job in jobs]), type_=ARRAY(Uuid))


def live_jobs(organization_id: UUID, kinds: Sequence[str]) -> Function[Any]:
    """Return the call that counts the jobs of these kinds that wait or run in an organization.

    Transactions that call it for one organization take turns.
    """
    return func.ctx.live_jobs(
        bindparam(None, organization_id, type_=Uuid, unique=True),
        bindparam(None, list(kinds), type_=ARRAY(Text), unique=True),
        type_=Integer,
    )


def complete_within(job: UUID, lease: UUID, result: Mapping[str, Any] | None) -> Function[Any]:
    """Return the call that does the same as `complete` within a transaction of a person."""
    ids = (bindparam(None, id, type_=Uuid, unique=True) for id in (job, lease))
    return func.ctx.complete_job(*ids, _json(result), type_=Boolean)


def cancel(job: UUID) -> Function[Any]:
    """Return the call that cancels a job, or asks its worker to; false if there is nothing to."""
    return func.ctx.cancel_job(bindparam(None, job, type_=Uuid, unique=True), type_=Boolean)


def retry(job: UUID) -> Function[Any]:
    """Return the call that queues a job again at once; false if it runs or has succeeded."""
    return func.ctx.retry_job(bindparam(None, job, type_=Uuid, unique=True), type_=Boolean)


def claim_as_worker(
    kinds: Sequence[str], worker: str, most: int, lease: timedelta, tenants: Sequence[UUID]
) -> Function[Any]:
    """Return the call by which a worker outside claims jobs of these tenants; it returns JSON."""
    return func.ctx.claim_as_worker(
        bindparam(None, list(kinds), type_=ARRAY(Text), unique=True),
        bindparam(None, worker, type_=Text, unique=True),
        bindparam(None, most, type_=Integer, unique=True),
        bindparam(None, lease, type_=Interval, unique=True),
        bindparam(None, list(tenants), type_=ARRAY(Uuid), unique=True),
        type_=JSONB,
    )


def extend_as_worker(
    job: UUID,
    lease: UUID,
    time: timedelta,
    share: float | None,
    message: str | None,
    tenants: Sequence[UUID],
) -> Function[Any]:
    """Return the call that extends a lease and stores the progress; null if the lease was lost."""
    return func.ctx.extend_as_worker(
        bindparam(None, job, type_=Uuid, unique=True),
        bindparam(None, lease, type_=Uuid, unique=True),
        bindparam(None, time, type_=Interval, unique=True),
        bindparam(None, share, type_=Double, unique=True),
        bindparam(None, message, type_=Text, unique=True),
        bindparam(None, list(tenants), type_=ARRAY(Uuid), unique=True),
        type_=JSONB,
    )


def end_as_worker(
    job: UUID,
    lease: UUID,
    result: Mapping[str, Any] | None,
    reason: str | None,
    tenants: Sequence[UUID],
    *,
    final: bool = False,
) -> Function[Any]:
    """Return the call that completes a job, or fails it for a reason; it returns the status."""
    return func.ctx.end_as_worker(
        bindparam(None, job, type_=Uuid, unique=True),
        bindparam(None, lease, type_=Uuid, unique=True),
        _json(result),
        bindparam(None, reason, type_=Text, unique=True),
        bindparam(None, final, type_=Boolean, unique=True),
        bindparam(None, list(tenants), type_=ARRAY(Uuid), unique=True),
        type_=Text,
    )


def _json(value: Any) -> Any:
    return cast(bindparam(None, _text(value), type_=Text, unique=True), JSONB)


def _text(value: Any) -> str | None:
    """Return it as JSON; the IDs that asyncpg reads are of a type of its own."""
    return None if value is None else orjson.dumps(value, default=str).decode()
