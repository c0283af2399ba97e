"""The enforcement of permitted changes of status, for every way of writing, and what they entail.

Times and people follow from a status: an object that arrives at it is given them here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.write.guards import GuardedWrite, guard
from auth.viewer import Role
from db.delivery.builds import BuildStatus
from db.delivery.defects import DefectStatus
from db.delivery.deployments import Deployment, DeploymentStatus, Environment
from db.delivery.features import ImplementationStatus
from db.delivery.security import VulnerabilityStatus
from db.problem import Problem
from graph.delivery.sql.protection import unprotected
from graph.delivery.states.steps import (
    BUILD,
    DEFECT,
    DEPLOYMENT,
    FEATURE,
    VULNERABILITY,
    Steps,
)

OPEN = (DefectStatus.OPEN, DefectStatus.ASSIGNED, DefectStatus.IN_PROGRESS)
"""The statuses of a defect that is not repaired."""
UNFINISHED = (DeploymentStatus.PENDING, DeploymentStatus.DEPLOYING)
"""The statuses of a deployment that is not completed."""
Arrive = Callable[[Transaction, Any, object], Problem | None]
"""Sets what follows from the new status of a row that had this one; returns a refusal."""


async def _check(
    steps: Steps, arrive: Arrive, transaction: Transaction, writes: Sequence[GuardedWrite]
) -> Mapping[UUID, Problem]:
    """Return the refusals of changes of status, and complete the other rows."""
    refused: dict[UUID, Problem] = {}
    if steps is DEPLOYMENT:
        refused |= await unprotected(transaction, [write.row for write in writes])
    for write in writes:
        row = write.row
        source = steps.initial if write.is_new else write.old[steps.column]
        target = getattr(row, steps.column)
        proposed = bool(getattr(row, "resolution_proposed", False))
        after = steps.after(source, proposed=proposed)
        if target not in after and not (write.is_new and steps.created_in_any):
            refused[row.id] = _forbidden(steps, source, target, after)
        elif row.id not in refused and (problem := arrive(transaction, row, source)):
            refused[row.id] = problem
    return refused


def _forbidden(steps: Steps, source: object, target: object, after: Sequence[Any]) -> Problem:
    kind = type(steps.initial)
    before, wanted = kind(str(source)).name, kind(str(target)).name
    allowed = [one.name for one in after]
    ends = f"Permitted are {', '.join(allowed)}." if allowed else f"{before} is final."
    message = f"The status {wanted} is not permitted after {before}. {ends}"
    return Problem("INVALID", message, field=[steps.column], allowed=allowed)


def _feature(transaction: Transaction, row: Any, _: object) -> None:
    status = row.implementation_status
    if status == ImplementationStatus.IN_PROGRESS:
        row.start_date = row.start_date or transaction.now
    row.completed_date = transaction.now if status == ImplementationStatus.COMPLETED else None
    if status != ImplementationStatus.BLOCKED:
        row.blocked_reason = None


def _build(transaction: Transaction, row: Any, _: object) -> None:
    if row.status == BuildStatus.BUILDING:
        row.started_at = row.started_at or transaction.now
    elif row.status != BuildStatus.PENDING:
        row.completed_at = row.completed_at or transaction.now


def _deployment(transaction: Transaction, row: Any, _: object) -> Problem | None:
    if row.status == DeploymentStatus.DEPLOYING:
        row.started_at = row.started_at or transaction.now
    elif row.status == DeploymentStatus.ROLLED_BACK:
        if not row.rollback_reason:
            message = "Roll a deployment back with `deploymentRollBack`, which takes a reason."
            return Problem("INVALID", message, field=["status"])
    else:
        row.completed_at = row.completed_at or transaction.now
        if row.status == DeploymentStatus.SUCCESS and row.deployment_strategy == "canary":
            row.canary_percentage = 100
    return None


def _defect(transaction: Transaction, row: Any, source: object) -> Problem | None:
    if row.status == DefectStatus.RESOLVED:
        row.resolved_at, row.resolved_by = transaction.now, transaction.person
        row.resolution_proposed = False
    elif row.status == DefectStatus.VERIFIED:
        if row.resolved_by == transaction.person:
            message = "A defect is verified by somebody else than who resolved it."
            return Problem("FORBIDDEN", message, field=["status"])
        row.verified_at, row.verified_by = transaction.now, transaction.person
    elif row.status in OPEN and source not in OPEN:
        row.resolved_at = row.resolved_by = row.verified_at = row.verified_by = None
        row.resolution_proposed = False
    return None


def _vulnerability(transaction: Transaction, row: Any, _: object) -> Problem | None:
    accepted = row.status == VulnerabilityStatus.ACCEPTED_RISK
    if accepted and not row.risk_reason:
        message = "Accept the risk with `vulnerabilityRiskAccept`, which takes a reason and a date."
        return Problem("INVALID", message, field=["status"])
    if not accepted:
        row.risk_accepted_by = row.risk_accepted_until = row.risk_reason = None
    if row.status != VulnerabilityStatus.OPEN:
        row.acknowledged_at = row.acknowledged_at or transaction.now
    is_gone = row.status == VulnerabilityStatus.REMEDIATED
    row.remediated_at = transaction.now if is_gone else None
    return None


async def _keep_protection(
    transaction: Transaction, writes: Sequence[GuardedWrite]
) -> Mapping[UUID, Problem]:
    """Refuse to end the protection of an environment for all but administrators."""
    refused: dict[UUID, Problem] = {}
    for write in writes:
        row = write.row
        if write.is_new or row.protected:
            continue
        if not transaction.rights.require_role(Role.ADMIN, row.organization_id, row.project_id):
            message = "Only administrators can end the protection of an environment."
            refused[row.id] = Problem("FORBIDDEN", message, field=["protected"])
    return refused


async def _grow_canary(_: Transaction, writes: Sequence[GuardedWrite]) -> Mapping[UUID, Problem]:
    """Refuse to lower the share of a canary, and to change it once the deployment is completed."""
    refused: dict[UUID, Problem] = {}
    for write in writes:
        if write.is_new:
            continue
        message = None
        if write.row.canary_percentage < write.old["canary_percentage"]:
            message = "The share of a canary only grows. Roll back with `deploymentRollBack`."
        elif write.old.get("status", write.row.status) not in UNFINISHED:
            message = "The deployment is completed."
        if message:
            refused[write.row.id] = Problem("INVALID", message, field=["canary_percentage"])
    return refused


RULES: tuple[tuple[Steps, Arrive], ...] = (
    (FEATURE, _feature),
    (BUILD, _build),
    (DEPLOYMENT, _deployment),
    (DEFECT, _defect),
    (VULNERABILITY, _vulnerability),
)
for _steps, _arrive in RULES:
    guard(_steps.model, _steps.column, _steps.initial, partial(_check, _steps, _arrive))
guard(Environment, "protected", False, _keep_protection)
guard(Deployment, "canary_percentage", 0, _grow_canary)
