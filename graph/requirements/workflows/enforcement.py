"""The enforcement of workflows, at the one place through which every write of a status passes."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from auth.session import Transaction
from auth.session.write.authorize_write import EXCEPTION
from auth.session.write.guards import GuardedWrite, guard
from auth.viewer import Role
from db.problem import Problem
from db.requirements.requirements import Requirement, RequirementStatus
from graph.requirements.sql.approvals import approved_now
from graph.requirements.sql.workflows import workflows_of
from graph.requirements.workflows.transitions import ROLES, Transition, between, transitions_of

IMPORT = "import"
"""The purpose of an import of a file, which a workflow can exempt."""
PROPOSAL = "proposal"
"""The purpose of a transaction that only checks proposed changes, and is abandoned."""
APPROVED_CHANGE_SET = "approved_change_set"
"""The purpose of applying a change set whose review has approved it."""
ADMINISTRATOR = "administrator"
"""The exception by which administrators change a status against the workflow."""

CONTENT = frozenset(Requirement.traits.content)


async def _check(
    transaction: Transaction, writes: Sequence[GuardedWrite]
) -> Mapping[UUID, Problem]:
    """Return the changes of status that the workflows of their projects refuse.

    A new requirement is a draft: one with another status makes the transition from DRAFT to it. So
    does one that comes from another project.
    """
    workflows = await workflows_of(transaction, {write.row.project_id for write in writes})
    refused: dict[UUID, Problem] = {}
    to_approve: list[tuple[GuardedWrite, Transition]] = []
    for write in writes:
        workflow = workflows.get(write.row.project_id)
        if workflow is None:
            continue
        source = RequirementStatus.DRAFT if write.is_new else write.old["status"]
        step = between(workflow.transitions, source, write.row.status)
        if step is None:
            refused[write.row.id] = _forbidden_step(workflow, source, write.row.status)
        elif transaction.purpose == PROPOSAL:
            continue
        elif not _holds(transaction, write, ROLES[step.role]):
            refused[write.row.id] = _forbidden_role(step)
        elif step.approval and transaction.purpose != APPROVED_CHANGE_SET:
            to_approve.append((write, step))
    refused |= await _unapproved(transaction, workflows, to_approve)
    by_id = {write.row.id: write for write in writes}
    return {
        id: _forbidden_arrival(by_id[id].row.status) if by_id[id].arrives else problem
        for id, problem in refused.items()
        if not _excepted(transaction, workflows, by_id[id])
    }


async def require_arrival(
    transaction: Transaction, scopes: Sequence[UUID], statuses: Collection[RequirementStatus]
) -> Mapping[str, str]:
    """Return the details to record of requirements with these statuses that come to a project.

    `scopes` are the organization and the project. Raises FORBIDDEN where the workflow of the
    project does not allow one of the statuses after DRAFT.
    """
    _, project_id = scopes
    workflow = (await workflows_of(transaction, [project_id])).get(project_id)
    for status in statuses:
        if workflow is None or status is RequirementStatus.DRAFT:
            continue
        step = between(workflow.transitions, RequirementStatus.DRAFT, status)
        rights = transaction.rights
        if step and not step.approval and rights.require_role(ROLES[step.role], *scopes):
            continue
        if workflow.admins_exempt and rights.require_role(Role.ADMIN, *scopes):
            return {EXCEPTION: ADMINISTRATOR}
        raise _forbidden_arrival(status)
    return {}


async def require_no_workflow(transaction: Transaction, project_id: UUID) -> None:
    """Raise FORBIDDEN if the project has a workflow, which a copied status would go around."""
    if await workflows_of(transaction, [project_id]):
        message = "The workflow of the project does not allow copies to keep their status."
        raise Problem("FORBIDDEN", message, field=["keep_status"])


async def _unapproved(
    transaction: Transaction,
    workflows: Mapping[UUID, object],
    writes: Sequence[tuple[GuardedWrite, Transition]],
) -> dict[UUID, Problem]:
    """Return the refusals of those whose content, as it will be, is not approved."""
    unchanged = [
        write for write, _ in writes if not write.is_new and not CONTENT & write.old.keys()
    ]
    approved: set[UUID] = set()
    for project_id in {write.row.project_id for write in unchanged}:
        ids = [write.row.id for write in unchanged if write.row.project_id == project_id]
        least = workflows[project_id].min_approvals  # type: ignore[attr-defined]
        approved |= await approved_now(transaction, ids, least)
    return {
        write.row.id: _forbidden_unapproved(step)
        for write, step in writes
        if write.row.id not in approved
    }


def _holds(transaction: Transaction, write: GuardedWrite, role: Role) -> bool:
    row = write.row
    return transaction.rights.require_role(
        role, row.organization_id, row.project_id, row.document_id
    )


def _excepted(
    transaction: Transaction, workflows: Mapping[UUID, object], write: GuardedWrite
) -> bool:
    """Return whether an exception of the workflow allows the write, and have it recorded."""
    workflow, exceptions = workflows[write.row.project_id], transaction.remarks.exceptions
    if transaction.purpose == IMPORT and workflow.imports_exempt:  # type: ignore[attr-defined]
        exceptions[write.row.id] = IMPORT
        return True
    is_exempt = workflow.admins_exempt  # type: ignore[attr-defined]
    if is_exempt and transaction.purpose != PROPOSAL and _holds(transaction, write, Role.ADMIN):
        exceptions[write.row.id] = ADMINISTRATOR
        return True
    return False


def _forbidden_arrival(status: RequirementStatus) -> Problem:
    message = (
        f"The workflow of the project does not allow requirements to come to it with the status"
        f" {status.name}. Deleted requirements count, too."
    )
    return Problem("FORBIDDEN", message)


def _forbidden_step(workflow: object, source: object, target: RequirementStatus) -> Problem:
    steps = transitions_of(workflow.transitions)  # type: ignore[attr-defined]
    allowed = [one.target.name for one in steps if one.source == source]
    before = RequirementStatus(str(source)).name
    message = f"The workflow of the project does not allow the status {target.name} after {before}."
    return Problem("INVALID", message, field=["status"], allowed=allowed)


def _forbidden_role(step: Transition) -> Problem:
    message = (
        f"The workflow of the project requires the role {step.role.name} for the status"
        f" {step.target.name} after {step.source.name}."
    )
    return Problem("FORBIDDEN", message, field=["status"], requiredRole=step.role.name)


def _forbidden_unapproved(step: Transition) -> Problem:
    message = (
        f"The workflow of the project requires an approved review of the current content for the"
        f" status {step.target.name}."
    )
    return Problem("FORBIDDEN", message, field=["status"], requiresApproval=True)


guard(Requirement, "status", RequirementStatus.DRAFT, _check)
