"""The type of workflows, their mutations, and the changes of status open to a viewer."""

from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.utils.str_converters import to_camel_case

from db.core.projects import Project as ProjectRow
from db.core.projects import ProjectRole
from db.problem import Problem
from db.requirements import workflows as db
from db.requirements.requirements import RequirementStatus
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.context import Context, Info
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import input_for
from graph.kit.json_items import stored_as
from graph.kit.mutations import Place, create, delete, restore, update
from graph.kit.node import Node
from graph.requirements.requirements import Requirement
from graph.requirements.workflows import enforcement  # noqa: F401 (registers the rule)
from graph.requirements.workflows.transitions import (
    ROLES,
    STANDARD_STORED,
    Transition,
    transitions_of,
)

MAX_TRANSITIONS = len(RequirementStatus) * (len(RequirementStatus) - 1)


@strawberry.type(description="A change of status that the workflow of a project allows.")
class WorkflowTransition:
    source: RequirementStatus = described("The status before the change.")
    target: RequirementStatus = described("The status after the change.")
    role: ProjectRole = described("The least role in the project that can make the change.")
    requires_approval: bool = described(
        "Whether the change requires an approved review of the current content."
    )


@strawberry.type(
    description="The workflow of a project: the changes of status of its requirements that are"
    " allowed. It applies to every way of writing a status: mutations, change sets, imports and"
    " the page of a document. A project without a workflow allows every change to its editors."
)
class Workflow(Authored, Node):
    model = db.Workflow

    min_approvals: int = described(
        "The least number of approving reviewers of a review whose approval counts, from 1 to"
        f" {db.MAX_APPROVALS}."
    )
    four_eyes: bool = described(
        "Whether users cannot approve content that they have changed last themselves."
    )
    admins_exempt: bool = described(
        "Whether administrators can make changes of status that the workflow does not allow. The"
        " audit log records the exception."
    )
    imports_exempt: bool = described(
        "Whether imports of files can set any status. The audit log records the exception."
    )
    change_sets_need_approval: bool = described(
        "Whether a change set can be applied only after a review has approved its current version."
    )
    project_id: UUID = described("The ID of the project of the workflow.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the workflow."
    )

    @computed(
        "transitions",
        text="The changes of status that are allowed.",
        metadata={"largest_page": MAX_TRANSITIONS},
    )
    def transitions(root: strawberry.Parent[Any]) -> list[WorkflowTransition]:  # noqa: N805
        return [_shown(one) for one in transitions_of(root.transitions)]


def _shown(one: Transition) -> WorkflowTransition:
    return WorkflowTransition(
        source=one.source, target=one.target, role=one.role, requires_approval=one.approval
    )


@strawberry.input(description="A change of status to allow.")
class WorkflowTransitionInput:
    source: RequirementStatus = strawberry.field(description="The status before the change.")
    target: RequirementStatus = strawberry.field(description="The status after the change.")
    role: ProjectRole = strawberry.field(
        default=ProjectRole.EDITOR,
        description="The least role in the project that can make the change. Roles below EDITOR"
        " cannot change requirements.",
    )
    requires_approval: bool = strawberry.field(
        default=False,
        description="Whether the change requires an approved review of the current content.",
    )


def _stored(items: list[WorkflowTransitionInput], place: Place) -> list[dict[str, Any]]:
    """Return the transitions as they are stored. Raises INVALID for one that is given twice."""
    if len(items) > MAX_TRANSITIONS:
        raise Problem("INVALID", f"At most {MAX_TRANSITIONS} items.", field=place)
    seen = set()
    for index, one in enumerate(items):
        message = None
        if one.source is one.target:
            message = "The statuses must differ."
        elif (one.source, one.target) in seen:
            message = "This change of status is given twice."
        if message:
            at = (*place, index, to_camel_case("target"))
            raise Problem("INVALID", message, field=at)
        seen.add((one.source, one.target))
    return [
        Transition(one.source, one.target, one.role, one.requires_approval).stored()
        for one in items
    ]


TRANSITIONS = (
    "The changes of status to allow. A new requirement that is not a DRAFT needs the change from"
    " DRAFT to its status."
)


@input_for(Workflow, "A workflow to create in a project that has none.")
class WorkflowCreateInput:
    project_id: UUID
    transitions: list[WorkflowTransitionInput] | None = stored_as(
        _stored,
        default=UNSET,
        description=f"{TRANSITIONS} The default is the standard workflow, in which approvals are"
        " required from APPROVED to VERIFIED.",
    )
    min_approvals: int = 1
    four_eyes: bool = True
    admins_exempt: bool = True
    imports_exempt: bool = True
    change_sets_need_approval: bool = False


@input_for(Workflow, "The fields of a workflow to change.")
class WorkflowUpdateInput:
    transitions: Maybe[list[WorkflowTransitionInput]] = stored_as(_stored, description=TRANSITIONS)
    min_approvals: Maybe[int]
    four_eyes: Maybe[bool]
    admins_exempt: Maybe[bool]
    imports_exempt: Maybe[bool]
    change_sets_need_approval: Maybe[bool]


async def _prepare(_: Any, items: Any, __: Any) -> None:
    """Give a new workflow without transitions the standard ones."""
    for item in items:
        if "transitions" not in item.values:
            item.row.transitions = [dict(one) for one in STANDARD_STORED]


async def _workflows(context: Context, project_ids: list[UUID]) -> list[Any]:
    pages = await context.session.pages(db.Workflow, "project_id", project_ids)
    return [next(iter(pages.get(id, ())), None) for id in project_ids]


async def workflow_of(context: Context, project_id: UUID) -> Any:
    """Return the workflow of a project that the viewer can read, if there is one; batched."""
    loader = context.loader("workflows", partial(_workflows, context))
    return await loader.load(project_id)


@computed("id", text="The workflow of the project; null if it has none.")
async def _workflow(root: strawberry.Parent[Any], info: Info) -> Workflow | None:
    return await workflow_of(info.context, root.id)  # type: ignore[no-any-return]


@strawberry.type(description="A change of status that the workflow allows from the current status.")
class StatusChange:
    target: RequirementStatus = described("The status after the change.")
    role: ProjectRole = described("The least role in the project that can make the change.")
    requires_approval: bool = described(
        "Whether the change requires an approved review of the current content."
    )
    viewer_has_role: bool = described("Whether the viewer has the role.")


@computed(
    "organization_id",
    "project_id",
    "document_id",
    "status",
    text="The changes of status that the workflow allows from the current status; null if the"
    " project has no workflow, or the viewer cannot read it. Every change is allowed without a"
    " workflow.",
    metadata={"largest_page": len(RequirementStatus)},
)
async def _status_changes(root: strawberry.Parent[Any], info: Info) -> list[StatusChange] | None:
    if info.context.past_of(root):
        return None
    workflow = await workflow_of(info.context, root.project_id)
    if workflow is None:
        return None
    grants = info.context.viewer.grants
    scopes = (root.organization_id, root.project_id, root.document_id)
    held = max((grants.get(scope, 0) for scope in scopes), default=0)
    return [
        StatusChange(
            target=one.target,
            role=one.role,
            requires_approval=one.approval,
            viewer_has_role=held >= ROLES[one.role],
        )
        for one in transitions_of(workflow.transitions)
        if one.source == root.status
    ]


extend_type(Project, workflow=_workflow)
extend_type(Requirement, status_changes=_status_changes)


@strawberry.type
class Query:
    workflow = by_id(db.Workflow, Workflow, "Look up a workflow by its ID.")


@strawberry.type
class Mutation:
    workflow_create = create(
        Workflow,
        WorkflowCreateInput,
        "Create the workflow of a project. It applies from then on; requirements keep their"
        " status.",
        within=(ProjectRow, "project_id"),
        prepare=_prepare,
    )
    workflow_update = update(Workflow, WorkflowUpdateInput, "Update the workflow of a project.")
    workflow_delete = delete(
        Workflow,
        "Delete the workflow of a project, which then allows every change of status to its"
        " editors. It can be restored.",
    )
    workflow_restore = restore(Workflow, "Restore a deleted workflow.")
