"""A worker process for the storm: it runs assessments, with short leases, until it is killed."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from db.pool import Database
from graph.compliance import jobs
from graph.compliance.judging import queue, rules
from graph.platform.jobs.run import Run, Services
from tests.compliance.assessing import job_of_gateway

LEASE = timedelta(seconds=1)
TIME = 0.1
"""Seconds that a judgement takes more, in which the worker may be killed."""


def work(dsn: str, name: UUID) -> None:
    """Run assessments until the process is killed. Texts of documents have been extracted."""
    claim, judge = queue.claim, rules.judge

    async def claim_shortly(database: Database, worker: str) -> Any:
        return await claim(database, worker, LEASE)

    def judge_slowly(*given: Any) -> Any:
        time.sleep(TIME)
        return judge(*given)

    queue.claim, rules.judge = claim_shortly, judge_slowly  # type: ignore[assignment]
    asyncio.run(_main(dsn, name))


async def _main(dsn: str, name: UUID) -> None:
    async with Database(dsn, app_connections=1, orm_connections=1, auth_connections=2) as database:
        run = Run(database, job_of_gateway(name), None, Services())
        while True:
            if not await jobs.assess_next(run):
                await asyncio.sleep(0.05)
