"""Reminders of assignments that are due soon."""

from datetime import datetime
from uuid import UUID

from auth.session import Transaction
from db.base import Entity
from db.requirements.collaboration import Assignment, AssignmentRole
from graph.requirements.assignments import NOUNS, title_of
from graph.requirements.due import Notice, Reminders

TITLES = {
    AssignmentRole.ASSIGNEE: "{} that is assigned to you is due soon.",
    AssignmentRole.REVIEWER: "Your review of {} is due soon.",
    AssignmentRole.APPROVER: "Your approval of {} is due soon.",
    AssignmentRole.OBSERVER: "{} that you follow is due soon.",
}
"""The title of the reminder, by role."""


async def _notice(transaction: Transaction, id: UUID, due: datetime) -> Notice | None:
    """Return the reminder of an assignment to the viewer that is as it was."""
    found = (await transaction.find_by_id(Assignment, [id], lock=False)).get(id)
    if found is None or found.assignee_id != transaction.person or found.due_date != due:
        return None
    entity = await _entity(transaction, found) if found.completed_at is None else None
    if entity is None:
        return None
    title = title_of(TITLES[AssignmentRole(found.role)], entity)
    return Notice(title, entity, found.organization_id, found.project_id, found.comment)


async def _entity(transaction: Transaction, assignment: Assignment) -> Entity | None:
    """Return the assigned object; None if the assignee cannot see it."""
    name = assignment.entity_type.entity
    model = next((model for model in NOUNS if model.__name__ == name), None)
    if model is None:
        return None
    id = assignment.entity_id
    return (await transaction.find_by_id(model, [id], lock=False)).get(id)


REMINDERS = Reminders("assignments", "assignmentId", "due_assignments", "due", _notice)
KINDS = REMINDERS.kinds
