"""The roles of the gateway and what its owner needs before the first table can be made."""

import asyncio
from contextlib import suppress

import asyncpg

OWNER, APPLICATION, AUTHENTICATION = "gateway_owner", "gateway_app", "gateway_auth"
ROLES = (OWNER, APPLICATION, AUTHENTICATION)
ATTEMPTS = 20
"""Roles belong to the whole cluster: migrations of other databases may collide with this one."""

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
"""The version of PostgreSQL since which being a member and taking the role are two rights."""

# What a login lacks, in the order in which it is to be given: the statements that give it.
MISSING = """
SELECT statement
FROM unnest($1::text[]) WITH ORDINALITY AS role (name, rank)
CROSS JOIN LATERAL (VALUES
    (1, to_regrole(name) IS NOT NULL, format('CREATE ROLE %I NOLOGIN', name)),
    (2, pg_has_role(session_user, to_regrole(name), $3),
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


class NotPreparedError(Exception):
    """The login may not do what is missing; the message shows the SQL for someone who may."""


async def prepare(connection: asyncpg.Connection) -> None:
    """Make sure that the roles exist, that this login may take them, and what the owner may.

    Raises NotPreparedError.
    """
    for attempt in range(ATTEMPTS):
        try:
            for statement in await _missing(connection):
                with suppress(*NOT_ALLOWED):
                    await connection.execute(statement)
        except COLLISIONS:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.05)
        else:
            break
    if missing := await _missing(connection):
        raise NotPreparedError(
            "The database is not prepared, and this user may not do it; let a superuser run in it: "
            + "".join(f"{statement}; " for statement in missing).rstrip()
        )


async def _missing(connection: asyncpg.Connection) -> list[str]:
    version = await connection.fetchval("SELECT current_setting('server_version_num')::int")
    take = "SET" if version >= BECOMES else "MEMBER"
    return [row[0] for row in await connection.fetch(MISSING, ROLES, OWNER, take)]
