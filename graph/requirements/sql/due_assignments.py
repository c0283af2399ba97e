"""The assignments of all tenants that are due soon, for their reminders."""

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
DUE = """
SELECT id, organization_id, assignee_id, due_date, key FROM ctx.due_assignments($1, $2, $3)
"""


@dataclass(frozen=True)
class Due:
    """An assignment, and the key of its reminder."""

    id: UUID
    organization_id: UUID
    assignee_id: UUID
    due_date: datetime
    key: str


async def due_assignments(
    database: Database, reminder: str, ahead: timedelta, most: int
) -> Sequence[Due]:
    """Return assignments that are due within this time and have no job of the kind `reminder`."""
    async with database.auth.lend(NOBODY) as lent:
        return [Due(**dict(row)) for row in await lent.fetch(DUE, reminder, ahead, most)]
