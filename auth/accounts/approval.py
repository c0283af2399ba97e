"""Approval of sign-ups: notify approvers of waiting accounts, approve or refuse them.

Those whose addresses APPROVERS names approve for the whole gateway. The operator sets this, and it
is not a role, because roles are given within organizations, which anybody may found.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from auth.accounts import admission
from auth.accounts.mail import Outbox, mail
from auth.credentials import throttle
from auth.credentials.people import let_in, person_event
from auth.events import record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.pool import NOBODY, Database
from db.problem import Problem

MAX_LISTED = 100
"""The number of people that the page lists, at most, those who have waited longest first."""
MAX_MAILS_PER_HOUR = 10
"""Mails an hour to the approvers about waiting people, at most; the page lists them all."""

WAITING = """
SELECT p.id, p.email, p.full_name AS name, p.created_at AS since, ARRAY(
    SELECT o.name FROM organization_invitations i JOIN organizations o ON o.id = i.organization_id
    WHERE lower(i.email) = lower(p.email) AND i.status = 'pending' AND i.expires_at > now()
        AND i.deleted_at IS NULL AND o.deleted_at IS NULL
    ORDER BY i.created_at LIMIT 5) AS invited_to
FROM profiles p
WHERE NOT p.is_approved AND p.deleted_at IS NULL AND p.status = 'active'
ORDER BY p.created_at, p.id LIMIT $1
"""
REFUSE = """
UPDATE profiles
SET deleted_at = now(), deleted_by = $2, version = version + 1, updated_at = now(), updated_by = $2
WHERE id = $1 AND NOT is_approved AND deleted_at IS NULL RETURNING email, version, deleted_at
"""
FORGET_PASSWORD = "DELETE FROM profile_credentials WHERE user_id = $1"  # noqa: S105 (a statement)


class Waiting(NamedTuple):
    """A person who waits for approval, since when, and the organizations that invite them."""

    id: UUID
    email: str
    name: str | None
    since: datetime
    invited_to: Sequence[str]


def may_approve(settings: AuthSettings, viewer: Viewer) -> bool:
    """Return whether APPROVERS names this person, and they act through no application."""
    return (
        viewer.email is not None
        and viewer.client_id is None
        and viewer.email.lower() in settings.approvers
    )


async def tell_approvers(database: Database, outbox: Outbox, email: str, name: str | None) -> None:
    """Mail the approvers that somebody waits, unless the limit of such mails has been reached."""
    settings = outbox.settings
    with suppress(Problem):
        async with database.auth.lend(NOBODY) as lent:
            await throttle.admit(
                lent, throttle.approval_counts(settings, MAX_MAILS_PER_HOUR), "mails"
            )
        for approver in settings.approvers:
            outbox.post(mail("approval_asked", approver, settings, email=email, name=name))


async def waiting(database: Database) -> list[Waiting]:
    """Return everybody who waits for approval."""
    async with database.auth.lend(NOBODY) as lent:
        return [Waiting(*row) for row in await lent.fetch(WAITING, MAX_LISTED)]


async def approve(
    database: Database, outbox: Outbox, viewer: Viewer, id: str, origin: Origin
) -> bool:
    """Approve a waiting account and mail its person; return False when it no longer waits."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        email = await let_in(lent, _id(id), origin, actor_id=viewer.id)
    if email is not None:
        await admission.admit(database, _id(id), email, origin)
        outbox.tell(mail("approved", email, outbox.settings))
    return email is not None


async def refuse(
    database: Database, outbox: Outbox, viewer: Viewer, id: str, origin: Origin
) -> bool:
    """Delete a waiting account and mail its person; return False when it no longer waits.

    Their password is deleted at once. The address may sign up again.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(REFUSE, _id(id), viewer.id)
        if row is not None:
            await lent.execute(FORGET_PASSWORD, _id(id))
            values = {"deleted_at": row["deleted_at"].isoformat()}
            event = person_event(
                "refuse", _id(id), version=row["version"], values=values, actor_id=viewer.id
            )
            await record(lent, event, origin)
    if row is not None:
        outbox.tell(mail("refused", row["email"], outbox.settings))
    return row is not None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem("NOT_FOUND", "There is no such person.") from None
