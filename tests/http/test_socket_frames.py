"""Frames of WebSockets that no client of ours would send: too many, too large, malformed."""

import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from graph.http.stream.socket import BURST, MAX_RUNNING, RATE
from tests.http.conftest import Served
from tests.http.connected import publish, settled, socket

pytestmark = pytest.mark.processes


async def test_a_flood_of_messages_is_read_no_faster_than_it_may_be_sent(live: Served):
    """It waits; the connection stays open, and later messages are read."""
    async with socket(live) as client, socket(live) as other:
        await client.subscribe("1", topic="flooded")
        await settled(live, subscriptions_websocket=1)
        started = time.monotonic()
        for _ in range(200):
            await client.send(type="ping")
        answered = 0
        while answered < 130:
            answered += (await client.receive())["type"] == "pong"
        assert answered <= BURST + 1 + RATE * (time.monotonic() - started)
        assert await publish(live, "flooded", "text") == 1
        while (await client.receive(20))["type"] != "next":
            pass
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}


async def test_operations_that_come_all_at_once_are_all_run(live: Served):
    count = 120
    async with socket(live) as client:
        await client.subscribe("kept", topic="kept")
        for number in range(count):
            await client.subscribe(str(number), "{ hello }")
        ended = set()
        while len(ended) < count:
            message = await client.receive()
            assert message["type"] in ("next", "complete")
            if message["type"] == "complete":
                ended.add(message["id"])
        assert await publish(live, "kept", "still") == 1
        assert (await client.receive())["id"] == "kept"


async def test_operations_that_are_slow_keep_others_waiting_and_followed_ones_do_not(live: Served):
    async with socket(live) as client:
        await client.subscribe("kept", topic="waits")
        await settled(live, subscriptions_websocket=1)
        for number in range(MAX_RUNNING):
            await client.subscribe(str(number), "{ slow(seconds: 1) }")
        await client.subscribe("last", "{ hello }")
        assert await publish(live, "waits", "text") == 1
        seen: list[str] = []
        while not {"kept", "last"} <= {*seen}:
            seen.append((await client.receive())["id"])
        assert [id for id in seen[: seen.index("last")] if id.isdecimal()]


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.PING, b"x"),
        Frame(Opcode.CONT, b"", fin=False),
    ],
    ids=["pings", "empty fragments"],
)
async def test_a_flood_of_frames_waits_as_well(live: Served, frame):
    async with socket(live) as client:
        started = time.monotonic()
        flood = b"".join(frame.serialize(mask=True) for _ in range(200))
        if frame.opcode is Opcode.CONT:
            flood = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True) + flood
            flood += Frame(Opcode.CONT, b'{"type":"ping"}').serialize(mask=True)
        client.wire.transport.write(flood)
        if frame.opcode is not Opcode.CONT:
            await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        assert BURST + RATE * (time.monotonic() - started) >= 201


async def test_a_large_message_closes_the_connection_and_takes_no_memory(live: Served):
    for size in (1_100_000, 8_000_000):
        async with socket(live) as client:
            with suppress(ConnectionClosed):
                await client.wire.send("x" * size)
            assert (await client.closed())[0] == 1009
    async with socket(live) as client:  # in fragments

        async def fragments():
            for _ in range(20):
                yield "x" * 60_000

        with suppress(ConnectionClosed):
            await client.wire.send(fragments())
        assert (await client.closed())[0] == 1009


async def test_compression_is_not_agreed_to(live: Served):
    async with socket(live, compression="deflate") as client:
        assert client.wire.response is not None
        assert "Sec-WebSocket-Extensions" not in client.wire.response.headers
        client.wire.transport.write(b"\xc1\x81\0\0\0\0x")  # with the bit that says compressed
        assert (await client.closed())[0] == 1002


async def test_text_that_is_not_utf8_closes_the_connection(live: Served):
    for fin in (True, False):
        async with socket(live) as client:
            frames = [Frame(Opcode.TEXT, b'{"type":"\xff', fin)]
            if not fin:
                frames.append(Frame(Opcode.CONT, b'"}'))
            client.wire.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
            assert (await client.closed())[0] == 1007


async def test_a_message_may_come_in_fragments(live: Served):
    async with socket(live) as client:

        async def fragments():
            for part in ('{"type": ', '"pi', 'ng"}'):
                yield part

        await client.wire.send(fragments())
        assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [b"\x81\x02{}", b"\x83\x80\0\0\0\0", b"\x89\xfe\0\x7e" + b"\0" * 130, b"\x80\x80\0\0\0\0"],
    ids=["not masked", "unknown opcode", "long ping", "continuation of nothing"],
)
async def test_what_is_no_frame_closes_the_connection(live: Served, frame):
    async with socket(live) as client:
        client.wire.transport.write(frame)
        assert (await client.closed())[0] == 1002


async def test_after_all_that_nothing_is_left_behind(live: Served):
    await settled(live, subscriptions_websocket=0, connections_websocket=0)
    assert "Traceback" not in live.log.read_text()
