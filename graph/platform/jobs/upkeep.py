"""The upkeep of the gateway itself: recurring jobs that run as nobody, once for all processes.

What they do are functions of PostgreSQL and statements on tables of no tenant.
"""

from datetime import timedelta

from auth.oauth import signing_keys
from auth.oauth.cleanup import clean
from auth.settings import AuthSettings
from db import job_queue
from db.feed.sequencing import trim
from db.pool import NOBODY
from db.retention import prune
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

KEYS_AT_ONCE = 1000
"""Expired idempotency keys that one statement deletes."""
JOBS_AT_ONCE = 500
"""Ended jobs that one statement deletes."""


async def _ensure_partitions(run: Run) -> Result:
    """Create the partitions of the coming months before they are written to."""
    async with run.database.app.lend(NOBODY) as connection:
        await connection.execute("SELECT ctx.ensure_partitions()")
    return None


async def _forget_keys(run: Run) -> Result:
    """Remove the idempotency keys whose day is over, with the answers that were kept for them."""
    total, forgotten = 0, KEYS_AT_ONCE
    while forgotten == KEYS_AT_ONCE:
        async with run.database.app.lend(NOBODY) as connection:
            forgotten = await connection.fetchval(
                "SELECT ctx.forget_idempotency_keys($1)", KEYS_AT_ONCE
            )
        total += forgotten
    return {"deleted": total}


async def _trim_feed(run: Run) -> Result:
    """Delete entries of the feed that are past its retention."""
    async with run.database.auth.lend(NOBODY) as connection:
        while await trim(connection):
            pass
    return None


async def _clean_oauth(run: Run) -> Result:
    """Delete requests, codes, tokens and keys that have long expired."""
    return {"deleted": await clean(run.database)}


async def _prune_jobs(run: Run) -> Result:
    """Delete jobs that ended some time ago."""
    total, pruned = 0, JOBS_AT_ONCE
    while pruned == JOBS_AT_ONCE:
        async with run.database.auth.lend(NOBODY) as connection:
            pruned = await job_queue.prune(connection, JOBS_AT_ONCE)
        total += pruned
    return {"deleted": total}


async def _prune(run: Run) -> Result:
    """Delete the rows that are past the retentions of the job."""
    return {"deleted": await prune(run.database, run.job.kind)}


def signing_keys_of(settings: AuthSettings) -> Kind:
    """Return the job that rotates the keys of ID tokens, which these settings encrypt."""

    async def rotate(run: Run) -> Result:
        await signing_keys.upkeep(run.database, settings)
        return None

    return Kind("upkeep.signing_keys", rotate, every=timedelta(hours=12))


KINDS = (
    Kind("upkeep.partitions", _ensure_partitions, every=timedelta(hours=6)),
    Kind("upkeep.idempotency_keys", _forget_keys, every=timedelta(minutes=10)),
    Kind("upkeep.feed", _trim_feed, every=timedelta(minutes=1)),
    Kind("upkeep.oauth", _clean_oauth, every=timedelta(minutes=5)),
    Kind("upkeep.jobs", _prune_jobs, every=timedelta(hours=1)),
    Kind("upkeep.share_views", _prune, every=timedelta(hours=6)),
    Kind("upkeep.sign_ins", _prune, every=timedelta(minutes=10)),
)
