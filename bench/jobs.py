"""Jobs a second through one worker, and what a worker costs that has nothing to do.

The worker runs in this process beside PostgreSQL. Jobs that do nothing show the cost of claiming,
recording and completing; those of an organization are recorded in the audit log three times, and
those that write a notification with their completion load their user's rights and run a
transaction. A job is also claimed from a queue of 100,000 others of its kind, and of another kind.
At the end `gateway worker` is started by itself, and measured while no job is due.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta

import psutil
from pydantic import SecretStr

from bench.stand import Stand
from db import job_queue
from db.core.notifications import Notification
from db.job_queue import NewJob
from db.pool import NOBODY, Database
from graph.logs import set_up
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.platform.jobs.worker import Worker
from graph.settings import Settings

JOBS, BACKLOG, AT_ONCE, IDLE = 2_000, 100_000, 1_000, 20
SECRET = "a secret that only the bench uses, long enough"


async def _nothing(_: Run) -> Result:
    return None


async def _write(run: Run) -> Result:
    async with run.completing() as transaction:
        assert run.job.user_id is not None
        transaction.tell(
            Notification(
                organization_id=run.organization_id, user_id=run.job.user_id, title="Done"
            ),
            unprompted=True,
        )
    return None


NOTHING, WRITE = Kind("bench.nothing", _nothing), Kind("bench.write", _write)
OTHER = Kind("bench.other", _nothing)


async def measure(stand: Stand) -> None:
    """Enqueue, run, idle, print."""
    set_up(Settings(database_url=SecretStr(stand.dsn), log_level="WARNING"))
    owner = await stand.superuser.fetchval(
        "SELECT owner_id FROM organizations WHERE id = $1", stand.organization
    )
    of_tenant = {"organization_id": stand.organization, "user_id": owner}
    async with Database(stand.dsn, auth_connections=8, orm_connections=8) as database:
        for label, kind, more in (
            ("of the gateway, no work", NOTHING, {}),
            ("of an organization, no work", NOTHING, of_tenant),
            ("of an organization, a row written once", WRITE, of_tenant),
        ):
            for slots in (1, 8):
                enqueued = await _enqueue(database, [kind.new(**more) for _ in range(JOBS)])
                seconds = await _run(database, kind, slots)
                print(
                    f"  {label:<40} {slots} at a time  {JOBS / seconds:6.0f} jobs a second"
                    f"  (enqueued {JOBS / enqueued:,.0f} a second)"
                )
        for label, kind, before in (
            (f"the next of {BACKLOG:,} of its kind", NOTHING, NOTHING),
            (f"one behind {BACKLOG:,} of another kind", NOTHING, OTHER),
        ):
            await stand.superuser.execute("TRUNCATE jobs")
            await _enqueue(database, [before.new() for _ in range(BACKLOG)])
            await _enqueue(database, [kind.new()])
            await stand.superuser.execute("ANALYZE jobs")
            print(f"  claim of {label:<40} {await _claim(database, kind):6.2f} ms")
        await stand.superuser.execute("TRUNCATE jobs")
    await _idle(stand)


async def _enqueue(database: Database, jobs: list[NewJob]) -> float:
    """Enqueue these jobs; return the seconds."""
    start = time.perf_counter()
    for first in range(0, len(jobs), AT_ONCE):
        async with database.auth.lend(NOBODY) as lent:
            await job_queue.enqueue(lent, jobs[first : first + AT_ONCE])
    return time.perf_counter() - start


async def _run(database: Database, kind: Kind, slots: int) -> float:
    """Run all jobs of this kind; return the seconds."""
    worker = Worker(database, [kind], slots=slots)
    start = time.perf_counter()
    running = asyncio.create_task(worker.run())
    while True:
        async with database.auth.lend(NOBODY) as lent:
            left = await lent.fetchval(
                "SELECT count(*) FROM jobs WHERE kind = $1 AND status IN ('queued', 'running')",
                kind.name,
            )
        if not left:
            break
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - start
    worker.stop()
    await running
    return seconds


async def _claim(database: Database, kind: Kind) -> float:
    """Return the milliseconds of a claim of one job, the median of 21."""
    times = []
    for _ in range(21):
        start = time.perf_counter()
        async with database.auth.lend(NOBODY) as lent:
            held = await job_queue.claim(lent, [kind.name], "bench", 1, timedelta(minutes=1))
        times.append(time.perf_counter() - start)
        async with database.auth.lend(NOBODY) as lent:
            await job_queue.release(lent, {job.id: job.lease_id for job in held})
    return sorted(times)[10] * 1000


async def _idle(stand: Stand) -> None:
    """Print what `gateway worker` uses while no job is due."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph.cli", "worker", "--slots", "4"),
        env={
            **os.environ,
            "DATABASE_URL": stand.dsn,
            "GATEWAY_SECRET": SECRET,
            "LOG_LEVEL": "WARNING",
        },
    )
    try:
        watched = psutil.Process(process.pid)
        await stand.superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await asyncio.sleep(10)  # it has started, and run the upkeep that was due
        await stand.superuser.execute("SELECT pg_stat_statements_reset()")
        before = sum(watched.cpu_times()[:2])
        await asyncio.sleep(IDLE)
        used = sum(watched.cpu_times()[:2]) - before
        calls, spent = await stand.superuser.fetchrow(
            "SELECT sum(calls), sum(total_exec_time) FROM pg_stat_statements"
            " WHERE query ~ 'claim_jobs'"
        )
        print(
            f"  idle worker: {used / IDLE * 1000:.1f} ms of CPU a second,"
            f" {watched.memory_info().rss / 1024**2:.0f} MB; a claim each second takes"
            f" {float(spent or 0) / max(int(calls or 1), 1):.2f} ms of PostgreSQL"
        )
    finally:
        process.terminate()
        await process.wait()
