"""A crowd of WebSocket clients in a process of its own: it notes when each of them hears of what.

`python -m bench.crowd` reads one line of JSON (address, tokens, documents, how many of each, how
many that read nothing), says `ready` once all have been greeted, and writes what it has heard since
then to the named file when its input ends: pairs of an edit's number and the time by the monotonic
clock, which all processes of the machine share.
"""

import asyncio
import base64
import json
import os
import resource
import sys
import time
from array import array
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

FOLLOW = """subscription ($id: UUID!) { documentChanged(id: $id) {
  cursor kind version entity { ... on Requirement { id name version } } } }"""
AT_ONCE = 16
"""Connections that are opened at one time."""
HEAD, LONG, LONGER = 2, 126, 127
TEXT, PING, PONG = 0x81, 0x89, 0x8A
ADDRESSES = 20
"""Addresses of this machine that they come from: one address may have so many connections."""
MARK, READY = b'"name":"Edit ', b'"kind":"READY"'


class Client(asyncio.Protocol):
    """One client, which follows one document."""

    def __init__(self, crowd: "Crowd", token: str, document: str, *, reads: bool) -> None:
        self._crowd, self._token, self._document, self._reads = crowd, token, document, reads
        self._buffer = b""
        self._upgraded = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self._crowd.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take frames apart, which come whole or in pieces."""
        now = time.monotonic()
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            assert b" 101 " in head, head
            self._upgraded = True
            self._send({"type": "connection_init", "payload": {"authorization": self._token}})
        at, size = 0, len(buffer)
        while size - at >= HEAD:
            length, start = buffer[at + 1], at + 2
            if length == LONG:
                length, start = int.from_bytes(buffer[start : start + 2]), start + 2
            elif length == LONGER:
                length, start = int.from_bytes(buffer[start : start + 8]), start + 8
            if size < start + length:
                break
            self._take(buffer[at], buffer[start : start + length], now)
            at = start + length
        self._buffer = buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody who reads should stay."""
        if self._reads and not self._crowd.leaving:
            self._crowd.lost += 1
            if not self.ready.done():
                self.ready.set_exception(exc or ConnectionError("closed"))

    def _take(self, kind: int, message: bytes, now: float) -> None:
        if kind == PING:
            self._frame(PONG, message)
        elif (found := message.find(MARK)) >= 0:
            begin = found + len(MARK)
            self._crowd.numbers.append(int(message[begin : message.index(b'"', begin)]))
            self._crowd.times.append(now)
        elif READY in message:
            if not self._reads:
                self._transport.pause_reading()
            self.ready.set_result(None)
        elif b"connection_ack" in message:
            variables = {"id": self._document}
            payload = {"query": FOLLOW, "variables": variables}
            self._send({"type": "subscribe", "id": "1", "payload": payload})
        elif not self.ready.done():
            self.ready.set_exception(ConnectionError(repr(message)))

    def _send(self, message: dict[str, Any]) -> None:
        self._frame(TEXT, json.dumps(message).encode())

    def _frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes((kind, 0x80 | size))
        if size >= LONG:
            head = bytes((kind, 0x80 | LONG)) + size.to_bytes(2)
        self._transport.write(head + b"\0\0\0\0" + payload)  # masked by zeros


class Crowd:
    """All of them, and what they have heard."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.numbers, self.times = array("q"), array("d")
        self.lost = 0
        self.leaving = False

    async def gather(self, told: dict[str, Any]) -> None:
        """Connect so many for each document, those who read nothing first."""
        tokens = cycle(told["tokens"])
        addresses = cycle(f"127.0.1.{i}" for i in range(1, ADDRESSES + 1))
        documents: list[str] = told["documents"]
        stalled = islice(cycle(documents), told["stalled"])
        places = [(document, False) for document in stalled]
        places += [(document, True) for document in documents for _ in range(told["each"])]
        gate = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        address = urlsplit(told["address"])

        async def connect(document: str, reads: bool) -> None:
            async with gate:
                _, client = await loop.create_connection(
                    lambda: Client(self, f"Bearer {next(tokens)}", document, reads=reads),
                    address.hostname,
                    address.port,
                    local_addr=(next(addresses), 0),
                )
                await client.ready

        await asyncio.gather(*(connect(*place) for place in places))

    def write(self, path: Path) -> None:
        """All that was heard: the numbers, then the times."""
        self.leaving = True
        with path.open("wb") as file:
            self.numbers.tofile(file)
            self.times.tofile(file)


async def main() -> None:
    """Come, listen, tell."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    read = asyncio.get_running_loop().run_in_executor
    told = json.loads(await read(None, sys.stdin.readline))
    crowd = Crowd(urlsplit(told["address"]).netloc)
    await crowd.gather(told)
    print("ready", flush=True)
    await read(None, sys.stdin.read)
    crowd.write(Path(told["file"]))
    print(crowd.lost, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
