"""The second factor: an authenticator app, and recovery codes for whoever lost it.

A code of the app is good once, in whatever process it is used, and so is a recovery code. Wrong
codes slow down the next ones, apart from wrong passwords: who knows the password could otherwise
clear what they have guessed.
"""

import re
import secrets
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7

from auth import throttle, totp
from auth.encryption import decrypt, encrypt
from auth.events import Event, record
from auth.holding import hold_credential
from auth.mail import Outbox
from auth.people import FROM_HERE, id_of, person_event
from auth.session.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity, ResourceType
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

CODES = 10
"""Recovery codes that one gets at a time."""
CODE_BYTES = 10
"""80 random bits: a digest of them needs no salt and no slow hash."""

KEPT, OFFERED = "second factor", "second factor on offer"
"""What secrets are encrypted for: the table, and the form that an app is set up with."""

STATE = """
SELECT f.created_at, (
    SELECT count(*) FROM recovery_codes c WHERE c.user_id = f.user_id AND c.used_at IS NULL
) AS codes
FROM second_factors f WHERE f.user_id = $1
"""
SECRET = "SELECT secret FROM second_factors WHERE user_id = $1"  # noqa: S105 (a statement)
TURN_ON = """
INSERT INTO second_factors (user_id, secret, last_step) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO NOTHING RETURNING user_id
"""
TURN_OFF = "DELETE FROM second_factors WHERE user_id = $1 RETURNING user_id"
LOCK = "SELECT FROM second_factors WHERE user_id = $1 FOR UPDATE"
USE_STEP = """
UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2 RETURNING user_id
"""
FORGET_CODES = "DELETE FROM recovery_codes WHERE user_id = $1"
ADD_CODE = "INSERT INTO recovery_codes (id, user_id, code_hash) VALUES ($1, $2, $3)"
USE_CODE = """
UPDATE recovery_codes SET used_at = now()
WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL RETURNING id
"""
EMAIL = "SELECT email FROM profiles WHERE id = $1"

WRONG = "This code is not right. Codes change every 30 seconds, and each works once."
ON_ALREADY = "Codes are asked of you already."
NOT_ON = "No codes are asked of you."
LOG = {
    "second_factor_on": "An authenticator app is asked for from now on when you sign in.",
    "second_factor_off": "No authenticator app is asked for any more when you sign in.",
    "recovery_codes": "You got new recovery codes; the earlier ones do not work any more.",
    "recovery_code_use": "A recovery code was used in place of your authenticator app.",
}
"""What is done with a second factor, and what its owner is told by mail."""


@dataclass(frozen=True)
class State:
    """Somebody's second factor: since when, and how many recovery codes they have left."""

    since: datetime
    codes: int


async def state(database: Database, user_id: UUID) -> State | None:
    """The person's second factor; None when they use none."""
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(STATE, user_id)
    return State(row["created_at"], row["codes"]) if row else None


def offer(settings: AuthSettings, viewer: Viewer) -> tuple[bytes, str]:
    """A secret for an app, and the same sealed, for the form that sends it back with a code.

    Nothing is kept before the app is shown to work, and each tab has an offer of its own.
    """
    secret = totp.new_secret()
    sealed = encrypt(settings, OFFERED, _owner(viewer), secret)
    return secret, urlsafe_b64encode(sealed).decode()


def offered(settings: AuthSettings, viewer: Viewer, sealed: str) -> bytes:
    """The secret of an offer to this person. Raises BAD_REQUEST for anything else."""
    with suppress(Error, ValueError):
        secret = decrypt(settings, OFFERED, _owner(viewer), urlsafe_b64decode(sealed))
        if secret is not None:
            return secret
    raise Problem("BAD_REQUEST", "This page has expired. Open it once more.")


async def turn_on(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    secret: bytes,
    code: str,
    origin: Origin,
) -> list[str]:
    """Ask for the app's codes from now on; the recovery codes, which nobody sees again.

    Raises INVALID when the code is not right, CONFLICT when an app is asked for already, and
    SignedOut.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    step = totp.step_of(secret, code)
    if step is None:
        raise Problem("INVALID", WRONG, field=("code",))
    sealed = encrypt(settings, KEPT, viewer.id.bytes, secret)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await hold_credential(lent, viewer)
        if await lent.fetchval(TURN_ON, viewer.id, sealed, step) is None:
            raise Problem("CONFLICT", ON_ALREADY)
        codes = await _new_codes(lent, viewer.id)
        await _note(lent, viewer.id, "second_factor_on", origin)
    _tell(outbox, viewer.email, "second_factor_on")
    return codes


async def turn_off(database: Database, outbox: Outbox, viewer: Viewer, origin: Origin) -> None:
    """Ask for no codes any more. Raises CONFLICT when none are asked for, and SignedOut."""
    assert viewer.id  # noqa: S101
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await hold_credential(lent, viewer)
        await _turn_off(lent, viewer.id, origin)
    _tell(outbox, viewer.email, "second_factor_off")


async def turn_off_for(database: Database, outbox: Outbox, email: str) -> None:
    """The same for somebody who lost app and codes, by the operator, who knows that it is them.

    Raises NOT_FOUND and CONFLICT.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await id_of(lent, email)
        await _turn_off(lent, id, FROM_HERE)
    _tell(outbox, email, "second_factor_off")


async def renew_codes(
    database: Database, outbox: Outbox, viewer: Viewer, origin: Origin
) -> list[str]:
    """New recovery codes in place of all earlier ones.

    Raises CONFLICT without an app, and SignedOut.
    """
    assert viewer.id  # noqa: S101
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await hold_credential(lent, viewer)
        if await lent.fetchrow(LOCK, viewer.id) is None:
            raise Problem("CONFLICT", NOT_ON)
        codes = await _new_codes(lent, viewer.id)
        await _note(lent, viewer.id, "recovery_codes", origin)
    _tell(outbox, viewer.email, "recovery_codes")
    return codes


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    user_id: UUID,
    code: str,
    origin: Origin,
) -> None:
    """Use up a code of the app, or a recovery code, of somebody who has a second factor.

    Raises INVALID when it is not right, and RATE_LIMITED with `retryAfter`.
    """
    counts = throttle.code_counts(settings, str(user_id), origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "wrong codes")
        async with lent.transaction():
            used = await _use(lent, settings, user_id, code)
            if used is None:
                await record(lent, _failed(user_id), origin)
            else:
                await throttle.forgive(lent, counts)
                if used == "recovery_code_use":
                    await _note(lent, user_id, used, origin)
        email = await lent.fetchval(EMAIL, user_id)
    if used is None:
        raise Problem("INVALID", WRONG, field=("code",))
    if used == "recovery_code_use":
        _tell(outbox, email, used)


async def _use(connection: Lent, settings: AuthSettings, user_id: UUID, code: str) -> str | None:
    """Use the code up; what was used."""
    sealed = await connection.fetchval(SECRET, user_id)
    if sealed is None:
        return None
    # After GATEWAY_SECRET was changed the secret cannot be read; recovery codes go on working.
    secret = decrypt(settings, KEPT, user_id.bytes, sealed)
    step = totp.step_of(secret, code) if secret else None
    if step is not None:
        fresh = await connection.fetchval(USE_STEP, user_id, step)
        return "code_use" if fresh else None
    digest = _digest(user_id, code)
    return "recovery_code_use" if await connection.fetchval(USE_CODE, user_id, digest) else None


async def _new_codes(connection: Lent, user_id: UUID) -> list[str]:
    codes = [b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower() for _ in range(CODES)]
    await connection.execute(FORGET_CODES, user_id)
    rows = [(uuid7(), user_id, _digest(user_id, code)) for code in codes]
    await connection.executemany(ADD_CODE, rows)
    return ["-".join(re.findall(".{4}", code)) for code in codes]


async def _turn_off(connection: Lent, user_id: UUID, origin: Origin) -> None:
    if await connection.fetchval(TURN_OFF, user_id) is None:
        raise Problem("CONFLICT", NOT_ON)
    await connection.execute(FORGET_CODES, user_id)
    await _note(connection, user_id, "second_factor_off", origin)


async def _note(connection: Lent, user_id: UUID, action: str, origin: Origin) -> None:
    actor = user_id if origin is not FROM_HERE else None
    event = person_event(action, user_id, severity=AuditSeverity.MEDIUM, actor_id=actor)
    await record(connection, event, origin)


def _tell(outbox: Outbox, email: str | None, action: str) -> None:
    if email:
        outbox.notify(email, "How you sign in has been changed", LOG[action])


def _failed(user_id: UUID) -> Event:
    return Event(
        entity_type="Profile",
        entity_id=user_id,
        user_id=user_id,
        action="second_step",
        type=AuditEventType.LOGIN_FAILED,
        description="A code was not right.",
        resource=ResourceType.USER,
        severity=AuditSeverity.MEDIUM,
        details={"reason": "wrong code"},
    )


def _digest(user_id: UUID, code: str) -> bytes:
    """What is kept of a recovery code, however it is typed."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return sha256(user_id.bytes + plain.encode(errors="replace")).digest()


def _owner(viewer: Viewer) -> bytes:
    assert viewer.id  # noqa: S101
    return viewer.id.bytes
