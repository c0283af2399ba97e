"""Building the explorer: when it runs, when it is skipped, and its messages on failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graph.explorer.build import build
from graph.explorer.bundle import SOURCE, STATIC, Bundle

pytestmark = pytest.mark.processes

COMMAND = [sys.executable, "-m", "graph.explorer.build"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the sources without a build and without packages."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    package = tmp_path / "graph"
    package.mkdir()
    shutil.copy(SOURCE.parent / "__init__.py", package)
    shutil.copytree(
        SOURCE, package / "explorer", ignore=shutil.ignore_patterns("node_modules", "static")
    )
    return tmp_path


def build_offline(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "npm_config_registry": "http://127.0.0.1:9/",  # nobody listens on the discard port
        "npm_config_cache": str(checkout / "cache"),
        "npm_config_fetch_retries": "0",
    }
    return subprocess.run(
        COMMAND,
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_unchanged_explorer_is_not_built_again():
    build()
    published = (STATIC / "manifest.json").stat().st_mtime_ns

    done = subprocess.run(
        COMMAND,
        cwd=SOURCE.parents[1],
        capture_output=True,
        text=True,
        timeout=9,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (STATIC / "manifest.json").stat().st_mtime_ns == published


def test_every_file_of_the_bundle_is_there_and_no_other():
    build()
    bundle = Bundle.read()
    assert bundle is not None
    assert {bundle.script, bundle.style, bundle.icon} <= bundle.files
    there = {file.name for file in STATIC.iterdir()}
    assert there == bundle.files | {"manifest.json", ".lock"}


def test_without_a_registry_one_sentence_says_so_and_the_last_build_stays(checkout):
    static = checkout / "graph/explorer/static"
    static.mkdir()
    (static / "explorer-1.js").write_text("the last complete build")
    last = Bundle("inputs", "explorer-1.js", "", "", frozenset({"explorer-1.js"}))
    last.write(static)

    done = build_offline(checkout)

    assert done.returncode == 1
    *progress, said = done.stderr.splitlines()
    assert progress == ["Explorer: installing its packages (npm ci) ..."]
    assert "npm could not install the explorer's packages" in said
    assert Bundle.read(static) == last
    assert (static / "explorer-1.js").read_text() == "the last complete build"


def test_the_lock_names_no_registry():
    lock = (SOURCE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity": "sha512-' in lock
