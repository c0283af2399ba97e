"""Clients in a process of their own, which send each request as soon as the last is answered.

`python -m bench.clients` reads one line of JSON (address, headers, how many clients, seconds, and
bodies or edits) and writes one (the numbers of answers and failures, and the latencies). They use
uvloop and httptools. They stand in for wrk where it is missing, and they edit, which wrk cannot: an
edit names the version of the answer before it.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import uvloop

OK = 200
VERSION = re.compile(rb'"version":"?(\d+)')
ERRORS = b'"errors":'
PATIENCE = 60
"""Seconds beyond a run's own after which it is aborted."""


@dataclass
class Result:
    """The figures of one run. Latencies are milliseconds."""

    requests: int
    seconds: float
    bytes: int
    failures: int
    p50: float
    p99: float
    versions: list[int] = field(default_factory=list)
    """Of edits: the last version that each client has received."""
    failure: str = ""
    """The answer to the first failed request."""

    @property
    def rate(self) -> float:
        """Return the requests a second."""
        return self.requests / self.seconds


class Connection(asyncio.Protocol):
    """One keep-alive connection, which sends one request at a time."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request in flight."""
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        """Parse the received data."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Store a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Resolve the request in flight with its answer."""
        body = b"".join(self._parts)
        self._parts.clear()
        assert self._waiting is not None
        self._waiting.set_result((self._parser.get_status_code(), body))

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        return await self._waiting


class Run:
    """One run of a number of clients, and its figures."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._end = time.perf_counter() + job["seconds"]
        self._latencies: list[float] = []
        self._bytes = self._failures = 0
        self._failure = ""
        self._versions: list[int] = list(job.get("versions", ()))
        self._bodies = cycle([body.encode() for body in job.get("bodies", ())])

    async def measure(self) -> Result:
        """Post until the end; return the figures."""
        address = urlsplit(self._job["address"])
        headers = self._job["headers"] | {
            "Host": address.netloc,
            "Content-Type": "application/json",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {address.path} HTTP/1.1\r\n{lines}Content-Length: ".encode()
        loop = asyncio.get_running_loop()

        async def client(number: int) -> None:
            _, connection = await loop.create_connection(
                lambda: Connection(head), address.hostname, address.port
            )
            await self._post(connection, self._maker(number), number)

        start = time.perf_counter()
        await asyncio.gather(*(client(i) for i in range(self._job["clients"])))
        seconds = time.perf_counter() - start
        cuts = statistics.quantiles([*self._latencies, 0.0, 0.0], n=100)
        return Result(
            len(self._latencies),
            seconds,
            self._bytes,
            self._failures,
            cuts[49],
            cuts[98],
            self._versions,
            self._failure,
        )

    def _maker(self, number: int) -> Callable[[], bytes]:
        """Return the function that makes a client's next body."""
        if "template" not in self._job:
            return lambda: next(self._bodies)
        template: str = self._job["template"].replace("<id>", self._job["ids"][number])

        def edit() -> bytes:
            version = self._versions[number]
            name = f"Edit {version} by client {number}"
            return template.replace("<version>", str(version)).replace("<name>", name).encode()

        return edit

    async def _post(self, connection: Connection, make: Callable[[], bytes], number: int) -> None:
        while time.perf_counter() < self._end:
            body = make()
            start = time.perf_counter()
            status, answer = await connection.post(body)
            self._latencies.append((time.perf_counter() - start) * 1000)
            self._bytes += len(answer)
            if status != OK or ERRORS in answer:
                self._failures += 1
                self._failure = self._failure or f"{status} {answer[:300]!r}"
            elif self._versions:
                found = VERSION.search(answer)
                assert found is not None, answer
                self._versions[number] = int(found[1])


def run(**job: Any) -> Result:
    """Run clients in a process of their own. Raises RuntimeError when a request failed."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.clients"],
        input=json.dumps(job).encode(),
        stdout=subprocess.PIPE,
        timeout=job["seconds"] + PATIENCE,
        check=True,
    )
    result = Result(**json.loads(done.stdout))
    if result.failures:
        message = f"{result.failures} of {result.requests} requests failed: {result.failure}"
        raise RuntimeError(message)
    return result


async def main() -> None:
    """Read the job, run it, print the figures."""
    print(json.dumps(vars(await Run(json.load(sys.stdin)).measure())))


if __name__ == "__main__":
    uvloop.run(main())
