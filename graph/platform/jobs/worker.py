"""The worker: it claims jobs that are due, runs them, and extends their leases while they run."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from db import job_queue
from db.attempts import Attempts
from db.job_queue import Claimed
from db.pool import NOBODY, Database
from db.problem import Problem
from db.sqlstates import problem_of
from graph.platform.jobs.kinds import Kind
from graph.platform.jobs.metrics import JobMetrics
from graph.platform.jobs.run import NO_SERVICES, JobFailed, LeaseLost, Run, Services

if TYPE_CHECKING:
    from graph.tracing import Tracing

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
"""Time for which a claimed job is this worker's, unless it extends it: it does three times as
often."""
POLL = 1.0
"""Seconds between two looks for jobs that are due, while there are none."""
LOOK = 15.0
"""Seconds between two looks at the length of the queue, for the metrics."""
INTERNAL = "An internal error occurred. The log of the worker has it under the ID of the job."


@dataclass
class _Running:
    """A job that runs here, and whether it has been asked to stop."""

    job: Claimed
    task: "asyncio.Task[None]"
    is_cancelled: bool = False
    is_lost: bool = False


class Worker:
    """Runs jobs of these kinds, `slots` at a time.

    Every statement is one short transaction, so that it works behind a proxy that pools by
    transaction, and a lost connection costs an attempt at most.
    """

    def __init__(
        self,
        database: Database,
        kinds: Sequence[Kind],
        *,
        slots: int = 4,
        metrics: JobMetrics | None = None,
        tracing: "Tracing | None" = None,
        services: Services = NO_SERVICES,
        lease: timedelta = LEASE,
        poll: float = POLL,
    ) -> None:
        self._database, self._slots, self._lease, self._poll = database, slots, lease, poll
        self._kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._metrics, self._tracing = metrics or JobMetrics(), tracing
        self._services = services
        self._running: dict[UUID, _Running] = {}
        self._turn = job_queue.FIRST
        """The tenant that was served last; the next claim begins behind it."""
        self._freed = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what runs has ended, or is given back."""
        self._stopping.set()
        self._freed.set()

    async def run(self, drain: float = 0.0) -> None:
        """Work until `stop` is called, or the task is cancelled.

        Jobs have `drain` seconds to end then; the others are given back to the queue.
        """
        beside = [asyncio.create_task(self._keep_leases()), asyncio.create_task(self._look())]
        try:
            await self._claim_until_stopped()
            if self._running:
                tasks = [running.task for running in self._running.values()]
                await asyncio.wait(tasks, timeout=drain)
        finally:
            await self._give_back()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def run_due(self) -> int:
        """Run the jobs that are due now, and return their number."""
        count = 0
        while claimed := await self._claim():
            count += claimed
            await asyncio.wait([running.task for running in self._running.values()])
        return count

    async def _claim_until_stopped(self) -> None:
        attempts, is_scheduled = Attempts("claiming jobs"), False
        while not self._stopping.is_set():
            self._freed.clear()
            claimed = 0
            with attempts.attempt():
                if not is_scheduled:
                    await self.schedule()
                    is_scheduled = True
                claimed = await self._claim()
            if claimed and len(self._running) < self._slots:
                continue  # there may be more
            full = len(self._running) >= self._slots
            try:
                async with asyncio.timeout(None if full else self._poll):
                    await self._freed.wait()
            except TimeoutError:
                pass

    async def schedule(self) -> None:
        """Enqueue the kinds with an interval: one job of each, for all workers."""
        every = [kind.new(key="every") for kind in self._kinds.values() if kind.every]
        if every:
            async with self._database.auth.lend(NOBODY) as lent:
                await job_queue.enqueue(lent, every)

    async def _claim(self) -> int:
        free = self._slots - len(self._running)
        if free <= 0:
            return 0
        async with self._database.auth.lend(NOBODY) as lent:
            jobs = await job_queue.claim(
                lent, [*self._kinds], self.name, free, self._lease, self._turn
            )
        self._turn = job_queue.next_turn(jobs, self._turn)
        for job in jobs:
            if overtaken := self._running.get(job.id):  # its lease ended before it was extended
                overtaken.is_lost = True
                overtaken.task.cancel()
            task = asyncio.create_task(self._do(job))
            self._running[job.id] = _Running(job, task)
            task.add_done_callback(partial(self._free, job.id))
        self._metrics.running.set(len(self._running))
        return len(jobs)

    def _free(self, id: UUID, task: "asyncio.Task[None]") -> None:
        running = self._running.get(id)
        if running is not None and running.task is task:
            del self._running[id]
        self._metrics.running.set(len(self._running))
        self._freed.set()

    async def _do(self, job: Claimed) -> None:
        """Run one job, and store what has become of it. No exception leaves it but a stop."""
        began, kind = time.monotonic(), self._kinds[job.kind]
        try:
            outcome = await self._traced(kind, job)
        except asyncio.CancelledError:
            running, outcome = self._running.get(job.id), "lost"
            is_own = running is not None and running.job.lease_id == job.lease_id
            if running and is_own and not (running.is_cancelled or running.is_lost):
                raise  # the worker stops, and gives the job back
            if running and is_own and running.is_cancelled:
                outcome = await self._fail(job, "The job was cancelled.", final=True)
        seconds = time.monotonic() - began
        self._metrics.ended(job.kind, outcome, seconds)
        if kind.feature and outcome == "succeeded" and self._services.usage:
            self._services.usage.job(job.organization_id, job.user_id, kind.feature)
        usual = kind.every is not None and outcome == "succeeded"  # each minute, by some
        tell = log.debug if usual else log.info
        tell("job", kind=job.kind, id=str(job.id), outcome=outcome, seconds=round(seconds, 3))

    async def _traced(self, kind: Kind, job: Claimed) -> str:
        if self._tracing is None:
            return await self._attempt(kind, job)
        with self._tracing.job(job.kind, job.id, job.attempts, job.traceparent) as end:
            outcome = await self._attempt(kind, job)
            end(outcome)
        return outcome

    async def _attempt(self, kind: Kind, job: Claimed) -> str:
        try:
            async with asyncio.timeout(kind.timeout) as limit:
                run = await Run.begin(self._database, job, self._services)
                result = await kind.handler(run)
            if not run.is_complete:
                async with self._database.auth.lend(NOBODY) as lent:
                    held = await job_queue.complete(lent, job.id, job.lease_id, result)
                return "succeeded" if held else "lost"
        except LeaseLost:
            return "lost"
        except JobFailed as failed:
            return await self._fail(job, str(failed), final=True)
        except Exception as error:
            if limit.expired():
                return await self._fail(job, f"It took longer than {kind.timeout:g} seconds.")
            problem = error if isinstance(error, Problem) else problem_of(error)
            if problem is None:
                log.exception("job", kind=job.kind, id=str(job.id))
            return await self._fail(job, problem.message if problem else INTERNAL)
        return "succeeded"

    async def _fail(self, job: Claimed, reason: str, *, final: bool = False) -> str:
        """Store a failure; if that fails as well, the lease ends by itself."""
        attempts = Attempts("a failed job")
        with attempts.attempt():
            async with self._database.auth.lend(NOBODY) as lent:
                status = await job_queue.fail(lent, job.id, job.lease_id, reason, final=final)
            return status or "lost"
        return "lost"

    async def _keep_leases(self) -> None:
        """Extend the leases of all that runs, and stop what is cancelled or lost."""
        attempts = Attempts("extending leases")
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with attempts.attempt():
                await self.extend()

    async def extend(self) -> None:
        """Extend the leases now; stop jobs that are cancelled, or another worker's."""
        held = {id: running.job.lease_id for id, running in self._running.items()}
        if not held:
            return
        async with self._database.auth.lend(NOBODY) as lent:
            kept = await job_queue.extend(lent, held, self._lease)
        for id in held:
            running = self._running.get(id)
            if running is None:
                continue
            running.is_lost, running.is_cancelled = id not in kept, kept.get(id, False)
            if running.is_lost or running.is_cancelled:
                running.task.cancel()

    async def _look(self) -> None:
        """Show the length of the queue."""
        attempts = Attempts("the queue of jobs")
        while True:
            with attempts.attempt():
                async with self._database.auth.lend(NOBODY) as lent:
                    due, oldest = await job_queue.backlog(lent, [*self._kinds])
                self._metrics.due.set(due)
                self._metrics.oldest.set(oldest)
            await asyncio.sleep(LOOK)

    async def _give_back(self) -> None:
        """Stop what still runs, and put it back into the queue."""
        left = [*self._running.values()]
        for running in left:
            running.task.cancel()
        if not left:
            return
        await asyncio.gather(*(running.task for running in left), return_exceptions=True)
        with Attempts("giving jobs back").attempt():
            async with self._database.auth.lend(NOBODY) as lent:
                await job_queue.release(lent, {r.job.id: r.job.lease_id for r in left})
        for running in left:
            self._metrics.ended(running.job.kind, "released", 0.0)
