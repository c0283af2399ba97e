"""Retention: the tables whose rows are deleted after some time, and the job that deletes them.

Each job knows its own periods; these are the longest ones. docs/recovery.md has all of them.
"""

from datetime import timedelta
from typing import NamedTuple

import asyncpg

GRACE = timedelta(days=2)
"""The time after which rows that should have been deleted are reported."""


class Retention(NamedTuple):
    """A table, the column with the time of a row, the longest time that it is kept, and the job."""

    table: str
    column: str
    longest: timedelta
    job: str


RETENTIONS = (
    Retention("jobs", "finished_at", timedelta(days=30), "upkeep.jobs"),
    Retention("notifications", "created_at", timedelta(days=365), "upkeep.notifications"),
    Retention("webhook_events", "created_at", timedelta(days=90), "upkeep.webhook_events"),
    Retention("share_views", "created_at", timedelta(days=90), "upkeep.share_views"),
    Retention("audit_verifications", "created_at", timedelta(days=400), "audit.verify"),
    Retention("idempotency_keys", "created_at", timedelta(days=1), "upkeep.idempotency_keys"),
)


async def overdue(connection: asyncpg.Connection) -> list[Retention]:
    """Return the retentions that are not enforced: rows are older, by more than GRACE.

    The connection belongs to the owner of the tables.
    """
    found = []
    for one in RETENTIONS:
        older = f"{one.column} < now() - $1::interval"
        sql = f"SELECT EXISTS (SELECT FROM public.{one.table} WHERE {older})"  # noqa: S608 (ours)
        if await connection.fetchval(sql, one.longest + GRACE):
            found.append(one)
    return found
