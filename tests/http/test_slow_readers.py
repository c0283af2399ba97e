"""Clients that read slowly stay connected; dead ones are detected."""

import asyncio

import pytest

from tests.http.conftest import Served
from tests.http.connected import gauges, publish, settled
from tests.http.slow import slow
from tests.loop import within

pytestmark = pytest.mark.processes

SIZE = 10_000


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_who_reads_slowly_while_more_is_written_is_kept(live: Served, transport):
    """Some 40 kB a second are read, and 50 kB written: more than 256 kB wait, and ever more."""
    topic = f"slow {transport}"
    stalled = (await gauges(live))[f"stalled_total {transport}"]
    async with slow(live.port, transport, topic=topic) as client:
        await settled(live, **{f"subscriptions_{transport}": 1})
        await publish(live, topic, "1", times=60, size=SIZE)
        for number in range(16):
            await client.take(20_000)
            await publish(live, topic, str(number + 2), size=25_000)
            await asyncio.sleep(0.5)
        await publish(live, topic, "99", size=1)
        await client.take_until(b'"text":"99x')
        assert client.texts == [*[1] * 60, *range(2, 18), 99]
    assert (await gauges(live))[f"stalled_total {transport}"] == stalled
    await settled(live, **{f"subscriptions_{transport}": 0, f"connections_{transport}": 0})


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_who_has_missed_much_is_told_it_as_fast_as_they_read(live: Served, transport):
    """Six megabytes wait for nobody but in the hub: they would be more than is kept for a peer."""
    topic = f"missed {transport}"
    await publish(live, topic, "1", times=600, size=SIZE)
    async with slow(live.port, transport, topic=topic, after="0") as client:
        for _ in range(8):
            await client.take(100_000)
            await asyncio.sleep(0.5)
        await client.take_until(b'"text":"1x')
        while len(client.texts) < 600:
            await client.take(SIZE)
    await settled(live, **{f"subscriptions_{transport}": 0, f"connections_{transport}": 0})


async def test_a_stream_on_which_nothing_happens_is_asked_whether_it_lives(live: Served):
    """Each comment is to be acknowledged before the next one would be sent, five seconds later."""
    async with slow(live.port, "sse", topic="silent") as client, within(14):
        while client.read.count(b":\n\n") < 3:
            client.read += await client.reader.read(1)
    await settled(live, subscriptions_sse=0, connections_sse=0)


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_who_takes_nothing_at_all_is_let_go_though_little_waits(live: Served, transport):
    topic = f"nothing {transport}"
    async with slow(live.port, transport, topic=topic):
        await settled(live, **{f"subscriptions_{transport}": 1})
        await publish(live, topic, "1", times=20, size=SIZE)
        await asyncio.sleep(5)
        await settled(live, **{f"connections_{transport}": 0})
