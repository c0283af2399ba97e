"""Reminders of what is due soon: jobs that run with the rights of the person who is reminded."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from auth.accounts.notify import remind
from auth.session import Transaction
from db.base import Entity
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY, Database
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.requirements.sql.due import due_soon

AHEAD = timedelta(hours=24)
"""The time before the due date at which people are reminded."""
EVERY = timedelta(minutes=1)
"""The interval at which what is due is looked for."""
BATCH_SIZE = 200
"""Reminders that one statement enqueues."""


@dataclass(frozen=True)
class Notice:
    """The text of a reminder, and the object that it is about."""

    title: str
    about: Entity
    organization_id: UUID
    project_id: UUID | None
    message: str | None


@dataclass(frozen=True)
class Reminders:
    """The reminders of one kind of object, each once for a person and a due date.

    `function` of PostgreSQL finds what is due. `notice` returns what the viewer is told of the
    object with this ID, if it is still due at this time, waits for them, and they can see it.
    """

    name: str
    """The first part of the names of the jobs, such as "reviews"."""
    id_key: str
    """The key of the object's ID in the payload of a job."""
    function: str
    event: str
    notice: Callable[[Transaction, UUID, datetime], Awaitable[Notice | None]] = field(repr=False)

    @cached_property
    def kinds(self) -> tuple[Kind, Kind]:
        """Return the kinds of its jobs: one reminds a person, the other finds what is due."""
        finding = Kind(f"{self.name}.find_due", self._find_due, every=EVERY)
        return Kind(f"{self.name}.remind", self._remind), finding

    async def enqueue(self, database: Database) -> int:
        """Enqueue the reminders of what is due soon; return their number."""
        total, remind_one = 0, self.kinds[0]
        while due := await due_soon(database, self.function, remind_one.name, AHEAD, BATCH_SIZE):
            jobs = [
                remind_one.new(
                    organization_id=one.organization_id,
                    user_id=one.person_id,
                    key=one.key,
                    payload={self.id_key: one.id, "dueDate": one.due_date.isoformat()},
                )
                for one in due
            ]
            async with database.auth.lend(NOBODY) as lent:
                enqueued = await enqueue(lent, jobs)
            total += len(enqueued)
            if not enqueued:
                break
        return total

    async def _find_due(self, run: Run) -> Result:
        return {"reminders": await self.enqueue(run.database)}

    async def _remind(self, run: Run) -> Result:
        id, due = UUID(run.payload[self.id_key]), datetime.fromisoformat(run.payload["dueDate"])
        async with run.completing() as transaction:
            notice = await self.notice(transaction, id, due)
            run.result = {"reminded": notice is not None}
            if notice is not None:
                remind(
                    transaction,
                    NotificationType.ASSIGNMENT,
                    self.event,
                    notice.title,
                    notice.about,
                    organization_id=notice.organization_id,
                    project_id=notice.project_id,
                    message=notice.message,
                )
        return None
