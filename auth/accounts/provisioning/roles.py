"""Roles that follow from groups: the highest of those of the groups that a member is in."""

from collections.abc import Collection
from uuid import UUID

from auth.session import Transaction
from auth.viewer import Role
from db.core.organizations import OrganizationMember, UserRoleType
from db.core.provisioning import ProvisionedGroup, ProvisionedGroupMember
from db.fields import among
from db.problem import Problem

LEAST = UserRoleType.MEMBER
"""The role of a member who is in no group that has one."""


def require_rank(transaction: Transaction, organization_id: UUID, *roles: UserRoleType) -> None:
    """Raise FORBIDDEN for a role above the viewer's own in the organization."""
    highest = max(Role[role.name] for role in roles)
    if not transaction.rights.require_role(highest, organization_id):
        message = "You cannot grant, change or remove a role above your own."
        raise Problem("FORBIDDEN", message, field=["role"])


async def apply(transaction: Transaction, organization_id: UUID, people: Collection[UUID]) -> None:
    """Give these members the roles of their groups; those of no such group become MEMBER.

    Owners keep their role. Call it for people whose groups or whose groups' roles have changed.
    Raises FORBIDDEN for a role above the viewer's own.
    """
    if not people:
        return
    await transaction.flush()
    here = OrganizationMember.organization_id == organization_id
    members = await transaction.find_all(
        OrganizationMember, here, among(OrganizationMember.user_id, people)
    )
    granted = await _granted(transaction, organization_id, people)
    for member in members:
        role = granted.get(member.user_id, LEAST)
        if member.role not in (UserRoleType.OWNER, role):
            require_rank(transaction, organization_id, member.role, role)
            transaction.change(member, None, role=role)


async def _granted(
    transaction: Transaction, organization_id: UUID, people: Collection[UUID]
) -> dict[UUID, UserRoleType]:
    """Return the highest role of the groups of each person who is in a group with a role."""
    groups = await transaction.find_all(
        ProvisionedGroup,
        ProvisionedGroup.organization_id == organization_id,
        ProvisionedGroup.role.is_not(None),
        lock=False,
    )
    roles = {group.id: group.role for group in groups if group.role}
    found: dict[UUID, UserRoleType] = {}
    if not roles:
        return found
    rows = await transaction.values(
        ProvisionedGroupMember,
        ("group_id", "user_id"),
        ProvisionedGroupMember.organization_id == organization_id,
        among(ProvisionedGroupMember.user_id, people),
        among(ProvisionedGroupMember.group_id, roles),
    )
    for group_id, user_id in rows:
        both = (roles[group_id], found.get(user_id, roles[group_id]))
        found[user_id] = max(both, key=lambda role: Role[role.name])
    return found
