"""Ten workers that are killed, and lose their connections, at any step: no job is lost."""

import asyncio
import random

import pytest

from db import job_queue
from db.job_queue import NewJob
from db.pool import NOBODY
from tests.forked import Forked
from tests.platform.jobs.storm import AT_LEAST_ONCE, ONCE, work

pytestmark = [pytest.mark.storm, pytest.mark.processes]

LIMIT = 240
HASTEN = """
UPDATE jobs SET run_at = now() WHERE organization_id = $1 AND status = 'queued' AND run_at > now()
"""
"""Has failed attempts run again at once, which else wait for 10 seconds and more."""
END_BACKENDS = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name IN ('gateway_app', 'gateway_auth') AND pid = ANY ($1)
    ORDER BY random() LIMIT 5) AS victims
"""
BACKENDS = """
SELECT array_agg(pid) FROM pg_stat_activity
WHERE datname = current_database() AND NOT (pid = ANY ($1))
"""


async def test_no_job_is_lost_and_none_done_twice_where_it_says_once(world, database_dsn, full):
    jobs, workers, kills = (200, 10, 30) if full else (40, 3, 4)
    superuser, chance = world.superuser, random.Random(20)
    await superuser.execute(
        "CREATE TABLE storm_notes (job uuid NOT NULL); GRANT INSERT ON storm_notes TO gateway_auth"
    )
    ours = await superuser.fetchval(
        "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()"
    )
    new = [
        NewJob(
            kind=ONCE if number % 2 else AT_LEAST_ONCE,
            organization_id=world.organization,
            user_id=world.people["admin"],
            max_attempts=100,
        )
        for number in range(jobs)
    ]
    async with world.database.auth.lend(NOBODY) as lent:
        assert len(await job_queue.enqueue(lent, new)) == jobs

    async def done():
        return await superuser.fetchval(
            "SELECT count(*) FROM jobs WHERE organization_id = $1 AND status = 'succeeded'",
            world.organization,
        )

    running = [Forked(work, database_dsn) for _ in range(workers)]
    killed = 0
    try:
        async with asyncio.timeout(LIMIT):
            while (ended := await done()) < jobs:
                await superuser.execute(HASTEN, world.organization)
                # The kills are spread over the jobs, whatever the speed of the machine.
                if killed < kills and ended >= jobs * killed // (kills + 1):
                    victim = chance.randrange(workers)
                    running[victim].kill()
                    running[victim].wait()
                    running[victim] = Forked(work, database_dsn)
                    theirs = await superuser.fetchval(BACKENDS, ours)
                    await superuser.fetchval(END_BACKENDS, theirs or [])
                    killed += 1
                await asyncio.sleep(0.02)
    finally:
        for process in running:
            process.kill()
            process.wait()
        noted = await superuser.fetchval("SELECT count(DISTINCT job) FROM storm_notes")
        await superuser.execute("DROP TABLE storm_notes")
    states = await superuser.fetch(
        "SELECT status::text, count(*) FROM jobs WHERE organization_id = $1 GROUP BY 1",
        world.organization,
    )
    assert {row[0]: row[1] for row in states} == {"succeeded": jobs}
    written = await superuser.fetch(
        "SELECT title, count(*) FROM notifications WHERE title LIKE 'storm %' GROUP BY 1"
    )
    assert noted == jobs - jobs // 2
    assert [row["count"] for row in written] == [1] * (jobs // 2)
    assert killed == kills
