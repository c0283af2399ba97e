"""The approval of deployments, and their return to an earlier build."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.accounts.notify import tell
from auth.accounts.readers import readers
from auth.session import Transaction
from auth.viewer import Role
from db.core.notifications import NotificationType
from db.delivery import deployments as db
from db.delivery.builds import Build
from db.delivery.deployments import DeploymentStatus
from db.problem import Problem
from graph.delivery.deployments import Deployment
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.mutations import ExpectedVersion, mutation, require_storable, writing
from graph.kit.payloads import answer, payload_of

APPROVED = "A deployment that you asked for was approved."
Notes = Annotated[str | None, strawberry.argument(description="The notes about the approval.")]
Reason = Annotated[
    str, strawberry.argument(description="The reason why the deployment is rolled back.")
]
ToBuild = Annotated[
    UUID | None,
    strawberry.argument(
        description="The ID of a build that was deployed to the environment successfully. The"
        " default is the one that ran before."
    ),
]


async def deployment_approve(
    info: Info, id: Id, expected_version: ExpectedVersion, notes: Notes = None
) -> Any:
    require_storable(notes, ("notes",))
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Deployment, id)
        transaction.rights.require("update", row)
        scopes = (row.organization_id, row.project_id)
        if not transaction.rights.require_role(Role.ADMIN, *scopes):
            raise Problem("FORBIDDEN", "Only administrators can approve a deployment.")
        if row.deployed_by == transaction.person:
            message = "A deployment is approved by somebody else than who deploys it."
            raise Problem("FORBIDDEN", message)
        if row.status != DeploymentStatus.PENDING or row.approved_by:
            message = "Only a pending deployment without an approval can be approved."
            raise Problem("INVALID", message, field=["id"])
        approval: Any = {
            "approved_by": transaction.person,
            "approved_at": transaction.now,
            "approval_notes": notes,
        }
        transaction.change(row, expected_version, **approval)
        asker = row.deployed_by
        told = await readers(
            info.context.session.database, [asker] if asker else [], db.Deployment, row
        )
        tell(
            transaction,
            asker if asker in told else None,
            NotificationType.SUCCESS,
            "deployment_approved",
            APPROVED,
            row,
            organization_id=row.organization_id,
            project_id=row.project_id,
            message=notes,
        )
    return answer(payload_of(Deployment), row)


async def deployment_roll_back(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    reason: Reason,
    to_build_id: ToBuild = None,
) -> Any:
    require_storable(reason, ("reason",))
    if not reason.strip():
        raise Problem("INVALID", "The reason must not be blank.", field=["reason"])
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Deployment, id)
        transaction.rights.require("update", row)
        rolled_back: Any = {
            "status": DeploymentStatus.ROLLED_BACK,
            "rollback_reason": reason,
            "rolled_back_at": transaction.now,
            "rolled_back_to_build_id": await _earlier_build(transaction, row, to_build_id),
        }
        transaction.change(row, expected_version, **rolled_back)
    return answer(payload_of(Deployment), row)


async def _earlier_build(transaction: Transaction, row: db.Deployment, wanted: UUID | None) -> UUID:
    """Return the build that ran in the environment last, or the wanted one if it ever did."""
    if wanted:
        await transaction.find(Build, wanted, lock=False, field=["to_build_id"])
    of_build = (
        db.Deployment.build_id == wanted if wanted else db.Deployment.build_id != row.build_id
    )
    found = await transaction.values(
        db.Deployment,
        ["build_id"],
        db.Deployment.environment_id == row.environment_id,
        db.Deployment.status == DeploymentStatus.SUCCESS,
        db.Deployment.id != row.id,
        of_build,
        order=(db.Deployment.completed_at.desc(), db.Deployment.id.desc()),
        limit=1,
    )
    if not found:
        message = (
            "The build was not deployed to the environment successfully."
            if wanted
            else "No other build was deployed to the environment successfully."
        )
        raise Problem("INVALID", message, field=["to_build_id"])
    build_id: UUID = found[0][0]
    return build_id


@strawberry.type
class Mutation:
    deployment_approve = mutation(
        deployment_approve,
        payload_of(Deployment),
        "Approve a pending deployment, as an administrator who does not deploy it. Deployments to"
        " protected environments start only after an approval.",
    )
    deployment_roll_back = mutation(
        deployment_roll_back,
        payload_of(Deployment),
        "Roll a deployment back to an earlier build, with a reason.",
    )
