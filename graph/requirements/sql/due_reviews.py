"""The reviews of all tenants that are due soon, for the reminders of their reviewers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from db.pool import NOBODY, Database

DUE = """
SELECT id, organization_id, reviewer_id, due_date, key FROM ctx.due_reviews($1, $2, $3)
"""


@dataclass(frozen=True)
class Due:
    """A review, one of its reviewers, and the key of the reminder."""

    id: UUID
    organization_id: UUID
    reviewer_id: UUID
    due_date: datetime
    key: str


async def due_reviews(
    database: Database, reminder: str, ahead: timedelta, most: int
) -> Sequence[Due]:
    """Return open reviews that are due within this time, by reviewers with items left.

    Those that have a job of the kind `reminder` are left out.
    """
    async with database.auth.lend(NOBODY) as lent:
        return [Due(**dict(row)) for row in await lent.fetch(DUE, reminder, ahead, most)]
