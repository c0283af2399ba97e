"""Tasks that follow from findings: for a member, with a date on which they are due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts.notify import tell
from auth.session import Transaction
from db.compliance import assessments as db
from db.compliance.assessments import Assessment as AssessmentRow
from db.compliance.assessments import TaskStatus
from db.core.notifications import NotificationType
from db.core.organizations import OrganizationMember
from db.core.people import Profile as ProfileRow
from db.core.people import UserStatus
from db.fields import among
from db.problem import Problem
from graph.compliance.archive import stored_results
from graph.compliance.assessments import Assessment
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.mutations import Input, delete, given, mutation, restore, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

describe_enum(
    TaskStatus,
    "The status of a task.",
    {"OPEN": "The task is to be done.", "DONE": "The task is done."},
)


@strawberry.type(description="A task for a member that follows from a finding of an assessment.")
class FindingTask(Authored, Node):
    model = db.FindingTask

    framework: str = described("The code of the framework of the finding.")
    requirement: str = described("The identifier of the requirement of the finding.")
    title: str = described("What is to be done.")
    comment: str | None = described("The comment for the assignee.")
    due_date: datetime = described("The date and time when the task is due.")
    status: TaskStatus = described("The status of the task.")
    assessment_id: UUID = described("The ID of the assessment.")
    organization_id: UUID = described("The ID of the organization of the task.")
    assessment: Assessment | None = to_one(
        "assessment_id", AssessmentRow, Assessment, "The assessment that has the finding."
    )
    assignee: Profile | None = to_one(
        "assignee_id", ProfileRow, Profile, "The user who does the task."
    )


FindingTaskFilterInput = filter_input(
    FindingTask,
    "id",
    "organization_id",
    "assessment_id",
    "assignee_id",
    "framework",
    "requirement",
    "status",
    "due_date",
    "created_at",
)
FindingTaskOrderInput = order_input(FindingTask, "due_date", "status", "created_at", "updated_at")


@input_for(FindingTask, "A task to create.")
class FindingTaskCreateInput:
    assessment_id: UUID
    framework: str
    requirement: str
    title: str
    assignee_id: UUID
    due_date: datetime
    comment: str | None = UNSET


@input_for(FindingTask, "The fields of a task to change.")
class FindingTaskUpdateInput:
    title: Maybe[str] = UNSET
    comment: Maybe[str | None] = UNSET
    assignee_id: Maybe[UUID] = UNSET
    due_date: Maybe[datetime] = UNSET
    status: Maybe[TaskStatus] = UNSET


async def finding_task_create(info: Info, input: Input[FindingTaskCreateInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        assessment = await transaction.find(
            AssessmentRow,
            values.pop("assessment_id"),
            lock=False,
            to_create=db.FindingTask,
            field=["assessment_id"],
        )
        task = db.FindingTask(
            organization_id=assessment.organization_id,
            compliance_document_id=assessment.compliance_document_id,
            assessment_id=assessment.id,
            **values,
        )
        transaction.require_create(task)
        await _give(transaction, [Item(values, row=task)], {})
        await _require_finding(info, assessment, values)
        transaction.add(task)
    return answer(payload_of(FindingTask), task)


async def _require_finding(info: Info, assessment: AssessmentRow, values: dict[str, Any]) -> None:
    """Raise INVALID unless the results of an assessment have the finding of a task."""
    stored = await stored_results(lambda: info.context.storage, assessment)
    of_framework = {
        each["requirement"]
        for each in stored.get("findings", ())
        if each["framework"] == values["framework"]
    }
    if values["requirement"] not in of_framework:
        field = "requirement" if of_framework else "framework"
        raise Problem("INVALID", "The assessment has no such finding.", field=[field])


async def _give(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Tell people of tasks that are new for them. Raises NOT_FOUND for those who are no members."""
    given_ = [item for item in unrefused(items) if item.values.get("assignee_id")]
    wanted = {item.row.assignee_id for item in given_}
    members = await transaction.find_all(
        OrganizationMember,
        among(OrganizationMember.user_id, list(wanted)),
        OrganizationMember.status == UserStatus.ACTIVE,
        lock=False,
        to_create=db.FindingTask,
    )
    known = {(member.organization_id, member.user_id) for member in members}
    for item in given_:
        row = item.row
        if (row.organization_id, row.assignee_id) not in known:
            message = "There is no such member of the organization."
            raise Problem("NOT_FOUND", message, field=["assignee_id"])
        tell(
            transaction,
            row.assignee_id,
            NotificationType.ASSIGNMENT,
            "assigned",
            "A task has been assigned to you.",
            row,
            organization_id=row.organization_id,
            message=row.title,
        )


def _tasks(key: str | None, text: str) -> Any:
    return connection(
        db.FindingTask,
        FindingTask,
        FindingTaskFilterInput,
        FindingTaskOrderInput,
        text,
        key=key,
    )


extend_type(Assessment, tasks=_tasks("assessment_id", "The tasks that follow from findings."))
extend_type(
    Organization,
    finding_tasks=_tasks("organization_id", "The tasks that follow from findings."),
)


@strawberry.type
class Query:
    finding_task = by_id(db.FindingTask, FindingTask, "Look up a task by its ID.")


@strawberry.type
class Mutation:
    finding_task_create = mutation(
        finding_task_create,
        payload_of(FindingTask),
        "Create a task for a member that follows from a finding. The member is notified.",
    )
    finding_task_update = update(
        FindingTask, FindingTaskUpdateInput, "Update a task.", prepare=_give
    )
    finding_task_delete = delete(FindingTask, "Delete a task.")
    finding_task_restore = restore(FindingTask, "Restore a deleted task.")
