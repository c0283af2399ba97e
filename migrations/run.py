"""Bring a database to a revision of its tables, or say at which it is.

These functions run an event loop of their own: call them outside of one, or in a thread. A DSN is
asyncpg's: postgresql://user:password@host:port/database?parameters. Its user needs to be allowed to
take the role gateway_owner; a proxy that pools by transaction must not stand in between.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations.roles import OWNER, prepare

VERSIONS_SCHEMA = "ctx"
"""Where Alembic notes the revision: beside the functions, away from the data."""
NOTED = (
    "SELECT true FROM pg_class WHERE relname = 'alembic_version'"
    " AND relnamespace = to_regnamespace('ctx')"
)
MIGRATING = 7_310_942_026_112_001
"""The key of the advisory lock that whoever migrates holds."""


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database to this revision, waiting while another process migrates it.

    Raises NotPreparedError when roles or rights are missing that the user may not give.
    """
    on_connection(dsn, lambda connection: command.upgrade(_config(connection), revision))


def downgrade(dsn: str, revision: str) -> None:
    """Take the database back to this revision. "base" leaves nothing; data are lost."""

    def undo(connection: Connection) -> None:
        command.downgrade(_config(connection), revision)
        if revision == "base":
            connection.exec_driver_sql(f"DROP SCHEMA {VERSIONS_SCHEMA} CASCADE")
            connection.commit()

    on_connection(dsn, undo)


def current(dsn: str) -> str | None:
    """The database's revision; None when it has no tables yet."""

    async def read() -> str | None:
        connection = await asyncpg.connect(dsn)
        try:
            if not await connection.fetchval(NOTED):
                return None
            await connection.execute(f"SET ROLE {OWNER}")
            revision: str | None = await connection.fetchval(
                "SELECT version_num FROM ctx.alembic_version"
            )
            return revision
        finally:
            await connection.close()

    return asyncio.run(read())


def head() -> str:
    """The newest revision."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("There are no migrations beside this module.")
    return revision


def on_connection(dsn: str, work: Callable[[Connection], None]) -> None:
    """Prepare the database, then work as its owner, while nobody else does."""

    async def run() -> None:
        guard = await asyncpg.connect(dsn)
        try:
            await guard.execute(f"SELECT pg_advisory_lock({MIGRATING})")
            await prepare(guard)
            await _as_owner(dsn, work)
        finally:
            await guard.close()

    asyncio.run(run())


async def _as_owner(dsn: str, work: Callable[[Connection], None]) -> None:
    async def connect() -> asyncpg.Connection:
        settings = {"role": OWNER, "application_name": "gateway migrations", "timezone": "UTC"}
        return await asyncpg.connect(dsn, server_settings=settings)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {VERSIONS_SCHEMA}")
            await connection.commit()
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
