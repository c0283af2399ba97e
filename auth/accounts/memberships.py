"""Leaving organizations: an organization keeps at least one owner."""

from uuid import UUID

from auth.accounts.invitations import withdraw_those_of
from auth.session import Transaction
from auth.viewer import Role
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.people import UserStatus
from db.problem import Problem


async def locked(transaction: Transaction, id: UUID) -> tuple[Organization, OrganizationMember]:
    """Return the organization and the membership, locked in that order: changes are serialised.

    Of two owners who leave at once, the second must see that the first has left, and no deadlock
    may occur.
    """
    member = await transaction.find(OrganizationMember, id, lock=False)
    organization = await transaction.find(Organization, member.organization_id)
    return organization, await transaction.find(OrganizationMember, id)


async def owner_leaves(transaction: Transaction, member: OrganizationMember) -> None:
    """Raise LAST_OWNER when this member is the only active owner.

    When `owner_id` of the organization names this member, set it to the earliest remaining owner.
    """
    if member.role is not UserRoleType.OWNER:
        return
    owners = await transaction.find_all(
        OrganizationMember,
        OrganizationMember.organization_id == member.organization_id,
        OrganizationMember.role == UserRoleType.OWNER,
        OrganizationMember.status == UserStatus.ACTIVE,
    )
    remaining = [owner for owner in owners if owner.id != member.id]
    if not remaining:
        raise Problem("LAST_OWNER", "An organization must have at least one owner.")
    organization = await transaction.find(Organization, member.organization_id)
    if organization.owner_id == member.user_id:
        first = min(remaining, key=lambda owner: (owner.created_at, owner.id))
        transaction.change(organization, None, owner_id=first.user_id)


async def end(transaction: Transaction, member: OrganizationMember, expected_version: int) -> None:
    """End a membership that is `locked`. Raises LAST_OWNER, FORBIDDEN and CONFLICT."""
    await owner_leaves(transaction, member)
    await withdraw_those_of(transaction, member, Role.ANYONE)
    await transaction.edits.delete(member, expected_version)
