"""The servers of the comparison, each a process (tree) that is started, watched and stopped."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from uuid import UUID

import httpx
import psutil

from bench.peers import operations
from bench.peers.node import node

FOLDER = Path(__file__).parent
CONNECTIONS = 8
"""The number of each peer's connections to the database."""
START_LIMIT = 120.0
IDLE, IDLE_WINDOW, IDLE_LIMIT = 0.08, 0.25, 20.0
"""The share of a core below which all are idle; seconds of a sample, and to wait at most."""


@dataclass
class Server:
    """One server: the command that starts it, and the form of its requests."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    queries: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    path: str = "/graphql"
    probe: bytes = b'{"query": "{ __typename }"}'
    """A request that is answered once the server is ready."""
    process: "subprocess.Popen[bytes] | None" = None
    log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """Return the URL of its GraphQL endpoint."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def start(self, folder: Path) -> None:
        """Start it; its output goes to a file in the folder."""
        self.port = self.port or free_port()
        self.log = (folder / f"{self.name}.log").open("ab")
        environment = os.environ | {"PORT": str(self.port)} | dict(self.environment)
        command = [part.replace("PORT", str(self.port)) for part in self.command]
        root = FOLDER.parents[1]
        self.process = subprocess.Popen(
            command, env=environment, cwd=root, stdout=self.log, stderr=self.log
        )

    def stop(self) -> None:
        """Stop it."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.log:
            self.log.close()

    async def until_ready(self) -> None:
        """Wait until it answers. Raises RuntimeError when it ends, or takes too long."""
        deadline = time.monotonic() + START_LIMIT
        async with httpx.AsyncClient(headers=self.headers, timeout=30) as client:
            while time.monotonic() < deadline:
                assert self.process
                if self.process.poll() is not None:
                    break
                try:
                    answer = await client.post(self.address, content=self.probe, headers=JSON)
                    if answer.status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        assert self.log
        raise RuntimeError(f"{self.name} does not answer; its log: {self.log.name}")

    def processes(self) -> list[psutil.Process]:
        """Return the process and those it has started."""
        assert self.process
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def cpu(self) -> float:
        """Return the seconds of processor time used so far."""
        return sum(_used(process) for process in self.processes())

    def peak_memory(self) -> float:
        """Return the most megabytes of physical memory its processes have had, summed (Linux)."""
        return sum(_peak(process.pid) for process in self.processes())


JSON = {"Content-Type": "application/json"}


class PostgreSQL:
    """The database's processes, whose time is counted beside a server's."""

    def __init__(self, pid: int) -> None:
        self._postmaster = psutil.Process(pid)

    def cpu(self) -> float:
        """Return the seconds used so far by the living backends and by those that have ended."""
        ended = self._postmaster.cpu_times()
        living = 0.0
        for process in self._postmaster.children():
            try:
                living += _used(process)
            except psutil.NoSuchProcess:
                continue
        return living + ended.children_user + ended.children_system


class Fleet:
    """All servers of a comparison, which run at the same time."""

    def __init__(self, servers: Sequence[Server], database: PostgreSQL, folder: Path) -> None:
        self.servers, self.database, self._folder = servers, database, folder

    def __enter__(self) -> Self:
        try:
            for server in self.servers:
                server.start(self._folder)
            asyncio.run(self._until_ready())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    async def _until_ready(self) -> None:
        await asyncio.gather(*(server.until_ready() for server in self.servers))

    def _stop(self) -> None:
        for server in self.servers:
            server.stop()

    def settle(self) -> None:
        """Wait until all are idle: work left over would count as the next server's."""
        deadline = time.monotonic() + IDLE_LIMIT
        while time.monotonic() < deadline:
            before = self._cpu()
            time.sleep(IDLE_WINDOW)
            if self._cpu() - before < IDLE * IDLE_WINDOW:
                return

    def _cpu(self) -> float:
        return self.database.cpu() + sum(server.cpu() for server in self.servers)


def peers(dsn: str) -> list[Server]:
    """Return the four peers on this database."""
    command = node()
    environment = {"DATABASE_URL": dsn, "CONNECTIONS": str(CONNECTIONS), "NODE_ENV": "production"}
    known = operations.body("", "q1", str(UUID(int=0)))
    return [
        Server("json_agg", _uvicorn("json_agg"), environment, operations.LISTS, probe=known),
        Server(
            "Mercurius JIT", [command, str(FOLDER / "mercurius.mjs")], environment, operations.LISTS
        ),
        Server(
            "PostGraphile 5",
            [command, str(FOLDER / "postgraphile.mjs")],
            environment,
            operations.POSTGRAPHILE,
        ),
        Server("Strawberry", _uvicorn("plain"), environment, operations.LISTS),
    ]


def gateway(dsn: str, token: str, workers: int = 1, name: str = "gateway") -> Server:
    """Return the gateway as it is shipped: production, policy, limits, log and metrics.

    All requests are one person's, so the limits for a person are higher; they are still counted.
    Background jobs are left to workers: all requirements are new, and would be analyzed meanwhile.
    """
    port = free_port()
    environment = {
        "GATEWAY_ENV": "production",
        "DATABASE_URL": dsn,
        "GATEWAY_SECRET": "a secret that only measurements use, long enough",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "METRICS_TOKEN": "a-token-that-only-measurements-use",
        "COST_PER_SECOND": "1000000000",
        "COST_BURST": "1000000000",
        "JOB_SLOTS": "0",
    }
    command = [sys.executable, "-m", "graph.cli", "serve", "--workers", str(workers)]
    headers = {"Authorization": f"Bearer {token}"}
    return Server(name, command, environment, operations.GATEWAY, headers, port)


def pass_through(dsn: str, name: str, statement: str) -> Server:
    """Return an endpoint that runs one statement for each edit, on this database."""
    environment = {"DATABASE_URL": dsn, "CONNECTIONS": str(CONNECTIONS), "EDIT": statement}
    return Server(name, _uvicorn("pass_through"), environment, {}, path="/edits", probe=b"[]")


def _uvicorn(module: str) -> list[str]:
    options = "--loop uvloop --http httptools --no-access-log --log-level warning"
    application = f"bench.peers.{module}:app"
    return [sys.executable, "-m", "uvicorn", application, "--port", "PORT", *options.split()]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
