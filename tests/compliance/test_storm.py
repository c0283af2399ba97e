"""Ten workers that are killed at random: no assessment is lost, judged twice or billed twice."""

import asyncio
import signal
from random import Random
from uuid import UUID, uuid4

import pytest

from tests.compliance.assessing import Assessing
from tests.compliance.storm import work
from tests.forked import Forked

pytestmark = [pytest.mark.storm, pytest.mark.processes, pytest.mark.slow]

LIMIT = 300
INSERT = """
WITH made AS (
    INSERT INTO assessments (organization_id, user_id, compliance_document_id, document_name)
    SELECT $1, $2, $3, 'Policy.txt' FROM generate_series(1, $4) RETURNING id
)
INSERT INTO assessment_frameworks (organization_id, assessment_id, framework_id, revision_id,
    framework_revision)
SELECT $1, made.id, $5, r.id, 1 FROM made, framework_revisions AS r WHERE r.framework_id = $5
"""
ENDED = """
SELECT count(*) FROM assessments WHERE organization_id = $1 AND status IN ('completed', 'failed')
"""
TRIED = """
SELECT coalesce(max(attempts), 0) FROM assessments
WHERE organization_id = $1 AND worker = $2 AND status = 'processing'
"""
STATES = "SELECT status::text, attempts FROM assessments WHERE organization_id = $1"
COMPLETIONS = """
SELECT (SELECT array_agg(DISTINCT l.n) FROM (
    SELECT count(*) AS n FROM audit_logs WHERE organization_id = $1 AND entity_type = 'Assessment'
        AND new_data ->> 'status' = 'completed' GROUP BY entity_id) AS l) AS recorded,
    (SELECT array_agg(DISTINCT u.n) FROM (
    SELECT count(*) AS n FROM usage_logs WHERE organization_id = $1
        AND feature = 'assessment_completed' GROUP BY subject_id) AS u) AS billed
"""


async def test_each_assessment_is_completed_and_billed_once_although_workers_are_killed(
    assessing: Assessing, database_dsn: str, full: bool
):
    number, workers, kills = (500, 10, 30) if full else (40, 3, 4)
    world, chance = assessing.world, Random(20)
    await assessing.plan("enterprise")
    document, framework = await assessing.document(), await assessing.framework()
    await assessing.compliance.extracted()
    arguments = (world.organization, world.people["member"], document["id"], number)
    await world.superuser.execute(INSERT, *arguments, framework["id"])
    names = [uuid4() for _ in range(workers)]
    running = [Forked(work, database_dsn, name) for name in names]

    async def is_last_attempt(name: UUID) -> bool:
        tried: int = await world.superuser.fetchval(TRIED, world.organization, f"job {name}")
        return tried > 2

    killed = 0
    try:
        async with asyncio.timeout(LIMIT):
            while (ended := await world.superuser.fetchval(ENDED, world.organization)) < number:
                # The kills are spread over the assessments, whatever the speed of the machine.
                if killed < kills and ended >= number * killed // (kills + 1):
                    victim = chance.randrange(workers)
                    running[victim].send_signal(signal.SIGSTOP)
                    if await is_last_attempt(names[victim]):  # the third ends it, as it should
                        running[victim].send_signal(signal.SIGCONT)
                        continue
                    running[victim].kill()
                    running[victim].wait()
                    running[victim] = Forked(work, database_dsn, names[victim])
                    killed += 1
                await asyncio.sleep(0.02)
    finally:
        for process in running:
            process.kill()
            process.wait()
    states = await world.superuser.fetch(STATES, world.organization)
    assert [row["status"] for row in states] == ["completed"] * number
    assert max(row["attempts"] for row in states) > 1
    found = await world.superuser.fetchrow(COMPLETIONS, world.organization)
    assert (found["recorded"], found["billed"]) == ([1], [1])
    assert len(await assessing.events()) == number
    assert killed == kills
