"""The PostgreSQL for measurements: embedded, on disk, durable, with the gateway's tables."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil

from auth.credentials import tokens
from auth.credentials.people import create_person
from bench.peers import rows
from bench.peers.rows import Rows
from bench.peers.servers import PostgreSQL
from db.embedded.cluster import Embedded
from db.pool import Database
from migrations.run import upgrade

SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "shared_buffers": "1GB"}
"""All other settings are PostgreSQL's defaults: commits are durable, plans are its own."""
IS_FILLED = "SELECT true FROM organizations WHERE slug = 'peers-0'"
VIEWER = "viewer@peers.example"


@dataclass
class Cluster:
    """One server with the gateway's database, and the peers' beside it."""

    embedded: Embedded
    folder: Path
    """The folder for servers' logs."""
    projects: int
    """The number of projects in the first organization, of 1,000 requirements each."""

    @property
    def dsn(self) -> str:
        """Return the address with the gateway's login."""
        return self.embedded.dsn()

    @property
    def superuser_dsn(self) -> str:
        """Return the address of the gateway's database with a superuser's login."""
        return self.embedded.superuser_dsn("gateway")

    @property
    def peers_dsn(self) -> str:
        """Return the address of the peers' database with their login."""
        return self.embedded.superuser_dsn(rows.DATABASE)

    async def filled(self) -> tuple[Rows, str]:
        """Return the rows and a token of their viewer; write the rows unless they exist."""
        async with self.superuser() as superuser:
            if not await superuser.fetchval(
                "SELECT true FROM organizations WHERE slug = 'peers-0'"
            ):
                async with Database(self.dsn) as database:
                    owner = await create_person(database, VIEWER, "Viewer", "a long bench password")
                await rows.fill(superuser, owner, self.projects)
            known = "SELECT true FROM pg_database WHERE datname = $1"
            if not await superuser.fetchval(known, rows.DATABASE):
                await superuser.execute(f"CREATE DATABASE {rows.DATABASE}")
                await rows.copy(superuser, self.peers_dsn)
        async with Database(self.dsn) as database:
            token = await tokens.issue(database, VIEWER, timedelta(days=1))
        return Rows(self.projects), token

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection as superuser."""
        connection = await asyncpg.connect(self.superuser_dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def processes(self) -> PostgreSQL:
        """Return the server's processes."""
        async with self.superuser() as superuser:
            backend = await superuser.fetchval("SELECT pg_backend_pid()")
            return PostgreSQL(psutil.Process(backend).ppid())


@contextmanager
def cluster(folder: Path | None, projects: int) -> Iterator[Cluster]:
    """Yield a running database in this folder, which keeps it, or in a temporary one."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        with Embedded(place / "postgresql", settings=SETTINGS) as embedded:
            upgrade(embedded.dsn())
            (place / "logs").mkdir(exist_ok=True)
            yield Cluster(embedded, place / "logs", projects)
