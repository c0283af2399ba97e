"""Signing in with an e-mail address and a password, and signing out.

An unknown address and a wrong password get the same answer after the same work, so that nobody
learns who has an account. Only the right password tells why it does not let somebody in.
"""

from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from auth import browser_sessions, passwords, throttle
from auth.browser_sessions import Started
from auth.events import NOBODY_KNOWN, Event, record
from auth.people import address
from auth.session.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity, ResourceType
from db.core.people import UserStatus
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

FIND = """
SELECT p.id, c.password_hash, p.status::text, p.is_approved
FROM profiles p JOIN profile_credentials c ON c.user_id = p.id
WHERE lower(p.email) = lower($1) AND p.deleted_at IS NULL
"""
SIGNED_IN = """
UPDATE profile_credentials
SET last_sign_in_at = now(), password_hash = coalesce($2, password_hash) WHERE user_id = $1
"""

WRONG = "The e-mail address or the password is not right."
NOT_APPROVED = "Your account has not been approved yet. An administrator has to do that first."
CLOSED = {
    UserStatus.SUSPENDED: "Your account is suspended. Ask an administrator to reopen it.",
    UserStatus.INACTIVE: "Your account is not active any more. Ask an administrator to reopen it.",
    UserStatus.PENDING: "Your account is not active yet. An administrator has to activate it.",
}


class Person(NamedTuple):
    """What signing in reads of somebody."""

    id: UUID
    password_hash: str
    status: str
    is_approved: bool

    @property
    def obstacle(self) -> str | None:
        """Why they cannot sign in although they know the password."""
        if self.status != UserStatus.ACTIVE:
            return CLOSED[UserStatus(self.status)]
        return None if self.is_approved else NOT_APPROVED


async def sign_in(
    database: Database,
    settings: AuthSettings,
    email: str,
    password: str,
    origin: Origin,
    previous: str = "",
) -> Started:
    """A new session, in place of that whose secret is `previous`.

    Raises UNAUTHENTICATED, FORBIDDEN when the account is closed, RATE_LIMITED with `retryAfter`
    seconds, and BUSY.
    """
    with suppress(Problem):  # what is no address belongs to nobody, and fails like any other
        email = address(email)
    email = email.encode(errors="replace").decode().replace("\0", "?")
    candidate = passwords.normalised(password)
    counts = throttle.counts(settings, email, origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts)
        row = await lent.fetchrow(FIND, email)
    person = Person(*row) if row else None
    try:
        hash = person.password_hash if person and candidate is not None else None
        right = await passwords.verified(candidate or "", hash)
    except Problem:
        async with database.auth.lend(NOBODY) as lent:
            await throttle.take_back(lent, counts)
        raise
    if not (person and right):
        async with database.auth.lend(NOBODY) as lent:
            await _failed(lent, person, "wrong password" if person else "unknown address", origin)
        raise Problem("UNAUTHENTICATED", WRONG)
    rehashed = None
    if passwords.outdated(person.password_hash):
        with suppress(Problem):  # busy: another time will do
            rehashed = await passwords.hashed(candidate or "")
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await throttle.forgive(lent, counts)
        if person.obstacle is None:
            return await _succeeded(lent, settings, person, rehashed, origin, previous)
        await _failed(lent, person, "closed account", origin)
    raise Problem("FORBIDDEN", person.obstacle)


async def sign_out(database: Database, secret: str, origin: Origin) -> None:
    """End the session of this cookie; there need not be one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await _end(lent, secret, origin)


async def _succeeded(
    connection: Lent,
    settings: AuthSettings,
    person: Person,
    rehashed: str | None,
    origin: Origin,
    previous: str,
) -> Started:
    await _end(connection, previous, origin)
    await connection.execute(SIGNED_IN, person.id, rehashed)
    started = await browser_sessions.start(connection, person.id, origin, settings)
    event = Event(
        entity_type="Session",
        entity_id=started.id,
        action="sign_in",
        type=AuditEventType.LOGIN,
        description="Signed in with a password.",
        resource=ResourceType.SESSION,
        actor_id=person.id,
        user_id=person.id,
        session_id=started.id,
    )
    await record(connection, event, origin)
    return started


async def _failed(connection: Lent, person: Person | None, reason: str, origin: Origin) -> None:
    event = Event(
        entity_type="Profile",
        entity_id=person.id if person else NOBODY_KNOWN,
        user_id=person.id if person else None,
        action="sign_in",
        type=AuditEventType.LOGIN_FAILED,
        description=f"Sign-in failed: {reason}.",
        resource=ResourceType.USER,
        severity=AuditSeverity.MEDIUM,
        details={"reason": reason},
    )
    await record(connection, event, origin)


async def _end(connection: Lent, secret: str, origin: Origin) -> None:
    ended = await browser_sessions.end(connection, secret)
    if ended:
        event = Event(
            entity_type="Session",
            entity_id=ended.id,
            action="sign_out",
            type=AuditEventType.LOGOUT,
            description="Signed out.",
            resource=ResourceType.SESSION,
            actor_id=ended.user_id,
            user_id=ended.user_id,
            session_id=ended.id,
        )
        await record(connection, event, origin)
