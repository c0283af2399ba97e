"""A worker process for the storm: its jobs note each time that they are begun and done."""

import asyncio
from datetime import timedelta

from db.core.notifications import Notification
from db.pool import NOBODY, Database
from graph.platform.jobs import Kind
from graph.platform.jobs.worker import Worker

AT_LEAST_ONCE, ONCE = "tests.storm.at_least_once", "tests.storm.once"
LEASE = timedelta(seconds=1)


async def note(run):
    """Leave a trace outside of the job's own transaction, as a mail or a request would be."""
    async with run.database.auth.lend(NOBODY) as lent:
        await lent.execute("INSERT INTO storm_notes (job) VALUES ($1)", run.job.id)
    await asyncio.sleep(0.02)  # work, in which the worker may be killed


async def write(run):
    """Write a row with the completion of the job."""
    async with run.completing() as transaction:
        transaction.tell(
            Notification(
                organization_id=run.organization_id,
                user_id=run.job.user_id,
                title=f"storm {run.job.id}",
            )
        )
        await transaction.flush()
        await asyncio.sleep(0.02)


KINDS = (Kind(AT_LEAST_ONCE, note, max_attempts=100), Kind(ONCE, write, max_attempts=100))


def work(dsn):
    """Run jobs until the process is killed."""
    asyncio.run(main(dsn))


async def main(dsn):
    async with Database(dsn, app_connections=2, orm_connections=2, auth_connections=2) as database:
        await Worker(database, KINDS, slots=4, lease=LEASE, poll=0.05).run()
