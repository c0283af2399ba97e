"""Archive months of the audit log: write them to files, and remove them from the tables.

Of each chain a month takes the events from the last archive up to the first of a later month, so
that archives follow each other without a gap. Few events that were sealed after that one stay for
the next month. Everything here needs the owner of the tables.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg

from db.audit.chain import ChainBrokenError, clock, genesis
from db.audit.checkpoint import CHAINS
from db.audit.month_file import (
    ArchivedPart,
    ArchivedRecord,
    MonthFile,
    MonthManifest,
    PartFile,
)
from db.audit.verification import PAGE, Chain, named, reading, sealed
from db.problem import Problem

ARCHIVING = 7_310_942_026_112_006
"""The key of the advisory lock for archival: one process archives or restores at a time."""

MONTHS = r"""
SELECT to_date(substr(c.relname, 12), 'YYYY_MM') AS month
FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
WHERE inhparent = 'public.audit_logs'::regclass AND c.relname ~ '^audit_logs_\d{4}_\d{2}$'
    AND to_date(substr(c.relname, 12), 'YYYY_MM') < $1
ORDER BY month
"""
DUE = f"""
{CHAINS}
SELECT chain.id, past.seq, past.hash, coalesce(later.seq - 1, head.seq) AS last FROM chain
LEFT JOIN LATERAL (
    SELECT last_seq AS seq, head_hash AS hash FROM public.audit_archives
    WHERE organization_id = chain.id ORDER BY first_seq DESC LIMIT 1
) AS past ON true
LEFT JOIN LATERAL (
    SELECT seq FROM public.audit_seals
    WHERE organization_id = chain.id AND seq > coalesce(past.seq, 0) AND event_at >= $1
    ORDER BY seq LIMIT 1
) AS later ON true
CROSS JOIN LATERAL (
    SELECT seq FROM public.audit_seals WHERE organization_id = chain.id ORDER BY seq DESC LIMIT 1
) AS head
WHERE coalesce(later.seq - 1, head.seq) > coalesce(past.seq, 0)
    AND NOT EXISTS (SELECT FROM public.legal_holds AS h WHERE h.organization_id = chain.id)
ORDER BY chain.id
"""  # noqa: S608 (ours)
RECORDS = f"""
SELECT s.seq, s.hash, s.not_before, s.sealed_at, e.xid::text AS xid,
    CASE WHEN e.id IS NOT NULL THEN ctx.sealed_line(e) END AS line
FROM (
    SELECT * FROM public.audit_seals WHERE organization_id = $1 AND seq > $2 AND seq <= $3
    ORDER BY seq LIMIT {PAGE}
) AS s
LEFT JOIN public.audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
ORDER BY s.seq
"""  # noqa: S608 (ours)

PARTS = """
WITH part AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS p (id, first, last)),
seal AS (
    SELECT s.* FROM part JOIN public.audit_seals AS s
        ON s.organization_id = part.id AND s.seq BETWEEN part.first AND part.last
)
"""
MONTHS_OF = f"""
{PARTS}
SELECT DISTINCT date_trunc('month', event_at AT TIME ZONE 'UTC')::date FROM seal
"""  # noqa: S608 (ours)
KEEP_DIGESTS = f"""
{PARTS}
UPDATE public.audit_personal_data AS p SET archived_digest = e.details ->> 'personal_data'
FROM seal JOIN public.audit_logs AS e ON e.id = seal.event_id AND e.created_at = seal.event_at
WHERE p.event_id = e.id
"""  # noqa: S608 (ours)
REMOVE_EVENTS = f"""
{PARTS}
DELETE FROM public.audit_logs AS e USING seal
WHERE e.id = seal.event_id AND e.created_at = seal.event_at
"""  # noqa: S608 (ours)
REMOVE_SEALS = """
DELETE FROM public.audit_seals AS s
USING unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS part (id, first, last)
WHERE s.organization_id = part.id AND s.seq >= part.first AND s.seq < part.last
"""
ADD_ARCHIVE = """
INSERT INTO public.audit_archives (organization_id, first_seq, last_seq, month, until,
    previous_hash, head_hash, sha256, file)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
HELD = """
SELECT organization_id FROM public.legal_holds WHERE organization_id = ANY ($1) LIMIT 1
"""
IN_MONTH = (
    "SELECT EXISTS (SELECT FROM public.audit_logs WHERE created_at >= $1 AND created_at < $2)"
)


def month_of(text: str) -> date:
    """Return the first day of a month such as 2026-09. Raises INVALID."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise Problem("INVALID", f"{text} is not a month, such as 2026-09.") from error


@asynccontextmanager
async def alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Keep other processes from archiving and restoring. Raises BUSY while one does."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ARCHIVING):
        raise Problem("BUSY", "Another process is archiving or restoring the audit log.")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", ARCHIVING)


async def months_before(connection: asyncpg.Connection, before: date) -> list[date]:
    """Return the months of the audit log before this one. Raises INVALID after this month."""
    if before > datetime.now(UTC).date().replace(day=1):
        raise Problem("INVALID", "Only months that are over can be archived.")
    return [row["month"] for row in await connection.fetch(MONTHS, before)]


async def write_month(
    connection: asyncpg.Connection, month: date, path: Path, version: str
) -> MonthManifest | None:
    """Write a month of all chains without a legal hold; None if nothing of it is left.

    Each event is verified as it is written. Raises ChainBrokenError at the first that does not
    match its seal.
    """
    parts = []
    async with reading(connection):
        due = await connection.fetch(DUE, start_of(next_month(month)))
        if not due:
            return None
        with MonthFile(path) as file:
            for row in due:
                chain = await named(connection, row["id"])
                with file.part(chain.id) as lines:
                    previous = row["hash"] or genesis(chain.id)
                    span = (row["seq"] or 0, row["last"])
                    parts.append(await _write_part(connection, chain, span, previous, lines))
            manifest = MonthManifest(
                gateway=version,
                month=f"{month:%Y-%m}",
                archived_at=datetime.now(UTC),
                parts=parts,
            )
            file.describe(manifest)
    return manifest


async def _write_part(
    connection: asyncpg.Connection,
    chain: Chain,
    span: tuple[int, int],
    previous: bytes,
    lines: PartFile,
) -> ArchivedPart:
    seq, last = span
    head = previous
    while seq < last:
        page = []
        for row in await connection.fetch(RECORDS, chain.id, seq, last):
            seq += 1
            line = sealed(head, row) if row["seq"] == seq else None
            if line is None:
                raise ChainBrokenError(
                    f"Number {seq} of {chain} is missing or does not fit its seal: nothing of this"
                    " month is archived. Run `gateway audit verify`."
                )
            head = row["hash"]
            not_before = clock(row["not_before"]) if row["not_before"] else None
            times = (not_before, clock(row["sealed_at"]))
            page.append(ArchivedRecord(seq, head, row["xid"], *times, line))
        if not page:
            raise ChainBrokenError(f"In {chain}, number {seq + 1} of the chain is missing.")
        lines.add(page)
    return ArchivedPart(
        organization_id=chain.id,
        organization=chain.slug,
        first_seq=span[0] + 1,
        last_seq=last,
        previous_hash=previous,
        head_hash=head,
        sha256=lines.digest,
    )


async def remove(connection: asyncpg.Connection, parts: Sequence[ArchivedPart]) -> None:
    """Remove the events of these parts, and their seals but the last of each.

    The connection is in a transaction. Raises CONFLICT if an organization is under a legal hold.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("LOCK TABLE public.legal_holds IN SHARE MODE")
    ids = [part.organization_id for part in parts]
    if held := await connection.fetchval(HELD, ids):
        raise Problem("CONFLICT", f"Organization {held} is under a legal hold.")
    spans = (ids, [part.first_seq for part in parts], [part.last_seq for part in parts])
    partitions = [partition_of(row[0]) for row in await connection.fetch(MONTHS_OF, *spans)]
    await connection.execute(KEEP_DIGESTS, *spans)
    async with writable(connection, partitions, "refuse_change"):
        removed = await connection.execute(REMOVE_EVENTS, *spans)
    if removed != f"DELETE {sum(part.count for part in parts)}":
        raise ChainBrokenError("The events of the month have changed since they were written.")
    async with writable(connection, ["audit_seals"], "refuse_change"):
        await connection.execute(REMOVE_SEALS, *spans)


async def note_archive(connection: asyncpg.Connection, manifest: MonthManifest, file: str) -> None:
    """Store which parts of the chains are in this file."""
    month = month_of(manifest.month)
    until = start_of(next_month(month))
    await connection.executemany(
        ADD_ARCHIVE,
        [
            (
                part.organization_id,
                part.first_seq,
                part.last_seq,
                month,
                until,
                part.previous_hash,
                part.head_hash,
                part.sha256,
                file,
            )
            for part in manifest.parts
        ],
    )


async def drop_empty(connection: asyncpg.Connection, months: Sequence[date]) -> list[date]:
    """Drop the partitions of these months that are empty, and return their months.

    Those since the previous month stay. A partition that readers do not let go of within two
    seconds stays until the next time.
    """
    this_month = datetime.now(UTC).date().replace(day=1)
    dropped = []
    for month in months:
        if next_month(month) >= this_month or await _has_events(connection, month):
            continue
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '2s'")
                await connection.execute("LOCK TABLE public.audit_logs IN ACCESS EXCLUSIVE MODE")
                if not await _has_events(connection, month):
                    await connection.execute(f"DROP TABLE public.{partition_of(month)}")
                    dropped.append(month)
        except asyncpg.LockNotAvailableError:
            continue
    return dropped


async def _has_events(connection: asyncpg.Connection, month: date) -> bool:
    found: bool = await connection.fetchval(IN_MONTH, start_of(month), start_of(next_month(month)))
    return found


@asynccontextmanager
async def writable(
    connection: asyncpg.Connection, tables: Sequence[str], trigger: str
) -> AsyncIterator[None]:
    """Disable a trigger of these tables for the block, which is part of a transaction."""
    for table in tables:
        await connection.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER {trigger}")
    yield
    for table in tables:
        await connection.execute(f"ALTER TABLE public.{table} ENABLE TRIGGER {trigger}")


def partition_of(month: date) -> str:
    """Return the name of the partition of a month."""
    return f"audit_logs_{month:%Y_%m}"


def next_month(month: date) -> date:
    """Return the first day of the month after this one."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def start_of(day: date) -> datetime:
    """Return the time at which a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
