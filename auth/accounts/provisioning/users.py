"""Members of an organization whom its identity provider creates, changes and ends.

An address without an account gets one, which the organization manages until its person sets a
password. Of every other account it decides on the membership alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func

from auth.accounts import memberships
from auth.accounts.invitations import withdraw_those_of
from auth.accounts.notify import tell
from auth.accounts.provisioning.roles import LEAST, require_rank
from auth.credentials.people import address, job_title, person_name
from auth.session import Transaction
from auth.viewer import Role
from db.core.notifications import NotificationType
from db.core.organizations import Organization, OrganizationMember
from db.core.people import Profile, UserStatus
from db.core.provisioning import ProvisionedGroupMember
from db.fields import among
from db.problem import Problem

STATUS = {True: UserStatus.ACTIVE, False: UserStatus.SUSPENDED}


@dataclass(frozen=True)
class User:
    """The attributes of a user that an identity provider sends."""

    user_name: str
    email: str | None = None
    """The address; None leaves that of the account, or is the user name of a new one."""
    external_id: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    active: bool = True

    def of_account(self) -> dict[str, Any]:
        """Return the columns of the account, normalised. Raises INVALID."""
        return {
            **({"email": address(self.email)} if self.email else {}),
            "full_name": person_name(self.full_name),
            "first_name": person_name(self.first_name, "first_name"),
            "last_name": person_name(self.last_name, "last_name"),
            "job_title": job_title(self.job_title),
        }

    def of_membership(self) -> dict[str, Any]:
        """Return the columns of the membership."""
        return {"user_name": self.user_name, "external_id": self.external_id}


def version_of(member: OrganizationMember, account: Profile) -> str:
    """Return the version of a user, which changes with the membership and with the account."""
    return f"{member.version}.{account.version}"


async def create_each(
    transaction: Transaction,
    organization: Organization,
    wanted: Sequence[User],
    *,
    approved: bool,
) -> list[UUID | Problem]:
    """Make these people members, with a new account for each address that has none.

    Return the ID of each, or why it cannot be: INVALID, ALREADY_EXISTS for a member, FORBIDDEN for
    a former role above the viewer's own. New accounts can be used at once if `approved`. Raises
    ALREADY_EXISTS for a name or an identifier that is taken, and LIMIT_REACHED without free seats.
    """
    columns = [_columns_of(user) for user in wanted]
    emails = sorted({one["email"] for one in columns if not isinstance(one, Problem)})
    find = func.ctx.account_of(func.unnest(bindparam(None, emails, ARRAY(Text))), type_=Uuid)
    found = zip(emails, await transaction.call_each(find), strict=True) if emails else ()
    known: dict[str, UUID] = {email: id for email, id in found if id}
    former = await _memberships(transaction, organization.id, known.values())
    done: list[UUID | Problem] = []
    for user, one in zip(wanted, columns, strict=True):
        if isinstance(one, Problem):
            done.append(one)
            continue
        try:
            id = known.get(one["email"])
            member = _former(transaction, former.get(id)) if id else None
            if id is None:
                account = _account(transaction, organization.id, user, one, approved=approved)
                id = known[account.email] = account.id
            if member is None:
                member = _joined(transaction, organization.id, id, user)
            else:
                await _rejoin(transaction, member, user)
        except Problem as problem:
            done.append(problem)
            continue
        former[id] = member
        done.append(id)
        tell(
            transaction,
            id,
            NotificationType.INFO,
            "member_added",
            f"You were added to {organization.name}.",
            member,
            organization_id=organization.id,
        )
    return done


async def update(
    transaction: Transaction, organization_id: UUID, id: UUID, user: User, version: str | None
) -> None:
    """Replace the attributes of a user; those of an account that is not managed stay.

    An inactive user is suspended in this organization. Raises NOT_FOUND, CONFLICT unless the user
    is still at `version`, FORBIDDEN for a user with a role above the viewer's own, and LAST_OWNER.
    """
    member = await _locked(transaction, organization_id, id, version)
    status = STATUS[user.active] if user.active is not is_active(member) else member.status
    if status is not member.status:
        require_rank(transaction, organization_id, member.role)
        if status is not UserStatus.ACTIVE:
            await memberships.owner_leaves(transaction, member)
            await withdraw_those_of(transaction, member, Role.ANYONE)
    transaction.change(member, None, status=status, **user.of_membership())
    await _change_account(transaction, organization_id, id, user)


async def remove(
    transaction: Transaction, organization_id: UUID, id: UUID, version: str | None
) -> None:
    """End the membership of a user, and suspend the account if it is managed.

    Raises as `update` does.
    """
    member = await _locked(transaction, organization_id, id, version)
    require_rank(transaction, organization_id, member.role)
    groups = (
        ProvisionedGroupMember.organization_id == organization_id,
        ProvisionedGroupMember.user_id == id,
    )
    for row in await transaction.find_all(ProvisionedGroupMember, *groups):
        await transaction.edits.delete(row, row.version)
    account = await _managed(transaction, organization_id, id)
    if account:
        await _suspend(transaction, organization_id, account)
    await memberships.end(transaction, member, member.version)


def is_active(member: OrganizationMember) -> bool:
    """Return whether a membership is in use."""
    return member.status is UserStatus.ACTIVE


def _columns_of(user: User) -> dict[str, Any] | Problem:
    """Return the columns of a new account, or INVALID."""
    try:
        columns = user.of_account()
        return columns if "email" in columns else columns | {"email": address(user.user_name)}
    except Problem as problem:
        return problem


async def _memberships(
    transaction: Transaction, organization_id: UUID, people: Collection[UUID]
) -> dict[UUID, OrganizationMember]:
    """Return the memberships that these people have or had, locked, by the person's ID."""
    if not people:
        return {}
    theirs = (
        OrganizationMember.organization_id == organization_id,
        among(OrganizationMember.user_id, people),
    )
    found = await transaction.find_all(OrganizationMember, *theirs, deleted=None)
    return {member.user_id: member for member in found}


def _former(
    transaction: Transaction, member: OrganizationMember | None
) -> OrganizationMember | None:
    """Return a membership that has ended, if any. Raises ALREADY_EXISTS for a current one."""
    if member is not None:
        if member.deleted_at is None:
            raise Problem("ALREADY_EXISTS", "This person is a member already.", field=["userName"])
        require_rank(transaction, member.organization_id, member.role)
    return member


def _account(
    transaction: Transaction,
    organization_id: UUID,
    user: User,
    columns: Mapping[str, Any],
    *,
    approved: bool,
) -> Profile:
    """Add an account that the organization manages, and return it."""
    account = Profile(
        **columns,
        status=STATUS[user.active],
        is_approved=approved,
        managed_by=organization_id,
    )
    _entitle(transaction, account, organization_id)
    transaction.add(account)
    return account


def _joined(
    transaction: Transaction, organization_id: UUID, id: UUID, user: User
) -> OrganizationMember:
    """Add a membership of this person, and return it."""
    member = OrganizationMember(
        organization_id=organization_id,
        user_id=id,
        role=LEAST,
        status=STATUS[user.active],
        **user.of_membership(),
    )
    transaction.add(member)
    return member


async def _rejoin(transaction: Transaction, member: OrganizationMember, user: User) -> None:
    """Restore a membership that has ended, with the least role."""
    await transaction.edits.restore(member, None)
    values = {"role": LEAST, "status": STATUS[user.active], **user.of_membership()}
    transaction.change(member, None, **values)
    await _change_account(transaction, member.organization_id, member.user_id, user)


async def _locked(
    transaction: Transaction, organization_id: UUID, id: UUID, version: str | None
) -> OrganizationMember:
    """Return the membership, locked after its organization. Raises NOT_FOUND and CONFLICT."""
    await transaction.find(Organization, organization_id)
    mine = (OrganizationMember.organization_id == organization_id, OrganizationMember.user_id == id)
    members = await transaction.find_all(OrganizationMember, *mine)
    accounts = await transaction.find_by_id(Profile, [id], lock=False) if members else {}
    if not accounts or accounts[id].service_of is not None:
        raise Problem("NOT_FOUND", "There is no such user.")
    if version is not None and version != version_of(members[0], accounts[id]):
        raise Problem("CONFLICT", "The user has been changed meanwhile.")
    return members[0]


async def _managed(transaction: Transaction, organization_id: UUID, id: UUID) -> Profile | None:
    """Return the account of this person, locked, if the organization manages it."""
    accounts = await transaction.find_by_id(Profile, [id], lock=False)
    if id not in accounts or accounts[id].managed_by != organization_id:
        return None
    locked = await transaction.find_by_id(Profile, [id])  # unless a password was just set
    if id in locked:
        _entitle(transaction, locked[id], organization_id)
    return locked.get(id)


def _entitle(transaction: Transaction, account: Profile, organization_id: UUID) -> None:
    """Let the viewer write an account that their organization manages. Raises FORBIDDEN.

    They administer its members; row level security admits no account of others.
    """
    if not transaction.rights.require_role(Role.ADMIN, organization_id):
        raise Problem("FORBIDDEN", "Only administrators provision accounts.")
    transaction.remarks.entitled.add(account.id)


async def _change_account(
    transaction: Transaction, organization_id: UUID, id: UUID, user: User
) -> None:
    account = await _managed(transaction, organization_id, id)
    if account is None:
        return
    transaction.change(account, None, **user.of_account())
    if user.active and account.status is UserStatus.SUSPENDED:
        transaction.change(account, None, status=UserStatus.ACTIVE)
    elif not user.active:
        await _suspend(transaction, organization_id, account)


async def _suspend(transaction: Transaction, organization_id: UUID, account: Profile) -> None:
    """Suspend an account that is managed; its sessions, tokens and keys end."""
    transaction.change(account, None, status=UserStatus.SUSPENDED)
    ids = (bindparam(None, account.id, Uuid), bindparam(None, organization_id, Uuid))
    await transaction.call(func.ctx.end_credentials(*ids))
