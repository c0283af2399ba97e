"""Months of the tables that have a partition for each."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg

from db.problem import Problem

PARTITIONING = 7_310_942_026_112_002
"""The key of the advisory lock of `ctx.ensure_partitions`."""
MONTHS = r"""
SELECT to_date(right(c.relname, 7), 'YYYY_MM') AS month
FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
WHERE inhparent = to_regclass('public.' || $1) AND c.relname ~ ('^' || $1 || '_\d{4}_\d{2}$')
    AND to_date(right(c.relname, 7), 'YYYY_MM') < $2
ORDER BY month
"""


def month_of(text: str) -> date:
    """Return the first day of a month such as 2026-09. Raises INVALID."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise Problem("INVALID", f"{text} is not a month, such as 2026-09.") from error


def this_month() -> date:
    """Return the first day of the current month, in UTC."""
    return datetime.now(UTC).date().replace(day=1)


def partition_of(table: str, month: date) -> str:
    """Return the name of the partition of a month."""
    return f"{table}_{month:%Y_%m}"


def next_month(month: date) -> date:
    """Return the first day of the month after this one."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def start_of(day: date) -> datetime:
    """Return the time at which a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def months_before(connection: asyncpg.Connection, table: str, before: date) -> list[date]:
    """Return the months before this one for which the table has a partition."""
    return [row["month"] for row in await connection.fetch(MONTHS, table, before)]


async def ensure_partition(connection: asyncpg.Connection, table: str, month: date) -> None:
    """Create the partition of a month, as `ctx.ensure_partitions` does, unless there is one."""
    name = partition_of(table, month)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", PARTITIONING)
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"public.{name}"):
        return
    first, after = start_of(month).isoformat(), start_of(next_month(month)).isoformat()
    await connection.execute(
        f"""
        CREATE TABLE public.{name}
            (LIKE public.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        ALTER TABLE public.{name} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE public.{name} FORCE ROW LEVEL SECURITY;
        ALTER TABLE public.{table} ATTACH PARTITION public.{name}
            FOR VALUES FROM ('{first}') TO ('{after}');
        """
    )
    if table == "audit_logs":
        await connection.execute(
            f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.{name}"
            " EXECUTE FUNCTION ctx.refuse_change()"
        )


async def drop_empty(
    connection: asyncpg.Connection, table: str, months: Sequence[date]
) -> list[date]:
    """Drop the partitions of these months that are empty, and return their months.

    Those since the previous month stay. A partition that readers do not let go of within two
    seconds stays until the next time.
    """
    dropped = []
    for month in months:
        if next_month(month) >= this_month() or await _has_rows(connection, table, month):
            continue
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '2s'")
                await connection.execute(f"LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE")
                if not await _has_rows(connection, table, month):
                    await connection.execute(f"DROP TABLE public.{partition_of(table, month)}")
                    dropped.append(month)
        except asyncpg.LockNotAvailableError:
            continue
    return dropped


async def _has_rows(connection: asyncpg.Connection, table: str, month: date) -> bool:
    """Return whether the table has rows of a month: a partition alone shows nobody its rows."""
    sql = f"SELECT EXISTS (SELECT FROM public.{table} WHERE created_at >= $1 AND created_at < $2)"  # noqa: S608 (ours)
    found: bool = await connection.fetchval(sql, start_of(month), start_of(next_month(month)))
    return found
