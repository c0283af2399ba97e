"""The people who may read a row, and those with a role, for what they are told of it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from auth.credentials.grants import of_people
from auth.policy import allows
from auth.viewer import Role
from db.base import Entity
from db.pool import NOBODY, Database


async def readers(
    database: Database, people: Collection[UUID], model: type[Entity], row: Any
) -> set[UUID]:
    """Return those of the people whose roles let them read the row, by one statement.

    `row` is anything with the columns by which the policy decides on the model.
    """
    if not people:
        return set()
    async with database.auth.lend(NOBODY) as lent:
        viewers = await of_people(lent, people, row.organization_id)
    return {id for id, viewer in viewers.items() if allows(viewer, "read", model, row)}


MAX_HOLDERS = 1000
"""The most people with a role who are told of something at once."""
HOLDERS = "SELECT ctx.role_holders($1, $2, $3, $4)"


async def holders(database: Database, role: Role, model: type[Entity], row: Any) -> set[UUID]:
    """Return those who hold a role or a higher one in the project of a row, and may read the row.

    At most MAX_HOLDERS, by two statements. Service accounts are left out.
    """
    label = role.name.lower()
    async with database.auth.lend(NOBODY) as lent:
        found = await lent.fetch(HOLDERS, row.organization_id, row.project_id, label, MAX_HOLDERS)
        viewers = await of_people(lent, [id for (id,) in found], row.organization_id)
    scopes = (row.organization_id, row.project_id)
    return {
        id
        for id, viewer in viewers.items()
        if any(viewer.grants.get(scope, Role.ANYONE) >= role for scope in scopes)
        and allows(viewer, "read", model, row)
    }
