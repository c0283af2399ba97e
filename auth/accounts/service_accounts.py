"""Service accounts: identities of servers, in one organization, in a role that an owner gives.

A service account is a profile with `service_of`: a member like any other for the policy, for roles
in projects and for the record of changes. It has no password and receives no mail; its credentials
(API keys, tokens of applications) are good while it serves (`ctx.serves` in the migrations): its
membership is active, and its organization is not deleted.
"""

from uuid import UUID

from uuid_utils.compat import uuid7

from auth.accounts import keys
from auth.accounts.invitations import withdraw_those_of
from auth.credentials.people import person_name
from auth.session import Transaction, ViewerSession
from auth.session.write.db_errors import missing
from auth.viewer import Role
from db.core.keys import ApiKey
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.people import SERVICE_DOMAIN, Profile
from db.problem import Problem


async def create(
    transaction: Transaction, organization_id: UUID, name: str, role: UserRoleType
) -> tuple[Profile, OrganizationMember]:
    """Create a service account of this organization, with its membership, which takes a seat.

    Raises NOT_FOUND and INVALID with the field at fault; FORBIDDEN for all but owners and
    LIMIT_REACHED when the transaction sends it.
    """
    organization = await transaction.find(
        Organization, organization_id, lock=False, field=["organization_id"]
    )
    if role is UserRoleType.OWNER:
        raise Problem("INVALID", "A service account cannot be an owner.", field=["role"])
    id = uuid7()
    account = Profile(
        id=id,
        email=f"{id}@{SERVICE_DOMAIN}",
        full_name=service_name(name),
        is_approved=True,
        service_of=organization.id,
    )
    member = OrganizationMember(organization_id=organization.id, user_id=id, role=role)
    transaction.add(account, member)
    return account, member


async def find(transaction: Transaction, id: UUID) -> Profile:
    """Return the service account, its organization locked before it. Raises NOT_FOUND."""
    account = await transaction.find(Profile, id, lock=False)
    if account.service_of is None:
        raise missing(Profile)
    await transaction.find(Organization, account.service_of, lock=True)
    return await transaction.find(Profile, id)


async def require_may_widen(
    session: ViewerSession, transaction: Transaction, user_id: UUID
) -> None:
    """Refuse when the person is a service account for which the viewer may issue no keys.

    Raises FORBIDDEN and CredentialEnded. A higher role, or a restored membership, widens every
    credential of the account.
    """
    found = await transaction.find_by_id(Profile, {user_id}, lock=False)
    if any(profile.service_of for profile in found.values()):
        await keys.require_may_issue(session, transaction)


async def delete(transaction: Transaction, id: UUID, expected_version: int) -> Profile:
    """Soft-delete a service account, end its membership and its keys.

    Its credentials stop at once. Raises NOT_FOUND, FORBIDDEN and CONFLICT.
    """
    account = await find(transaction, id)
    await transaction.edits.delete(account, expected_version)
    mine = OrganizationMember.user_id == account.id
    for member in await transaction.find_all(OrganizationMember, mine):
        await withdraw_those_of(transaction, member, Role.ANYONE)
        await transaction.edits.delete(member, member.version)
    its = (ApiKey.service_account_id == account.id, ApiKey.revoked_at.is_(None))
    for key in await transaction.find_all(ApiKey, *its):
        transaction.change(key, None, revoked_at=transaction.now)
    return account


def service_name(text: str) -> str:
    """Return the name of a service account, normalised. Raises INVALID."""
    if name := person_name(text, "name"):
        return name
    raise Problem("INVALID", "A service account must have a name.", field=["name"])
