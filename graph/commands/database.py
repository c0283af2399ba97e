"""The database of a command: that of DATABASE_URL, or the embedded one while the command runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from db.embedded.cluster import Embedded
from db.logins import APPLICATION, Logins
from db.pool import Database
from db.server import (
    UnreachableError,
    connected,
    pools_transactions,
    require_supported_server,
    require_usable,
)
from graph.settings import Settings


class NotMigratedError(Exception):
    """The tables are not those of this version; the message says what to run."""


@contextmanager
def running(settings: Settings) -> Iterator[Logins]:
    """Yield the logins of a database that answers; stop an embedded server at the end.

    Raises EmbeddedError and UnreachableError.
    """
    if settings.database_url:
        asyncio.run(require_supported_server(settings.logins))
        yield settings.logins
        return
    directory = settings.gateway_data_dir / "postgres"
    with Embedded(directory, binaries=settings.gateway_pg_bin) as embedded:
        yield Logins(embedded.dsn())


@asynccontextmanager
async def opened(at: Logins) -> AsyncIterator[Database]:
    """Yield a database with few connections. Raises UnreachableError, NotMigratedError."""
    await require_usable(at)
    async with connected(at, APPLICATION) as connection:
        if not await connection.fetchval("SELECT to_regclass('profiles') IS NOT NULL"):
            raise NotMigratedError("The database has no tables yet: run `gateway migrate`.")
    async with Database(
        at,
        app_connections=2,
        auth_connections=1,
        orm_connections=2,
        statement_timeout=60,
    ) as database:
        yield database


def migrated(at: Logins) -> bool:
    """Return whether the tables are those of this version."""
    from migrations.run import current, head

    return current(at.dsn) == head()


def migrate(at: Logins) -> None:
    """Bring the tables to this version. Raises UnreachableError."""
    from migrations.roles import NotPreparedError
    from migrations.run import upgrade

    if at.pooler == "transaction" and at.owner_dsn is None:
        raise UnreachableError(
            "Migrations need a connection of their own: set OWNER_DATABASE_URL to an address that"
            " leads past the proxy."
        )
    try:
        upgrade(at.owner_dsn or at.dsn, serves=at.owner_dsn is None)
    except NotPreparedError as error:
        raise UnreachableError(str(error)) from error


def require_migrated(at: Logins) -> None:
    """Refuse tables of another version, which a newer or older gateway may have made."""
    from migrations.run import current, head

    found, needed = current(at.dsn), head()
    if found != needed:
        raise NotMigratedError(
            f"The database is at revision {found or 'none'}, this version needs {needed}: run"
            " `gateway migrate`, or `gateway serve --migrate`."
        )


def require_pooler(at: Logins) -> None:
    """Refuse a proxy that pools by transaction where GATEWAY_POOLER is `session`.

    Raises UnreachableError. Behind such a proxy, session settings leak to other clients.
    """
    if at.pooler == "session" and asyncio.run(pools_transactions(at)):
        raise UnreachableError(
            "A proxy before the database pools by transaction: set GATEWAY_POOLER=transaction."
        )


def say(line: str) -> None:
    """Write a progress line to standard error; only results go to standard output."""
    sys.stderr.write(f"{line}\n")
