"""Organizations and members as rows, for tests of something else."""

from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7


async def organization_of(
    superuser: asyncpg.Connection, owner: UUID, name: str = "Harbour"
) -> UUID:
    """Return the ID of a new organization that this person owns."""
    id = uuid7()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $3)", id, name, id.hex
    )
    await join(superuser, id, owner, "owner")
    return id


async def join(
    superuser: asyncpg.Connection, organization: UUID, person: UUID, role: str = "viewer"
) -> None:
    """Make this person a member, with this role."""
    await superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
        organization,
        person,
        role,
    )
