"""Peers that do not read, do not answer, never finish, or all arrive at once."""

import asyncio
import os
import socket as sockets
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.frames import Frame, Opcode

from tests.http.conftest import Served, serving
from tests.http.connected import PUBLISH, Socket, gauges, post, publish, settled, socket
from tests.loop import within

pytestmark = pytest.mark.processes


async def test_a_reader_that_stalls_is_cut_off_and_slows_nobody(live: Served):
    before = (await gauges(live))["stalled_total websocket"]
    async with AsyncExitStack() as clients:
        healthy = await clients.enter_async_context(socket(live))
        slow = [await clients.enter_async_context(_reading_little(live)) for _ in range(10)]
        for client in (healthy, *slow):
            await client.subscribe("1", topic="stalled")
        await settled(live, subscriptions_websocket=11)
        for client in slow:
            client.wire.transport.pause_reading()
        memory = memory_of(live)
        more = {"topic": "stalled", "text": "", "times": 120, "size": 10_000}
        async with within(10):
            sending = asyncio.create_task(post(live, PUBLISH, **more))
            for _ in range(120):
                await healthy.receive()
            await sending
            assert memory_of(live) - memory < 30_000_000
            await settled(live, subscriptions_websocket=1, connections_websocket=1)
        assert (await gauges(live))["stalled_total websocket"] == before + 10
        for client in slow:
            client.wire.transport.abort()


def _reading_little(live: Served) -> AbstractAsyncContextManager[Socket]:
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", live.port))
    raw.setblocking(False)
    return socket(live, sock=raw)


async def test_who_is_gone_or_reads_nothing_or_never_finishes_is_let_go(live: Served):
    """By a ping without an answer, by the kernel, and by the third round of pings."""
    stalled = _reading_little(live)
    async with (
        socket(live, ping_interval=None) as gone,
        socket(live) as endless,
        stalled as little,
    ):
        await little.subscribe("1", topic="little")
        await settled(live, connections_websocket=3, subscriptions_websocket=1)
        for client in (gone, little):
            client.wire.transport.pause_reading()
        begun = Frame(Opcode.TEXT, b"x" * 5000, fin=False).serialize(mask=True)
        endless.wire.transport.write(begun)
        # Less than what makes the server watch how it is read.
        await publish(live, "little", "", times=3, size=60_000)
        async with within(25):
            assert await endless.closed() == (1008, "A message was not finished in time")
            for _ in range(3):
                await settled(live, connections_websocket=0)
        for client in (gone, little):
            client.wire.transport.abort()


async def test_all_who_lost_a_node_are_taken_in_at_once_and_requests_are_still_answered(tmp_path):
    people, limits = 400, {"live_connections_per_address": 500, "gateway_env": "production"}
    with serving(tmp_path, **limits) as lost:
        async with AsyncExitStack() as clients:
            for n in range(people):
                client = await clients.enter_async_context(socket(lost, f"person{n}"))
                await client.subscribe("1", topic="storm")
            lost.process.kill()
    taken_in: list[str] = []
    statuses: list[int] = []

    async def come_again(served: Served, person: str, clients: AsyncExitStack) -> None:
        client = await clients.enter_async_context(socket(served, person, open_timeout=60))
        await client.subscribe("1", topic="storm", after="0")
        taken_in.append(person)

    async def ask(served: Served) -> None:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            while len(taken_in) < people:
                statuses.append((await client.get("/graphql?query={hello}")).status_code)

    with serving(tmp_path, metrics_token="scraper", **limits) as served:
        async with AsyncExitStack() as clients:
            await settled(served, subscriptions_websocket=0)
            before = cpu_of(served)
            coming = [come_again(served, f"person{n}", clients) for n in range(people)]
            await asyncio.gather(ask(served), *coming)
            await settled(served, subscriptions_websocket=people)
            assert await publish(served, "storm", "text") == people
            assert cpu_of(served) - before < 5
        assert set(statuses) == {200}


def memory_of(served: Served) -> int:
    """Return the bytes of memory that the server's process has now (proc(5), statm)."""
    pages = Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cpu_of(served: Served) -> float:
    """Return the CPU seconds of the server's process, which no other program's load is in."""
    times = psutil.Process(served.process.pid).cpu_times()
    return times.user + times.system


async def test_after_all_that_nothing_is_left_behind(live: Served):
    await settled(live, subscriptions_websocket=0, connections_websocket=0)
    assert "Traceback" not in live.log.read_text()
