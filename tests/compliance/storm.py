"""Ten workers that run many assessments at once, and are killed at random."""

import asyncio
from random import Random
from typing import Any

from graph.compliance.judging import queue, rules
from graph.compliance.judging.findings import verified
from graph.compliance.judging.queue import Claimed, Lost
from tests.compliance.assessing import Assessing

WORKERS = 10
DEATHS = 0.3
"""The share of attempts whose worker is killed, before it completes or just after."""
INSERT = """
WITH made AS (
    INSERT INTO assessments (organization_id, user_id, compliance_document_id, document_name)
    SELECT $1, $2, $3, 'Policy.txt' FROM generate_series(1, $4) RETURNING id
)
INSERT INTO assessment_frameworks (organization_id, assessment_id, framework_id, revision_id,
    framework_revision)
SELECT $1, made.id, $5, r.id, 1 FROM made, framework_revisions AS r WHERE r.framework_id = $5
"""
EXPIRE = """
UPDATE assessments SET claimed_until = now() - interval '1 second'
WHERE organization_id = $1 AND lease_id = ANY ($2) AND status = 'processing'
"""
STATES = """
SELECT status::text, attempts FROM assessments WHERE organization_id = $1
"""
TWICE = """
SELECT subject_id FROM usage_logs WHERE organization_id = $1 AND feature = 'assessment_completed'
GROUP BY subject_id HAVING count(*) <> 1
"""


async def storm(assessing: Assessing, number: int) -> None:
    """Have this number of assessments run; each is completed once, and none is lost."""
    world = assessing.world
    await assessing.plan("enterprise")
    await assessing.work()
    document, framework = await assessing.document(), await assessing.framework()
    await assessing.compliance.extracted()
    arguments = (world.organization, world.people["member"], document["id"], number)
    await world.superuser.execute(INSERT, *arguments, framework["id"])
    dead: list[Claimed] = []
    lock = asyncio.Lock()

    async def complete(held: Claimed) -> None:
        pages = await queue.pages_of(world.database, held)
        result = verified(held.known, rules.judge(held.known, pages), pages)
        await queue.complete(world.database, held, result, rules.NAME)

    async def work(name: int) -> None:
        random = Random(name)
        while True:
            held = await queue.claim(world.database, f"worker {name}")
            if held is None:
                async with lock:  # the leases of those who were killed end
                    leases = [each.lease_id for each in dead]
                    answer = await world.superuser.execute(EXPIRE, world.organization, leases)
                if answer == "UPDATE 0":
                    return
                continue
            if held.attempt < 3 and random.random() < DEATHS:
                if random.random() < 0.5:
                    await queue.extend(world.database, held, 0.5)
                dead.append(held)
                continue
            await complete(held)
            if random.random() < DEATHS:
                dead.append(held)

    await asyncio.gather(*(work(name) for name in range(WORKERS)))
    late = await asyncio.gather(*(complete(held) for held in dead), return_exceptions=True)
    assert dead
    assert all(isinstance(answer, Lost) for answer in late)
    states: list[Any] = await world.superuser.fetch(STATES, world.organization)
    assert {row["status"] for row in states} == {"completed"}
    assert len(states) == number
    assert max(row["attempts"] for row in states) > 1
    assert await world.superuser.fetch(TWICE, world.organization) == []
