"""SIGTERM while clients are connected: they are told to reconnect, and the process ends soon."""

import asyncio
import signal
import socket as sockets

import pytest
from websockets.exceptions import InvalidStatus

from tests.http.conftest import ended, serving
from tests.http.connected import PUBLISH, events, post, settled, socket
from tests.loop import within

pytestmark = pytest.mark.processes


async def test_a_stop_sends_everybody_elsewhere_and_waits_for_no_stalled_reader(tmp_path):
    with serving(tmp_path, metrics_token="scraper", drain_delay=0.2) as served:
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", served.port))
        raw.setblocking(False)
        async with socket(served, sock=raw) as stalled, events(served, topic="t") as stream:
            opened = [socket(served, f"person{n}") for n in range(10)]
            clients = [await client.__aenter__() for client in opened]
            await stalled.subscribe("1", topic="stalled")
            for client in clients:
                await client.subscribe("1", topic="t")
            await settled(served, subscriptions_websocket=11, subscriptions_sse=1)
            stalled.wire.transport.pause_reading()
            await post(served, PUBLISH, topic="stalled", text="", times=60, size=10_000)
            async with within(7):
                served.process.send_signal(signal.SIGTERM)
                over = await asyncio.gather(*(client.closed() for client in clients))
                assert over == [(1012, "Service restart")] * 10
                assert await stream.next() == {}  # without a `complete`: the client comes again
                await ended(served)
            stalled.wire.transport.abort()
            for client in opened:
                await client.__aexit__(None, None, None)
        assert "Traceback" not in served.log.read_text()
        assert "exceeded" not in served.log.read_text()


async def test_a_mutation_is_finished_although_its_connection_is_not(tmp_path):
    with serving(tmp_path, drain_delay=0) as served:
        async with socket(served) as client:
            await client.subscribe("1", "mutation Lasting { last(seconds: 1) }")
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}  # what came before it has begun
            served.process.send_signal(signal.SIGTERM)
            assert (await client.closed())[0] == 1012
        async with within(7):
            await ended(served)
        lines = [line for line in served.log.read_text().splitlines() if "mutation" in line]
        assert len(lines) == 1
        assert "code=OK" in lines[0]


async def test_a_process_that_is_full_takes_nobody_more(tmp_path):
    with serving(tmp_path, live_connections=1) as served:
        async with socket(served):
            with pytest.raises(InvalidStatus) as refused:
                async with socket(served, token=None):
                    pass
            assert refused.value.response.status_code == 503
