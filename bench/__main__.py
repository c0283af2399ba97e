"""Measures the gateway, on an embedded PostgreSQL of its own, part by part: `make bench`.

Parts may be named: `python -m bench writing`.
"""

import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench import baselines, granting, live, moving, reading, writing
from bench.stand import stand
from db.embedded import Embedded
from migrations.run import upgrade

PARTS = {
    "reading": reading.measure,
    "writing": writing.measure,
    "moving": moving.measure,
    "baselines": baselines.measure,
    "live": live.measure,
    "granting": granting.measure,
}


async def measure(dsn: str, superuser_dsn: str, parts: list[str]) -> None:
    """Serve, and measure these parts."""
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{machine}, Python {platform.python_version()}")
    async with stand(dsn, superuser_dsn) as standing:
        for part in parts:
            print(f"\n{part}")
            await PARTS[part](standing)


def main() -> None:
    """Start a server of its own, measure, stop."""
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        settings = {"shared_preload_libraries": "pg_stat_statements"}
        with Embedded(Path(folder) / "postgresql", settings=settings) as embedded:
            upgrade(embedded.dsn())
            databases = embedded.dsn(), embedded.superuser_dsn("gateway")
            asyncio.run(measure(*databases, sys.argv[1:] or list(PARTS)))


if __name__ == "__main__":
    main()
