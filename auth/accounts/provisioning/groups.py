"""Groups of an organization that its identity provider creates, changes and ends."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from auth.accounts.provisioning import roles
from auth.session import Transaction
from db.core.organizations import OrganizationMember, UserRoleType
from db.core.people import Profile
from db.core.provisioning import ProvisionedGroup, ProvisionedGroupMember
from db.fields import among
from db.problem import Problem

MAX_MEMBERS = 20_000
"""The most members of a group."""


@dataclass(frozen=True)
class Group:
    """The attributes of a group that an identity provider sends."""

    display_name: str
    external_id: str | None = None
    members: frozenset[UUID] = field(default_factory=frozenset)


async def create(transaction: Transaction, organization_id: UUID, group: Group) -> UUID:
    """Create a group with these members, without a role; return its ID.

    Raises INVALID for members that are no users of the organization, and ALREADY_EXISTS for a name
    or an identifier that is taken.
    """
    row = ProvisionedGroup(
        organization_id=organization_id,
        display_name=group.display_name,
        external_id=group.external_id,
    )
    transaction.add(row)
    await _add(transaction, row, group.members)
    return row.id


async def update(
    transaction: Transaction, organization_id: UUID, id: UUID, group: Group, version: str | None
) -> None:
    """Replace the attributes and members of a group, and the roles that follow from it.

    Raises NOT_FOUND, CONFLICT unless the group is still at `version`, INVALID for members that are
    no users of the organization, and FORBIDDEN for a role above the viewer's own.
    """
    row = await _locked(transaction, organization_id, id, version)
    current = await _members(transaction, row)
    added, removed = group.members - current.keys(), current.keys() - group.members
    transaction.change(row, None, display_name=group.display_name, external_id=group.external_id)
    await _add(transaction, row, added)
    await _remove(transaction, [current[user] for user in removed])
    if added or removed:
        transaction.touch(row, "members_changed_at")
    if row.role is not None:
        await roles.apply(transaction, organization_id, added | removed)


async def set_role(
    transaction: Transaction,
    group: ProvisionedGroup,
    expected_version: int,
    role: UserRoleType | None,
) -> None:
    """Set the role of the members of a group that is locked, and give it to them.

    Raises CONFLICT, INVALID for OWNER, and FORBIDDEN for a role above the viewer's own.
    """
    if role is UserRoleType.OWNER:
        raise Problem("INVALID", "A group cannot make its members owners.", field=["role"])
    roles.require_rank(transaction, group.organization_id, role or roles.LEAST)
    before = group.role
    await transaction.edits.update(group, expected_version, {"role": role})
    if role is not before:
        people = await _members(transaction, group)
        await roles.apply(transaction, group.organization_id, people)


async def remove(
    transaction: Transaction, organization_id: UUID, id: UUID, version: str | None
) -> None:
    """Delete a group; its members lose the role that it gave them. Raises as `update` does."""
    row = await _locked(transaction, organization_id, id, version)
    current = await _members(transaction, row)
    await transaction.edits.delete(row, row.version)
    if row.role is not None:
        await roles.apply(transaction, organization_id, current)


async def _locked(
    transaction: Transaction, organization_id: UUID, id: UUID, version: str | None
) -> ProvisionedGroup:
    row = await transaction.find(ProvisionedGroup, id)
    if row.organization_id != organization_id:
        raise Problem("NOT_FOUND", "There is no such group.")
    if version is not None and version != str(row.version):
        raise Problem("CONFLICT", "The group has been changed meanwhile.")
    return row


async def _members(transaction: Transaction, group: ProvisionedGroup) -> dict[UUID, UUID]:
    """Return the rows of a group's members, by the ID of the person."""
    rows = await transaction.values(
        ProvisionedGroupMember,
        ("user_id", "id"),
        ProvisionedGroupMember.organization_id == group.organization_id,
        ProvisionedGroupMember.group_id == group.id,
    )
    return dict(map(tuple, rows))


async def _add(transaction: Transaction, group: ProvisionedGroup, people: Collection[UUID]) -> None:
    if not people:
        return
    if len(people) > MAX_MEMBERS:
        message = f"A group has at most {MAX_MEMBERS} members."
        raise Problem("INVALID", message, field=["members"])
    members = await transaction.values(
        OrganizationMember,
        ("user_id",),
        OrganizationMember.organization_id == group.organization_id,
        among(OrganizationMember.user_id, people),
    )
    services = await transaction.values(
        Profile, ("id",), among(Profile.id, people), Profile.service_of.is_not(None)
    )
    if len(members) - len(services) < len(people):
        message = "Members of a group are users of the organization."
        raise Problem("INVALID", message, field=["members"])
    here = group.organization_id
    transaction.add(
        *(
            ProvisionedGroupMember(organization_id=here, group_id=group.id, user_id=person)
            for person in people
        )
    )


async def _remove(transaction: Transaction, ids: Collection[UUID]) -> None:
    for row in (await transaction.find_by_id(ProvisionedGroupMember, ids)).values():
        await transaction.edits.delete(row, row.version)
