"""Sign up: a mailed link confirms the address, and its page creates the account.

The answer to a request discloses nothing about an address: it is given before the address is looked
up. Name and password are entered on the page of the link alone, so that nobody can prepare an
account with their own password for somebody else to confirm.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from auth.accounts import admission, mailed_links
from auth.accounts.approval import tell_approvers
from auth.accounts.mail import Outbox, mail
from auth.accounts.mailed_links import LIVES
from auth.accounts.sso.connections import require_sign_up_allowed
from auth.credentials import passwords, throttle
from auth.credentials.people import add_person, address, person_name
from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType
from db.core.people import LinkPurpose
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

TAKEN = "SELECT id FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"
CLOSED = "Sign-up is closed. Ask an administrator for an account."
NO_MAIL = "This gateway cannot send mail. Ask an administrator."


def require_open(settings: AuthSettings, outbox: Outbox) -> None:
    """Raise NOT_FOUND when signing up is closed."""
    if settings.signing_up == "closed":
        raise Problem("NOT_FOUND", CLOSED)
    if not outbox.reaches_people:
        raise Problem("NOT_FOUND", NO_MAIL)


async def ask(
    database: Database, settings: AuthSettings, outbox: Outbox, email: str, origin: Origin
) -> None:
    """Mail a sign-up link to this address, or a sign-in link when it has an account.

    Raises INVALID, RATE_LIMITED with `retryAfter`, NOT_FOUND and BUSY, the same for every address.
    """
    require_open(settings, outbox)
    email = address(email)
    counts = throttle.mail_counts(settings, email, origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "mails were asked for")
    outbox.start(_answer(database, settings, outbox, email, origin))


async def opened(database: Database, secret: str) -> str:
    """Return the address that the link with this secret confirms. Raises NOT_FOUND."""
    async with database.auth.lend(NOBODY) as lent:
        return (await mailed_links.find(lent, LinkPurpose.SIGN_UP, secret)).email


async def confirm(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    secret: str,
    full_name: str,
    password: str,
    origin: Origin,
) -> bool:
    """Create the account of the link's address; return whether its person may sign in at once.

    Raises NOT_FOUND when the link does not work, INVALID with the field at fault, ALREADY_EXISTS
    when the address got an account meanwhile, and BUSY.
    """
    email = await opened(database, secret)

    async def confirmed(lent: Lent) -> None:
        await mailed_links.use(lent, LinkPurpose.SIGN_UP, secret)

    return await open_account(
        database, settings, outbox, email, full_name, password, origin, confirmed
    )


async def open_account(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    email: str,
    full_name: str,
    password: str,
    origin: Origin,
    confirmed: Callable[[Lent], Awaitable[None]],
) -> bool:
    """Create an account with an address that the caller has `confirmed`, in this transaction.

    Return whether its person may sign in at once. Raises as `confirm` does.
    """
    require_open(settings, outbox)
    await require_sign_up_allowed(database, settings, email)
    name = person_name(full_name)
    hash = await passwords.hashed(passwords.acceptable(password, email))
    approved = settings.signing_up == "open"
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await confirmed(lent)
        person = await add_person(lent, email, name, hash, approved, origin)
    if approved:
        await admission.admit(database, person, email, origin)
    else:
        with suppress(Problem):  # the page lists them all the same
            outbox.start(tell_approvers(database, outbox, email, name))
    return approved


async def _answer(
    database: Database, settings: AuthSettings, outbox: Outbox, email: str, origin: Origin
) -> None:
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        known: UUID | None = await lent.fetchval(TAKEN, email)
        if known is None:
            link = await mailed_links.create(lent, settings.url, LinkPurpose.SIGN_UP, email)
        await record(lent, _request_event(known), origin)
    if known is None:
        hours = int(LIVES[LinkPurpose.SIGN_UP].total_seconds() // 3600)
        outbox.post(mail("sign_up", email, settings, link=link, hours=hours))
    else:
        outbox.post(mail("sign_up_known", email, settings))


def _request_event(known: UUID | None) -> Event:
    return Event(
        entity_type="Profile",
        entity_id=known or NOBODY_KNOWN,
        user_id=known,
        action="sign_up_request",
        type=AuditEventType.ADMINISTRATION,
        description="Signing up was asked for.",
        resource=ResourceType.USER,
        control="CC6.2",
    )
