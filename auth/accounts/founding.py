"""Founding organizations."""

from typing import Any

from auth.session import Transaction
from auth.viewer import Role
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.problem import Problem


async def found(transaction: Transaction, values: dict[str, Any]) -> Organization:
    """Create an organization with these columns; the viewer is its owner. Return it.

    Raises FORBIDDEN for a service account, and for a token of one organization.
    """
    if transaction.viewer.is_service:
        raise Problem("FORBIDDEN", "A service account belongs to one organization.")
    if transaction.viewer.confined_to is not None:
        raise Problem("FORBIDDEN", "A token for one organization creates no other.")
    organization = Organization(**values, owner_id=transaction.person)
    await transaction.act_as(transaction.viewer.granted(organization.id, Role.OWNER))
    transaction.add(organization)
    await transaction.flush()
    owner = OrganizationMember(
        organization_id=organization.id,
        user_id=transaction.person,
        role=UserRoleType.OWNER,
    )
    transaction.remarks.founding.add(owner.id)
    transaction.add(owner)
    return organization
