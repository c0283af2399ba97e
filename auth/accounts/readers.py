"""The people who may read a row, for what others are about to tell them of it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from auth.credentials.grants import of_people
from auth.policy import allows
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
