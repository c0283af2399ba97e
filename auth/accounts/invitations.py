"""Invitations into organizations: mail them, show them, accept or decline them.

The link in the mail proves that its user reads the mail of the invited address; joining
requires, besides, an account with that address. The token of the row, which administrators of the
organization can read, proves nothing about an address.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func

from auth.accounts import mailed_links
from auth.accounts.mail import Outbox, mail
from auth.accounts.mailed_links import not_found
from auth.accounts.notify import tell
from auth.accounts.sign_up import open_account
from auth.credentials import throttle
from auth.session import Origin, Transaction, ViewerSession
from auth.settings import AuthSettings
from auth.viewer import Role, Viewer
from db.core.notifications import NotificationType
from db.core.organizations import (
    InvitationStatus,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
)
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import LinkPurpose, UserStatus
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

FIND = """
SELECT i.id, i.organization_id, i.email, i.role::text, i.expires_at, o.name AS organization,
    p.full_name AS inviter, p.email AS inviter_email
FROM organization_invitations i JOIN organizations o ON o.id = i.organization_id
LEFT JOIN profiles p ON p.id = i.created_by
WHERE i.status = 'pending' AND i.expires_at > now()
    AND i.deleted_at IS NULL AND o.deleted_at IS NULL
    AND (i.created_by IS NULL OR p.deleted_at IS NULL AND p.status = 'active' AND EXISTS (
        SELECT FROM organization_members m
        LEFT JOIN user_roles r ON r.user_id = m.user_id AND r.organization_id = m.organization_id
            AND r.project_id IS NULL AND r.deleted_at IS NULL
            AND (r.expires_at IS NULL OR r.expires_at > now())
        WHERE m.organization_id = i.organization_id AND m.user_id = i.created_by
            AND m.deleted_at IS NULL AND m.status = 'active'
            AND ('owner' IN (m.role::text, r.admin_role::text)
                OR i.role <> 'owner' AND 'admin' IN (m.role::text, r.admin_role::text))))
    AND
"""
"""Open invitations whose inviters could still send them: they end with the role of the inviter."""
BY_ID = f"{FIND} i.id = $1"
BY_TOKEN = f"{FIND} i.token = $1 AND lower(i.email) = lower($2)"
HAS_ACCOUNT = "SELECT true FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"

IN_WORDS = {
    OrganizationRole.OWNER: "an owner: all that can be done there, also deleting the organization",
    OrganizationRole.ADMIN: "an administrator: its people, its settings and all its projects",
    OrganizationRole.EDITOR: "an editor: reading and changing what is in its projects",
    OrganizationRole.VIEWER: "a viewer: reading what is in its projects",
    OrganizationRole.MEMBER: "a member: its people, and the projects that are open to you",
    OrganizationRole.BILLING: "the one for billing: its plan and what it pays",
}
"""The name of each role, for the text of mails and pages."""

NOT_YOURS = "This invitation is for a different address than that of your account."
ANSWERED = "The invitation has been answered or canceled."


class Invitation(NamedTuple):
    """An open invitation; `inviter` is None when nobody is recorded as such."""

    id: UUID
    organization_id: UUID
    email: str
    role: OrganizationRole
    expires_at: datetime
    organization: str
    inviter: str | None
    inviter_email: str | None

    @property
    def role_in_words(self) -> str:
        """Return the name of the role for the text of mails and pages."""
        return IN_WORDS[self.role]

    def is_for(self, viewer: Viewer) -> bool:
        """Return whether the viewer's address is the invited one."""
        return viewer.email is not None and viewer.email.lower() == self.email.lower()


async def admit(session: ViewerSession, outbox: Outbox, email: str, organization_id: UUID) -> None:
    """Count one mail to this address, or raise RATE_LIMITED with `retryAfter` seconds."""
    assert session.viewer.id  # noqa: S101 (who invites is signed in)
    person = session.viewer.id
    counts = throttle.invitation_counts(outbox.settings, email, organization_id, person)
    async with session.database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "invitations")


def announce(session: ViewerSession, outbox: Outbox, id: UUID) -> None:
    """Mail the invited a link, in the background, once the invitation is committed."""

    def start() -> None:
        with suppress(Problem):  # they are invited, whether or not it can be mailed now
            outbox.start(_mail(session.database, outbox, id))

    if outbox.reaches_people:
        session.when_kept(start)


async def _mail(database: Database, outbox: Outbox, id: UUID) -> None:
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        invitation = _read(await lent.fetchrow(BY_ID, id))
        if invitation is None:  # withdrawn already
            return
        purpose = LinkPurpose.INVITATION
        link = await mailed_links.create(
            lent, outbox.settings.url, purpose, invitation.email, invitation_id=id
        )
    outbox.post(
        mail(
            "invitation",
            invitation.email,
            outbox.settings,
            link=link,
            organization=invitation.organization,
            inviter=invitation.inviter or invitation.inviter_email or "somebody there",
            role=invitation.role_in_words,
            until=invitation.expires_at,
        )
    )


async def for_token(database: Database, viewer: Viewer, token: UUID) -> Invitation:
    """Return the open invitation with this token for the viewer's own address, or raise NOT_FOUND.

    Read by the authentication role: row level security hides the organization until they join.
    """
    if viewer.email is None:
        raise Problem("UNAUTHENTICATED", "Sign in first.")
    async with database.auth.lend(NOBODY) as lent:
        invitation = _read(await lent.fetchrow(BY_TOKEN, token, viewer.email))
    if invitation is None:
        raise Problem("NOT_FOUND", "There is no such invitation for you.", field=["token"])
    return invitation


async def opened(database: Database, secret: str) -> Invitation:
    """Return the open invitation that the link with this secret leads to. Raises NOT_FOUND."""
    async with database.auth.lend(NOBODY) as lent:
        link = await mailed_links.find(lent, LinkPurpose.INVITATION, secret)
        invitation = _read(await lent.fetchrow(BY_ID, link.invitation_id))
    if invitation is None:
        raise not_found()
    return invitation


async def has_account(database: Database, invitation: Invitation) -> bool:
    """Return whether an account has the invited address; only its owner may learn this."""
    async with database.auth.lend(NOBODY) as lent:
        return bool(await lent.fetchval(HAS_ACCOUNT, invitation.email))


async def sign_up(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    secret: str,
    full_name: str,
    password: str,
    origin: Origin,
) -> bool:
    """Create the account of the invited, confirmed by the link; return whether they may sign in.

    An organization's invitation is no approval: that is for who runs the gateway to give. The link
    stays good for accepting. Raises as `auth.accounts.sign_up.confirm` does.
    """
    email = (await opened(database, secret)).email

    async def confirmed(lent: Lent) -> None:
        await mailed_links.find(lent, LinkPurpose.INVITATION, secret)

    return await open_account(
        database, settings, outbox, email, full_name, password, origin, confirmed
    )


async def accept(database: Database, viewer: Viewer, secret: str, origin: Origin) -> None:
    """Make the signed-in person a member, by the link that was mailed to them.

    Raises NOT_FOUND when the link does not work, FORBIDDEN when it is for another address,
    ALREADY_EXISTS when they are a member, and LIMIT_REACHED.
    """
    invitation = await _theirs(database, viewer, secret)
    async with ViewerSession(database, viewer, origin).transaction() as transaction:
        await join(transaction, invitation)


async def decline(database: Database, viewer: Viewer, secret: str, origin: Origin) -> None:
    """Close the invitation without joining. Raises as `accept` does."""
    invitation = await _theirs(database, viewer, secret)
    async with ViewerSession(database, viewer, origin).transaction() as transaction:
        row = await _open_row(transaction, invitation)
        transaction.change(row, None, status=InvitationStatus.DECLINED)
        _tell_inviter(transaction, invitation, row)


async def join(transaction: Transaction, invitation: Invitation) -> OrganizationMember:
    """Add a membership for the viewer, or restore their former one, and return it.

    Raises CONFLICT when the invitation has just been answered or withdrawn, ALREADY_EXISTS when
    they are a member, and LIMIT_REACHED.
    """
    row = await _open_row(transaction, invitation)
    transaction.change(row, None, status=InvitationStatus.ACCEPTED)
    mine = (
        OrganizationMember.organization_id == invitation.organization_id,
        OrganizationMember.user_id == transaction.person,
    )
    present = await transaction.find_all(OrganizationMember, *mine)
    if any(member.status is not UserStatus.PENDING for member in present):
        raise Problem("ALREADY_EXISTS", "You are a member of this organization already.")
    _tell_inviter(transaction, invitation, row)
    for waiting in present:  # who asked to join by their domain
        transaction.change(waiting, None, role=row.role, status=UserStatus.ACTIVE)
        return waiting
    for former in await transaction.find_all(OrganizationMember, *mine, deleted=True):
        await transaction.edits.restore(former, None)
        transaction.change(former, None, role=row.role, status=UserStatus.ACTIVE)
        return former
    member = OrganizationMember(
        organization_id=invitation.organization_id, user_id=transaction.person, role=row.role
    )
    transaction.add(member)
    return member


async def withdraw_those_of(
    transaction: Transaction, member: OrganizationMember, rank: Role
) -> None:
    """Cancel the invitations of this member that a role of this rank could not send.

    An invitation depends on its sender's role: it must not restore a role that its sender lost.
    """
    sent = (
        OrganizationInvitation.organization_id == member.organization_id,
        OrganizationInvitation.created_by == member.user_id,
        OrganizationInvitation.status == InvitationStatus.PENDING,
    )
    for row in await transaction.find_all(OrganizationInvitation, *sent):
        if rank < max(Role.ADMIN, Role[row.role.name]):
            transaction.change(row, None, status=InvitationStatus.CANCELLED)


async def replace_expired(transaction: Transaction, organization_id: UUID, email: str) -> None:
    """Close an expired invitation of this address, so that another may be sent."""
    late = (
        OrganizationInvitation.organization_id == organization_id,
        func.lower(OrganizationInvitation.email) == email,
        OrganizationInvitation.status == InvitationStatus.PENDING,
        OrganizationInvitation.expires_at <= transaction.now,
    )
    for row in await transaction.find_all(OrganizationInvitation, *late):
        transaction.change(row, None, status=InvitationStatus.EXPIRED)
        await transaction.flush()  # before the new one is sent, which would meet it


def _tell_inviter(
    transaction: Transaction, invitation: Invitation, row: OrganizationInvitation
) -> None:
    does = "has joined" if row.status is InvitationStatus.ACCEPTED else "does not want to join"
    tell(
        transaction,
        row.created_by,
        NotificationType.INVITATION,
        f"invitation_{row.status.value}",
        f"{transaction.viewer.email} {does} {invitation.organization}.",
        row,
        organization_id=row.organization_id,
    )


async def _open_row(transaction: Transaction, invitation: Invitation) -> OrganizationInvitation:
    """Return the row, locked; the invited person may answer, and so change it.

    Its organization is locked before it, as when the role of the inviter ends.
    """
    invited = transaction.viewer.granted(invitation.organization_id, Role.ADMIN)
    await transaction.act_as(invited)
    await transaction.find(Organization, invitation.organization_id)
    row = await transaction.find(OrganizationInvitation, invitation.id)
    if row.status is not InvitationStatus.PENDING:
        raise Problem("CONFLICT", ANSWERED)
    return row


async def _theirs(database: Database, viewer: Viewer, secret: str) -> Invitation:
    invitation = await opened(database, secret)
    if not invitation.is_for(viewer):
        raise Problem("FORBIDDEN", NOT_YOURS)
    return invitation


def _read(row: Mapping[str, Any] | None) -> Invitation | None:
    if row is None:
        return None
    return Invitation(**{**row, "role": OrganizationRole(row["role"])})
