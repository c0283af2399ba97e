"""Frames of WebSockets that no client of ours would send: too many, too large, malformed."""

from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.http.conftest import Served
from tests.http.connected import settled, socket

pytestmark = pytest.mark.processes


async def test_a_flood_of_messages_closes_the_connection(live: Served):
    async with socket(live) as client:
        with suppress(ConnectionClosed):
            for _ in range(3000):
                await client.send(type="ping")
        assert await client.closed() == (4429, "Too many messages")


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.PING, b"x"),
        Frame(Opcode.CONT, b"", fin=False),
    ],
    ids=["pings", "empty fragments"],
)
async def test_a_flood_of_frames_closes_the_connection(live: Served, frame):
    async with socket(live) as client:
        flood = b"".join(frame.serialize(mask=True) for _ in range(200))
        if frame.opcode is Opcode.CONT:
            flood = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True) + flood
        client.wire.transport.write(flood)
        assert (await client.closed())[0] == 4429


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
