"""Reset a forgotten password by a mailed link, or change it with the current password.

The answer to a request for a link discloses nothing about an address: it is given before the
address is looked up. A new password ends the person's other sessions; a reset by a link also ends
every token, because a forgotten password may have been disclosed to somebody.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from auth.accounts import mailed_links
from auth.accounts.mail import Outbox, mail
from auth.accounts.mailed_links import LIVES, Opened
from auth.accounts.sign_up import NO_MAIL
from auth.credentials import passwords, throttle
from auth.credentials.browser_sessions import end_all
from auth.credentials.credential_lock import lock_credential, lock_password_unless_changed
from auth.credentials.people import SET_CREDENTIAL, address, person_event
from auth.credentials.tokens import end_personal, revoke_all
from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity
from db.core.people import LinkPurpose
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

OF_ADDRESS = """
SELECT id, email FROM profiles
WHERE lower(email) = lower($1) AND deleted_at IS NULL AND status = 'active'
"""
STILL_THEIRS = """
SELECT true FROM profiles WHERE id = $1 AND lower(email) = lower($2) AND deleted_at IS NULL
"""
HASH = "SELECT password_hash, password_changed_at FROM profile_credentials WHERE user_id = $1"

CHANGED = ("Your password has been changed", "The password of your account has been changed.")
NOT_THIS = "This is not your current password."


def require_mail(outbox: Outbox) -> None:
    """Raise NOT_FOUND when no mail can be sent."""
    if not outbox.reaches_people:
        raise Problem("NOT_FOUND", NO_MAIL)


async def ask(
    database: Database, settings: AuthSettings, outbox: Outbox, email: str, origin: Origin
) -> None:
    """Mail a link for a password reset to this address, if it has an account.

    Raises INVALID, RATE_LIMITED with `retryAfter`, NOT_FOUND and BUSY, the same for every address.
    """
    require_mail(outbox)
    email = address(email)
    counts = throttle.mail_counts(settings, email, origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "mails were asked for")
    outbox.start(_answer(database, settings, outbox, email, origin))


async def opened(database: Database, secret: str) -> str:
    """Return the address whose password the link with this secret changes. Raises NOT_FOUND."""
    return (await _opened(database, secret)).email


async def reset(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    secret: str,
    password: str,
    origin: Origin,
) -> None:
    """Give the person of this link another password, and end all their sessions and tokens.

    Raises NOT_FOUND when the link does not work, INVALID with the field at fault, and BUSY.
    """
    link = await _opened(database, secret)
    email, id = link.email, link.user_id
    assert id is not None  # noqa: S101 (a constraint of the table)
    hash = await passwords.hashed(passwords.acceptable(password, email))
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lent.execute(
            SET_CREDENTIAL, id, hash
        )  # before all else, as `auth.credentials.credential_lock` says
        await mailed_links.use(lent, LinkPurpose.PASSWORD_RESET, secret)
        await _require_theirs(lent, link)
        await mailed_links.call_off(lent, id)
        await end_all(lent, id)
        await revoke_all(lent, id)
        await end_personal(lent, id, origin)
        await throttle.clear(lent, throttle.counts(settings, email, origin.ip_address))
        event = person_event("password_reset", id, severity=AuditSeverity.MEDIUM, actor_id=id)
        await record(lent, event, origin)
    outbox.notify(email, *CHANGED)


async def change(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    current: str,
    password: str,
    origin: Origin,
) -> None:
    """Give the signed-in person another password, and end their other sessions.

    Connected applications stay connected. Raises INVALID with the field at fault, RATE_LIMITED with
    `retryAfter`, CredentialEnded, and BUSY.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    assert viewer.email  # noqa: S101
    acceptable = passwords.acceptable(password, viewer.email)
    since = await prove_password(database, settings, viewer, current, origin)
    hash = await passwords.hashed(acceptable)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        unchanged = await lock_password_unless_changed(lent, viewer.id, since)
        await lock_credential(lent, viewer)
        if unchanged is None:
            raise Problem("INVALID", NOT_THIS, field=("current_password",))
        await lent.execute(SET_CREDENTIAL, viewer.id, hash)
        await mailed_links.call_off(lent, viewer.id)
        kept = UUID(viewer.session_id) if viewer.session_id else None
        await end_all(lent, viewer.id, kept)
        event = person_event("password_change", viewer.id, actor_id=viewer.id, session_id=kept)
        await record(lent, event, origin)
    outbox.notify(viewer.email, *CHANGED)


async def prove_password(
    database: Database, settings: AuthSettings, viewer: Viewer, password: str, origin: Origin
) -> datetime:
    """Verify the signed-in person's password; return the time since when it has been theirs.

    Failures count as at sign-in, for this session alone: failures elsewhere do not delay its
    person. Raises INVALID, RATE_LIMITED with `retryAfter`, and BUSY.
    """
    counts = throttle.counts(
        settings, viewer.email or "", origin.ip_address, f"session {viewer.session_id}"
    )
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts)
        row = await lent.fetchrow(HASH, viewer.id)
    try:
        hash = row["password_hash"] if row else None
        right = await passwords.verified(passwords.normalised(password) or "", hash)
    except Problem:
        async with database.auth.lend(NOBODY) as lent:
            await throttle.take_back(lent, counts)
        raise
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if right:
            await throttle.forgive(lent, counts)
        else:
            await record(lent, _not_proved(viewer), origin)
    if not (row and right):
        raise Problem("INVALID", NOT_THIS, field=("current_password",))
    since: datetime = row["password_changed_at"]
    return since


async def _opened(database: Database, secret: str) -> Opened:
    """Return the link with this secret. Raises NOT_FOUND when it does not work."""
    async with database.auth.lend(NOBODY) as lent:
        link = await mailed_links.find(lent, LinkPurpose.PASSWORD_RESET, secret)
        await _require_theirs(lent, link)
    return link


async def _require_theirs(connection: Lent, link: Opened) -> None:
    """Raise NOT_FOUND when the person's address is no longer the one the link was mailed to.

    The link is stored a little after their address was read.
    """
    if not await connection.fetchval(STILL_THEIRS, link.user_id, link.email):
        raise mailed_links.not_found()


async def _answer(
    database: Database, settings: AuthSettings, outbox: Outbox, email: str, origin: Origin
) -> None:
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        person = await lent.fetchrow(OF_ADDRESS, email)
        id = person["id"] if person else None
        if person:
            purpose = LinkPurpose.PASSWORD_RESET
            link = await mailed_links.create(lent, settings.url, purpose, person["email"], id)
        event = person_event("password_reset_request", id or NOBODY_KNOWN)
        await record(lent, replace(event, user_id=id), origin)
    if person:
        minutes = int(LIVES[LinkPurpose.PASSWORD_RESET].total_seconds() // 60)
        outbox.post(mail("password_reset", person["email"], settings, link=link, minutes=minutes))


def _not_proved(viewer: Viewer) -> Event:
    return Event(
        entity_type="Profile",
        entity_id=viewer.id or NOBODY_KNOWN,
        user_id=viewer.id,
        actor_id=viewer.id,
        action="step_up",
        type=AuditEventType.LOGIN_FAILED,
        description="A signed-in person did not know their password.",
        resource=ResourceType.USER,
        severity=AuditSeverity.MEDIUM,
        details={"reason": "wrong password"},
    )
