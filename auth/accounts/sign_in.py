"""Sign in with an e-mail address, a password and perhaps a second factor, and sign out.

An unknown address and a wrong password get the same answer after the same work, so that nobody
learns which addresses have accounts. Only after the right password does the answer say why a
sign-in is refused.
"""

import hmac
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_network
from typing import NamedTuple
from uuid import UUID

from auth.accounts import devices as new_device
from auth.accounts import second_proof
from auth.accounts.mail import Outbox, mail, now
from auth.accounts.second_proof import Given
from auth.accounts.sso.connections import elsewhere
from auth.credentials import browser_sessions, devices, known_browsers, passwords, throttle
from auth.credentials.browser_sessions import Started, Via
from auth.credentials.credential_lock import lock_password_unless_changed
from auth.credentials.factors import has_second_factor
from auth.credentials.people import address
from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity
from db.core.people import UserStatus
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

PERSON = f"""
SELECT p.id, lower(p.email) AS email, c.password_hash, c.password_changed_at, p.status::text,
    p.is_approved, c.last_sign_in_at IS NOT NULL AS has_signed_in,
    {has_second_factor("p.id")} AS has_second_factor,
    EXISTS (SELECT FROM passkeys k WHERE k.user_id = p.id) AS has_passkey
FROM profiles p JOIN profile_credentials c ON c.user_id = p.id
WHERE p.deleted_at IS NULL AND
"""  # noqa: S608 (ours)
FIND = f"{PERSON} lower(p.email) = lower($1)"
FIND_AGAIN = f"{PERSON} p.id = $1"
KNOWN_NETWORK = """
SELECT EXISTS (
    SELECT FROM sessions s JOIN profiles p ON p.id = s.user_id
    WHERE lower(p.email) = lower($1) AND p.deleted_at IS NULL AND s.ip_address <<= $2)
"""
SIGNED_IN = "UPDATE profile_credentials SET last_sign_in_at = now() WHERE user_id = $1"
REHASH = "UPDATE profile_credentials SET password_hash = $2 WHERE user_id = $1"

SECOND_STEP_TIMEOUT = 600
"""Seconds between a password and the code that belongs to it, at most."""

TOO_LATE = "The code was entered too late, or in another browser. Sign in again."
WRONG = "The e-mail address or password is wrong."
NOT_APPROVED = "Your account has not been approved yet. An administrator has to do that first."
CLOSED = {
    UserStatus.SUSPENDED: "Your account is suspended. Ask an administrator to reopen it.",
    UserStatus.INACTIVE: "Your account is not active any more. Ask an administrator to reopen it.",
    UserStatus.PENDING: "Your account is not active yet. An administrator has to activate it.",
}


class Methods(NamedTuple):
    """The methods of a sign-in: in words, and by their names in RFC 8176."""

    words: str
    methods: tuple[str, ...]


PASSWORD = Methods("a password", ("pwd",))


def password_and(method: str) -> Methods:
    """Return the methods of a password and a second factor."""
    what = "a code" if method == second_proof.CODE else "a passkey"
    return Methods(f"a password and {what}", (*PASSWORD.methods, method))


class Person(NamedTuple):
    """The columns of a person that signing in reads."""

    id: UUID
    email: str
    password_hash: str
    password_changed_at: datetime
    status: str
    is_approved: bool
    has_signed_in: bool
    has_second_factor: bool
    has_passkey: bool

    @property
    def obstacle(self) -> str | None:
        """Return why the account may not sign in, whatever the password; None when it may."""
        if self.status != UserStatus.ACTIVE:
            return CLOSED[UserStatus(self.status)]
        return None if self.is_approved else NOT_APPROVED


@dataclass(frozen=True)
class HalfSignedIn:
    """The state after the password and before the code: no session, and no row.

    `state` goes into the form for the code. It is good for ten minutes, in the browser that the
    password came from, while the password is the same.
    """

    state: str = field(repr=False)
    has_passkey: bool = False


@dataclass(frozen=True)
class Held:
    """The cookies of a browser that signs in, each of which may hold anything.

    `previous` is the secret of the session that the new one replaces, `form` the one to which the
    second step is bound, `known` the cookie of browsers known at the address
    (`auth.credentials.known_browsers`).
    """

    previous: str = field(default="", repr=False)
    form: str = field(default="", repr=False)
    known: str = field(default="", repr=False)


NOTHING = Held()


async def sign_in(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    email: str,
    password: str,
    origin: Origin,
    browser_cookies: Held = NOTHING,
) -> Started | HalfSignedIn:
    """Verify address and password; return a new session, or the state for the second step.

    Raises UNAUTHENTICATED, FORBIDDEN when the account is closed, RATE_LIMITED with `retryAfter`
    seconds, and BUSY.
    """
    with suppress(Problem):  # what is no address belongs to nobody, and fails like any other
        email = address(email)
    email = email.encode(errors="replace").decode().replace("\0", "?")
    candidate = passwords.normalised(password)
    browser = known_browsers.name_for(settings, browser_cookies.known, email)
    async with database.auth.lend(NOBODY) as lent:
        network = ip_network(throttle.network_of(origin.ip_address)) if origin.ip_address else None
        known = bool(network and await lent.fetchval(KNOWN_NETWORK, email, network))
        counts = throttle.counts(settings, email, origin.ip_address, browser, known_network=known)
        try:
            await throttle.admit(lent, counts)
        except Problem:
            await _tell_of_attack(lent, settings, outbox, email)
            raise
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
        hash = await lock_password_unless_changed(lent, person.id, person.password_changed_at)
        obstacle = person.obstacle or await elsewhere(lent, person.id, person.email)
        if hash is not None:
            await throttle.forgive(lent, counts)
        if hash is not None and obstacle is None:
            if better and hash == person.password_hash:  # else somebody has been faster
                await lent.execute(REHASH, person.id, better)
                hash = better
            if person.has_second_factor:
                state = _state(settings, person.id, hash, browser_cookies.form)
                return HalfSignedIn(state, person.has_passkey)
            by = PASSWORD
            return await begin_session(
                lent, database, settings, outbox, person, by, origin, browser_cookies
            )
        await _failed(lent, person, "closed account" if hash else "wrong password", origin)
    if hash is None or obstacle is None:
        raise Problem("UNAUTHENTICATED", WRONG)
    raise Problem("FORBIDDEN", obstacle)


async def second_step(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    state: str,
    given: Given,
    origin: Origin,
    browser_cookies: Held = NOTHING,
) -> Started:
    """Verify a code or the answer of a passkey after the password; return the session.

    Raises UNAUTHENTICATED when the first step is no longer good, INVALID when the second is not
    right, FORBIDDEN when the account is closed, and RATE_LIMITED with `retryAfter` seconds.
    """
    id, expires = _read(state)
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(FIND_AGAIN, id)
    person = Person(*row) if row else None
    if (
        person is None
        or expires < time.time()
        or not _proves(
            settings, state, person.id, expires, person.password_hash, browser_cookies.form
        )
    ):
        raise Problem("UNAUTHENTICATED", TOO_LATE)
    async with database.auth.lend(NOBODY) as lent:
        obstacle = person.obstacle or await elsewhere(lent, person.id, person.email)
    if obstacle:
        raise Problem("FORBIDDEN", obstacle)
    method = await second_proof.prove(database, settings, outbox, person.id, given, origin)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if await lock_password_unless_changed(lent, person.id, person.password_changed_at) is None:
            raise Problem("UNAUTHENTICATED", TOO_LATE)
        by = password_and(method)
        return await begin_session(
            lent, database, settings, outbox, person, by, origin, browser_cookies
        )


async def sign_out(database: Database, secret: str, origin: Origin) -> None:
    """End the session of this cookie; do nothing without one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await _end(lent, secret, origin)


async def begin_session(
    connection: Lent,
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    person: Person,
    by: Methods,
    origin: Origin,
    browser_cookies: Held,
    via: Via | None = None,
) -> Started:
    """Begin a session of a person who has just proved who they are, in place of the former one."""
    await _end(connection, browser_cookies.previous, origin)
    await connection.execute(SIGNED_IN, person.id)
    is_elsewhere = await devices.is_new_network(connection, person.id, origin)
    name = known_browsers.name_for(settings, browser_cookies.known, person.email)
    fresh = known_browsers.fresh_name()
    device = await devices.seen(connection, person.id, name, fresh, origin)
    is_unexpected = person.has_signed_in and device.is_new
    started = await browser_sessions.start(
        connection, person.id, origin, settings, by.methods, via, device.id
    )
    event = Event(
        entity_type="Session",
        entity_id=started.id,
        action="sign_in",
        type=AuditEventType.LOGIN,
        description=f"Signed in with {by.words}.",
        resource=ResourceType.SESSION,
        actor_id=person.id,
        user_id=person.id,
        session_id=started.id,
        details={
            "device_id": str(device.id),
            **({"unknown_browser": True} if is_unexpected else {}),
            **({"new_network": True} if person.has_signed_in and is_elsewhere else {}),
        },
    )
    await record(connection, event, origin)
    if is_unexpected:
        new_device.tell(database, outbox, person.email, origin)
    known = known_browsers.after_sign_in(settings, browser_cookies.known, person.email, device.name)
    return replace(started, known=known)


async def _tell_of_attack(
    connection: Lent, settings: AuthSettings, outbox: Outbox, email: str
) -> None:
    """Mail the owner of this address, once a day, that sign-ins fail, with a link to sign in."""
    if not outbox.reaches_people or not await throttle.is_attacked(connection, settings, email):
        return
    row = await connection.fetchrow(FIND, email)
    if row and Person(*row).obstacle is None:
        link = known_browsers.link(settings, email)
        outbox.tell(mail("sign_in_attacked", email, settings, link=link, time=now()))


def _state(settings: AuthSettings, id: UUID, hash: str, browser: str) -> str:
    return _signed(settings, id, int(time.time()) + SECOND_STEP_TIMEOUT, hash, browser)


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
    """Return the person and the end, in Unix seconds, of a state; its signature is not verified."""
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
