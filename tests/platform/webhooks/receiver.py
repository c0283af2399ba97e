"""A receiver of webhooks: a real HTTP server on a port of this machine, in the test's loop."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tests.loop import within

PATIENCE = 60


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str
    at: float = field(default_factory=time.time)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """Return the content, verified by the library that receivers use."""
        return Webhook(secret).verify(self.body, self.headers)


Answer = Callable[[Received], Awaitable[int] | int]


@dataclass
class Receiver:
    """The requests so far. `answer` gives the status of the next one."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    answer: Answer = field(default=lambda _: 204)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_kept: bool = True
    """False to forget requests as soon as they are answered."""

    def types(self) -> list[str]:
        return [request.content["type"] for request in self.requests]

    async def until(self, count: int) -> list[Received]:
        """Return the requests, once there are this many."""
        async with within(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers: dict[str, str] = {}
                for line in lines:
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Received(first.split()[1], headers, body.decode())
                status = self.answer(request)
                if not isinstance(status, int):
                    status = await status
                if self.is_kept:
                    async with self.changed:
                        self.requests.append(request)
                        self.changed.notify_all()
                text = b"thank you"
                writer.write(
                    b"HTTP/1.1 %d X\r\nX-Served-By: test\r\nContent-Length: %d\r\n\r\n%s"
                    % (status, 0 if status == 204 else len(text), b"" if status == 204 else text)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver.take(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
