"""Upgrade or downgrade the database to a revision, or read its revision.

These functions run an event loop of their own: call them outside of one, or in a thread. A DSN is
asyncpg's: postgresql://user:password@host:port/database?parameters. The login needs to be allowed
to take the role gateway_owner; a proxy that pools by transaction must not be in between.
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

from db.logins import APPLICATION, AUTHENTICATION, OWNER
from migrations.roles import NOTHING_TEMPORARY, prepare

VERSIONS_SCHEMA = "ctx"
"""The schema of Alembic's table of the revision: beside the functions, away from the data."""
NOTED = (
    "SELECT true FROM pg_class WHERE relname = 'alembic_version'"
    " AND relnamespace = to_regnamespace('ctx')"
)
READER = """
SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS role (name, rank)
JOIN pg_roles ON rolname = name WHERE pg_has_role(session_user, oid, 'MEMBER')
ORDER BY rank LIMIT 1
"""
"""The role that reads the revision: the first of these that the login may take."""
MIGRATING = 7_310_942_026_112_001
"""The key of the advisory lock of a migration."""
TAKE_LOCK = f"SELECT pg_try_advisory_lock({MIGRATING})"
RETRY = 0.2
"""Seconds between attempts to take the lock."""


def upgrade(dsn: str, revision: str = "head", *, serves: bool = True) -> None:
    """Upgrade the database to this revision; wait while another process migrates it.

    Unless the login `serves` requests too, it needs the role gateway_owner alone. Raises
    NotPreparedError when roles or rights are missing that the login cannot create or grant.
    """
    on_connection(
        dsn, lambda connection: command.upgrade(_config(connection), revision), serves=serves
    )


def downgrade(dsn: str, revision: str) -> None:
    """Downgrade the database to this revision. "base" leaves nothing; data are lost."""

    def undo(connection: Connection) -> None:
        command.downgrade(_config(connection), revision)
        if revision == "base":
            connection.exec_driver_sql(f"DROP SCHEMA {VERSIONS_SCHEMA} CASCADE")
            connection.commit()

    on_connection(dsn, undo)


def current(dsn: str) -> str | None:
    """Return the database's revision; None when it has no tables yet."""

    async def read() -> str | None:
        connection = await asyncpg.connect(dsn, statement_cache_size=0)
        try:
            if not await connection.fetchval(NOTED):
                return None
            async with connection.transaction():
                role = await connection.fetchval(READER, (OWNER, APPLICATION, AUTHENTICATION))
                await connection.execute("SELECT set_config('role', $1, true)", role or "none")
                revision: str | None = await connection.fetchval(
                    "SELECT version_num FROM ctx.alembic_version"
                )
                return revision
        finally:
            await connection.close()

    return asyncio.run(read())


def head() -> str:
    """Return the newest revision. Raises LookupError when there is none."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("There are no migrations beside this module.")
    return revision


def on_connection(dsn: str, work: Callable[[Connection], None], *, serves: bool = True) -> None:
    """Prepare the database, then work as its owner, under the lock of migrations."""

    async def run() -> None:
        guard = await asyncpg.connect(dsn)
        try:
            # Not by waiting for the lock within a statement: an index that is built concurrently
            # waits for all statements that run, and would wait for this one.
            while not await guard.fetchval(TAKE_LOCK):  # noqa: ASYNC110 (another process has it)
                await asyncio.sleep(RETRY)
            await prepare(guard, dsn, serves=serves)
            await _as_owner(dsn, work)
        finally:
            await guard.close()

    asyncio.run(run())


async def _as_owner(dsn: str, work: Callable[[Connection], None]) -> None:
    async def connect() -> asyncpg.Connection:
        settings = {"application_name": "gateway migrations", "timezone": "UTC"}
        connection = await asyncpg.connect(dsn, server_settings=settings)
        await connection.execute(f"SET ROLE {OWNER}")
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            # Not IF NOT EXISTS: that asks for the right also where the schema has been restored.
            lacks = await connection.exec_driver_sql(f"SELECT to_regnamespace('{VERSIONS_SCHEMA}')")
            if lacks.scalar() is None:
                await connection.exec_driver_sql(f"CREATE SCHEMA {VERSIONS_SCHEMA}")
            await connection.exec_driver_sql(NOTHING_TEMPORARY)
            await connection.commit()
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
