"""Invitations into organizations: mailed, looked at by the invited, accepted or declined.

The link in the mail proves that whoever opens it reads the mail of the invited address; joining
asks, besides, for an account with that address. The token of the row, which administrators of the
organization can read, proves nothing about an address.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from auth import mailed_links, throttle
from auth.mail import Outbox, mail
from auth.mailed_links import not_found
from auth.notices import tell
from auth.session import Origin, Transaction, ViewerSession
from auth.settings import AuthSettings
from auth.sign_up import open_account
from auth.viewer import Role, Viewer
from db.core.notifications import NotificationType
from db.core.organizations import InvitationStatus, OrganizationInvitation, OrganizationMember
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
    AND i.deleted_at IS NULL AND o.deleted_at IS NULL AND
"""
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
"""What somebody invited in each role would be."""

NOT_YOURS = "This invitation is for another address than that of your account."
ANSWERED = "The invitation has been used or withdrawn."


class Invitation(NamedTuple):
    """An open invitation; the inviter is None when nobody is on record as such."""

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
        """What the invited would be."""
        return IN_WORDS[self.role]

    def is_for(self, viewer: Viewer) -> bool:
        """Whether it is their address that is invited."""
        return viewer.email is not None and viewer.email.lower() == self.email.lower()


async def admit(session: ViewerSession, outbox: Outbox, email: str, organization_id: UUID) -> None:
    """Count one mail to this address, or raise RATE_LIMITED with `retryAfter` seconds."""
    assert session.viewer.id  # noqa: S101 (who invites is signed in)
    person = session.viewer.id
    counts = throttle.invitation_counts(outbox.settings, email, organization_id, person)
    async with session.database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "invitations")


def announce(session: ViewerSession, outbox: Outbox, id: UUID) -> None:
    """Mail the invited a link, behind the caller's back, once the invitation is kept."""

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
    """The open invitation with this token for the viewer's own address, or NOT_FOUND.

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
    """The open invitation that the link with this secret leads to. Raises NOT_FOUND."""
    async with database.auth.lend(NOBODY) as lent:
        link = await mailed_links.find(lent, LinkPurpose.INVITATION, secret)
        invitation = _read(await lent.fetchrow(BY_ID, link.invitation_id))
    if invitation is None:
        raise not_found()
    return invitation


async def has_account(database: Database, invitation: Invitation) -> bool:
    """Whether somebody has the invited address, as only its owner may learn."""
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
    """Make the account of the invited, whose address the link confirms; whether they may sign in.

    An organization's invitation is no approval: that is for who runs the gateway to give. The link
    stays good for accepting. Raises as `auth.sign_up.confirm` does.
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
    """A new membership of whoever writes, or their former one again.

    Raises CONFLICT when the invitation has just been answered or withdrawn, ALREADY_EXISTS when
    they are a member, and LIMIT_REACHED.
    """
    row = await _open_row(transaction, invitation)
    transaction.change(row, None, status=InvitationStatus.ACCEPTED)
    mine = (
        OrganizationMember.organization_id == invitation.organization_id,
        OrganizationMember.user_id == transaction.person,
    )
    if await transaction.find_all(OrganizationMember, *mine):
        raise Problem("ALREADY_EXISTS", "You are a member of this organization already.")
    _tell_inviter(transaction, invitation, row)
    for former in await transaction.find_all(OrganizationMember, *mine, deleted=True):
        await transaction.restore(former, None)
        transaction.change(former, None, role=row.role, status=UserStatus.ACTIVE)
        return former
    member = OrganizationMember(
        organization_id=invitation.organization_id, user_id=transaction.person, role=row.role
    )
    transaction.add(member)
    return member


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
    """The row, locked; whoever has been invited may answer, and so change it."""
    invited = transaction.viewer.granted(invitation.organization_id, Role.ADMIN)
    await transaction.act_as(invited)
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
