"""Tokens a second from the token endpoint, and the longest pause of the loop that grants them.

Twenty clients of as many applications ask for tokens of their own (client credentials), one after
the other, from a process of their own. The server runs in this process, where a task that wakes
every millisecond notes by how much it was late: that long the loop served nobody.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE

import httpx
import uvicorn
from pydantic import SecretStr

from auth.oauth.registry import register
from bench.stand import OK, Stand
from db.pool import Database
from graph.app import create_app
from graph.http.garbage import keep_looks_short
from graph.http.server import Config
from graph.logs import set_up
from graph.settings import Settings

CLIENTS, SECONDS = 20, 8
PORT = 8098
TICK = 0.001


async def measure(stand: Stand) -> None:
    """Grant, and print."""
    settings = Settings(
        database_url=SecretStr(stand.dsn),
        gateway_secret=SecretStr("a secret that only the bench uses, long enough"),
        public_url=f"http://127.0.0.1:{PORT}",
        port=PORT,
        client_requests=1_000_000,
        log_level="WARNING",
    )
    set_up(settings)
    keep_looks_short()  # as in every process that serves
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
    for seconds in (1, SECONDS):  # the first time warms it up
        pauses: list[float] = []
        watching = asyncio.create_task(_watch(pauses))
        granted = await _grant([(one.client_id, one.secret) for one in made], seconds)
        watching.cancel()
    print(
        f"{CLIENTS} clients: {granted / SECONDS:.0f} tokens/s;"
        f" the loop paused for {max(pauses) * 1000:.1f} ms at most"
    )
    server.should_exit = True
    await serving


async def _watch(pauses: list[float]) -> None:
    while True:
        start = time.perf_counter()
        await asyncio.sleep(TICK)
        pauses.append(time.perf_counter() - start - TICK)


async def _grant(clients: list[tuple[str, str | None]], seconds: int) -> int:
    """How many tokens they got."""
    asking = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.granting", stdin=PIPE, stdout=PIPE
    )
    out, _ = await asking.communicate(json.dumps([clients, seconds]).encode())
    return int(out)


async def ask() -> None:
    """The clients' side."""
    clients, seconds = json.load(sys.stdin)
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)

    async with httpx.AsyncClient(limits=limits, timeout=30) as http:

        async def one(client: tuple[str, str]) -> int:
            granted = 0
            while time.monotonic() < end:
                answer = await http.post(
                    f"http://127.0.0.1:{PORT}/oauth/token",
                    data={"grant_type": "client_credentials"},
                    auth=client,
                )
                assert answer.status_code == OK, answer.text
                granted += 1
            return granted

        print(sum(await asyncio.gather(*(one(tuple(client)) for client in clients))))


if __name__ == "__main__":
    asyncio.run(ask())
