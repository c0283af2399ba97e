"""Signing in with an e-mail address, a password and perhaps a code, and signing out.

An unknown address and a wrong password get the same answer after the same work, so that nobody
learns who has an account. Only the right password tells why it does not let somebody in.
"""

import hmac
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from auth import browser_sessions, passwords, second_factor, throttle
from auth.browser_sessions import Started
from auth.events import NOBODY_KNOWN, Event, record
from auth.holding import hold_password
from auth.mail import Outbox
from auth.people import address
from auth.session.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity, ResourceType
from db.core.people import UserStatus
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

PERSON = """
SELECT p.id, c.password_hash, c.password_changed_at, p.status::text, p.is_approved,
    EXISTS (SELECT FROM second_factors f WHERE f.user_id = p.id) AS has_second_factor
FROM profiles p JOIN profile_credentials c ON c.user_id = p.id
WHERE p.deleted_at IS NULL AND
"""
FIND = f"{PERSON} lower(p.email) = lower($1)"
FIND_AGAIN = f"{PERSON} p.id = $1"
SIGNED_IN = "UPDATE profile_credentials SET last_sign_in_at = now() WHERE user_id = $1"
REHASH = "UPDATE profile_credentials SET password_hash = $2 WHERE user_id = $1"

HALF = 600
"""Seconds between a password and the code that belongs to it, at most."""

TOO_LATE = "The code came too late, or from another browser. Start again with your password."
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
    password_changed_at: datetime
    status: str
    is_approved: bool
    has_second_factor: bool

    @property
    def obstacle(self) -> str | None:
        """Why they cannot sign in although they know the password."""
        if self.status != UserStatus.ACTIVE:
            return CLOSED[UserStatus(self.status)]
        return None if self.is_approved else NOT_APPROVED


@dataclass(frozen=True)
class HalfSignedIn:
    """Somebody has shown their password and is to show a code: no session, and no row.

    `state` goes into the form for the code. It is good for ten minutes, in the browser that the
    password came from, while the password is the same.
    """

    state: str = field(repr=False)


async def sign_in(
    database: Database,
    settings: AuthSettings,
    email: str,
    password: str,
    origin: Origin,
    previous: str = "",
    browser: str = "",
) -> Started | HalfSignedIn:
    """A new session, in place of that whose secret is `previous`, or the way to the second step.

    `browser` is a secret that the browser holds, to which the second step is bound. Raises
    UNAUTHENTICATED, FORBIDDEN when the account is closed, RATE_LIMITED with `retryAfter` seconds,
    and BUSY.
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
    better = None
    if passwords.outdated(person.password_hash):
        with suppress(Problem):  # busy: another time will do
            better = await passwords.hashed(candidate or "")
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        hash = await hold_password(lent, person.id, person.password_changed_at)
        obstacle = person.obstacle
        if hash is not None:
            await throttle.forgive(lent, counts)
        if hash is not None and obstacle is None:
            if better and hash == person.password_hash:  # else somebody has been faster
                await lent.execute(REHASH, person.id, better)
                hash = better
            if person.has_second_factor:
                return HalfSignedIn(_state(settings, person.id, hash, browser))
            return await _succeeded(lent, settings, person, "a password", origin, previous)
        await _failed(lent, person, "closed account" if hash else "wrong password", origin)
    if hash is None or obstacle is None:
        raise Problem("UNAUTHENTICATED", WRONG)
    raise Problem("FORBIDDEN", obstacle)


async def second_step(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    state: str,
    code: str,
    origin: Origin,
    previous: str = "",
    browser: str = "",
) -> Started:
    """The session of somebody half signed in, who shows a code of their app, or a recovery code.

    Raises UNAUTHENTICATED when the first step is no longer good, INVALID when the code is not
    right, FORBIDDEN when the account is closed, and RATE_LIMITED with `retryAfter` seconds.
    """
    id, expires = _read(state)
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(FIND_AGAIN, id)
    person = Person(*row) if row else None
    if (
        person is None
        or expires < time.time()
        or not _proves(settings, state, person.id, expires, person.password_hash, browser)
    ):
        raise Problem("UNAUTHENTICATED", TOO_LATE)
    if person.obstacle:
        raise Problem("FORBIDDEN", person.obstacle)
    await second_factor.prove(database, settings, outbox, person.id, code, origin)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if await hold_password(lent, person.id, person.password_changed_at) is None:
            raise Problem("UNAUTHENTICATED", TOO_LATE)
        what = "a password and a code"
        return await _succeeded(lent, settings, person, what, origin, previous)


async def sign_out(database: Database, secret: str, origin: Origin) -> None:
    """End the session of this cookie; there need not be one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await _end(lent, secret, origin)


async def _succeeded(
    connection: Lent,
    settings: AuthSettings,
    person: Person,
    what: str,
    origin: Origin,
    previous: str,
) -> Started:
    await _end(connection, previous, origin)
    await connection.execute(SIGNED_IN, person.id)
    started = await browser_sessions.start(connection, person.id, origin, settings)
    event = Event(
        entity_type="Session",
        entity_id=started.id,
        action="sign_in",
        type=AuditEventType.LOGIN,
        description=f"Signed in with {what}.",
        resource=ResourceType.SESSION,
        actor_id=person.id,
        user_id=person.id,
        session_id=started.id,
    )
    await record(connection, event, origin)
    return started


def _state(settings: AuthSettings, id: UUID, hash: str, browser: str) -> str:
    return _signed(settings, id, int(time.time()) + HALF, hash, browser)


def _signed(settings: AuthSettings, id: UUID, expires: int, hash: str, browser: str) -> str:
    key = settings.gateway_secret.get_secret_value().encode()
    text = f"second step\0{id}\0{expires}\0{hash}\0{browser}".encode(errors="surrogatepass")
    return f"{id}.{expires}.{hmac.new(key, text, sha256).hexdigest()}"


def _proves(
    settings: AuthSettings, state: str, id: UUID, expires: int, hash: str, browser: str
) -> bool:
    expected = _signed(settings, id, expires, hash, browser)
    return bool(browser) and hmac.compare_digest(state.encode(errors="replace"), expected.encode())


def _read(state: str) -> tuple[UUID, int]:
    """Whom a state is about, and when it ends, if it is one of ours."""
    found = re.fullmatch(r"([0-9a-f-]{36})\.([0-9]{1,12})\.[0-9a-f]{64}", state)
    try:
        return (UUID(found[1]), int(found[2])) if found else (NOBODY_KNOWN, 0)
    except ValueError:
        return NOBODY_KNOWN, 0


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
