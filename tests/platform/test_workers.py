"""A server with several workers, while its database is away."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

from graph.settings import Settings
from tests.conftest import SECRET

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
SECONDS = 240


class Line:
    """A connection to the database that can be cut."""

    def __init__(self, dsn):
        self._at = urlsplit(dsn)
        self._open, self._server = [], None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        user = self._at.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(self._at._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    async def join(self):
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)

    async def cut(self):
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _pass(self, reader, writer):
        there, to_there = await asyncio.open_connection(self._at.hostname, self._at.port)
        self._open += [writer, to_there]

        async def copy(source, target):
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.transport.abort()

        await asyncio.gather(copy(reader, to_there), copy(there, writer))


async def serve(**variables):
    """Return `gateway serve --workers 2`, and its log."""
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph.cli", "serve", "--workers", "2"),
        cwd=ROOT,
        env=kept | {"GATEWAY_SECRET": SECRET, "PORT": "0"} | variables,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )


async def said(process, words, times=1):
    """Wait until the log has this text so often; return the last line with it."""
    async with asyncio.timeout(SECONDS):
        while line := (await process.stderr.readline()).decode():
            times -= words in line
            if times == 0:
                return line
    raise AssertionError(f"it has never said {words!r}")


def workers_of(process):
    """Return the worker processes, forked from one that has imported the gateway."""
    (parent,) = (
        child
        for child in psutil.Process(process.pid).children()
        if "forkserver" in " ".join(child.cmdline())
    )
    return parent.children()


async def test_a_worker_that_dies_while_the_database_is_away_comes_back(database_dsn):
    line = Line(database_dsn)
    await line.join()
    process = await serve(DATABASE_URL=line.dsn, DRAIN_DELAY="0")
    try:
        await said(process, "startup complete", 2)
        await line.cut()
        workers_of(process)[0].kill()
        await said(process, "worker could not start")
        await line.join()
        await said(process, "startup complete")
        process.send_signal(signal.SIGTERM)
        rest = await asyncio.wait_for(process.stderr.read(), SECONDS)
        assert await process.wait() == 0, rest.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await line.cut()


async def test_workers_share_what_they_import_and_are_replaced_one_by_one(database_dsn):
    process = await serve(DATABASE_URL=database_dsn, DRAIN_DELAY="0")
    try:
        await said(process, "startup complete", 2)
        process.send_signal(signal.SIGTTIN)
        await said(process, "startup complete")
        before = workers_of(process)
        for worker in before:
            memory = worker.memory_full_info()
            assert memory.uss < memory.rss / 2, "it has a copy of its own"
        process.send_signal(signal.SIGHUP)
        await said(process, "startup complete", 3)
        await asyncio.to_thread(psutil.wait_procs, before, SECONDS)
        assert len(workers_of(process)) == len(before) == 3
        process.send_signal(signal.SIGTERM)
        rest = await asyncio.wait_for(process.stderr.read(), SECONDS)
        assert await process.wait() == 0, rest.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_workers_that_cannot_start_are_a_failure(database_dsn):
    nowhere = "postgresql://u:p@127.0.0.1:1/nothing"
    process = await serve(DATABASE_URL=database_dsn, AUTH_DATABASE_URL=nowhere)
    try:
        told = (await asyncio.wait_for(process.stderr.read(), SECONDS)).decode()
        assert await process.wait() == 1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert told.splitlines()[-1].startswith("gateway: The gateway could not start")


SLOW = """
import socket, sys, time
from graph.commands.workers import Workers
from graph.http.server.config import Config
from graph.settings import Settings

async def application(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()

if __name__ == "__main__":
    print("begins", file=sys.stderr, flush=True)
    config = Config("slow:application", Settings(), workers=1, timeout_worker_healthcheck=1)
    Workers(config, [socket.create_server(("127.0.0.1", 0))]).run()
else:
    time.sleep(3)
    print("loaded", file=sys.stderr, flush=True)
"""


async def test_a_worker_that_loads_its_modules_slowly_is_not_killed(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "slow.py"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await said(process, "loaded")
        process.send_signal(signal.SIGTERM)
        rest = (await asyncio.wait_for(process.stderr.read(), SECONDS)).decode()
        assert "worker died" not in rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
