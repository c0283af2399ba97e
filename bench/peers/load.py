"""Load on one server for some seconds: by wrk where it is installed, else by bench.clients."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import clients
from bench.clients import Result

SCRIPT = Path(__file__).with_name("load.lua")
WRK = shutil.which("wrk")
GENERATOR = "wrk" if WRK else "bench.clients (install wrk for less load by the clients)"
TIMEOUT = 30
"""Seconds that one request may take."""


def load(
    address: str,
    headers: Mapping[str, str],
    bodies: Sequence[bytes],
    connections: int,
    seconds: float,
) -> Result:
    """Post these bodies in turn. Raises RuntimeError when a request failed."""
    if WRK is None:
        return clients.run(
            address=address,
            headers=dict(headers),
            bodies=[body.decode() for body in bodies],
            clients=connections,
            seconds=seconds,
        )
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(bodies))
        file.flush()
        command = [WRK, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"--timeout={TIMEOUT}s"]
        arguments = [file.name, *filter(None, [headers.get("Authorization")])]
        done = subprocess.run(
            [*command, "-s", str(SCRIPT), address, "--", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    _, _, line = done.stdout.partition("RESULT ")
    result = Result(**json.loads(line))
    if result.failures:
        raise RuntimeError(
            f"{result.failures} of {result.requests} requests failed:\n{done.stdout}"
        )
    return result
