"""Kinds of jobs for tests, and workers that run them."""

from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db import job_queue
from db.pool import NOBODY
from graph.platform.jobs.run import Services
from graph.platform.jobs.worker import Worker

LONG = timedelta(minutes=10)
"""A lease that does not end during a test."""


def worker(database, *kinds, language_model=None, storage=None, **options):
    """Return a worker of these kinds."""
    services = Services(language_model=language_model, storage=storage)
    options = {"services": services, **options}
    return Worker(database, kinds, **{"lease": LONG, **options})


@asynccontextmanager
async def writing_as(world, person):
    """Open a transaction of a person."""
    viewer = await act_for(world.email(person), world.database)
    async with ViewerSession(world.database, viewer).transaction() as transaction:
        yield transaction


async def enqueued(world, kind, person="admin", payload=None, **options):
    """Enqueue a job of the world's organization, which runs as this person; return its ID."""
    async with writing_as(world, person) as transaction:
        return await kind.enqueue(transaction, world.organization, payload or {}, **options)


async def row(world, id):
    """Return a job as it is stored."""
    return await world.superuser.fetchrow("SELECT * FROM jobs WHERE id = $1", UUID(str(id)))


async def make_due(world, id):
    """Have a job be due now: the time that it waits for comes, or the lease of its worker ends."""
    await world.superuser.execute(
        "UPDATE jobs SET run_at = now() - interval '1 second', lease_expires_at ="
        " CASE WHEN lease_id IS NOT NULL THEN now() - interval '1 second' END WHERE id = $1",
        UUID(str(id)),
    )


async def claim(database, kind, most=1, lease=LONG):
    """Claim jobs as another worker would."""
    async with database.auth.lend(NOBODY) as lent:
        return await job_queue.claim(lent, [kind.name], "another", most, lease)
