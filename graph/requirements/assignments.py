"""Assignments: who is to do what with a requirement, and until when."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.notices import tell
from db.core.notifications import NotificationType
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import collaboration as db
from db.requirements.collaboration import AssignmentRole, EntityType
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.requirements import RequirementStatus
from graph.core.people import Authored, Profile
from graph.core.projects import Project, require_member
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import described, extend_type, same, to_one
from graph.kit.filters import DateTimeFilter, Filter, UUIDFilter, named
from graph.kit.mutations import Payload, answer, delete, given, update, writing
from graph.kit.node import NODES, Node
from graph.requirements.requirements import Requirement

strawberry.enum(AssignmentRole, description="What is expected of the person assigned.")
strawberry.enum(EntityType, description="What an assignment is about.")

ASKED = {
    AssignmentRole.ASSIGNEE: "A requirement has been assigned to you.",
    AssignmentRole.REVIEWER: "You are asked to review a requirement.",
    AssignmentRole.APPROVER: "You are asked to approve a requirement.",
    AssignmentRole.OBSERVER: "You are asked to follow a requirement.",
}
"""What the person assigned is told."""


@strawberry.type(description="A member's task at a requirement.")
class Assignment(Authored, Node):
    model = db.Assignment

    role: AssignmentRole = described("What is expected of them.")
    status: RequirementStatus = described("How far it is.")
    comment: str | None = described("What they are told besides.")
    due_date: datetime | None = described("When it is to be done.")
    completed_at: datetime | None = described("When it was done.")
    entity_type: EntityType = described("What it is about.")
    entity_id: UUID = described("The id of what it is about.")
    project_id: UUID = described("The project it belongs to.")
    assignee: Profile | None = to_one("assignee_id", ProfileRow, Profile, "Who is to do it.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "Its project.")

    @strawberry.field(description="What it is about; null when that is gone, or is not shown.")
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.entity_id], list(NODES))
        return row  # type: ignore[return-value]


@strawberry.input
class AssignmentFilter:
    id: UUIDFilter | None = UNSET
    entity_id: UUIDFilter | None = UNSET
    project_id: UUIDFilter | None = UNSET
    assignee_id: UUIDFilter | None = UNSET
    role: Filter[AssignmentRole] | None = UNSET
    status: Filter[RequirementStatus] | None = UNSET
    due_date: DateTimeFilter | None = UNSET
    completed_at: DateTimeFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["AssignmentFilter"] | None = named("and")
    or_: list["AssignmentFilter"] | None = named("or")
    not_: "AssignmentFilter | None" = named("not")


@strawberry.enum
class AssignmentSort(Enum):
    ROLE = "role"
    DUE_DATE = "due_date"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class AssignmentOrder:
    by: AssignmentSort
    direction: Direction = Direction.ASC


@strawberry.input
class AssignmentCreate:
    requirement_id: UUID
    assignee_id: UUID
    role: AssignmentRole = AssignmentRole.ASSIGNEE
    comment: str | None = UNSET
    due_date: datetime | None = UNSET


@strawberry.input
class AssignmentUpdate:
    role: Maybe[AssignmentRole]
    status: Maybe[RequirementStatus]
    comment: Maybe[str | None]
    due_date: Maybe[datetime | None]
    completed_at: Maybe[datetime | None]


@strawberry.type
class AssignmentPayload(Payload):
    assignment: Assignment


async def assignment_create(info: Info, input: AssignmentCreate) -> AssignmentPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        requirement = await transaction.find(
            RequirementRow, values.pop("requirement_id"), lock=False, field=["requirement_id"]
        )
        place = same(requirement, "organization_id", "project_id")  # type: ignore[arg-type]
        assignment = db.Assignment(
            **place, entity_id=requirement.id, entity_type=EntityType.REQUIREMENT, **values
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
    return answer(AssignmentPayload, assignment)  # type: ignore[no-any-return]


def _assignments(key: str, text: str) -> Any:
    return connection(db.Assignment, Assignment, AssignmentFilter, AssignmentOrder, text, key=key)


extend_type(Requirement, assignments=_assignments("entity_id", "Who is to do what with it."))
extend_type(
    Profile,
    assignments=_assignments("assignee_id", "What they are to do, as far as the viewer sees it."),
)


@strawberry.type
class Mutation:
    assignment_create = strawberry.mutation(
        assignment_create, description="Assign a requirement to a member of the organization."
    )
    assignment_update = update(
        db.Assignment, AssignmentPayload, AssignmentUpdate, "Change an assignment."
    )
    assignment_delete = delete(
        db.Assignment, AssignmentPayload, "End an assignment; assign again to bring it back."
    )
