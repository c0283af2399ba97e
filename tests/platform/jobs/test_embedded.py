"""A server runs jobs beside its requests, the upkeep of the gateway first of all."""

import asyncio

import httpx
import pytest

from graph.jobs import KINDS
from tests.conftest import running
from tests.loop import within

RECURRING = [kind.name for kind in KINDS if kind.every]


def counted(metrics):
    """Return the kinds of which a run has succeeded."""
    return [
        kind
        for kind in RECURRING
        if f'gateway_job_runs_total{{kind="{kind}",outcome="succeeded"}}' in metrics
    ]


@pytest.mark.slow
async def test_a_server_runs_the_upkeep_and_counts_it(settings, superuser):
    await superuser.execute("DELETE FROM jobs WHERE kind = ANY ($1)", RECURRING)
    async with running(settings.model_copy(update={"job_slots": 2})) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            async with within(60):
                while counted((await client.get("/metrics")).text) != RECURRING:
                    failed = "SELECT kind, error FROM jobs WHERE kind = ANY ($1) AND error <> ''"
                    assert await superuser.fetch(failed, RECURRING) == []
                    await asyncio.sleep(0.05)
            assert "gateway_jobs_due" in (await client.get("/metrics")).text
