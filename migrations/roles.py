"""The roles of the gateway, and the privileges that its owner needs before the first table."""

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64encode
from contextlib import suppress

import asyncpg

from db.logins import APPLICATION, AUTHENTICATION, OWNER, derived_password, password_of

ROLES = (OWNER, APPLICATION, AUTHENTICATION)
ATTEMPTS = 20
"""The most attempts: roles are shared by the cluster, so migrations elsewhere may collide."""

COLLISIONS = (
    asyncpg.DuplicateObjectError,
    asyncpg.UniqueViolationError,
    asyncpg.InternalServerError,  # "tuple concurrently updated"
)
NOT_ALLOWED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedObjectError,  # a role that could not be created
)
BECOMES = 160000
"""The version of PostgreSQL since which membership and SET ROLE are separate rights."""

# The statements that grant the privileges which a login lacks, in their order.
MISSING = """
SELECT statement
FROM unnest($1::text[]) WITH ORDINALITY AS role (name, rank)
CROSS JOIN LATERAL (VALUES
    (1, to_regrole(name) IS NOT NULL, format('CREATE ROLE %I NOLOGIN', name)),
    (2, name <> $2 AND $4 OR pg_has_role(session_user, to_regrole(name), $3),
        format('GRANT %I TO %I', name, session_user)),
    (3, name <> $2 OR has_schema_privilege(to_regrole(name), 'public', 'CREATE'),
        format('GRANT CREATE, USAGE ON SCHEMA public TO %I', name)),
    (4, name <> $2 OR to_regnamespace('ctx') IS NOT NULL
        OR has_database_privilege(to_regrole(name), current_database(), 'CREATE'),
        format('GRANT CREATE ON DATABASE %I TO %I', current_database(), name))
) AS need (step, met, statement)
WHERE met IS NOT TRUE
ORDER BY step, rank
"""


CANNOT_LOG_IN = "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND NOT rolcanlogin"
# By whoever owns the database; everybody else is warned that it does nothing.
NOTHING_TEMPORARY = """
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$
"""


class NotPreparedError(Exception):
    """The login lacks privileges; the message has the SQL for a superuser."""


async def prepare(connection: asyncpg.Connection, dsn: str, *, serves: bool = True) -> None:
    """Create the roles that are missing, and grant this login and the owner their privileges.

    `dsn` is the login's address. Unless it `serves` requests too, it needs the owner's role alone.
    Raises NotPreparedError.
    """
    for attempt in range(ATTEMPTS):
        try:
            for statement in await _missing(connection, serves=serves):
                with suppress(*NOT_ALLOWED):
                    await connection.execute(statement)
            await _harden(connection, dsn)
        except COLLISIONS:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.05)
        else:
            break
    if missing := await _missing(connection, serves=serves):
        raise NotPreparedError(
            "The database is not prepared, and this user may not do it; let a superuser run in it: "
            + "".join(f"{statement}; " for statement in missing).rstrip()
        )


async def _missing(connection: asyncpg.Connection, *, serves: bool) -> list[str]:
    version = await connection.fetchval("SELECT current_setting('server_version_num')::int")
    take = "SET" if version >= BECOMES else "MEMBER"
    return [row[0] for row in await connection.fetch(MISSING, ROLES, OWNER, take, not serves)]


async def _harden(connection: asyncpg.Connection, dsn: str) -> None:
    """Complete row level security, as far as this login may.

    The roles that serve requests get logins of their own, and no role creates temporary objects.
    """
    with suppress(*NOT_ALLOWED):
        await connection.execute(NOTHING_TEMPORARY)
    if not (password := password_of(dsn)):
        return
    for role in await connection.fetch(CANNOT_LOG_IN, (APPLICATION, AUTHENTICATION)):
        own = scram(derived_password(role["rolname"], password), secrets.token_bytes(16))
        with suppress(*NOT_ALLOWED):
            await connection.execute(f"ALTER ROLE {role['rolname']} LOGIN PASSWORD '{own}'")


def scram(password: str, salt: bytes, rounds: int = 4096) -> str:
    """Return the SCRAM verifier of a password (RFC 5803), so that no log shows the password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_, stored_, server_ = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt_}${stored_}:{server_}"
