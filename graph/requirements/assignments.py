"""Assignments: the roles, due dates and states of people's work on a requirement."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts.notify import tell
from db.core.notifications import NotificationType
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import collaboration as db
from db.requirements.collaboration import AssignmentRole
from db.requirements.collaboration import EntityType as EntityLabel
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.requirements import RequirementStatus
from graph.core.people import Authored, Profile
from graph.core.projects import Project, require_member
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type, same, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, delete, given, mutation, update, writing
from graph.kit.node import NODES, Node
from graph.kit.payloads import answer, payload_of
from graph.requirements.requirements import Requirement

describe_enum(
    AssignmentRole,
    "The part that a user has in the work on a requirement.",
    {
        "ASSIGNEE": "Does the work.",
        "REVIEWER": "Reviews the requirement.",
        "APPROVER": "Approves the requirement.",
        "OBSERVER": "Follows the requirement.",
    },
)

ASKED = {
    AssignmentRole.ASSIGNEE: "A requirement has been assigned to you.",
    AssignmentRole.REVIEWER: "You are asked to review a requirement.",
    AssignmentRole.APPROVER: "You are asked to approve a requirement.",
    AssignmentRole.OBSERVER: "You are asked to follow a requirement.",
}
"""The message to the person assigned, by role."""


@strawberry.type(description="The assignment of a member of the organization to a requirement.")
class Assignment(Authored, Node):
    model = db.Assignment

    role: AssignmentRole = described("The role of the assignee.")
    status: RequirementStatus = described("The status of the work.")
    comment: str | None = described("The comment for the assignee.")
    due_date: datetime | None = described("The date and time when the work is due.")
    completed_at: datetime | None = described("The date and time when the work was completed.")
    entity_id: UUID = described("The ID of the assigned object.")
    project_id: UUID = described("The ID of the project of the assigned object.")
    assignee: Profile | None = to_one(
        "assignee_id", ProfileRow, Profile, "The user who is assigned."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the assigned object."
    )

    @computed("entity_type", text="The type of the assigned object.")
    def entity_type(root: strawberry.Parent[Any]) -> EntityType:  # noqa: N805
        return EntityLabel(root.entity_type).entity

    @computed(
        "entity_id",
        text="The assigned object; null if it was deleted or the viewer cannot read it.",
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.entity_id], list(NODES))
        return row  # type: ignore[return-value]


AssignmentFilterInput = filter_input(
    Assignment,
    "id",
    "entity_id",
    "project_id",
    "assignee_id",
    "role",
    "status",
    "due_date",
    "completed_at",
    "created_at",
)
AssignmentOrderInput = order_input(Assignment, "role", "due_date", "created_at", "updated_at")


@input_for(Assignment, "An assignment to create.")
class AssignmentCreateInput:
    requirement_id: UUID = strawberry.field(description="The ID of the requirement.")
    assignee_id: UUID
    role: AssignmentRole = AssignmentRole.ASSIGNEE
    comment: str | None = UNSET
    due_date: datetime | None = UNSET


@input_for(Assignment, "The fields of an assignment to change.")
class AssignmentUpdateInput:
    role: Maybe[AssignmentRole]
    status: Maybe[RequirementStatus]
    comment: Maybe[str | None]
    due_date: Maybe[datetime | None]
    completed_at: Maybe[datetime | None]


async def assignment_create(info: Info, input: Input[AssignmentCreateInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        requirement = await transaction.find(
            RequirementRow, values.pop("requirement_id"), lock=False, field=["requirement_id"]
        )
        place = same(requirement, "organization_id", "project_id")  # type: ignore[arg-type]
        assignment = db.Assignment(
            **place, entity_id=requirement.id, entity_type=EntityLabel.REQUIREMENT, **values
        )
        transaction.require_create(assignment)  # before anything is said of the assignee
        await require_member(
            transaction,
            requirement.organization_id,
            assignment.assignee_id,
            "assignee_id",
            to_create=db.Assignment,
        )
        transaction.add(assignment)
        tell(
            transaction,
            assignment.assignee_id,
            NotificationType.ASSIGNMENT,
            "assigned",
            ASKED[assignment.role],
            requirement,
            message=assignment.comment,
            **place,
        )
    return answer(payload_of(Assignment), assignment)


def _assignments(key: str, text: str) -> Any:
    return connection(
        db.Assignment, Assignment, AssignmentFilterInput, AssignmentOrderInput, text, key=key
    )


extend_type(
    Requirement, assignments=_assignments("entity_id", "The assignments of the requirement.")
)
extend_type(
    Profile,
    assignments=_assignments(
        "assignee_id", "The assignments of the user, as the viewer sees them."
    ),
)


@strawberry.type
class Mutation:
    assignment_create = mutation(
        assignment_create,
        payload_of(Assignment),
        "Assign a requirement to a member of the organization.",
    )
    assignment_update = update(Assignment, AssignmentUpdateInput, "Update an assignment.")
    assignment_delete = delete(Assignment, "Delete an assignment.")
