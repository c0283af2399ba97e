"""A cluster under faults: nodes are killed, sockets cut off, the database crashes."""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from websockets.exceptions import WebSocketException

from db.embedded.cluster import Embedded
from db.pool import Database
from migrations.run import upgrade
from tests.conftest import SECRET, SHARED_MEMORY
from tests.forked import Forked, free_port, gateway
from tests.http.connected import Socket
from tests.http.connected import socket as connected
from tests.world import World, found

FOLLOW = """
subscription ($id: UUID!, $after: String, $whole: Boolean! = true) {
  documentChanged(id: $id, after: $after) {
    cursor kind sequence entityId version
    entity @include(if: $whole) { ... on Requirement { version name } } } }
"""
CREATE = """
mutation ($items: [RequirementCreateInput!]!) {
  requirementsCreate(items: $items) { results { requirement { id version } } } }
"""
UPDATE = """
mutation ($items: [RequirementsUpdateItemInput!]!) {
  requirementsUpdate(items: $items) { results { requirement { id version name } } } }
"""
LOST = (OSError, TimeoutError, WebSocketException, httpx.TransportError, EOFError)
PATIENCE = 180
SETTINGS = {"fsync": "off", "max_connections": "100"}


async def until(condition: Callable[[], object], about: object = None) -> None:
    """Wait until the condition is true; on a timeout, report its subject."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, about
        await asyncio.sleep(0.1)


@dataclass
class Node:
    """One process of the gateway."""

    dsn: str
    folder: Path
    port: int = 0
    process: Forked | None = None

    def __post_init__(self) -> None:
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or restart it."""
        variables = {
            "DATABASE_URL": self.dsn,
            "PUBLIC_URL": self.url,
            "GATEWAY_SECRET": SECRET,
            "GATEWAY_DATA_DIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
            "DRAIN_DELAY": "0",
        }
        log = self.folder / f"log-{self.port}"
        self.process = gateway(self.port, log, **variables)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.wait()

    async def ready(self) -> None:
        """Wait until it answers."""
        assert self.process
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(PATIENCE):
            while self.process.poll() is None:
                with suppress(httpx.TransportError):
                    if (await client.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise AssertionError("the node did not start")


@dataclass
class Cluster:
    """Nodes on one database of their own."""

    world: World
    superuser_dsn: str
    nodes: list[Node]

    async def crash(self) -> None:
        """Kill one of the database's processes, so that PostgreSQL ends all, and recovers."""
        victim = await asyncpg.connect(self.superuser_dsn)
        os.kill(victim.get_server_pid(), signal.SIGKILL)
        with suppress(*LOST, asyncpg.PostgresError, asyncpg.InterfaceError):
            await victim.fetchval("SELECT 1")
        victim.terminate()
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                await (await asyncpg.connect(self.superuser_dsn)).close()
                return
            await asyncio.sleep(0.1)


def programs() -> Path | None:
    """Return the directory of the programs of the tested PostgreSQL."""
    folder = os.environ.get("GATEWAY_PG_BIN")
    return Path(folder) if folder else None


@contextmanager
def database_of_its_own() -> Iterator[Embedded]:
    """Yield a server that may crash, migrated."""
    base = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=base) as place,
        Embedded(
            Path(place) / "postgresql",
            settings=SETTINGS,
            binaries=programs(),
        ) as embedded,
    ):
        upgrade(embedded.dsn())
        yield embedded


async def founded(embedded: Embedded) -> World:
    """Create a tenant in this database, whose owner, editor and viewer have tokens."""
    superuser = await asyncpg.connect(embedded.superuser_dsn("gateway"))
    async with Database(embedded.dsn()) as database, httpx.AsyncClient() as client:
        world = await found(superuser, database, client)
        for person in ("owner", "editor", "viewer"):
            await world.token(person)
    await superuser.close()
    return world


@asynccontextmanager
async def cluster(
    embedded: Embedded, nodes: int, folder: Path, world: World | None = None
) -> AsyncIterator[Cluster]:
    """Yield this many nodes, and a tenant, which may exist already."""
    superuser_dsn = embedded.superuser_dsn("gateway")
    running = [Node(embedded.dsn(), folder) for _ in range(nodes)]
    world = world or await founded(embedded)
    try:
        for node in running:
            node.start()
        await asyncio.gather(*(node.ready() for node in running))
        yield Cluster(world, superuser_dsn, running)
    finally:
        for node in running:
            node.kill()


@dataclass
class Reader:
    """A client that follows one document, is cut off again and again, and resumes."""

    cluster: Cluster
    document: UUID
    seed: int
    cuts: int
    """The number of times that it cuts its own socket off."""
    whole: bool = True
    """True if it selects the rows, which have changed again when their events arrive."""
    told: list[dict[str, Any]] = field(default_factory=list)
    after: str | None = None
    cut: int = 0
    greeted: int = 0
    broken: list[str] = field(default_factory=list)
    """The reasons why its connections ended, the newest last."""
    strange: list[dict[str, Any]] = field(default_factory=list)
    """Answers that are neither an event nor a first event."""

    def is_through(self, sequence: int) -> bool:
        """Return whether it has the events up to this number, and was cut off often enough."""
        read = bool(self.told) and self.told[-1]["sequence"] >= sequence
        return self.cut == self.cuts and read

    def __str__(self) -> str:
        """Return its progress, for a message on a timeout."""
        last = self.told[-1]["sequence"] if self.told else 0
        return f"{self.cut} cuts, {self.greeted} greetings, up to {last}: {self.broken}"

    async def follow(self) -> None:
        """Follow until cancelled."""
        chance = random.Random(self.seed)
        token = await self.cluster.world.token("viewer")
        while True:
            node = chance.choice(self.cluster.nodes)
            try:
                async with connected(node.url, token, open_timeout=10) as client:
                    await client.subscribe("1", FOLLOW, **self._variables())
                    await self._read(client, chance)
            except (*LOST, AssertionError) as error:
                self.broken = [*self.broken[-2:], repr(error)]
            await asyncio.sleep(chance.random() / 20)

    def _variables(self) -> dict[str, object]:
        return {"id": str(self.document), "after": self.after, "whole": self.whole}

    async def _read(self, client: Socket, chance: random.Random) -> None:
        """Read until it cuts itself off, some time after its first event, or is cut off."""
        if not self._take(await client.receive()):
            return
        patience = asyncio.timeout(chance.random() / 2 if self.cut < self.cuts else None)
        try:
            async with patience:
                while self._take(await client.receive()):
                    pass
        except TimeoutError:
            if not patience.expired():
                raise
            self.cut += 1
            client.wire.transport.abort()

    def _take(self, message: dict[str, Any]) -> bool:
        """Take a message; return whether to read on."""
        payload = message.get("payload")
        if message["type"] == "ping":
            return True
        if message["type"] != "next" or "errors" in payload:
            retryable = message["type"] == "error" and payload[0]["extensions"]["retryable"]
            if not retryable:
                self.strange.append(message)
            self.broken = [*self.broken[-2:], repr(message)]
            return False
        event = payload["data"]["documentChanged"]
        if event["kind"] == "READY":
            self.greeted += 1
        elif event["kind"] == "RESYNC":
            self.strange.append(message)
        else:
            self.told.append(event)
        self.after = event["cursor"]
        return True


@dataclass
class Writer:
    """A client that edits requirements of one document, several at a time, until it is stopped."""

    cluster: Cluster
    document: UUID
    block: UUID
    seed: int
    versions: dict[str, int] = field(default_factory=dict)
    edits: int = 0
    repeated: int = 0
    client: httpx.AsyncClient = field(init=False)

    async def write(self, rows: int, times: int, storm: "asyncio.Task[None]") -> None:
        """Create rows and edit each of them this often, and until the storm is over."""
        async with httpx.AsyncClient(timeout=15) as self.client:
            await self._write(rows, times, storm)

    async def _write(self, rows: int, times: int, storm: "asyncio.Task[None]") -> None:
        place = {"documentId": str(self.document), "blockId": str(self.block)}
        names = [place | {"name": f"Row {self.seed}.{row}"} for row in range(rows)]
        self._take((await self._ask(CREATE, items=names))["requirementsCreate"])
        for round in count():
            if round >= times:
                if storm.done():
                    break
                await asyncio.sleep(0.1)
            items = [
                {"id": id, "expectedVersion": version, "input": {"name": f"Edit {round} of {id}"}}
                for id, version in self.versions.items()
            ]
            self._take((await self._ask(UPDATE, items=items))["requirementsUpdate"])

    def _take(self, answer: dict[str, Any]) -> None:
        for result in answer["results"]:
            row = result["requirement"]
            assert row["version"] == self.versions.get(row["id"], 0) + 1
            self.versions[row["id"]] = row["version"]
            self.edits += 1

    async def _ask(self, query: str, **variables: Any) -> Any:
        """Send a request under one key until it is answered."""
        chance = random.Random(uuid4().int)
        headers = {
            "authorization": f"Bearer {await self.cluster.world.token('editor')}",
            "idempotency-key": uuid4().hex,
        }
        body = {"query": query, "variables": variables}
        async with asyncio.timeout(PATIENCE):
            while True:
                url = f"{chance.choice(self.cluster.nodes).url}/graphql"
                with suppress(httpx.TransportError):
                    answer = (await self.client.post(url, json=body, headers=headers)).json()
                    errors = answer.get("errors", [])
                    if not errors:
                        return answer["data"]
                    assert all(error["extensions"]["retryable"] for error in errors), errors
                self.repeated += 1
                await asyncio.sleep(0.1 + chance.random() / 5)
