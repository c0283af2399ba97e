"""Reaching the server from outside of the pools: commands, checks before a start, diagnosis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from db.pool import require_supported
from db.problem import Problem

CONNECT_LIMIT = 5.0
"""Seconds to wait for a connection."""
ROLES = ("gateway_owner", "gateway_app", "gateway_auth")


class UnreachableError(Exception):
    """The database cannot be used; the message says in one sentence why and what to do."""


@asynccontextmanager
async def connected(dsn: str, role: str | None = None) -> AsyncIterator[asyncpg.Connection]:
    """One connection, in a role when it is given. Raises UnreachableError.

    The address is told without its user and password.
    """
    at = _place(dsn)
    settings = {"role": role} if role else None
    try:
        connection = await asyncpg.connect(dsn, server_settings=settings, timeout=CONNECT_LIMIT)
    except (OSError, TimeoutError, ValueError, asyncpg.InterfaceError) as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else str(error)
        raise UnreachableError(f"The database at {at} cannot be reached: {reason}.") from error
    except asyncpg.InvalidParameterValueError as error:  # the role does not exist
        raise UnreachableError(
            f"The database at {at} lacks the role {role}: let a superuser run db/roles.sql."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise UnreachableError(
            f"The login for the database at {at} is no member of {role}: let a superuser run"
            " db/roles.sql."
        ) from error
    except asyncpg.PostgresError as error:
        raise UnreachableError(f"The database at {at} refuses: {error}.") from error
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_LIMIT)


async def require_supported_server(dsn: str) -> None:
    """Refuse a server that is away or too old. Raises UnreachableError."""
    async with connected(dsn) as connection:
        _require_supported(connection)


async def require_usable(dsn: str) -> None:
    """Refuse a server that is away, too old, or has not been given the gateway's roles."""
    async with connected(dsn) as connection:
        _require_supported(connection)
        lacking = await missing_roles(connection)
    if lacking:
        raise UnreachableError(
            f"The login for {_place(dsn)} may not act as {', '.join(lacking)}: let a superuser run"
            " db/roles.sql."
        )


def _require_supported(connection: asyncpg.Connection) -> None:
    try:
        require_supported(connection.get_server_version())
    except Problem as problem:
        raise UnreachableError(problem.message) from problem


async def missing_roles(connection: asyncpg.Connection) -> list[str]:
    """Those of the gateway's roles that do not exist or that the login is no member of."""
    rows = await connection.fetch(
        "SELECT name FROM unnest($1::name[]) AS name LEFT JOIN pg_roles ON rolname = name"
        " WHERE oid IS NULL OR NOT pg_has_role(session_user, oid, 'MEMBER')",
        ROLES,
    )
    return [row["name"] for row in rows]


async def missing_partitions(connection: asyncpg.Connection, table: str) -> list[str]:
    """The months, this one and the next, for which a table partitioned by month has no room."""
    rows = await connection.fetch(
        """
        SELECT to_char(month, 'YYYY-MM') AS month
        FROM generate_series(date_trunc('month', now()), now() + interval '1 month', '1 month')
            AS month
        WHERE NOT EXISTS (
            SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = to_regclass($1)
                AND pg_get_expr(relpartbound, pg_class.oid)
                    LIKE '%FROM (''' || to_char(month, 'YYYY-MM-DD') || '%'
        )
        """,
        table,
    )
    return [row["month"] for row in rows]


def _place(dsn: str) -> str:
    parts = urlsplit(dsn)
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
