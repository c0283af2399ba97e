"""Commands of the gateway, with their time and memory."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

from bench.stand import Stand

MEASURED = """
import atexit, sys
from pathlib import Path
from graph.cli import app
atexit.register(lambda: sys.stderr.write(Path("/proc/self/status").read_text()))
app()
"""
"""The command, which tells at its end the most memory that it has held (Linux)."""


class Cost(NamedTuple):
    """The cost of a command: seconds, and megabytes at most."""

    seconds: float
    memory: float


@dataclass
class Commands:
    """The commands of the gateway on the database of a stand."""

    stand: Stand
    idle: float = 0.0

    def run(self, *arguments: str) -> Cost:
        """Run a command. Raises CalledProcessError if it fails."""
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *arguments],
            env={**os.environ, "DATABASE_URL": self.stand.dsn},
            capture_output=True,
            text=True,
            check=True,
        )
        peak = int(done.stderr.rpartition("VmHWM:")[2].split()[0]) / 1024
        return Cost(time.monotonic() - start, peak - self.idle)
