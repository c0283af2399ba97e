"""Handing an organization over: another member becomes its primary owner."""

from typing import Any
from uuid import UUID

import strawberry

from auth.accounts import keys, memberships, owner_mail
from auth.accounts.invitations import withdraw_those_of
from auth.accounts.notify import tell
from auth.session import Transaction
from auth.viewer import Role
from db.core import organizations as db
from db.core.notifications import NotificationType
from db.core.organizations import OrganizationType
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile, UserStatus
from db.problem import Problem
from graph.core.membership import require_rank, role_of
from graph.core.organizations import Organization
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.inputs import input_for
from graph.kit.mutations import ExpectedVersion, Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of


@input_for(Organization, "The member to whom an organization is handed over.")
class OrganizationTransferInput:
    user_id: UUID = strawberry.field(
        description="The ID of the user who becomes the primary owner: an active member."
    )
    own_role: OrganizationRole = strawberry.field(
        default=OrganizationRole.OWNER,
        description="The role that the viewer has in the organization afterwards.",
    )


async def organization_transfer(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[OrganizationTransferInput],
) -> Any:
    given(input)
    async with writing(info) as transaction:
        organization = await transaction.find(db.Organization, id)
        require_rank(transaction, organization.id, Role.OWNER)
        await keys.require_may_issue(info.context.session, transaction)
        if organization.type is OrganizationType.PERSONAL:
            raise Problem("INVALID", "A personal organization cannot be handed over.", field=["id"])
        if input.user_id == organization.owner_id:
            message = "The user is the primary owner already."
            raise Problem("INVALID", message, field=["user_id"])
        member = await _member(transaction, organization.id, input.user_id)
        became = member.role is not OrganizationRole.OWNER
        transaction.change(organization, expected_version, owner_id=member.user_id)
        if became:
            transaction.change(member, None, role=OrganizationRole.OWNER)
        _tell(transaction, organization, member)
        await transaction.flush()
        if input.own_role is not OrganizationRole.OWNER:
            await _step_down(transaction, organization.id, input)
    if became:
        session, outbox = info.context.session, info.context.outbox
        owner_mail.tell(session, outbox, "owner_made", organization.id, member.user_id)
    return answer(payload_of(Organization), organization)


async def _member(
    transaction: Transaction, organization_id: UUID, user_id: UUID
) -> db.OrganizationMember:
    """Return the active membership of a person. Raises NOT_FOUND, the same for any other ID."""
    where = (
        db.OrganizationMember.organization_id == organization_id,
        db.OrganizationMember.user_id == user_id,
        db.OrganizationMember.status == UserStatus.ACTIVE,
    )
    members = await transaction.find_all(db.OrganizationMember, *where)
    people = await transaction.find_by_id(Profile, [user_id], lock=False)
    person = people.get(user_id)
    if not members or person is None or person.service_of is not None:
        raise Problem("NOT_FOUND", "There is no such member.", field=["user_id"])
    return members[0]


async def _step_down(
    transaction: Transaction, organization_id: UUID, input: OrganizationTransferInput
) -> None:
    where = (
        db.OrganizationMember.organization_id == organization_id,
        db.OrganizationMember.user_id == transaction.person,
    )
    if own := await transaction.find_all(db.OrganizationMember, *where):
        await memberships.owner_leaves(transaction, own[0])
        transaction.change(own[0], None, role=input.own_role)
        await withdraw_those_of(transaction, own[0], role_of(input.own_role))


def _tell(
    transaction: Transaction, organization: db.Organization, member: db.OrganizationMember
) -> None:
    tell(
        transaction,
        member.user_id,
        NotificationType.INFO,
        "organization_transferred",
        f"You are now the primary owner of {organization.name}.",
        organization,
        organization_id=organization.id,
    )


@strawberry.type
class Mutation:
    organization_transfer = mutation(
        organization_transfer,
        payload_of(Organization),
        "Hand an organization over to another member, who becomes its primary owner and has the"
        " role OWNER. Requires an owner, and the same authentication as `apiKeyCreate`.",
    )
