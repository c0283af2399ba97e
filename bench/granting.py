"""Token requests a second, the longest pause of the event loop, and GraphQL's latency beside it.

Sixteen clients of as many applications ask for tokens of their own (client credentials), one after
the other, from a process of their own. The server runs in this process, where a task that wakes
every millisecond notes by how much it was late: for that long the loop was blocked. Meanwhile one
client reads a page of 20 requirements, one request after the other; alone before that, as the
yardstick of its latency.
"""

import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import suppress

import httpx
import uvicorn
from pydantic import SecretStr

from auth.oauth.registry import register
from bench.peers.servers import free_port
from bench.stand import OK, Stand
from db.pool import Database
from graph.app import create_app
from graph.http.server.config import Config
from graph.http.server.gc_tuning import freeze_after_collect
from graph.logs import set_up
from graph.settings import Settings

CLIENTS, SECONDS = 16, 8
ALONE = 2
TICK = 0.001
GRAPHQL = """query ($id: UUID!) {
  project(id: $id) { requirements(first: 20) { nodes { id name status } } } }"""


async def measure(stand: Stand) -> None:
    """Request tokens, and print the figures."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = Settings(
        database_url=SecretStr(stand.dsn),
        gateway_secret=SecretStr("a secret that only the bench uses, long enough"),
        public_url=address,
        port=port,
        client_requests=1_000_000,
        cost_per_second=1_000_000_000,
        cost_burst=1_000_000_000,
        log_level="WARNING",
    )
    set_up(settings)
    freeze_after_collect()  # as in every process that serves
    async with Database(stand.dsn) as database:
        made = [
            await register(
                database,
                f"Bench {i}",
                grant_types=("client_credentials",),
                scope="requirements:read",
            )
            for i in range(CLIENTS)
        ]
    server = uvicorn.Server(Config(create_app(settings), settings))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn tells of it in no other way)
        await asyncio.sleep(TICK)
    project = str(await stand.project(1, 1, 100))
    headers = stand.client.headers
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        latencies: dict[str, list[float]] = {}
        for seconds in (1, SECONDS):  # the first time warms it up
            latencies = {"alone": [], "beside": []}
            asking = asyncio.create_task(_read(client, project, latencies["alone"]))
            await asyncio.sleep(ALONE)
            await _end(asking)
            pauses: list[float] = []
            watching = asyncio.create_task(_watch(pauses))
            asking = asyncio.create_task(_read(client, project, latencies["beside"]))
            granted = await _grant(address, [(one.client_id, one.secret) for one in made], seconds)
            await _end(watching)
            await _end(asking)
    print(
        f"{CLIENTS} clients: {granted / SECONDS:.0f} tokens/s;"
        f" the loop paused for {max(pauses) * 1000:.1f} ms at most"
    )
    for when, taken in latencies.items():
        ordered = sorted(taken)
        print(
            f"GraphQL {when:<7}{statistics.median(ordered) * 1000:8.1f} ms (median)"
            f"{ordered[len(ordered) * 95 // 100] * 1000:8.1f} ms (95 %) of {len(ordered)} requests"
        )
    server.should_exit = True
    await serving


async def _watch(pauses: list[float]) -> None:
    while True:
        start = time.perf_counter()
        await asyncio.sleep(TICK)
        pauses.append(time.perf_counter() - start - TICK)


async def _read(client: httpx.AsyncClient, project: str, latencies: list[float]) -> None:
    """Read again and again; append the seconds that each answer took."""
    body = {"query": GRAPHQL, "variables": {"id": project}}
    while True:
        start = time.perf_counter()
        answer = await client.post("/graphql", json=body)
        latencies.append(time.perf_counter() - start)
        assert answer.status_code == OK, answer.text
        assert "errors" not in answer.json(), answer.text


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancel the task and wait for it. Raises the error that it failed with."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _grant(address: str, clients: list[tuple[str, str | None]], seconds: int) -> int:
    """Return the number of tokens that the clients received."""
    asking = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.granting", stdin=PIPE, stdout=PIPE
    )
    out, _ = await asking.communicate(json.dumps([address, clients, seconds]).encode())
    return int(out)


async def ask() -> None:
    """Request tokens with all clients; print their number."""
    address, clients, seconds = json.load(sys.stdin)
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)

    async with httpx.AsyncClient(limits=limits, timeout=30) as http:

        async def one(client: tuple[str, str]) -> int:
            granted = 0
            while time.monotonic() < end:
                answer = await http.post(
                    f"{address}/oauth/token",
                    data={"grant_type": "client_credentials"},
                    auth=client,
                )
                assert answer.status_code == OK, answer.text
                granted += 1
            return granted

        print(sum(await asyncio.gather(*(one(tuple(client)) for client in clients))))


if __name__ == "__main__":
    asyncio.run(ask())
