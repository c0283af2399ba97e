"""Jobs over GraphQL: who sees them, cancels and retries them, and follows their progress."""

import asyncio

import pytest

from tests.platform.jobs.kinds import claim, enqueued, make_due, row, worker
from tests.platform.jobs.test_queue import kind, nothing
from tests.world import Refused

JOB = "query ($id: UUID!) { job(id: $id) { id status kind payload progress error } }"
JOBS = """query ($kind: String!) { jobs(filter: {kind: {eq: $kind}}) { totalCount nodes {
    id user { id } organization { id } } } }"""
CANCEL = "mutation ($id: UUID!) { jobCancel(id: $id) { job { id status cancelRequestedAt } } }"
RETRY = "mutation ($id: UUID!) { jobRetry(id: $id) { job { id status attempts runAt } } }"


async def test_administrators_see_all_jobs_and_others_their_own(world, other_world):
    work = kind(nothing)
    ids = {person: str(await enqueued(world, work, person)) for person in ("admin", "editor")}
    await enqueued(other_world, work)
    for person, seen in {
        "owner": {*ids.values()},
        "admin": {*ids.values()},
        "editor": {ids["editor"]},
        "viewer": set(),
        "project_admin": set(),
        "billing": set(),
        "outsider": set(),
    }.items():
        page = await world.ask(person, JOBS, kind=work.name)
        assert {node["id"] for node in page["nodes"]} == seen, person
        assert page["totalCount"] == len(seen)
    for person in ("viewer", "outsider"):
        assert await world.code(person, JOB, id=ids["admin"]) == "NOT_FOUND"
        assert await world.code(person, CANCEL, id=ids["admin"]) == "NOT_FOUND"
    assert await other_world.code("owner", RETRY, id=ids["admin"]) == "NOT_FOUND"
    assert (await row(world, ids["admin"]))["version"] == 1


async def test_a_job_that_waits_is_cancelled_and_retried(world):
    ran = []

    async def handle(run):
        ran.append(run.job.id)

    work = kind(handle)
    id = await enqueued(world, work, "editor")
    cancelled = await world.ask("editor", CANCEL, id=id)
    assert cancelled["job"]["status"] == "CANCELLED"
    assert await worker(world.database, work).run_due() == 0
    with pytest.raises(Refused) as refused:
        await world.ask("editor", CANCEL, id=id)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["id"])
    queued = (await world.ask("admin", RETRY, id=id))["job"]
    assert (queued["status"], queued["attempts"]) == ("QUEUED", 0)
    assert await worker(world.database, work).run_due() == 1
    assert await world.code("admin", RETRY, id=id) == "INVALID"
    assert len(ran) == 1
    events = [(e["action"], e["actor_id"]) for e in await world.records(id)]
    assert events[1:3] == [("update", world.people["editor"]), ("update", world.people["admin"])]


async def test_a_job_that_runs_is_cancelled_as_soon_as_its_worker_notices(world):
    begun = asyncio.Event()

    async def handle(run):
        begun.set()
        await asyncio.Event().wait()

    work = kind(handle)
    id = await enqueued(world, work)
    one = worker(world.database, work)
    running = asyncio.create_task(one.run_due())
    async with asyncio.timeout(60):
        await begun.wait()
        asked = (await world.ask("admin", CANCEL, id=id))["job"]
        assert (asked["status"], asked["cancelRequestedAt"] is None) == ("RUNNING", False)
        await one.extend()
        await running
    assert (await world.ask("admin", JOB, id=id))["status"] == "CANCELLED"


async def test_a_cancelled_job_whose_worker_is_lost_is_not_run_again(world):
    work = kind(nothing)
    id = await enqueued(world, work)
    await claim(world.database, work)
    await world.ask("admin", CANCEL, id=id)
    await make_due(world, id)
    assert await worker(world.database, work).run_due() == 0
    assert (await world.ask("admin", JOB, id=id))["status"] == "CANCELLED"


async def test_progress_is_stored_in_steps(world):
    async def handle(run):
        for percent in range(101):
            await run.progress(percent / 100, f"{percent} of 100")

    work = kind(handle)
    id = await enqueued(world, work, payload={"file": "a"})
    await worker(world.database, work).run_due()
    job = await world.ask("admin", JOB, id=id)
    assert (job["progress"], job["payload"]) == (1, {"file": "a"})
    assert 20 <= (await row(world, id))["version"] <= 25
