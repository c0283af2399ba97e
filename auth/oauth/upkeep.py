"""Requests, codes and tokens that have long expired are deleted, a batch at a time.

Some days they stay, so that a late second use is still noticed and the record can be read beside
them.
"""

import asyncio

import structlog

from db.pool import NOBODY, Database

log = structlog.get_logger(__name__)

EVERY = 3600
"""Seconds between two looks."""
BATCH = 500
TABLES = (
    "oauth_pushed_requests",
    "oauth_authorization_codes",
    "oauth_refresh_tokens",
    "oauth_access_tokens",
)

CLEAN = """
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE expires_at < now() - interval '7 days'
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


async def keep_clean(database: Database) -> None:
    """Clean, again and again, until cancelled."""
    while True:
        try:
            await clean(database)
        except Exception:
            log.exception("oauth upkeep")
        await asyncio.sleep(EVERY)


async def clean(database: Database, batch: int = BATCH) -> int:
    """Delete what expired a week ago, each batch in a transaction of its own; how many rows."""
    deleted = 0
    for table in TABLES:
        while True:
            async with database.auth.lend(NOBODY) as lent:
                status = await lent.execute(CLEAN.format(table=table), batch)
            rows = int(status.rpartition(" ")[2])
            deleted += rows
            if rows < batch:
                break
    return deleted
