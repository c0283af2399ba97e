"""Many followers in a process of their own: it notes the time at which each receives an edit.

`python -m bench.crowd` reads one line of JSON (address, transport, tokens, documents, how many of
each, how many that read nothing) and prints `ready` once all are subscribed. A second line is the
number of events to expect: once they have arrived, or after five minutes, the numbers of the edits
are written to the named file, each with the time of its arrival by the monotonic clock, which all
processes of the machine share.
"""

import asyncio
import base64
import json
import os
import re
import resource
import sys
import time
from array import array
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

FOLLOW = """subscription ($id: UUID!) { documentChanged(id: $id) {
  cursor kind version entity { ... on Requirement { id name version } } } }"""
AT_ONCE = 16
"""The number of connections that are opened at one time."""
PATIENCE, MORE = 300.0, 0.5
"""Seconds to wait for expected events, and for unexpected ones after them."""
HEAD, LONG, LONGER = 2, 126, 127
TEXT, PING, PONG = 0x81, 0x89, 0x8A
ADDRESSES = 20
"""The local addresses that clients connect from: connections are limited by address."""
EDITS, READY = re.compile(rb'"name":"Edit (\d+)"'), b'"kind":"READY"'
RESYNC, UPDATED = b'"kind":"RESYNC"', b'"kind":"UPDATED"'


class Follower(asyncio.Protocol):
    """One client, which follows one document."""

    def __init__(self, crowd: "Crowd", token: str, document: str, *, reads: bool) -> None:
        self._crowd, self._token, self._document, self._reads = crowd, token, document, reads
        self._buffer = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the subscription."""
        self._transport = cast("asyncio.Transport", transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a reading client that was disconnected."""
        if self._reads and not self._crowd.leaving:
            self._crowd.lost += 1
            if not self.ready.done():
                self.ready.set_exception(exc or ConnectionError("closed"))

    def _begin(self) -> None:
        raise NotImplementedError

    def _subscription(self) -> dict[str, Any]:
        return {"query": FOLLOW, "variables": {"id": self._document}}

    def _is_ready(self) -> None:
        if not self._reads:
            self._transport.pause_reading()
        if not self.ready.done():
            self.ready.set_result(None)


class EventStream(Follower):
    """A client of server-sent events."""

    def _begin(self) -> None:
        body = json.dumps(self._subscription())
        self._transport.write(
            f"POST /graphql HTTP/1.1\r\nHost: {self._crowd.host}\r\nAccept: text/event-stream\r\n"
            f"Authorization: {self._token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Find the edits in complete events; keep the rest for later data."""
        now = time.monotonic()
        whole, end, self._buffer = (self._buffer + data).rpartition(b"\n\n")
        if not end:
            return
        if not self.ready.done():
            if READY in whole:
                self._is_ready()
            elif b'"errors"' in whole or b" 200 " not in whole:
                self.ready.set_exception(ConnectionError(repr(whole)))
        self._crowd.resyncs += whole.count(RESYNC)
        numbers = EDITS.findall(whole)
        for number in numbers:
            self._crowd.heard(int(number), now)
        self._crowd.bare += whole.count(UPDATED) - len(numbers)


class WebSocket(Follower):
    """A client of graphql-transport-ws."""

    _upgraded = False

    def _begin(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self._crowd.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Split the data into frames, which arrive whole or in parts."""
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

    def _take(self, kind: int, message: bytes, now: float) -> None:
        if kind == PING:
            self._frame(PONG, message)
        elif found := EDITS.search(message):
            self._crowd.heard(int(found[1]), now)
        elif READY in message:
            self._is_ready()
        elif RESYNC in message:
            self._crowd.resyncs += 1
        elif UPDATED in message:
            self._crowd.bare += 1
        elif b"connection_ack" in message:
            self._send({"type": "subscribe", "id": "1", "payload": self._subscription()})
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


TRANSPORTS = {"websocket": WebSocket, "sse": EventStream}


class Crowd:
    """All followers, and the events that they have received."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.numbers, self.times = array("q"), array("d")
        self.lost = 0
        self.resyncs = 0
        """The number of resyncs that followers received."""
        self.bare = 0
        """Events that came without their row, since reading it took too long."""
        self.leaving = False
        self._expected = -1
        self._enough = asyncio.Event()

    def heard(self, number: int, now: float) -> None:
        """Note the arrival of an edit."""
        self.numbers.append(number)
        self.times.append(now)
        if len(self.numbers) == self._expected:
            self._enough.set()

    async def gather(self, told: dict[str, Any]) -> None:
        """Connect the followers of each document; those that read nothing first."""
        tokens = cycle(told["tokens"])
        addresses = cycle(f"127.0.1.{i}" for i in range(1, ADDRESSES + 1))
        documents: list[str] = told["documents"]
        stalled = islice(cycle(documents), told["stalled"])
        places = [(document, False) for document in stalled]
        places += [(document, True) for document in documents for _ in range(told["each"])]
        gate = asyncio.Semaphore(AT_ONCE)
        kind = TRANSPORTS[told["transport"]]
        loop = asyncio.get_running_loop()
        address = urlsplit(told["address"])

        async def connect(document: str, reads: bool) -> None:
            async with gate:
                _, client = await loop.create_connection(
                    lambda: kind(self, f"Bearer {next(tokens)}", document, reads=reads),
                    address.hostname,
                    address.port,
                    local_addr=(next(addresses), 0),
                )
                await client.ready

        await asyncio.gather(*(connect(*place) for place in places))

    async def hear(self, expected: int) -> None:
        """Wait for this number of events and a moment longer, or until the time is over."""
        self._expected = expected
        if len(self.numbers) < expected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), PATIENCE)
        await asyncio.sleep(MORE)

    def write(self, path: Path) -> None:
        """Write all arrivals to a file: the numbers, then the times."""
        self.leaving = True
        with path.open("wb") as file:
            self.numbers.tofile(file)
            self.times.tofile(file)


async def main() -> None:
    """Connect, receive, report."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    read = asyncio.get_running_loop().run_in_executor
    told = json.loads(await read(None, sys.stdin.readline))
    crowd = Crowd(urlsplit(told["address"]).netloc)
    await crowd.gather(told)
    print("ready", flush=True)
    await crowd.hear(int(await read(None, sys.stdin.readline)))
    crowd.write(Path(told["file"]))
    print(crowd.lost, crowd.resyncs, crowd.bare, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
