"""The database of a command: that of DATABASE_URL, or the embedded one while the command runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from db.embedded import Embedded
from db.pool import APPLICATION, Database
from db.server import UnreachableError, connected, require_supported_server, require_usable
from graph.settings import Settings


class NotMigratedError(Exception):
    """The tables are not those of this version; the message says what to run."""


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The address of a database that answers. An embedded server stops with whoever started it.

    Raises EmbeddedError and UnreachableError.
    """
    if settings.database_url:
        dsn = settings.database_url.get_secret_value()
        asyncio.run(require_supported_server(dsn))
        yield dsn
        return
    directory = settings.gateway_data_dir / "postgres"
    with Embedded(directory, binaries=settings.gateway_pg_bin) as embedded:
        yield embedded.dsn()


@asynccontextmanager
async def opened(dsn: str, settings: Settings) -> AsyncIterator[Database]:
    """The few connections that one command needs. Raises UnreachableError, NotMigratedError."""
    await require_usable(dsn)
    async with connected(dsn, APPLICATION) as connection:
        if not await connection.fetchval("SELECT to_regclass('profiles') IS NOT NULL"):
            raise NotMigratedError("The database has no tables yet: run `gateway migrate`.")
    async with Database(
        dsn,
        app_connections=2,
        auth_connections=1,
        orm_connections=2,
        statement_timeout=60,
        pooler=settings.gateway_pooler,
    ) as database:
        yield database


def migrated(dsn: str) -> bool:
    """Whether the tables are those of this version."""
    from migrations.run import current, head

    return current(dsn) == head()


def migrate(dsn: str) -> None:
    """Bring the tables to this version. Raises UnreachableError."""
    from migrations.roles import NotPreparedError
    from migrations.run import upgrade

    try:
        upgrade(dsn)
    except NotPreparedError as error:
        raise UnreachableError(str(error)) from error


def require_migrated(dsn: str) -> None:
    """Refuse tables of another version, which a newer or older gateway may have made."""
    from migrations.run import current, head

    found, needed = current(dsn), head()
    if found != needed:
        raise NotMigratedError(
            f"The database is at revision {found or 'none'}, this version needs {needed}: run"
            " `gateway migrate`, or `gateway serve --migrate`."
        )


def say(line: str) -> None:
    """Tell a person what goes on; the result of a command alone goes to standard output."""
    sys.stderr.write(f"{line}\n")
