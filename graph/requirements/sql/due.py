"""Work that is due soon in all tenants, and the people to remind of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, false, func

from db.pool import NOBODY, Database
from db.requirements.collaboration import Assignment

OVERDUE = and_(
    func.coalesce(Assignment.due_date < func.now(), false()), Assignment.completed_at.is_(None)
)
"""The condition of assignments that are not completed although their due date has passed."""


@dataclass(frozen=True)
class Due:
    """An object that is due, a person whom it waits for, and the key of the reminder."""

    id: UUID
    organization_id: UUID
    person_id: UUID
    due_date: datetime
    key: str


async def due_soon(
    database: Database, function: str, reminder: str, ahead: timedelta, most: int
) -> Sequence[Due]:
    """Return what is due within this time, by people, without a job of the kind `reminder`.

    `function` is the one of PostgreSQL that finds it.
    """
    statement = f"SELECT * FROM ctx.{function}($1, $2, $3)"  # noqa: S608 (a name of ours)
    async with database.auth.lend(NOBODY) as lent:
        return [Due(*row) for row in await lent.fetch(statement, reminder, ahead, most)]
