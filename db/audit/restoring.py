"""Restore archived months of the audit log from their files, for reading."""

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import asyncpg

from db.archives.months import ensure_partition, month_of, partition_of
from db.audit.archiving import TABLE, writable
from db.audit.chain import ChainBrokenError
from db.audit.month_file import ArchivedPart, ArchivedRecord, MonthManifest, pages
from db.audit.verification import named, proven
from db.problem import Problem

MARK = """
UPDATE public.audit_archives AS a SET restored_at = CASE WHEN $3 THEN now() END
FROM unnest($1::uuid[], $2::bigint[]) AS part (id, first)
WHERE a.organization_id = part.id AND a.first_seq = part.first
"""
KNOWN = """
SELECT last_seq, previous_hash, head_hash, sha256, restored_at FROM public.audit_archives
WHERE organization_id = $1 AND first_seq = $2 FOR UPDATE
"""
RESTORE_EVENTS = """
INSERT INTO public.audit_logs
SELECT event.* FROM unnest($1::text[], $2::text[]) AS record (line, xid),
LATERAL jsonb_populate_record(
    NULL::public.audit_logs, record.line::jsonb || jsonb_build_object('xid', record.xid)) AS event
"""
RESTORE_SEALS = """
INSERT INTO public.audit_seals
    (organization_id, seq, event_at, event_id, hash, not_before, sealed_at)
SELECT $1, r.seq, (r.line::jsonb ->> 'created_at')::timestamptz, (r.line::jsonb ->> 'id')::uuid,
    r.hash, r.not_before::timestamptz, r.sealed_at::timestamptz
FROM unnest($2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[])
    AS r (seq, hash, not_before, sealed_at, line)
ON CONFLICT (organization_id, seq) DO NOTHING
"""


async def mark(
    connection: asyncpg.Connection, parts: Sequence[ArchivedPart], *, restored: bool
) -> None:
    """Store whether the events of these parts are back."""
    ids, firsts = [part.organization_id for part in parts], [part.first_seq for part in parts]
    await connection.execute(MARK, ids, firsts, restored)


async def known_parts(
    connection: asyncpg.Connection, file: Path, manifest: MonthManifest, *, restored: bool
) -> list[ArchivedPart]:
    """Return the parts of a file that are, or are not, restored.

    Raises NOT_FOUND if a part was not archived from this database, or is not the one that was.
    """
    found = []
    for part in manifest.parts:
        row = await connection.fetchrow(KNOWN, part.organization_id, part.first_seq)
        archived = (part.last_seq, part.previous_hash, part.head_hash, part.sha256)
        if row is None or tuple(row)[:4] != archived:
            raise Problem(
                "NOT_FOUND",
                f"{file} does not have what was archived from this database: numbers"
                f" {part.first_seq} to {part.last_seq} of organization {part.organization_id}.",
            )
        if (row["restored_at"] is not None) == restored:
            found.append(part)
    return found


async def restore(
    connection: asyncpg.Connection, archive: ZipFile, parts: Sequence[ArchivedPart]
) -> None:
    """Add the events of these parts and their seals again, and verify them.

    The connection is in a transaction. No event is sent to feeds, webhooks or alerts. Raises
    ChainBrokenError.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await mark(connection, parts, restored=True)
    for part in parts:
        for page in pages(archive, part):
            await _restore_page(connection, part.organization_id, page)
        chain = await named(connection, part.organization_id)
        after, until = part.first_seq - 1, part.last_seq
        count = 0
        async for _ in proven(connection, chain, after=after, until=until):
            count += 1
        if count != part.count:
            raise ChainBrokenError(f"Events of {chain} are missing after they were restored.")


async def _restore_page(
    connection: asyncpg.Connection, organization_id: UUID, page: Sequence[ArchivedRecord]
) -> None:
    lines = [record.line.decode() for record in page]
    months = {month_of(json.loads(line)["created_at"][:7]) for line in lines}
    for month in sorted(months):
        await ensure_partition(connection, TABLE, month)
    async with writable(
        connection, [partition_of(TABLE, month) for month in sorted(months)], "USER"
    ):
        await connection.execute(RESTORE_EVENTS, lines, [record.xid for record in page])
    await connection.execute(
        RESTORE_SEALS,
        organization_id,
        [record.seq for record in page],
        [record.hash for record in page],
        [record.not_before for record in page],
        [record.sealed_at for record in page],
        lines,
    )
