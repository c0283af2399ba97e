"""The approval of a change set, which its application can require."""

from auth.session import Transaction
from auth.viewer import Role
from db.problem import Problem
from db.requirements.change_sets import ChangeSet
from graph.requirements.sql.approvals import approved_pins
from graph.requirements.sql.workflows import workflows_of
from graph.requirements.workflows.enforcement import ADMINISTRATOR, APPROVED_CHANGE_SET


async def require_approved(transaction: Transaction, change_set: ChangeSet) -> None:
    """Raise FORBIDDEN where the workflow requires an approval of the change set as it is now.

    Changes of status that an approved change set makes need no other approval.
    """
    project_id = change_set.project_id
    workflow = (await workflows_of(transaction, [project_id])).get(project_id)
    if workflow is None:
        return
    approved = await approved_pins(transaction, [change_set.id], workflow.min_approvals)
    if (change_set.id, str(change_set.version)) in approved:
        transaction.purpose = APPROVED_CHANGE_SET
        return
    if not workflow.change_sets_need_approval:
        return
    scopes = (change_set.organization_id, project_id)
    if workflow.admins_exempt and transaction.rights.require_role(Role.ADMIN, *scopes):
        transaction.remarks.exceptions[change_set.id] = ADMINISTRATOR
        return
    message = (
        "The workflow of the project requires an approved review of the current version of the"
        " change set."
    )
    raise Problem("FORBIDDEN", message, field=["id"], requiresApproval=True)
