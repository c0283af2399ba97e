"""Deployments to protected environments, which need an approval and a build that succeeded."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from auth.session import Transaction
from auth.session.product_query import existing
from db.delivery.builds import Build, BuildStatus, SecurityScanStatus
from db.delivery.deployments import DeploymentStatus, Environment
from db.problem import Problem

_ENVIRONMENTS = existing(Environment, "id", "protected")
_PROTECTED = select(_ENVIRONMENTS.c.id).where(
    _ENVIRONMENTS.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))), _ENVIRONMENTS.c.protected
)
_BUILDS = existing(Build, "id", "status", "security_scan_status")
_BUILT = select(_BUILDS.c.id, _BUILDS.c.status, _BUILDS.c.security_scan_status).where(
    _BUILDS.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)
NO_APPROVAL = "A deployment to a protected environment needs an approval."
NO_SUCCESS = "Only a build that succeeded is deployed to a protected environment."
NO_SCAN = "A build whose security scan failed is not deployed to a protected environment."


async def unprotected(transaction: Transaction, deployments: Sequence[Any]) -> dict[UUID, Problem]:
    """Return the refusals of deployments that are about to start, by their ID."""
    starting = [row for row in deployments if row.status == DeploymentStatus.DEPLOYING]
    if not starting:
        return {}
    protected = {
        row.id
        for row in await transaction.rules(
            _PROTECTED, {"ids": list({row.environment_id for row in starting})}
        )
    }
    guarded = [row for row in starting if row.environment_id in protected]
    if not guarded:
        return {}
    found = await transaction.rules(_BUILT, {"ids": list({row.build_id for row in guarded})})
    builds = {row.id: row for row in found}
    refused = {}
    for row in guarded:
        if message := _refusal(row, builds.get(row.build_id)):
            refused[row.id] = Problem("FORBIDDEN", message, field=["status"])
    return refused


def _refusal(deployment: Any, build: Any) -> str | None:
    if build is None or build.status != BuildStatus.SUCCESS:
        return NO_SUCCESS
    if build.security_scan_status == SecurityScanStatus.FAILED:
        return NO_SCAN
    return None if deployment.approved_by else NO_APPROVAL
