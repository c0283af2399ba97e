"""Usage that a gateway has collected, when its process is ended or killed."""

import asyncio
import signal
from contextlib import ExitStack

import httpx
import pytest

from tests.forked import serving
from tests.http.test_audits import until_ready
from tests.loop import within
from tests.platform.billing.asking import CREATE

pytestmark = pytest.mark.processes

USED = """SELECT coalesce(sum((metadata ->> 'count')::int), 0) FROM usage_logs
WHERE organization_id = $1 AND feature = 'query'"""
COUNTED = "SELECT sum(used) FROM usage_counters WHERE organization_id = $1"


@pytest.fixture
async def gateways(settings, tmp_path):
    """Yield two gateways: the process and the address of each."""

    def start(stack):
        own = {"JOB_SLOTS": "0", "GATEWAY_DATA_DIR": str(tmp_path)}
        started = [stack.enter_context(serving(settings, **own)) for _ in range(2)]
        for process, url in started:
            until_ready(url, process)
        return started

    with ExitStack() as stack:
        yield await asyncio.to_thread(start, stack)
        await asyncio.to_thread(stack.pop_all().close)


async def test_a_gateway_that_is_ended_loses_no_usage_and_a_killed_one_that_of_seconds(
    world, gateways
):
    async def used():
        return await world.superuser.fetchval(USED, world.organization)

    async def ask(number):
        for _ in range(number):
            await world.ask("owner", "{ requirements { totalCount } }")

    (ended, ended_url), (killed, killed_url) = gateways
    async with httpx.AsyncClient(base_url=ended_url) as world.client:
        await ask(20)
        await world.ask("editor", CREATE, document=world.document)
    ended.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(ended.wait) == 0
    assert await used() == 20, "none is lost"

    async with httpx.AsyncClient(base_url=killed_url) as world.client:
        await ask(10)
        async with within(5):
            while await used() < 30:  # noqa: ASYNC110 (asked)
                await asyncio.sleep(0.05)
        await ask(5)
        await world.ask("editor", CREATE, document=world.document)
        killed.kill()
    await asyncio.to_thread(killed.wait)
    assert 30 <= await used() <= 35, "what is older than five seconds is written"
    assert await world.superuser.fetchval(COUNTED, world.organization) == 2, "billed, and not lost"
