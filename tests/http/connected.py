"""Long connections to the toy: over a WebSocket, and by server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.http.conftest import Served

PROTOCOL = Subprotocol("graphql-transport-ws")
SAID = """
subscription Said($topic: String!, $after: String) { said(topic: $topic, after: $after) { text } }
"""
PUBLISH = """
mutation ($topic: String!, $text: String!, $times: Int! = 1, $size: Int! = 0) {
  publish(topic: $topic, text: $text, times: $times, size: $size)
}
"""


@dataclass
class Socket:
    """One WebSocket of a client."""

    wire: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.wire.send(orjson.dumps(message).decode())

    async def receive(self, patience: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(patience):
            return orjson.loads(await self.wire.recv())

    async def init(self, token: str = "good") -> None:
        await self.send(type="connection_init", payload={"authorization": f"Bearer {token}"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str = SAID, /, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.send(type="subscribe", id=id, payload=payload)

    async def _drop(self) -> None:
        while True:
            await self.wire.recv()

    async def closed(self) -> tuple[int, str]:
        """Return the code and reason with which the server closes; earlier messages are dropped."""
        with pytest.raises(ConnectionClosed) as over:
            await asyncio.wait_for(self._drop(), 25)
        assert over.value.rcvd is not None, "cut off without a goodbye"
        return over.value.rcvd.code, over.value.rcvd.reason


@asynccontextmanager
async def socket(
    served: Served | str, token: str | None = "good", **options: Any
) -> AsyncIterator[Socket]:
    """Yield a WebSocket, acknowledged for the owner of this token, or fresh without a token."""
    options = {"subprotocols": [PROTOCOL], "compression": None} | options
    url = f"{_address(served).replace('http', 'ws', 1)}/graphql"
    async with connect(url, **options) as wire:
        opened = Socket(wire)
        if token is not None:
            await opened.init(token)
        yield opened


def _address(served: Served | str) -> str:
    return served if isinstance(served, str) else served.url


@dataclass
class Events:
    """The events of one stream."""

    response: httpx.Response

    def __post_init__(self) -> None:
        self.lines = self.response.aiter_lines()

    async def next(self) -> dict[str, str]:
        """Return the next event, skipping comments; empty at the end of the stream."""
        event: dict[str, str] = {}
        async with asyncio.timeout(15):
            async for line in self.lines:
                if not line and event:
                    return event
                if line and not line.startswith(":"):
                    name, _, value = line.partition(":")
                    event[name] = value.removeprefix(" ")
        return event

    async def result(self) -> Any:
        """Return the next result."""
        event = await self.next()
        assert event["event"] == "next"
        return orjson.loads(event["data"])


@asynccontextmanager
async def events(
    served: Served | str,
    query: str = SAID,
    *,
    headers: dict[str, str] | None = None,
    **variables: Any,
) -> AsyncIterator[Events]:
    """Yield the event stream of this operation."""
    given = {"accept": "text/event-stream", "authorization": "Bearer good"} | (headers or {})
    async with (
        httpx.AsyncClient(base_url=_address(served), timeout=20) as client,
        client.stream(
            "POST", "/graphql", json={"query": query, "variables": variables}, headers=given
        ) as response,
    ):
        yield Events(response)


async def post(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    """Return the data of a plain request."""
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
        headers = {"authorization": "Bearer good"}
        body = {"query": query, "variables": variables}
        response = await client.post("/graphql", json=body, headers=headers)
        return response.json()["data"]


async def publish(served: Served, topic: str, text: str, **more: int) -> int:
    """Publish a text; return the number of its receivers."""
    return (await post(served, PUBLISH, topic=topic, text=text, **more))["publish"]


async def gauges(served: Served) -> dict[str, float]:
    """Return the gauges of live connections in /metrics, such as `subscriptions websocket`."""
    async with httpx.AsyncClient(base_url=served.url) as client:
        page = await client.get("/metrics", headers={"authorization": "Bearer scraper"})
    found = {}
    for line in page.text.splitlines():
        if line.startswith("gateway_live_"):
            name, _, rest = line.removeprefix("gateway_live_").partition("{")
            transport = rest.split('"')[1]
            found[f"{name} {transport}"] = float(line.rsplit(" ", 1)[1])
    return found


async def settled(served: Served, **expected: float) -> None:
    """Wait until this many connections are open, at most ten seconds."""
    wanted = {name.replace("_", " "): count for name, count in expected.items()}
    for _ in range(100):
        now = await gauges(served)
        if all(now[name] == count for name, count in wanted.items()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(now)
