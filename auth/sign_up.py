"""Signing up: an address is confirmed by a mailed link, on whose page the account is made.

Whoever asks learns nothing about an address: the answer is given before it is looked up. A name
and a password are asked for on the page of the link alone, so that nobody can prepare an account
with a password of theirs for somebody else to confirm.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from auth import mailed_links, passwords, throttle
from auth.approval import tell_approvers
from auth.events import NOBODY_KNOWN, Event, record
from auth.mail import Outbox, mail
from auth.mailed_links import LIVES
from auth.people import add_person, address, person_name
from auth.session.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType, ResourceType
from db.core.people import LinkPurpose
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

TAKEN = "SELECT id FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"
CLOSED = "Nobody can sign up here by themselves. Ask an administrator for an account."
NO_MAIL = "This gateway cannot send mail. Ask an administrator."


def require_open(settings: AuthSettings, outbox: Outbox) -> None:
    """Raises NOT_FOUND when nobody can sign up."""
    if settings.signing_up == "closed":
        raise Problem("NOT_FOUND", CLOSED)
    if not outbox.reaches_people:
        raise Problem("NOT_FOUND", NO_MAIL)


async def ask(
    database: Database, settings: AuthSettings, outbox: Outbox, email: str, origin: Origin
) -> None:
    """Mail a link to this address, or, to somebody with an account, where to sign in.

    Raises INVALID, RATE_LIMITED with `retryAfter`, NOT_FOUND and BUSY, whoever has the address.
    """
    require_open(settings, outbox)
    email = address(email)
    counts = throttle.mail_counts(settings, email, origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "mails were asked for")
    outbox.start(_answer(database, settings, outbox, email, origin))


async def opened(database: Database, secret: str) -> str:
    """The address that the link with this secret confirms. Raises NOT_FOUND."""
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
    """Make the account of whoever opened the link; whether they may sign in at once.

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
    """Make an account with an address that `confirmed` makes sure of, within the transaction.

    Whether its person may sign in at once. Raises as `confirm` does.
    """
    require_open(settings, outbox)
    name = person_name(full_name)
    hash = await passwords.hashed(passwords.acceptable(password, email))
    approved = settings.signing_up == "open"
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await confirmed(lent)
        await add_person(lent, email, name, hash, approved, origin)
    if not approved:
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
        await record(lent, _asked(known), origin)
    if known is None:
        hours = int(LIVES[LinkPurpose.SIGN_UP].total_seconds() // 3600)
        outbox.post(mail("sign_up", email, settings, link=link, hours=hours))
    else:
        outbox.post(mail("sign_up_known", email, settings))


def _asked(known: UUID | None) -> Event:
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
