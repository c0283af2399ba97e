"""Jobs: enqueued with what wants them, run at least once, and done once where it says so."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import job_queue
from db.core.notifications import Notification
from db.core.projects import Project
from db.pool import NOBODY
from db.problem import Problem
from graph.platform.jobs import JobFailed, Kind, LeaseLost
from tests.platform.jobs.kinds import LONG, claim, enqueued, make_due, row, worker, writing_as


def kind(handler, **options):
    """Return a kind with a name of its own."""
    return Kind(f"tests.k{uuid7().hex}", handler, **options)


async def nothing(run):
    return None


async def test_a_job_is_enqueued_with_its_transaction_and_run_once_it_commits(world):
    seen = []

    async def handle(run):
        seen.append((dict(run.payload), run.session.viewer.id, run.organization_id))
        return {"count": 3}

    work = kind(handle)
    async with writing_as(world, "editor") as transaction:
        await work.enqueue(transaction, world.organization, {"n": 1})
        await transaction.abandon()
    assert await worker(world.database, work).run_due() == 0
    id = await enqueued(world, work, "editor", {"n": 2})
    assert await worker(world.database, work).run_due() == 1
    assert seen == [({"n": 2}, world.people["editor"], world.organization)]
    job = await row(world, id)
    assert (job["status"], job["result"], job["attempts"]) == ("succeeded", '{"count": 3}', 1)
    assert job["created_by"] == world.people["editor"]
    assert [(event["action"], event["version"]) for event in await world.records(id)] == [
        ("create", 1),
        ("update", 2),
        ("update", 3),
    ]


async def test_a_key_is_taken_once_and_a_time_is_waited_for(world):
    work = kind(nothing)
    at = datetime.now(UTC) + timedelta(hours=1)
    id = await enqueued(world, work, key="once", run_at=at)
    assert await enqueued(world, work, key="once") is None
    running = worker(world.database, work)
    assert await running.run_due() == 0
    await make_due(world, id)
    assert await running.run_due() == 1
    assert await enqueued(world, work, key="once") is None, "also after it has run"


async def test_nobody_enqueues_for_another_tenant_or_as_somebody_else(world, other_world):
    work = kind(nothing)
    for organization, person in (
        (other_world.organization, world.people["owner"]),
        (None, world.people["owner"]),
        (world.organization, world.people["admin"]),
        (world.organization, None),
    ):
        job = work.new(organization_id=organization, user_id=person)
        async with writing_as(world, "owner") as transaction:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await transaction.call(job_queue.enqueue_own([job]))
            await transaction.abandon()


async def test_a_failure_is_tried_again_later_and_later_and_at_last_no_more(world):
    async def handle(run):
        raise Problem("BUSY", "The other service is away.")

    work = kind(handle, max_attempts=3)
    id = await enqueued(world, work)
    running, waits = worker(world.database, work), []
    for _ in range(2):
        assert await running.run_due() == 1
        job = await row(world, id)
        assert (job["status"], job["error"]) == ("queued", "The other service is away.")
        waits.append(job["run_at"] - job["updated_at"])
        await make_due(world, id)
    assert timedelta(seconds=8) < waits[0] < timedelta(seconds=12)
    assert timedelta(seconds=17) < waits[1] < timedelta(seconds=23)
    assert await running.run_due() == 1
    assert (await row(world, id))["status"] == "failed"
    assert await running.run_due() == 0


async def test_what_cannot_succeed_fails_at_once_and_a_defect_tells_no_secret(world):
    async def hopeless(run):
        raise JobFailed("There is no such report.")

    async def defect(run):
        raise ValueError("password")

    first, second = kind(hopeless), kind(defect)
    ids = [await enqueued(world, one) for one in (first, second)]
    await worker(world.database, first, second).run_due()
    failed, queued = [await row(world, id) for id in ids]
    assert (failed["status"], failed["error"]) == ("failed", "There is no such report.")
    assert queued["status"] == "queued"
    assert "password" not in queued["error"]


async def test_a_job_that_takes_too_long_is_stopped(world):
    async def handle(run):
        await asyncio.Event().wait()

    work = kind(handle, timeout=0.05)
    id = await enqueued(world, work)
    await worker(world.database, work).run_due()
    assert (await row(world, id))["error"] == "It took longer than 0.05 seconds."


async def test_a_recurring_job_is_one_for_all_workers_and_comes_again(world):
    runs = []

    async def handle(run):
        runs.append(run)

    work = kind(handle, every=timedelta(hours=1))
    workers = [worker(world.database, work) for _ in range(3)]
    for one in workers:
        await one.schedule()
    assert sum([await one.run_due() for one in workers]) == 1
    find = "SELECT * FROM jobs WHERE kind = $1"
    (job,) = await world.superuser.fetch(find, work.name)
    assert job["status"] == "queued"
    assert job["run_at"] - job["finished_at"] == timedelta(hours=1)
    assert job["organization_id"] is None
    sooner = Kind(work.name, handle, every=timedelta(minutes=5))
    await worker(world.database, sooner).schedule()
    (job,) = await world.superuser.fetch(find, work.name)
    assert job["every"] == timedelta(minutes=5)
    with pytest.raises(JobFailed):
        _ = runs[0].session


async def test_a_job_runs_with_the_rights_its_principal_has_now(world, other_world):
    found = []

    async def handle(run):
        found.append([r.id for r in await run.session.rows(Project)])
        found.append(run.session.viewer.scopes)

    work = kind(handle)
    await enqueued(world, work, "project_editor")
    running = worker(world.database, work)
    await running.run_due()
    assert found == [[world.project], None]
    id = await enqueued(world, work, "project_editor")
    await world.superuser.execute(
        "UPDATE organization_members SET status = 'suspended' WHERE id = $1",
        world.members["project_editor"],
    )
    await running.run_due()
    job = await row(world, id)
    assert (job["status"], len(found)) == ("failed", 2)
    assert job["error"] == "The user as whom the job runs is no active member any more."


async def test_a_token_that_enqueues_narrows_the_job(world):
    refused = []

    async def handle(run):
        with pytest.raises(Problem) as problem:
            await run.session.rows(Project)
        refused.append(problem.value.code)

    work = kind(handle)
    job = work.new(
        organization_id=world.organization,
        user_id=world.people["owner"],
        scopes=["requirements:read"],
    )
    async with world.database.auth.lend(NOBODY) as lent:
        await job_queue.enqueue(lent, [job])
    await worker(world.database, work).run_due()
    assert refused == ["FORBIDDEN"]


async def test_a_lost_lease_undoes_what_was_done_under_it(world):
    """A worker that hangs past its lease cannot complete: the one that took over does, once."""
    overtaken, lost = [], []

    async def handle(run):
        if not overtaken:
            await make_due(world, run.job.id)
            overtaken.extend(await claim(world.database, work))
        try:
            async with run.completing({"by": "first"}) as transaction:
                transaction.tell(
                    Notification(
                        organization_id=world.organization,
                        user_id=world.people["viewer"],
                        title=str(run.job.id),
                    )
                )
        except LeaseLost:
            lost.append(run)
            raise

    work = kind(handle)
    id = await enqueued(world, work)
    running = worker(world.database, work)
    await running.run_due()
    assert len(lost) == len(overtaken) == 1
    count = "SELECT count(*) FROM notifications WHERE title = $1"
    assert await world.superuser.fetchval(count, str(id)) == 0
    (held,) = overtaken
    async with world.database.auth.lend(NOBODY) as lent:
        first = (id, uuid7())
        assert not await job_queue.complete(lent, *first, None), "a lease that never was"
        assert await job_queue.fail(lent, *first, "No.", final=True) is None
        assert not await job_queue.report(lent, *first, 0.5, None)
        assert await job_queue.extend(lent, {id: first[1]}, timedelta(1)) == {}
        assert await job_queue.extend(lent, {id: held.lease_id}, timedelta(1)) == {id: False}
    await make_due(world, id)
    assert await running.run_due() == 1
    assert await world.superuser.fetchval(count, str(id)) == 1
    assert (await row(world, id))["attempts"] == 3


async def test_a_worker_that_is_lost_each_time_fails_the_job(world):
    work = kind(nothing, max_attempts=2)
    id = await enqueued(world, work)
    for _ in range(2):
        assert len(await claim(world.database, work)) == 1
        await make_due(world, id)
    assert await claim(world.database, work) == []
    job = await row(world, id)
    assert (job["status"], job["error"]) == ("failed", "The worker was lost.")


async def test_a_worker_that_stops_gives_back_what_has_not_ended(world):
    begun = asyncio.Event()

    async def handle(run):
        begun.set()
        await asyncio.Event().wait()

    work = kind(handle)
    id = await enqueued(world, work)
    stopping = worker(world.database, work, poll=0.01)
    running = asyncio.create_task(stopping.run())
    async with asyncio.timeout(60):
        await begun.wait()
        stopping.stop()
        await running
    job = await row(world, id)
    assert (job["status"], job["attempts"], job["lease_id"]) == ("queued", 0, None)


async def test_ended_jobs_are_pruned_failures_later(world):
    work = kind(nothing)
    ids = [await enqueued(world, work) for _ in range(4)]
    for id, (status, days) in zip(
        ids,
        [("succeeded", 8), ("failed", 8), ("failed", 31), ("succeeded", 6)],
        strict=True,
    ):
        await world.superuser.execute(
            "UPDATE jobs SET status = $2, finished_at = now() - make_interval(days => $3)"
            " WHERE id = $1",
            id,
            status,
            days,
        )
    async with world.database.auth.lend(NOBODY) as lent:
        while await job_queue.prune(lent, 500):
            pass
    left = await world.superuser.fetch("SELECT id FROM jobs WHERE kind = $1", work.name)
    assert {UUID(str(one["id"])) for one in left} == {ids[1], ids[3]}


async def test_a_worker_that_overtakes_itself_goes_on_with_the_new_lease(world):
    """A process that stood still past its lease claims the job anew: the first run is stopped."""
    begun, end = asyncio.Queue(), asyncio.Event()

    async def handle(run):
        begun.put_nowait(run.job.attempts)
        await end.wait()

    work = kind(handle)
    id = await enqueued(world, work)
    one = worker(world.database, work, slots=2, poll=0.01)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(60):
        assert await begun.get() == 1
        await make_due(world, id)
        assert await begun.get() == 2
        await one.extend()
        assert [r.job.attempts for r in one._running.values()] == [2]
        end.set()
        while one._running:
            await one._freed.wait()
            await asyncio.sleep(0)
        one.stop()
        await running
    job = await row(world, id)
    assert (job["status"], job["attempts"]) == ("succeeded", 2)


async def test_a_long_queue_of_one_tenant_does_not_delay_another(world, other_world):
    """The other tenant's job has waited for the shortest time, and is among the next."""
    work = kind(nothing)
    of_one = {"organization_id": world.organization, "user_id": world.people["admin"]}
    async with world.database.auth.lend(NOBODY) as lent:
        await job_queue.enqueue(lent, [work.new(**of_one) for _ in range(200)])
        await job_queue.enqueue(lent, [work.new() for _ in range(20)])
    late = await enqueued(other_world, work)
    claimed, turn = [], job_queue.FIRST
    for _ in range(4):
        async with world.database.auth.lend(NOBODY) as lent:
            jobs = await job_queue.claim(lent, [work.name], "worker", 1, LONG, turn)
        turn = job_queue.next_turn(jobs, turn)
        claimed += jobs
    turns = [job.organization_id for job in claimed]
    assert late in [job.id for job in claimed[:3]]
    assert turns[3] == world.organization, "what no other tenant needs is the first one's"
    assert turns.count(None) == 1, "the gateway takes its turn, too"
    async with world.database.auth.lend(NOBODY) as lent:
        rest = await job_queue.claim(lent, [work.name], "worker", 300, LONG, turn)
        assert await job_queue.claim(lent, [work.name], "worker", 1, LONG, turn) == []
    assert len({job.id for job in claimed + rest}) == 221
