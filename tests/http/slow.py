"""Clients that read slowly, over a raw connection with a small buffer."""

import asyncio
import re
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from tests.http.connected import SAID

LITTLE = 16 * 1024
"""Bytes of a client's own buffer, small enough for the server to notice slow reading."""


class Slow:
    """A raw connection of a client that follows a topic."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.read = b""

    async def take(self, size: int) -> None:
        """Read this many bytes."""
        async with asyncio.timeout(10):
            self.read += await self.reader.readexactly(size)

    async def take_until(self, end: bytes) -> None:
        """Read everything up to this."""
        newest = self.read
        async with asyncio.timeout(60):
            while end not in newest:
                piece = await self.reader.read(1 << 16)
                assert piece, self.read[-500:]
                self.read += piece
                newest = newest[-len(end) :] + piece

    @property
    def texts(self) -> list[int]:
        """Return the numbers with which the results begin."""
        return [int(number) for number in re.findall(rb'"text":"(\d+)x', self.read)]


@asynccontextmanager
async def slow(
    port: int, transport: str, query: str = SAID, /, token: str = "slow", **variables: str
) -> AsyncIterator[Slow]:
    """Yield a client that reads a few kilobytes at a time."""
    shown = f"Bearer {token}"
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, LITTLE)
    raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_MAXSEG, 1400)  # as over a network
    raw.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=LITTLE)
    client = Slow(reader, writer)
    payload = {"query": query, "variables": variables}
    if transport == "sse":
        writer.write(_request("POST", shown, orjson.dumps(payload), accept="text/event-stream"))
    else:
        writer.write(
            _request(
                "GET",
                shown,
                upgrade="websocket",
                connection="Upgrade",
                **{
                    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
                    "sec-websocket-version": "13",
                    "sec-websocket-protocol": "graphql-transport-ws",
                },
            )
        )
        await client.take_until(b"\r\n\r\n")
        writer.write(_frame({"type": "connection_init", "payload": {"authorization": shown}}))
        await client.take_until(b"connection_ack")
        writer.write(_frame({"type": "subscribe", "id": "1", "payload": payload}))
    try:
        yield client
    finally:
        writer.transport.abort()


def _request(method: str, shown: str, body: bytes = b"", **headers: str) -> bytes:
    given = {"host": "localhost", "authorization": shown} | headers
    if body:
        given |= {"content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{method} /graphql HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _frame(message: dict[str, object]) -> bytes:
    data = orjson.dumps(message)
    return bytes((0x81, 0x80 | 126)) + len(data).to_bytes(2) + bytes(4) + data  # masked by zeros
