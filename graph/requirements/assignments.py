"""Assignments: the roles, due dates and states of people's work on an object."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts.notify import tell
from auth.accounts.readers import readers
from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.base import Entity
from db.core.notifications import NotificationType
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import collaboration as db
from db.requirements.collaboration import AssignmentRole
from db.requirements.collaboration import EntityType as EntityLabel
from db.requirements.diagrams import ExcalidrawDiagram as DrawingRow
from db.requirements.diagrams import ReactFlowDiagram as FlowRow
from db.requirements.documents import Block as BlockRow
from db.requirements.documents import Document as DocumentRow
from db.requirements.external import ExternalDocument as ExternalDocumentRow
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.requirements import RequirementStatus
from db.requirements.testing import TestCase as TestCaseRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project, require_member
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type, to_one
from graph.kit.filters import BooleanFilterInput
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.mutations import Input, delete, given, mutation, update, writing
from graph.kit.node import NODES, Node
from graph.kit.payloads import answer, payload_of
from graph.requirements.any_type import find_any
from graph.requirements.blocks import Block
from graph.requirements.diagrams.drawings import ExcalidrawDiagram
from graph.requirements.diagrams.flows import ReactFlowDiagram
from graph.requirements.documents import Document
from graph.requirements.external_documents import ExternalDocument
from graph.requirements.requirements import Requirement
from graph.requirements.sql.due import OVERDUE
from graph.requirements.sql.trace_ends import LABELS
from graph.requirements.testing import TestCase

describe_enum(
    AssignmentRole,
    "The part that a user has in the work on an object.",
    {
        "ASSIGNEE": "Does the work.",
        "REVIEWER": "Reviews the object.",
        "APPROVER": "Approves the object.",
        "OBSERVER": "Follows the object.",
    },
)

NOUNS: dict[type[Entity], str] = {
    ProjectRow: "a project",
    DocumentRow: "a document",
    BlockRow: "a block",
    RequirementRow: "a requirement",
    TestCaseRow: "a test case",
    DrawingRow: "a drawing",
    FlowRow: "a diagram",
    ExternalDocumentRow: "an external document",
}
"""The models of objects that can be assigned, with their names and articles in messages."""
ASKED = {
    AssignmentRole.ASSIGNEE: "{} has been assigned to you.",
    AssignmentRole.REVIEWER: "You are asked to review {}.",
    AssignmentRole.APPROVER: "You are asked to approve {}.",
    AssignmentRole.OBSERVER: "You are asked to follow {}.",
}
"""The message to the person assigned, by role."""
OPEN = {RequirementStatus.DRAFT, RequirementStatus.IN_REVIEW, RequirementStatus.IN_PROGRESS}
"""The statuses of work that is not completed."""


@strawberry.type(description="The assignment of a member of the organization to an object.")
class Assignment(Authored, Node):
    model = db.Assignment

    role: AssignmentRole = described("The role of the assignee.")
    status: RequirementStatus = described(
        "The status of the work. The work is completed in any status but `DRAFT`, `IN_REVIEW` and"
        " `IN_PROGRESS`."
    )
    comment: str | None = described("The comment for the assignee.")
    due_date: datetime | None = described("The date and time when the work is due.")
    completed_at: datetime | None = described(
        "The date and time when the work was completed. Set when the status becomes a completed"
        " one, and null again when it is not."
    )
    entity_id: UUID = described("The ID of the assigned object.")
    project_id: UUID = described("The ID of the project of the assigned object.")
    assignee: Profile | None = to_one(
        "assignee_id", ProfileRow, Profile, "The user who is assigned."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the assigned object."
    )

    @computed(
        "due_date",
        "completed_at",
        text="Whether the due date has passed and the work is not completed.",
    )
    def overdue(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        due = root.due_date
        return due is not None and root.completed_at is None and due < datetime.now(UTC)

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
    "overdue",
    "created_at",
    comparisons={"overdue": BooleanFilterInput},
    expressions={"overdue": OVERDUE},
)
AssignmentOrderInput = order_input(Assignment, "role", "due_date", "created_at", "updated_at")


@input_for(Assignment, "An assignment to create.")
class AssignmentCreateInput:
    entity_id: UUID = strawberry.field(
        description="The ID of the object: a project, a document, a block, a requirement, a"
        " test case, a drawing, a diagram of nodes and edges, or an external document."
    )
    project_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the project in which an external document is worked on, which is"
        " required for these. Other objects are assigned in their project.",
    )
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


def title_of(template: str, entity: Entity) -> str:
    """Return a sentence about an assigned object, named with its article."""
    text = template.format(NOUNS[type(entity)])
    return text[0].upper() + text[1:]


async def assignment_create(info: Info, input: Input[AssignmentCreateInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        id = values["entity_id"]
        entity = (await find_any(transaction, NOUNS, [id], db.Assignment)).get(id)
        if entity is None:
            raise Problem("NOT_FOUND", "There is no such object.", field=["entity_id"])
        place = await _place(transaction, entity, values.pop("project_id", None))
        assignment = db.Assignment(**place, entity_type=LABELS[type(entity)], **values)
        transaction.require_create(assignment)  # before anything is said of the assignee
        await require_member(
            transaction,
            assignment.organization_id,
            assignment.assignee_id,
            "assignee_id",
            to_create=db.Assignment,
        )
        transaction.add(assignment)
        assignee: UUID | None = assignment.assignee_id
        database = info.context.session.database
        if assignee not in await readers(database, [assignment.assignee_id], type(entity), entity):
            assignee = None  # who cannot see the object is not told of it
        tell(
            transaction,
            assignee,
            NotificationType.ASSIGNMENT,
            "assigned",
            title_of(ASKED[assignment.role], entity),
            entity,
            message=assignment.comment,
            **place,
        )
    return answer(payload_of(Assignment), assignment)


async def _place(
    transaction: Transaction, entity: Entity, project_id: UUID | None
) -> dict[str, Any]:
    """Return the organization and project of an assignment. Raises INVALID and NOT_FOUND."""
    scopes = scopes_beneath(type(entity), entity)
    place = {key: scopes.get(key) for key in ("organization_id", "project_id")}
    field = ["project_id"]
    if project_id is not None:
        project = await transaction.find(
            ProjectRow, project_id, lock=False, field=field, to_create=db.Assignment
        )
        own = place | {"project_id": place["project_id"] or project.id}
        if own != {"organization_id": project.organization_id, "project_id": project.id}:
            raise Problem("INVALID", "The object is not in this project.", field=field)
        return own
    if place["project_id"] is None:
        message = "The project in which the external document is worked on is required."
        raise Problem("INVALID", message, field=field)
    return place


async def _complete(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Set the time of completion where the status says that it has changed and no time is given."""
    for item in unrefused(items):
        if "status" in item.values and "completed_at" not in item.values:
            is_open = item.row.status in OPEN
            if is_open != (item.row.completed_at is None):
                item.row.completed_at = None if is_open else transaction.now


def _assignments(key: str | None, text: str) -> Any:
    return connection(
        db.Assignment, Assignment, AssignmentFilterInput, AssignmentOrderInput, text, key=key
    )


extend_type(
    Project,
    assignments=_assignments("project_id", "The assignments of the project, and of what is in it."),
)
TYPES: tuple[tuple[type[Node], str], ...] = (
    (Document, "document"),
    (Block, "block"),
    (Requirement, "requirement"),
    (TestCase, "test case"),
    (ExcalidrawDiagram, "drawing"),
    (ReactFlowDiagram, "diagram"),
    (ExternalDocument, "external document"),
)
for type_, noun in TYPES:
    extend_type(type_, assignments=_assignments("entity_id", f"The assignments of the {noun}."))
extend_type(
    Profile,
    assignments=_assignments(
        "assignee_id", "The assignments of the user, as the viewer sees them."
    ),
)


@strawberry.type
class Query:
    assignments = _assignments(None, "List assignments that the viewer can read.")


@strawberry.type
class Mutation:
    assignment_create = mutation(
        assignment_create,
        payload_of(Assignment),
        "Assign an object to a member of the organization.",
    )
    assignment_update = update(
        Assignment, AssignmentUpdateInput, "Update an assignment.", prepare=_complete
    )
    assignment_delete = delete(Assignment, "Delete an assignment.")
