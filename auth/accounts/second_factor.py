"""The second factor: an authenticator app or passkeys, and recovery codes in case they are lost.

Passkeys are those of `auth.accounts.passkeys`. A code of the app is good once, in whatever process
it is used, and so is a recovery code. Wrong codes delay the next ones, counted apart from wrong
passwords: otherwise an attacker with the password could reset the count.
"""

import re
import secrets
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.accounts import totp
from auth.accounts.mail import Mail, Outbox, mail, now
from auth.credentials import throttle
from auth.credentials.credential_lock import lock_credential
from auth.credentials.factors import has_second_factor
from auth.credentials.people import FROM_HERE, id_of, person_event
from auth.encryption import decrypt, encrypt
from auth.events import Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

RECOVERY_CODES = 10
"""The number of recovery codes in a set."""
MAX_FAILURES, WARNING = 100, 10
"""Wrong codes after which app codes are refused, and after which the owner is notified.

NIST SP 800-63B, section 5.2.2. One is forgotten a day. The right code does not reset the count: an
attacker could wait for the owner to sign in.
"""
RECOVERY_CODE_BYTES = 10
"""Bytes of a recovery code: 80 random bits, so that its digest needs no salt and no slow hash."""

KEPT, OFFERED = "second factor", "second factor on offer"
"""Purposes of encryption: the secret in the table, and the one in the form for an app."""

STATE = """
SELECT (SELECT f.created_at FROM second_factors f WHERE f.user_id = $1) AS app_since,
    (SELECT count(*) FROM passkeys k WHERE k.user_id = $1) AS passkeys,
    (SELECT count(*) FROM recovery_codes c WHERE c.user_id = $1 AND c.used_at IS NULL) AS codes
"""
DEMANDED = f"""
SELECT EXISTS (
    SELECT FROM sessions s JOIN organization_members m ON m.user_id = s.user_id
    JOIN organizations o ON o.id = m.organization_id
    WHERE s.id = $1 AND m.deleted_at IS NULL AND m.status = 'active'
        AND o.deleted_at IS NULL AND o.second_factor_required
        AND NOT {has_second_factor("s.user_id")})
"""  # noqa: S608 (ours)
LACKING = f"""
SELECT m.id, m.user_id FROM organization_members m JOIN profiles p ON p.id = m.user_id
WHERE m.organization_id = $1 AND m.deleted_at IS NULL AND m.status = 'active'
    AND p.service_of IS NULL AND p.deleted_at IS NULL AND NOT {has_second_factor("m.user_id")}
ORDER BY m.id LIMIT $2
"""  # noqa: S608 (ours)
SECRET = "SELECT secret FROM second_factors WHERE user_id = $1"  # noqa: S105 (a statement)
TURN_ON = """
INSERT INTO second_factors (user_id, secret, last_step) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO NOTHING RETURNING user_id
"""
TURN_OFF = "DELETE FROM second_factors WHERE user_id = $1 RETURNING user_id"
REMOVE_PASSKEYS = "DELETE FROM passkeys WHERE user_id = $1 RETURNING id"
LOCK = "SELECT FROM profiles WHERE id = $1 FOR NO KEY UPDATE"
USE_STEP = """
UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2 RETURNING user_id
"""
FORGET_CODES = "DELETE FROM recovery_codes WHERE user_id = $1"
FORGET_WITHOUT_FACTOR = f"{FORGET_CODES} AND NOT {has_second_factor('$1')}"
HAS_FACTOR = f"SELECT {has_second_factor('$1')}"
HAS_CODES = "SELECT EXISTS (SELECT FROM recovery_codes WHERE user_id = $1)"
ADD_CODE = "INSERT INTO recovery_codes (id, user_id, code_hash) VALUES ($1, $2, $3)"
USE_CODE = """
UPDATE recovery_codes SET used_at = now()
WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL RETURNING id
"""
SUNK = "greatest(0, failures - extract(epoch FROM now() - coalesce(failed_at, now())) / 86400)"
IS_SPENT = f"SELECT {SUNK} > $2 - 1 FROM second_factors WHERE user_id = $1"  # noqa: S608 (ours)
FAILED = f"""
UPDATE second_factors SET failures = {SUNK} + 1, failed_at = now()
WHERE user_id = $1 RETURNING ceil(failures)::int
"""  # noqa: S608 (ours)
START_ANEW = "UPDATE second_factors SET failures = 0 WHERE user_id = $1"
EMAIL = "SELECT email FROM profiles WHERE id = $1"

SPENT = (
    "Codes of your authenticator app are not accepted any more, after too many wrong ones. Use one"
    " of your recovery codes, or ask an administrator to turn two-factor authentication off."
)
WRONG = "This code is wrong. Codes change every 30 seconds, and each works once."
ON_ALREADY = "Two-factor authentication is already on."
NOT_ON = "Two-factor authentication is not on."
LOG = {
    "second_factor_on": "A code of your authenticator app is now required to sign in.",
    "second_factor_off": "A code of an app is no longer required to sign in.",
    "recovery_codes": "New recovery codes were created. The earlier ones do not work any more.",
    "recovery_code_use": "A recovery code was used instead of your second factor.",
}
"""The event of each change of a second factor, and the mail that notifies its owner."""


@dataclass(frozen=True)
class State:
    """A person's second factor: since when an app is used, passkeys, and recovery codes left."""

    app_since: datetime | None
    passkeys: int
    codes: int


class Member(NamedTuple):
    """A membership and its person, by their IDs."""

    id: UUID
    user_id: UUID


async def state(database: Database, user_id: UUID) -> State | None:
    """Return the state of the person's second factor; None without one."""
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(STATE, user_id)
    has_one = row and (row["app_since"] or row["passkeys"])
    return State(row["app_since"], row["passkeys"], row["codes"]) if row and has_one else None


async def is_demanded(database: Database, session_id: UUID) -> bool:
    """Return whether the person of this session lacks a second factor that they need."""
    async with database.auth.lend(NOBODY) as lent:
        return bool(await lent.fetchval(DEMANDED, session_id))


async def lacking(database: Database, organization: UUID, most: int) -> list[Member]:
    """Return the active members without a second factor, service accounts aside, by their IDs."""
    async with database.auth.lend(NOBODY) as lent:
        return [Member(*row) for row in await lent.fetch(LACKING, organization, most)]


def offer(settings: AuthSettings, viewer: Viewer) -> tuple[bytes, str]:
    """Return a new secret for an app, and the same encrypted, for the form that returns it.

    Nothing is stored before the app is shown to work, and each tab has an offer of its own.
    """
    secret = totp.new_secret()
    sealed = encrypt(settings, OFFERED, _owner(viewer), secret)
    return secret, urlsafe_b64encode(sealed).decode()


def offered(settings: AuthSettings, viewer: Viewer, sealed: str) -> bytes:
    """Return the secret of an offer to this person. Raises BAD_REQUEST for anything else."""
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
    """Turn the app on; return the recovery codes, which are shown this once.

    Raises INVALID when the code is not right, CONFLICT when it is on already, and CredentialEnded.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    step = totp.step_of(secret, code)
    if step is None:
        raise Problem("INVALID", WRONG, field=("code",))
    sealed = encrypt(settings, KEPT, viewer.id.bytes, secret)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_credential(lent, viewer)
        if await lent.fetchval(TURN_ON, viewer.id, sealed, step) is None:
            raise Problem("CONFLICT", ON_ALREADY)
        codes = await _new_codes(lent, viewer.id)
        await _note(lent, viewer.id, "second_factor_on", origin)
    _tell(outbox, viewer.email, "second_factor_on")
    return codes


async def turn_off(database: Database, outbox: Outbox, viewer: Viewer, origin: Origin) -> None:
    """Turn the app off; passkeys stay. Raises CONFLICT when it is off, and CredentialEnded."""
    assert viewer.id  # noqa: S101
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_credential(lent, viewer)
        if await lent.fetchval(TURN_OFF, viewer.id) is None:
            raise Problem("CONFLICT", NOT_ON)
        await forget_codes(lent, viewer.id)
        await _note(lent, viewer.id, "second_factor_off", origin)
    _tell(outbox, viewer.email, "second_factor_off")


async def turn_off_for(database: Database, outbox: Outbox, email: str) -> None:
    """Remove app and passkeys of a person who lost them and the codes, for the operator.

    The operator has verified who they are. Raises NOT_FOUND and CONFLICT.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await id_of(lent, email)
        removed = [await lent.fetchval(sql, id) for sql in (TURN_OFF, REMOVE_PASSKEYS)]
        if not any(removed):
            raise Problem("CONFLICT", NOT_ON)
        await forget_codes(lent, id)
        await _note(lent, id, "second_factor_off", FROM_HERE)
    _tell(outbox, email, "second_factor_off")


async def renew_codes(
    database: Database, outbox: Outbox, viewer: Viewer, origin: Origin
) -> list[str]:
    """Replace all recovery codes, and return the new ones.

    Raises CONFLICT without a second factor, and CredentialEnded.
    """
    assert viewer.id  # noqa: S101
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_credential(lent, viewer)
        await lent.execute(LOCK, viewer.id)
        if not await lent.fetchval(HAS_FACTOR, viewer.id):
            raise Problem("CONFLICT", NOT_ON)
        codes = await _new_codes(lent, viewer.id)
        await _note(lent, viewer.id, "recovery_codes", origin)
    _tell(outbox, viewer.email, "recovery_codes")
    return codes


async def first_codes(connection: Lent, user_id: UUID) -> list[str]:
    """Return new recovery codes for a person who has never had any; else none."""
    has_codes = await connection.fetchval(HAS_CODES, user_id)
    return [] if has_codes else await _new_codes(connection, user_id)


async def forget_codes(connection: Lent, user_id: UUID) -> None:
    """Delete the recovery codes of a person who has no second factor any more."""
    await connection.execute(FORGET_WITHOUT_FACTOR, user_id)


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    user_id: UUID,
    code: str,
    origin: Origin,
) -> None:
    """Consume a code of the app, or a recovery code.

    After MAX_FAILURES only a recovery code is good, and starts the count anew. Raises INVALID when
    it is not right, and RATE_LIMITED with `retryAfter`.
    """
    failures = 0
    counts = throttle.code_counts(settings, str(user_id), origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "wrong codes")
        async with lent.transaction():
            spent = await lent.fetchval(IS_SPENT, user_id, MAX_FAILURES)
            used = await _use(lent, settings, user_id, code, recovery_only=bool(spent))
            if used is None:
                failures = await lent.fetchval(FAILED, user_id) or 0
                await record(lent, _failed(user_id), origin)
            else:
                await throttle.forgive(lent, counts)
                if used == "recovery_code_use":
                    await lent.execute(START_ANEW, user_id)
                    await _note(lent, user_id, used, origin)
        email = await lent.fetchval(EMAIL, user_id)
    if used is None:
        if failures in (WARNING, MAX_FAILURES) and not spent:
            outbox.tell(_guessed(settings, email, failures))
        spent = spent or failures >= MAX_FAILURES
        raise Problem("INVALID", SPENT if spent else WRONG, field=("code",))
    if used == "recovery_code_use":
        _tell(outbox, email, used)


async def _use(
    connection: Lent, settings: AuthSettings, user_id: UUID, code: str, *, recovery_only: bool
) -> str | None:
    """Consume the code; return how it was recognised, or None when it is wrong."""
    sealed = await connection.fetchval(SECRET, user_id)
    # After GATEWAY_SECRET was changed the secret cannot be read; recovery codes go on working.
    secret = decrypt(settings, KEPT, user_id.bytes, sealed) if sealed else None
    step = totp.step_of(secret, code) if secret and not recovery_only else None
    if step is not None:
        fresh = await connection.fetchval(USE_STEP, user_id, step)
        return "code_use" if fresh else None
    digest = _digest(user_id, code)
    return "recovery_code_use" if await connection.fetchval(USE_CODE, user_id, digest) else None


async def _new_codes(connection: Lent, user_id: UUID) -> list[str]:
    codes = [
        b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    ]
    await connection.execute(FORGET_CODES, user_id)
    rows = [(uuid7(), user_id, _digest(user_id, code)) for code in codes]
    await connection.executemany(ADD_CODE, rows)
    return ["-".join(re.findall(".{4}", code)) for code in codes]


async def _note(connection: Lent, user_id: UUID, action: str, origin: Origin) -> None:
    actor = user_id if origin is not FROM_HERE else None
    event = person_event(action, user_id, severity=AuditSeverity.MEDIUM, actor_id=actor)
    await record(connection, event, origin)


def _tell(outbox: Outbox, email: str | None, action: str) -> None:
    if email:
        outbox.notify(email, "Your sign-in settings have changed", LOG[action])


def _guessed(settings: AuthSettings, email: str, failures: int) -> Mail:
    spent = failures >= MAX_FAILURES
    return mail("codes_guessed", email, settings, failures=failures, spent=spent, time=now())


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
    """Return the digest that is stored in place of a recovery code, however it is typed."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return sha256(user_id.bytes + plain.encode(errors="replace")).digest()


def _owner(viewer: Viewer) -> bytes:
    assert viewer.id  # noqa: S101
    return viewer.id.bytes
