"""Changing who belongs to an organization, and as what: invite, accept, change, leave.

Nobody grants a role above their own, or changes someone who holds one; an organization keeps at
least one owner.
"""

from uuid import UUID, uuid4

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth import invitations, service_accounts
from auth.mailed_links import LIVES
from auth.notices import tell
from auth.people import address
from auth.session import Transaction
from auth.session.limits import require_seat
from auth.viewer import Role
from db.core import organizations as db
from db.core.notifications import NotificationType
from db.core.organizations import InvitationStatus, OrganizationType
from db.core.organizations import PricingPlanInterval as BillingCycle
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import LinkPurpose, UserStatus
from db.problem import Problem
from graph.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from graph.kit.context import Info
from graph.kit.mutations import (
    ExpectedVersion,
    Id,
    Payload,
    answer,
    delete,
    given,
    restore,
    update,
    writing,
)


@strawberry.type
class OrganizationPayload(Payload):
    organization: Organization


@strawberry.type
class OrganizationMemberPayload(Payload):
    member: OrganizationMember


@strawberry.type
class OrganizationInvitationPayload(Payload):
    invitation: OrganizationInvitation


@strawberry.input
class OrganizationCreate:
    name: str
    slug: str
    type: OrganizationType = OrganizationType.TEAM
    settings: JSON | None = UNSET


@strawberry.input
class OrganizationUpdate:
    name: Maybe[str]
    slug: Maybe[str]
    type: Maybe[OrganizationType]
    billing_cycle: Maybe[BillingCycle]
    trash_retention_days: Maybe[int | None]
    settings: Maybe[JSON]


@strawberry.input
class OrganizationInvite:
    organization_id: UUID
    email: str
    role: OrganizationRole = OrganizationRole.MEMBER


@strawberry.input
class OrganizationMemberUpdate:
    role: Maybe[OrganizationRole]
    status: Maybe[UserStatus]


def role_of(label: OrganizationRole) -> Role:
    """The role of the policy behind a role of the table."""
    return Role[label.name]


def require_rank(transaction: Transaction, organization_id: UUID, *roles: Role) -> None:
    """FORBIDDEN when one of these roles is above the viewer's own there."""
    own = transaction.viewer.grants.get(organization_id, Role.ANYONE)
    if any(role > own for role in roles):
        message = "You may not grant, change or end a role above your own."
        raise Problem("FORBIDDEN", message, field=["role"])


async def owner_leaves(transaction: Transaction, member: db.OrganizationMember) -> None:
    """LAST_OWNER when this member is the only active owner.

    Where the organization names them as its owner, it names the earliest remaining one from now on.
    """
    if member.role is not OrganizationRole.OWNER:
        return
    owners = await transaction.find_all(
        db.OrganizationMember,
        db.OrganizationMember.organization_id == member.organization_id,
        db.OrganizationMember.role == OrganizationRole.OWNER,
        db.OrganizationMember.status == UserStatus.ACTIVE,
    )
    remaining = [owner for owner in owners if owner.id != member.id]
    if not remaining:
        raise Problem("LAST_OWNER", "An organization keeps at least one owner.")
    organization = await transaction.find(db.Organization, member.organization_id)
    if organization.owner_id == member.user_id:
        first = min(remaining, key=lambda owner: (owner.created_at, owner.id))
        transaction.change(organization, None, owner_id=first.user_id)


async def organization_create(info: Info, input: OrganizationCreate) -> OrganizationPayload | None:
    values = given(input)
    if info.context.viewer.is_service:
        raise Problem("FORBIDDEN", "A service account belongs to one organization.")
    async with writing(info) as transaction:
        organization = db.Organization(**values, owner_id=info.context.viewer.id)
        await transaction.act_as(transaction.viewer.granted(organization.id, Role.OWNER))
        transaction.add(organization)
        await transaction.flush()
        transaction.add(
            db.OrganizationMember(
                organization_id=organization.id,
                user_id=transaction.person,
                role=OrganizationRole.OWNER,
            )
        )
        founder = transaction.viewer
    info.context.become(founder)
    founded = await info.context.get(db.Organization, organization.id)  # PostgreSQL has counted
    return answer(OrganizationPayload, founded)  # type: ignore[no-any-return]


async def organization_invite(
    info: Info, input: OrganizationInvite
) -> OrganizationInvitationPayload | None:
    values, session, outbox = given(input), info.context.session, info.context.outbox
    async with writing(info) as transaction:
        email = address(input.email)
        organization = await transaction.find(
            db.Organization, input.organization_id, lock=False, field=["organization_id"]
        )
        require_rank(transaction, organization.id, role_of(input.role))
        require_seat(organization)  # pending invitations do not count, but who could not join now?
        invitation = db.OrganizationInvitation(
            **(values | {"email": email}),
            token=uuid4(),  # random, where a UUIDv7 would tell when it was made
            expires_at=transaction.now + LIVES[LinkPurpose.INVITATION],
        )
        transaction.add(invitation)
        if outbox:
            await transaction.flush()  # only what may be done counts
            await invitations.admit(session, outbox, email, organization.id)
    if outbox:
        invitations.announce(session, outbox, invitation.id)
    return answer(OrganizationInvitationPayload, invitation)  # type: ignore[no-any-return]


async def organization_invitation_accept(
    info: Info, token: UUID
) -> OrganizationMemberPayload | None:
    viewer = info.context.viewer
    invitation = await invitations.for_token(info.context.session.database, viewer, token)
    async with writing(info) as transaction:
        member = await invitations.join(transaction, invitation)
    info.context.become(viewer.granted(invitation.organization_id, role_of(member.role)))
    return answer(OrganizationMemberPayload, member)  # type: ignore[no-any-return]


async def organization_invitation_cancel(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> OrganizationInvitationPayload | None:
    async with writing(info) as transaction:
        invitation = await transaction.find(db.OrganizationInvitation, id)
        if invitation.status is not InvitationStatus.PENDING:
            raise Problem("CONFLICT", invitations.ANSWERED)
        cancelled = {"status": InvitationStatus.CANCELLED}
        await transaction.update(invitation, expected_version, cancelled)
    return answer(OrganizationInvitationPayload, invitation)  # type: ignore[no-any-return]


async def organization_member_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: OrganizationMemberUpdate
) -> OrganizationMemberPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        organization, member = await _locked(transaction, id)
        before, new = member.role, values.get("role", member.role)
        require_rank(transaction, member.organization_id, role_of(member.role), role_of(new))
        status = values.get("status", member.status)
        resumes = status is UserStatus.ACTIVE and member.status is not status
        if resumes or role_of(new) > role_of(before):
            await service_accounts.require_may_widen(info.context.session, transaction, member)
        if new is not OrganizationRole.OWNER or status is not UserStatus.ACTIVE:
            await owner_leaves(transaction, member)
        await transaction.update(member, expected_version, values)
        if member.role is not before:
            tell(
                transaction,
                member.user_id,
                NotificationType.INFO,
                "role_changed",
                f"Your role in {organization.name} is now: {member.role.value}.",
                member,
                organization_id=organization.id,
            )
    versions = transaction.merged.get(member.id, ())
    return answer(OrganizationMemberPayload, member, versions)  # type: ignore[no-any-return]


async def organization_member_remove(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> OrganizationMemberPayload | None:
    async with writing(info) as transaction:
        _, member = await _locked(transaction, id)
        if member.user_id != info.context.viewer.id:
            require_rank(transaction, member.organization_id, role_of(member.role))
        await owner_leaves(transaction, member)
        await transaction.delete(member, expected_version)
    return answer(OrganizationMemberPayload, member)  # type: ignore[no-any-return]


async def organization_member_restore(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> OrganizationMemberPayload | None:
    async with writing(info) as transaction:
        member = await transaction.find(db.OrganizationMember, id, deleted=True)
        require_rank(transaction, member.organization_id, role_of(member.role))
        await service_accounts.require_may_widen(info.context.session, transaction, member)
        await transaction.restore(member, expected_version)
    return answer(OrganizationMemberPayload, member)  # type: ignore[no-any-return]


async def _locked(
    transaction: Transaction, id: UUID
) -> tuple[db.Organization, db.OrganizationMember]:
    """The membership and its organization, locked before it: changes of members take turns.

    Two owners who leave at once must neither find the other still there nor wait for each other.
    """
    member = await transaction.find(db.OrganizationMember, id, lock=False)
    organization = await transaction.find(db.Organization, member.organization_id)
    return organization, await transaction.find(db.OrganizationMember, id)


@strawberry.type
class Mutation:
    organization_create = strawberry.mutation(
        organization_create, description="A new organization, of which the viewer is the owner."
    )
    organization_update = update(
        db.Organization, OrganizationPayload, OrganizationUpdate, "Change an organization."
    )
    organization_delete = delete(
        db.Organization, OrganizationPayload, "Delete an organization, and hide all it holds."
    )
    organization_invite = strawberry.mutation(
        organization_invite, description="Invite an address into an organization."
    )
    organization_invitation_accept = strawberry.mutation(
        organization_invitation_accept,
        description="Join the organization that this token invites the viewer's address to.",
    )
    organization_invitation_cancel = strawberry.mutation(
        organization_invitation_cancel, description="Withdraw an invitation."
    )
    organization_member_update = strawberry.mutation(
        organization_member_update,
        description="Change a member's role or status. What has a service account reach further is"
        " under the rules of apiKeyCreate.",
    )
    organization_restore = restore(
        db.Organization, OrganizationPayload, "Bring a deleted organization back."
    )
    organization_member_restore = strawberry.mutation(
        organization_member_restore,
        description="Bring an ended membership back, as it was. That of a service account is under"
        " the rules of apiKeyCreate.",
    )
    organization_member_remove = strawberry.mutation(
        organization_member_remove, description="End a membership, or leave."
    )
