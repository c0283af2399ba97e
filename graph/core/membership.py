"""Changes of memberships and their roles: invite, accept, change, leave.

Nobody grants a role above their own, or changes someone who holds one; an organization keeps at
least one owner.
"""

from typing import Annotated, Any
from uuid import UUID, uuid4

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.accounts import founding, invitations, keys, memberships, owner_mail, service_accounts
from auth.accounts.mailed_links import LIVES
from auth.accounts.notify import tell
from auth.credentials.people import address
from auth.session import Transaction
from auth.session.write.plan_limits import require_seat
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
from graph.kit.fields import Id
from graph.kit.inputs import input_for
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    delete,
    given,
    mutation,
    patch,
    restore,
    update,
    writing,
)
from graph.kit.payloads import answer, payload_of


@input_for(Organization, "An organization to create.")
class OrganizationCreateInput:
    name: str
    slug: str
    type: OrganizationType = OrganizationType.TEAM
    settings: JSON | None = UNSET


@input_for(Organization, "The fields of an organization to change.")
class OrganizationUpdateInput:
    name: Maybe[str]
    slug: Maybe[str]
    type: Maybe[OrganizationType]
    billing_cycle: Maybe[BillingCycle]
    trash_retention_days: Maybe[int | None]
    sharing_allowed: Maybe[bool]
    settings: Maybe[JSON]
    settings_patch: Maybe[JSON] = patch("settings")


@input_for(OrganizationInvitation, "An invitation to send.")
class OrganizationInviteInput:
    organization_id: UUID
    email: str
    role: OrganizationRole = OrganizationRole.MEMBER


@input_for(OrganizationMember, "The fields of a member to change.")
class OrganizationMemberUpdateInput:
    role: Maybe[OrganizationRole]
    status: Maybe[UserStatus]


OWNER_RULE = "{} requires the same authentication as `apiKeyCreate`."


def role_of(label: OrganizationRole) -> Role:
    """Return the policy's role for a role of the table."""
    return Role[label.name]


def require_rank(transaction: Transaction, organization_id: UUID, *roles: Role) -> None:
    """Refuse a role above the viewer's own in the organization. Raises FORBIDDEN."""
    if not transaction.rights.require_role(max(roles), organization_id):
        message = "You cannot grant, change or remove a role above your own."
        raise Problem("FORBIDDEN", message, field=["role"])


async def organization_create(info: Info, input: Input[OrganizationCreateInput]) -> Any:
    async with writing(info) as transaction:
        organization = await founding.found(transaction, given(input))
        founder = transaction.viewer
    info.context.become(founder)
    founded = await info.context.get(db.Organization, organization.id)  # PostgreSQL has counted
    return answer(payload_of(Organization), founded)


async def organization_invite(info: Info, input: Input[OrganizationInviteInput]) -> Any:
    values, session, outbox = given(input), info.context.session, info.context.outbox
    async with writing(info) as transaction:
        email = address(input.email)
        if input.role is OrganizationRole.OWNER:
            await keys.require_may_issue(session, transaction)
        organization = await transaction.find(
            db.Organization, input.organization_id, lock=False, field=["organization_id"]
        )
        require_rank(transaction, organization.id, role_of(input.role))
        require_seat(organization)  # pending invitations do not count, but who could not join now?
        await invitations.replace_expired(transaction, organization.id, email)
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
    if invitation.role is OrganizationRole.OWNER:
        place = invitation.organization_id
        owner_mail.tell(session, outbox, "owner_invited", place, None, invited=invitation.email)
    return answer(payload_of(OrganizationInvitation), invitation)


async def organization_invitation_accept(
    info: Info,
    token: Annotated[UUID, strawberry.argument(description="The token of the invitation.")],
) -> Any:
    viewer = info.context.viewer
    invitation = await invitations.for_token(info.context.session.database, viewer, token)
    async with writing(info) as transaction:
        member = await invitations.join(transaction, invitation)
    info.context.become(viewer.granted(invitation.organization_id, role_of(member.role)))
    return answer(payload_of(OrganizationMember), member)


async def organization_invitation_cancel(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> Any:
    async with writing(info) as transaction:
        invitation = await transaction.find(db.OrganizationInvitation, id)
        if invitation.status is not InvitationStatus.PENDING:
            raise Problem("CONFLICT", invitations.ANSWERED)
        cancelled = {"status": InvitationStatus.CANCELLED}
        await transaction.edits.update(invitation, expected_version, cancelled)
    return answer(payload_of(OrganizationInvitation), invitation)


async def organization_member_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[OrganizationMemberUpdateInput],
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        organization, member = await memberships.locked(transaction, id)
        before, new = member.role, values.get("role", member.role)
        waited = member.status is UserStatus.PENDING
        require_rank(transaction, member.organization_id, role_of(member.role), role_of(new))
        status = values.get("status", member.status)
        resumes = status is UserStatus.ACTIVE and member.status is not status
        becomes_owner = new is OrganizationRole.OWNER and (resumes or before is not new)
        if becomes_owner:
            await keys.require_may_issue(info.context.session, transaction)
        elif resumes or role_of(new) > role_of(before):
            await service_accounts.require_may_widen(
                info.context.session, transaction, member.user_id
            )
        if new is not OrganizationRole.OWNER or status is not UserStatus.ACTIVE:
            await memberships.owner_leaves(transaction, member)
        await transaction.edits.update(member, expected_version, values)
        active = member.status is UserStatus.ACTIVE
        rank = role_of(member.role) if active else Role.ANYONE
        await invitations.withdraw_those_of(transaction, member, rank)
        if waited and active:
            tell(
                transaction,
                member.user_id,
                NotificationType.INVITATION,
                "domain_join_approved",
                f"You have joined {organization.name}.",
                member,
                organization_id=organization.id,
            )
        elif member.role is not before:
            tell(
                transaction,
                member.user_id,
                NotificationType.INFO,
                "role_changed",
                f"Your role in {organization.name} is now: {member.role.value}.",
                member,
                organization_id=organization.id,
            )
    if becomes_owner:
        _tell_of_owner(info, member)
    versions = transaction.edits.merged.get(member.id, ())
    return answer(payload_of(OrganizationMember, merges=True), member, versions)


async def organization_member_remove(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info) as transaction:
        _, member = await memberships.locked(transaction, id)
        await remove_member(transaction, member, expected_version)
    return answer(payload_of(OrganizationMember), member)


async def remove_member(
    transaction: Transaction, member: db.OrganizationMember, expected_version: int
) -> None:
    """End a membership that is locked, after its organization.

    Raises FORBIDDEN for a role above the viewer's, unless it is their own, LAST_OWNER and CONFLICT.
    """
    if member.user_id != transaction.viewer.id:
        require_rank(transaction, member.organization_id, role_of(member.role))
    await memberships.end(transaction, member, expected_version)


async def organization_member_restore(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info) as transaction:
        member = await transaction.find(db.OrganizationMember, id, deleted=True)
        require_rank(transaction, member.organization_id, role_of(member.role))
        is_owner = member.role is OrganizationRole.OWNER
        if is_owner:
            await keys.require_may_issue(info.context.session, transaction)
        else:
            await service_accounts.require_may_widen(
                info.context.session, transaction, member.user_id
            )
        await transaction.edits.restore(member, expected_version)
    if is_owner:
        _tell_of_owner(info, member)
    return answer(payload_of(OrganizationMember), member)


def _tell_of_owner(info: Info, member: db.OrganizationMember) -> None:
    session, outbox = info.context.session, info.context.outbox
    owner_mail.tell(session, outbox, "owner_made", member.organization_id, member.user_id)


@strawberry.type
class Mutation:
    organization_create = mutation(
        organization_create,
        payload_of(Organization),
        "Create an organization, with the viewer as its owner.",
    )
    organization_update = update(Organization, OrganizationUpdateInput, "Update an organization.")
    organization_delete = delete(
        Organization, "Delete an organization with everything in it. It can be restored."
    )
    organization_restore = restore(
        Organization, "Restore a deleted organization with everything in it."
    )
    organization_invite = mutation(
        organization_invite,
        payload_of(OrganizationInvitation),
        "Invite an email address to an organization. The invitation is cancelled if its"
        " sender loses"
        f" the right to send it. {OWNER_RULE.format('Inviting an owner')}",
    )
    organization_invitation_accept = mutation(
        organization_invitation_accept,
        payload_of(OrganizationMember),
        "Accept an invitation to the email address of the viewer.",
    )
    organization_invitation_cancel = mutation(
        organization_invitation_cancel,
        payload_of(OrganizationInvitation),
        "Cancel an invitation.",
    )
    organization_member_update = mutation(
        organization_member_update,
        payload_of(OrganizationMember, merges=True),
        "Update the role or the status of a member. Invitations that the member sent and can no"
        " longer send are cancelled."
        f" {OWNER_RULE.format('Appointing an owner or extending a service account')}",
    )
    organization_member_restore = mutation(
        organization_member_restore,
        payload_of(OrganizationMember),
        "Restore a removed member with the former role."
        f" {OWNER_RULE.format('Restoring an owner or a service account')}",
    )
    organization_member_remove = mutation(
        organization_member_remove,
        payload_of(OrganizationMember),
        "Remove a member from an organization, or leave it. Invitations that the member sent are"
        " cancelled.",
    )
