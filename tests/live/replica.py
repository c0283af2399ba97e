"""A primary, and a second server that begins as a copy of it: its standby, until it is promoted."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from db.embedded.cluster import Embedded
from tests.live.storm import SETTINGS, database_of_its_own, programs


@dataclass
class Servers:
    """The primary, which runs, and the replica, which does not until it is started."""

    primary: Embedded
    replica: Embedded

    def copy(self, *, streams: bool = False) -> None:
        """Copy the primary to the replica; with `streams`, later changes are copied, too."""
        self.primary.stop()
        subprocess.run(["cp", "-a", self.primary.directory, self.replica.directory], check=True)
        self.primary.start()
        data = self.replica.directory / "data"
        (data / "standby.signal").touch()
        if streams:
            with (data / "postgresql.auto.conf").open("a") as settings:
                settings.write(f"primary_conninfo = '{self.primary.superuser_dsn()}'\n")

    async def promote(self) -> None:
        """Promote the replica to a primary."""
        connection = await asyncpg.connect(self.replica.superuser_dsn("gateway"))
        assert await connection.fetchval("SELECT pg_promote()")
        await connection.close()


@contextmanager
def replicated(directory: Path) -> Iterator[Servers]:
    """Yield the servers; the replica is in this directory, which does not exist yet."""
    with database_of_its_own() as primary:
        replica = Embedded(directory, settings=SETTINGS, binaries=programs())
        try:
            yield Servers(primary, replica)
        finally:
            replica.stop()
