"""Change the e-mail address of an account, confirmed by a link mailed to the new address.

The page asks for a fresh proof and gives the same answer for every address, before it is looked up.
The link works in a session of the account alone, so that the owner of a mistyped address cannot
take the account over. The old address is notified when the change is requested and again when it is
confirmed; a change of the password cancels it in between.
"""

from uuid import UUID

from asyncpg import UniqueViolationError

from auth.accounts import domain_joining, mailed_links
from auth.accounts.mail import Outbox, mail
from auth.accounts.mailed_links import LIVES
from auth.accounts.password_change import require_mail
from auth.credentials import throttle
from auth.credentials.credential_lock import lock_credential, lock_password
from auth.credentials.people import address, person_event
from auth.events import record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditSeverity
from db.core.people import LinkPurpose
from db.pool import NOBODY, Database
from db.problem import Problem

TAKEN = "SELECT true FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"
CHANGE = """
UPDATE profiles SET email = $2, version = version + 1, updated_at = now(), updated_by = $1
WHERE id = $1 RETURNING version
"""

ASKED = "Another address has been asked for"
WHAT_IF = (
    "Another e-mail address has been asked for, for your account. It is changed once the link that"
    " was mailed there is opened; another password calls that off."
)


async def ask(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    email: str,
    origin: Origin,
) -> None:
    """Mail a link to the new address or, when it has an account already, a notice of that.

    Raises INVALID, RATE_LIMITED with `retryAfter`, NOT_FOUND and BUSY, the same for every address.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    assert viewer.email  # noqa: S101
    require_mail(outbox)
    email = address(email)
    if email == viewer.email.lower():
        raise Problem("INVALID", "This is your address already.", field=("email",))
    counts = throttle.mail_counts(settings, email, origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "mails were asked for")
        # Here and not behind the answer, where it could call off what is asked for after this.
        await mailed_links.call_off(lent, viewer.id, LinkPurpose.EMAIL_CHANGE)
    outbox.start(_answer(database, outbox, viewer.id, viewer.email, email, origin))


async def opened(database: Database, viewer: Viewer, secret: str) -> str:
    """Return the address that the link with this secret confirms.

    Raises NOT_FOUND when it does not work, FORBIDDEN when it is for another account.
    """
    async with database.auth.lend(NOBODY) as lent:
        link = await mailed_links.find(lent, LinkPurpose.EMAIL_CHANGE, secret)
    if link.user_id != viewer.id:
        message = "This link is for another account. Sign in with that one, then open it again."
        raise Problem("FORBIDDEN", message)
    return link.email


async def confirm(
    database: Database, outbox: Outbox, viewer: Viewer, secret: str, origin: Origin
) -> None:
    """Give the account the address of this link, and cancel every other link of the person.

    They join the organization of its domain, if there is one (`auth.accounts.domain_joining`).
    Raises as `opened` does, ALREADY_EXISTS when the address got an account meanwhile, and
    CredentialEnded.
    """
    assert viewer.id  # noqa: S101
    email = await opened(database, viewer, secret)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_password(lent, viewer.id)  # another one calls this off, or comes after it
        await lock_credential(lent, viewer)
        await mailed_links.use(lent, LinkPurpose.EMAIL_CHANGE, secret)
        try:
            version = await lent.fetchval(CHANGE, viewer.id, email)
        except UniqueViolationError:
            message = "This e-mail address is already in use."
            raise Problem("ALREADY_EXISTS", message) from None
        await mailed_links.call_off(lent, viewer.id)
        event = person_event(
            "email_change",
            viewer.id,
            version=version,
            values={"email": email},
            severity=AuditSeverity.MEDIUM,
            actor_id=viewer.id,
            session_id=_session(viewer),
        )
        await record(lent, event, origin)
    await domain_joining.join(database, viewer.id, email, origin)
    outbox.tell(mail("email_changed", viewer.email or "", outbox.settings))


async def _answer(
    database: Database, outbox: Outbox, id: UUID, old: str, new: str, origin: Origin
) -> None:
    settings, purpose = outbox.settings, LinkPurpose.EMAIL_CHANGE
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        taken = await lent.fetchval(TAKEN, new)
        if not taken:
            link = await mailed_links.create(lent, settings.url, purpose, new, id)
        await record(lent, person_event("email_change_request", id, actor_id=id), origin)
    if taken:
        outbox.post(mail("email_taken", new, settings))
    else:
        hours = int(LIVES[purpose].total_seconds() // 3600)
        outbox.post(mail("email_change", new, settings, link=link, hours=hours))
    outbox.notify(old, ASKED, WHAT_IF)


def _session(viewer: Viewer) -> UUID | None:
    return UUID(viewer.session_id) if viewer.session_id else None
