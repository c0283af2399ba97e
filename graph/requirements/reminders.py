"""Reminders of assignments that are due soon: jobs that run with the rights of the assignee."""

from datetime import datetime, timedelta
from uuid import UUID

from auth.accounts.notify import remind
from auth.session import Transaction
from db.base import Entity
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY, Database
from db.requirements.collaboration import Assignment, AssignmentRole
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.requirements.assignments import NOUNS
from graph.requirements.sql.due_assignments import due_assignments

AHEAD = timedelta(hours=24)
"""The time before the due date at which people are reminded."""
BATCH_SIZE = 200
"""Reminders that one statement enqueues."""
TITLES = {
    AssignmentRole.ASSIGNEE: "A {} that is assigned to you is due soon.",
    AssignmentRole.REVIEWER: "Your review of a {} is due soon.",
    AssignmentRole.APPROVER: "Your approval of a {} is due soon.",
    AssignmentRole.OBSERVER: "A {} that you follow is due soon.",
}
"""The title of the reminder, by role."""


async def _find_due(run: Run) -> Result:
    """Enqueue the reminders of what is due soon."""
    return {"reminders": await enqueue_reminders(run.database)}


async def enqueue_reminders(database: Database) -> int:
    """Enqueue a reminder for each assignment that is due soon, once by assignee and due date.

    Return their number.
    """
    total = 0
    while due := await due_assignments(database, REMIND.name, AHEAD, BATCH_SIZE):
        jobs = [
            REMIND.new(
                organization_id=one.organization_id,
                user_id=one.assignee_id,
                key=one.key,
                payload={"assignmentId": one.id, "dueDate": one.due_date.isoformat()},
            )
            for one in due
        ]
        async with database.auth.lend(NOBODY) as lent:
            enqueued = await enqueue(lent, jobs)
        total += len(enqueued)
        if not enqueued:
            break
    return total


async def _remind(run: Run) -> Result:
    """Notify the assignee, if the assignment is as it was and they can still see its object."""
    async with run.completing() as transaction:
        assignment = await _unchanged(transaction, run)
        entity = await _entity(transaction, assignment) if assignment else None
        run.result = {"reminded": entity is not None}
        if assignment is not None and entity is not None:
            remind(
                transaction,
                NotificationType.ASSIGNMENT,
                "due",
                TITLES[AssignmentRole(assignment.role)].format(NOUNS[type(entity)]),
                entity,
                organization_id=assignment.organization_id,
                project_id=assignment.project_id,
                message=assignment.comment,
            )
    return None


async def _unchanged(transaction: Transaction, run: Run) -> Assignment | None:
    id, due = UUID(run.payload["assignmentId"]), datetime.fromisoformat(run.payload["dueDate"])
    found = (await transaction.find_by_id(Assignment, [id], lock=False)).get(id)
    if found is None or found.assignee_id != transaction.person or found.due_date != due:
        return None
    return found if found.completed_at is None else None


async def _entity(transaction: Transaction, assignment: Assignment) -> Entity | None:
    """Return the assigned object; None if the assignee cannot see it."""
    name = assignment.entity_type.entity
    model = next((model for model in NOUNS if model.__name__ == name), None)
    if model is None:
        return None
    id = assignment.entity_id
    return (await transaction.find_by_id(model, [id], lock=False)).get(id)


REMIND = Kind("assignments.remind", _remind)
KINDS = (REMIND, Kind("assignments.find_due", _find_due, every=timedelta(minutes=1)))
