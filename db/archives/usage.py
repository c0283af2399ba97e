"""Months of `usage_logs` in files: written, removed from the table, and added again for reading.

The sums of usage, the counters of what is billed and the reports to Stripe stay where they are.
Everything here needs the owner of the tables.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt

from db.archives.month_file import MonthFile, lines_of, opened
from db.archives.months import (
    ensure_partition,
    month_of,
    next_month,
    partition_of,
    start_of,
    this_month,
)
from db.problem import Problem

TABLE = "usage_logs"
MONTHS_KEPT = 3
"""The months before the current one that stay in the database."""
PAGE = 5000
"""Rows in memory at a time."""

# What is under a legal hold, or is not reported to Stripe yet, stays.
HELD = """
EXISTS (SELECT FROM public.legal_holds AS h WHERE h.organization_id = u.organization_id)
OR EXISTS (
    SELECT FROM public.meter_reports AS r
    WHERE r.organization_id = u.organization_id AND r.sent_at IS NULL AND r.month <= $1::date
)
"""
DUE = f"""
SELECT u.organization_id AS id, o.slug, {HELD} AS held
FROM (
    SELECT DISTINCT organization_id FROM public.usage_logs
    WHERE created_at >= $2 AND created_at < $3
) AS u
JOIN public.organizations AS o ON o.id = u.organization_id
WHERE NOT EXISTS (
    SELECT FROM public.usage_archives AS a
    WHERE a.organization_id = u.organization_id AND a.month = $1
)
ORDER BY 1
"""  # noqa: S608 (ours)
ROWS = f"""
SELECT created_at, id, to_jsonb(u)::text AS line FROM public.usage_logs AS u
WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3
    AND (created_at, id) > ($4, $5)
ORDER BY created_at, id LIMIT {PAGE}
"""  # noqa: S608 (ours)
REMOVE = """
DELETE FROM public.usage_logs WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3
"""
STILL_HELD = f"""
SELECT u.organization_id FROM unnest($2::uuid[]) AS u (organization_id) WHERE {HELD} LIMIT 1
"""  # noqa: S608 (ours)
ADD_ARCHIVE = """
INSERT INTO public.usage_archives (organization_id, month, row_count, sha256, file)
VALUES ($1, $2, $3, $4, $5)
"""
MARK = """
UPDATE public.usage_archives SET restored_at = CASE WHEN $3 THEN now() END
WHERE organization_id = ANY ($1) AND month = $2
"""
KNOWN = """
SELECT row_count, sha256, restored_at FROM public.usage_archives
WHERE organization_id = $1 AND month = $2 FOR UPDATE
"""
# The sums have these rows already, and a partition that is named directly has no trigger that adds
# to them. It has no policy either.
ADMIT = "CREATE POLICY restoring ON public.{partition} TO gateway_owner USING (true)"
ADMIT_NO_MORE = "DROP POLICY restoring ON public.{partition}"
RESTORE = """
INSERT INTO public.{partition}
SELECT row.* FROM unnest($1::text[]) AS record (line),
LATERAL jsonb_populate_record(NULL::public.usage_logs, record.line::jsonb) AS row
"""
FIRST = (start_of(date(1970, 1, 1)), UUID(int=0))


class UsagePart(BaseModel):
    """The rows of an organization in a file. As JSON, the SHA-256 of the lines is hexadecimal."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    organization_id: UUID
    organization: str
    count: PositiveInt
    sha256: bytes


class UsageManifest(BaseModel):
    """The contents of a file of a month, such as 2026-08."""

    model_config = ConfigDict(frozen=True)

    format: Literal["gateway usage month 1"] = "gateway usage month 1"
    gateway: str
    month: str
    archived_at: AwareDatetime
    parts: list[UsagePart]

    @property
    def count(self) -> int:
        """Return the number of rows."""
        return sum(part.count for part in self.parts)


class PartCheck:
    """The comparison of rows with those of a part, as they are read."""

    def __init__(self, part: UsagePart) -> None:
        self._part, self._digest, self._count = part, sha256(), 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Add these lines, with their ends."""
        for line in lines:
            self._digest.update(line)
            self._count += 1

    def end(self, what: str) -> None:
        """Raise INVALID unless these were all lines."""
        found = (self._count, self._digest.digest())
        if found != (self._part.count, self._part.sha256):
            name = self._part.organization
            raise Problem("INVALID", f"{what} not have the rows of {name} as they were archived.")


def last_archived(before: date | None) -> date:
    """Return the month up to which to archive, by default all that are not kept.

    Raises INVALID for a later one.
    """
    first_kept = this_month()
    for _ in range(MONTHS_KEPT):
        first_kept = (first_kept - timedelta(days=1)).replace(day=1)
    if before is not None and before > first_kept:
        message = f"The current month and {MONTHS_KEPT} before it stay: at most {first_kept:%Y-%m}."
        raise Problem("INVALID", message)
    return before or first_kept


async def write_month(
    connection: asyncpg.Connection, month: date, path: Path, version: str, now: datetime
) -> tuple[UsageManifest, int]:
    """Write a month of all organizations, and return how many have to stay.

    The connection is in a transaction.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SET LOCAL timezone = 'UTC'")
    due = await connection.fetch(DUE, month, *_span(month))
    parts = []
    with MonthFile(path) as file:
        for row in due:
            if row["held"]:
                continue
            count = 0
            with file.part(row["id"]) as lines:
                async for page in _pages(connection, row["id"], month):
                    count += len(page)
                    lines.add(page)
                digest = lines.digest
            parts.append(
                UsagePart(
                    organization_id=row["id"],
                    organization=row["slug"],
                    count=count,
                    sha256=digest,
                )
            )
        manifest = UsageManifest(
            gateway=version, month=f"{month:%Y-%m}", archived_at=now, parts=parts
        )
        file.describe(manifest)
    return manifest, sum(row["held"] for row in due)


def check_usage_file(file: Path) -> UsageManifest:
    """Prove the lines of a file by its manifest, without a database. Raises INVALID."""
    with opened(file, UsageManifest) as (archive, manifest):
        for part in manifest.parts:
            check = PartCheck(part)
            check.add(lines_of(archive, part.organization_id))
            check.end(f"{file} does")
    return manifest


async def remove(connection: asyncpg.Connection, month: date, parts: Sequence[UsagePart]) -> None:
    """Remove the rows of these parts. The connection is in a transaction.

    Raises CONFLICT if an organization has come under a legal hold, or its rows have changed.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("LOCK TABLE public.legal_holds IN SHARE MODE")
    ids = [part.organization_id for part in parts]
    if held := await connection.fetchval(STILL_HELD, month, ids):
        raise Problem("CONFLICT", f"Organization {held} is under a legal hold, or to be billed.")
    for part in parts:
        removed = await connection.execute(REMOVE, part.organization_id, *_span(month))
        if removed != f"DELETE {part.count}":
            raise Problem("CONFLICT", f"The usage of {part.organization} has changed meanwhile.")


async def note_archive(connection: asyncpg.Connection, manifest: UsageManifest, file: str) -> None:
    """Store which rows are in this file."""
    month = month_of(manifest.month)
    await connection.executemany(
        ADD_ARCHIVE,
        [(part.organization_id, month, part.count, part.sha256, file) for part in manifest.parts],
    )


async def known_parts(
    connection: asyncpg.Connection, file: Path, manifest: UsageManifest, *, restored: bool
) -> list[UsagePart]:
    """Return the parts of a file that are, or are not, restored.

    Raises NOT_FOUND if a part was not archived from this database, or is not the one that was.
    """
    found = []
    for part in manifest.parts:
        row = await connection.fetchrow(KNOWN, part.organization_id, month_of(manifest.month))
        if row is None or (row["row_count"], row["sha256"]) != (part.count, part.sha256):
            message = f"{file} does not have what was archived of {part.organization}."
            raise Problem("NOT_FOUND", message)
        if (row["restored_at"] is not None) == restored:
            found.append(part)
    return found


async def mark(
    connection: asyncpg.Connection, month: date, parts: Sequence[UsagePart], *, restored: bool
) -> None:
    """Store whether the rows of these parts are back."""
    await connection.execute(MARK, [part.organization_id for part in parts], month, restored)


async def restore(
    connection: asyncpg.Connection, file: Path, month: date, parts: Sequence[UsagePart]
) -> None:
    """Add the rows of these parts again, and verify them; the sums have them already.

    The connection is in a transaction. Raises INVALID.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SET LOCAL timezone = 'UTC'")
    await ensure_partition(connection, TABLE, month)
    partition = partition_of(TABLE, month)
    add = RESTORE.format(partition=partition)
    await connection.execute(ADMIT.format(partition=partition))
    with opened(file, UsageManifest) as (archive, _):
        for part in parts:
            page: list[str] = []
            for line in lines_of(archive, part.organization_id):
                page.append(line.decode())
                if len(page) == PAGE:
                    await connection.execute(add, page)
                    page = []
            await connection.execute(add, page)
            check = PartCheck(part)
            async for back in _pages(connection, part.organization_id, month):
                check.add(line + b"\n" for line in back)
            check.end("The restored rows do")
    await connection.execute(ADMIT_NO_MORE.format(partition=partition))
    await mark(connection, month, parts, restored=True)


async def _pages(
    connection: asyncpg.Connection, organization_id: UUID, month: date
) -> AsyncIterator[list[bytes]]:
    """Yield the rows of an organization in a month as lines, in the order of time."""
    last = FIRST
    while rows := await connection.fetch(ROWS, organization_id, *_span(month), *last):
        yield [row["line"].encode() for row in rows]
        last = (rows[-1]["created_at"], rows[-1]["id"])


def _span(month: date) -> tuple[datetime, datetime]:
    return start_of(month), start_of(next_month(month))
