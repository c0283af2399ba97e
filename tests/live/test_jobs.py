"""A job is followed from its start to its end."""

import pytest

from graph.http.operation.operations import NotRun
from tests.platform.jobs.kinds import enqueued, worker
from tests.platform.jobs.test_queue import kind

FOLLOW = """subscription ($id: UUID!) { jobChanged(id: $id) { kind version changedFields
    entity { ... on Job { status progress } } } }"""


async def test_a_job_is_followed_to_its_end(world, follow):
    async def handle(run):
        await run.progress(0.5, "Half of it.")

    work = kind(handle)
    id = await enqueued(world, work, "editor")
    followers = [await follow(person, FOLLOW, id=id) for person in ("editor", "owner")]
    await worker(world.database, work).run_due()
    for follower in followers:
        await follower.until(lambda f: f.told and f.told[-1]["version"] == 4)
        begun, half, _ = ended = follower.told[-3:]  # its creation may be told before
        assert [event["kind"] for event in ended] == ["UPDATED"] * 3
        assert "status" in begun["changedFields"]
        assert "progress" in half["changedFields"]
        assert follower.told[-1]["entity"] == {"status": "SUCCEEDED", "progress": 1}
    with pytest.raises(NotRun):
        await follow("viewer", FOLLOW, id=id)
