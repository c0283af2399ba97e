"""Close an account: the effects on its organizations, and the conditions that block it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from auth.accounts import mailed_links, memberships
from auth.accounts.mail import Outbox
from auth.credentials.browser_sessions import end_all
from auth.credentials.credential_lock import lock_credential, lock_password
from auth.credentials.people import person_event
from auth.credentials.tokens import end_personal, revoke_all
from auth.events import record
from auth.origin import Origin
from auth.session import ViewerSession
from auth.session.write.purge import named
from auth.viewer import Viewer
from db.change import AuditSeverity
from db.core.organizations import Organization, OrganizationMember
from db.pool import NOBODY, Database
from db.problem import Problem

MEMBERSHIPS = """
SELECT o.id, o.name, m.id AS member_id, m.role = 'owner' AS is_owner,
    EXISTS (
        SELECT FROM organization_members x JOIN profiles p ON p.id = x.user_id
        WHERE x.organization_id = o.id AND x.user_id <> $1 AND x.deleted_at IS NULL
            AND x.status = 'active' AND p.service_of IS NULL) AS has_others,
    EXISTS (
        SELECT FROM organization_members x
        WHERE x.organization_id = o.id AND x.user_id <> $1 AND x.deleted_at IS NULL
            AND x.status = 'active' AND x.role = 'owner') AS has_other_owners
FROM organization_members m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = $1 AND m.deleted_at IS NULL AND m.status = 'active' AND o.deleted_at IS NULL
ORDER BY o.name, o.id
"""
CLOSE = """
UPDATE profiles
SET deleted_at = now(), deleted_by = id, version = version + 1, updated_at = now(), updated_by = id
WHERE id = $1 AND deleted_at IS NULL RETURNING version, deleted_at
"""
FORGET = (
    "DELETE FROM profile_identities WHERE user_id = $1",
    "DELETE FROM second_factors WHERE user_id = $1",
    "DELETE FROM devices WHERE user_id = $1",
    "DELETE FROM passkeys WHERE user_id = $1",
    "DELETE FROM recovery_codes WHERE user_id = $1",
    "DELETE FROM profile_credentials WHERE user_id = $1",
)
EXPIRE = "SELECT ctx.expire_organization($1, $2)"
CLOSED = ("Your account has been closed", "Your account has been closed, as you have asked.")
NEEDS_OWNER = "Make somebody else an owner of these organizations first, or delete them: {}."


class Fate(StrEnum):
    """The fate of an organization when one of its members closes their account."""

    GOES_ON = "goes on"
    DELETED = "deleted"
    NEEDS_OWNER = "needs another owner"


class Belonging(NamedTuple):
    """An organization of the person, their membership in it, and its fate."""

    id: UUID
    name: str
    member_id: UUID
    fate: Fate


async def outlook(database: Database, viewer: Viewer) -> Sequence[Belonging]:
    """Return the organizations of this person, each with its fate if they close their account.

    One in which nobody else works is deleted. One with other members and no other owner blocks the
    closing.
    """
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(MEMBERSHIPS, viewer.id)
    return [Belonging(row["id"], row["name"], row["member_id"], _fate(row)) for row in rows]


async def close(
    session: ViewerSession,
    outbox: Outbox,
    *,
    purge: bool = False,
    origin: Origin | None = None,
) -> datetime:
    """Close the viewer's account: end its memberships, sessions, tokens and keys.

    Return the time. The address may sign up again. Their content stays, under their name; with
    `purge`, organizations that are deleted are removed permanently. Raises CONFLICT while an
    organization needs another owner, LAST_OWNER when one has just lost its other owner, and
    CredentialEnded.
    """
    viewer, database = session.viewer, session.database
    origin = origin or session.origin
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    belongings = await outlook(database, viewer)
    if orphaned := [one.name for one in belongings if one.fate is Fate.NEEDS_OWNER]:
        raise Problem("CONFLICT", NEEDS_OWNER.format(", ".join(orphaned)))
    for one in belongings:
        async with session.transaction() as transaction:
            if one.fate is Fate.DELETED:
                organization = await transaction.find(Organization, one.id)
                member = await transaction.find(OrganizationMember, one.member_id)
                await transaction.edits.delete(organization, organization.version)
                if not purge:
                    await transaction.flush()
                    await transaction.edits.delete(member, member.version)
            else:
                _, member = await memberships.locked(transaction, one.member_id)
                await memberships.end(transaction, member, member.version)
        if purge and one.fate is Fate.DELETED:
            await _purge(session, one.id)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_password(lent, viewer.id)
        await lock_credential(lent, viewer)
        row = await lent.fetchrow(CLOSE, viewer.id)
        assert row  # noqa: S101 (a closed account has no sessions)
        await mailed_links.call_off(lent, viewer.id)
        await end_all(lent, viewer.id)
        await revoke_all(lent, viewer.id)
        await end_personal(lent, viewer.id, origin)
        for statement in FORGET:
            await lent.execute(statement, viewer.id)
        values = {"deleted_at": row["deleted_at"].isoformat()}
        event = person_event(
            "close",
            viewer.id,
            version=row["version"],
            values=values,
            actor_id=viewer.id,
            severity=AuditSeverity.MEDIUM,
        )
        await record(lent, event, origin)
    if viewer.email:
        outbox.notify(viewer.email, *CLOSED)
    closed_at: datetime = row["deleted_at"]
    return closed_at


async def _purge(session: ViewerSession, organization: UUID) -> None:
    """Remove an organization that has just been deleted, in which nobody else works."""
    async with session.database.auth.lend(NOBODY) as lent:
        await lent.execute(EXPIRE, session.viewer.id, organization)
    async with session.transaction() as transaction:
        tops = await transaction.trashed(named(transaction.viewer, [organization]))
        await transaction.purge(tops, dry_run=False)


def _fate(row: Mapping[str, bool]) -> Fate:
    is_owner, has_others, has_other_owners = (
        row[key] for key in ("is_owner", "has_others", "has_other_owners")
    )
    if not is_owner or has_other_owners:
        return Fate.GOES_ON
    return Fate.NEEDS_OWNER if has_others else Fate.DELETED
