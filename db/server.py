"""Reaching the server from outside of the pools: commands, checks before a start, diagnosis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from db.addresses import place
from db.logins import APPLICATION, AUTHENTICATION, OWNER, Login, Logins, user_of
from db.problem import Problem
from db.supported import require_supported

CONNECT_LIMIT = 5.0
"""Seconds to wait for a connection."""
PROBES = 3
"""The number of times that two clients compare the server processes that serve them."""
PROCESS = "SELECT pg_backend_pid()"
ROLES = (OWNER, APPLICATION, AUTHENTICATION)


class UnreachableError(Exception):
    """The database cannot be used; the message has the reason and the remedy, in one sentence."""


@asynccontextmanager
async def connected(at: str | Logins, role: str | None = None) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection for the block, in a role when it is given. Raises UnreachableError.

    Behind a proxy that pools by transaction the block is one transaction, if a role is taken.
    Messages name the address without its user and password.
    """
    at = Logins.of(at)
    login = at.login(role) if role else Login(at.dsn)
    there = place(login.dsn)
    try:
        connection = await asyncpg.connect(
            **login.options, timeout=CONNECT_LIMIT, statement_cache_size=0
        )
    except (OSError, TimeoutError, ValueError, asyncpg.InterfaceError) as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else str(error)
        raise UnreachableError(f"The database at {there} cannot be reached: {reason}.") from error
    except asyncpg.PostgresError as error:
        raise UnreachableError(f"The database at {there} refuses: {error}.") from error
    try:
        if login.role is None:
            yield connection
        elif at.pooler == "session":
            await _take(connection, login.role, there)
            yield connection
        else:
            async with connection.transaction():
                await _take(connection, login.role, there, locally=True)
                yield connection
    finally:
        await connection.close(timeout=CONNECT_LIMIT)


async def _take(
    connection: asyncpg.Connection, role: str, there: str, *, locally: bool = False
) -> None:
    try:
        await connection.execute("SELECT set_config('role', $1, $2)", role, locally)
    except asyncpg.InvalidParameterValueError as error:  # the role does not exist
        raise UnreachableError(
            f"The database at {there} lacks the role {role}: let a superuser run db/roles.sql."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise UnreachableError(
            f"The login for the database at {there} is no member of {role}: let a superuser run"
            " db/roles.sql."
        ) from error


async def require_supported_server(at: str | Logins) -> None:
    """Refuse a server that is away or too old. Raises UnreachableError."""
    async with connected(at) as connection:
        _require_supported(connection)


async def require_usable(at: str | Logins) -> None:
    """Refuse a server that is unreachable, too old, or lacks the gateway's roles."""
    at = Logins.of(at)
    async with connected(at) as connection:
        _require_supported(connection)
        lacking = await missing_roles(connection, at)
    if lacking:
        raise UnreachableError(
            f"The login for {place(at.dsn)} may not act as {', '.join(lacking)}: let a superuser"
            " run db/roles.sql."
        )


def _require_supported(connection: asyncpg.Connection) -> None:
    try:
        require_supported(connection.get_server_version())
    except Problem as problem:
        raise UnreachableError(problem.message) from problem


async def missing_roles(connection: asyncpg.Connection, at: str | Logins) -> list[str]:
    """Return the gateway's roles that do not exist, or that the login has to take and may not."""
    at = Logins.of(at)
    taken = [role for role in ROLES if at.login(role).dsn == at.dsn and at.login(role).role]
    rows = await connection.fetch(
        "SELECT name FROM unnest($1::name[]) AS name LEFT JOIN pg_roles ON rolname = name"
        " WHERE oid IS NULL OR name = ANY ($2) AND NOT pg_has_role(session_user, oid, 'MEMBER')",
        ROLES,
        () if user_of(at.dsn) == APPLICATION else taken,
    )
    return [row["name"] for row in rows]


async def pools_transactions(at: Logins) -> bool:
    """Return whether a proxy in front of the server pools connections by transaction.

    Two clients that are connected at the same time are then served by the same process.
    """
    async with connected(at) as one, connected(at) as other:
        for _ in range(PROBES):
            if await one.fetchval(PROCESS) == await other.fetchval(PROCESS):
                return True
    return False


async def allowed_connections(connection: asyncpg.Connection) -> int:
    """Return the largest number of connections that the server gives this login."""
    allowed: int = await connection.fetchval(
        """
        SELECT least(
            current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int,
            nullif(rolconnlimit, -1), nullif(datconnlimit, -1))
        FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()
        """
    )
    return allowed


async def missing_partitions(connection: asyncpg.Connection, table: str) -> list[str]:
    """Return the months, of this one and the next, for which the table has no partition."""
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
