"""Archive months of the audit log: write them to files, and remove them from the tables.

Of each chain a month takes the events from the last archive up to the first of a later month, so
that archives follow each other without a gap. Few events that were sealed after that one stay for
the next month. Everything here needs the owner of the tables.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg

from db.archives.month_file import MonthFile, PartFile
from db.archives.months import month_of, next_month, partition_of, start_of
from db.audit.chain import ChainBrokenError, clock, genesis
from db.audit.checkpoint import CHAINS
from db.audit.month_file import ArchivedPart, ArchivedRecord, MonthManifest
from db.audit.verification import PAGE, Chain, named, reading, sealed
from db.problem import Problem

TABLE = "audit_logs"
ARCHIVING = 7_310_942_026_112_006
"""The key of the advisory lock for archival: one process archives or restores at a time,
the audit log or usage."""

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


@asynccontextmanager
async def alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Keep other processes from archiving and restoring. Raises BUSY while one does."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ARCHIVING):
        raise Problem("BUSY", "Another process is archiving or restoring.")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", ARCHIVING)


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
        lines.add([record.as_line() for record in page])
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
    partitions = [partition_of(TABLE, row[0]) for row in await connection.fetch(MONTHS_OF, *spans)]
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
