"""Contexts of row level security for tests that speak SQL themselves, signed as the pools do."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from db.connection import Context
from db.signing import KEY, Server, Settings, Signer, key_of

SET = (
    "SELECT set_config('app.user_id', $1, $5), set_config('app.organizations', $2, $5),"
    " set_config('app.projects', $3, $5), set_config('app.project', $4, $5)"
)


async def read_key(superuser: asyncpg.Connection) -> bytes:
    """Return the key of this database, which the application role cannot read."""
    return key_of(await superuser.fetchval(KEY))


def signed(
    key: bytes,
    user: UUID | None = None,
    organizations: Iterable[UUID] = (),
    projects: Iterable[UUID] = (),
    project: UUID | None = None,
    *,
    process: int = 0,
    ahead: float = 0.0,
) -> Settings:
    """Return the values of the settings of a context, by default for any process."""
    context = Context(user, frozenset(organizations), frozenset(projects), project)
    return Signer(key, Server(process, ahead)).sign(context.settings())


async def enter(
    superuser: asyncpg.Connection,
    user: UUID | None = None,
    organizations: Iterable[UUID] = (),
    projects: Iterable[UUID] = (),
    *,
    role: str = "gateway_app",
) -> None:
    """Have the superuser's connection take a role and a context, for this transaction."""
    await superuser.execute("RESET ROLE")
    key = await read_key(superuser)
    await superuser.execute(f"SET LOCAL ROLE {role}")
    await superuser.execute(SET, *signed(key, user, organizations, projects), True)
