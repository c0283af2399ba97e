"""The passkeys of a person: list, add and remove."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import UniqueViolationError
from uuid_utils.compat import uuid7

from auth.accounts import second_factor
from auth.accounts.mail import Outbox
from auth.accounts.passkeys import ceremonies, challenges, proofs
from auth.accounts.passkeys.ceremonies import RefusedError
from auth.accounts.passkeys.challenges import Purpose
from auth.accounts.passkeys.proofs import Answer
from auth.credentials.credential_lock import lock_credential
from auth.credentials.people import person_event
from auth.events import record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditSeverity
from db.core.passkeys import MAX_NAME
from db.pool import NOBODY, Database
from db.problem import Problem
from db.text import as_name

MAX_PASSKEYS = 20
"""The number of passkeys of a person, at most."""

LISTED = """
SELECT id, name, is_backup_eligible, is_backed_up, created_at, last_used_at
FROM passkeys WHERE user_id = $1 ORDER BY created_at, id
"""
CREDENTIALS = "SELECT credential_id FROM passkeys WHERE user_id = $1"
COUNT = "SELECT count(*) FROM passkeys WHERE user_id = $1"
LOCK = "SELECT FROM profiles WHERE id = $1 FOR NO KEY UPDATE"
ADD = """
INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_count, aaguid, transports,
    is_backup_eligible, is_backed_up)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
REMOVE = "DELETE FROM passkeys WHERE id = $1 AND user_id = $2 RETURNING name"

ADDED, REMOVED = "A passkey has been added", "A passkey has been removed"
ADDED_TEXT = "The passkey {} was added to your account. It signs in without your password."
REMOVED_TEXT = "The passkey {} was removed from your account. It does not sign in any more."
NO_SUCH = "There is no such passkey."
TOO_MANY = f"An account has at most {MAX_PASSKEYS} passkeys. Remove one first."
NOT_REGISTERED = "The passkey could not be added. Try again."
KNOWN = "This passkey has been added already."


@dataclass(frozen=True)
class Passkey:
    """A passkey, as its owner sees it."""

    id: UUID
    name: str
    is_backup_eligible: bool
    is_backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


async def of_person(database: Database, person: UUID) -> Sequence[Passkey]:
    """Return the passkeys of a person, the oldest first."""
    async with database.auth.lend(NOBODY) as lent:
        return [Passkey(**row) for row in await lent.fetch(LISTED, person)]


async def known(database: Database, person: UUID) -> Sequence[bytes]:
    """Return the IDs of the credentials of a person, which are not to be registered again."""
    async with database.auth.lend(NOBODY) as lent:
        return [row["credential_id"] for row in await lent.fetch(CREDENTIALS, person)]


async def add(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    name: str,
    answer: Answer,
    origin: Origin,
) -> list[str]:
    """Add the passkey that has answered; return new recovery codes if the person had none.

    The caller has asked for a fresh proof. Raises INVALID with the field at fault, CONFLICT for too
    many, ALREADY_EXISTS and CredentialEnded.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    name = _name(name)
    party = ceremonies.relying_party(settings)
    if party is None:
        raise Problem("NOT_FOUND", proofs.NONE_HERE)
    try:
        challenge = ceremonies.registration_challenge(answer.text)
        if not challenges.is_good(settings, Purpose.REGISTER, answer.browser, challenge):
            raise Problem("INVALID", proofs.EXPIRED, field=("credential",))
        new = ceremonies.registered(party, challenge, answer.text)
    except RefusedError:
        raise Problem("INVALID", NOT_REGISTERED, field=("credential",)) from None
    try:
        async with database.auth.lend(NOBODY) as lent, lent.transaction():
            await lock_credential(lent, viewer)
            await lent.execute(LOCK, viewer.id)
            if await lent.fetchval(COUNT, viewer.id) >= MAX_PASSKEYS:
                raise Problem("CONFLICT", TOO_MANY)
            if not await challenges.use(lent, challenge):
                raise Problem("INVALID", proofs.EXPIRED, field=("credential",))
            id = uuid7()
            await lent.execute(ADD, id, viewer.id, name, *new)
            codes = await second_factor.first_codes(lent, viewer.id)
            details = {"passkey_id": str(id), "aaguid": str(new.aaguid)}
            event = person_event(
                "passkey_add",
                viewer.id,
                actor_id=viewer.id,
                severity=AuditSeverity.MEDIUM,
                details=details,
            )
            await record(lent, event, origin)
    except UniqueViolationError:
        raise Problem("ALREADY_EXISTS", KNOWN, field=("credential",)) from None
    if viewer.email:
        outbox.notify(viewer.email, ADDED, ADDED_TEXT.format(name))
    return codes


async def remove(
    database: Database, outbox: Outbox, viewer: Viewer, id: UUID, origin: Origin
) -> None:
    """Remove a passkey of the viewer; without another second factor, recovery codes end, too.

    The caller has asked for a fresh proof. Raises NOT_FOUND and CredentialEnded.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_credential(lent, viewer)
        await lent.execute(LOCK, viewer.id)
        name = await lent.fetchval(REMOVE, id, viewer.id)
        if name is None:
            raise Problem("NOT_FOUND", NO_SUCH)
        await second_factor.forget_codes(lent, viewer.id)
        event = person_event(
            "passkey_remove",
            viewer.id,
            actor_id=viewer.id,
            severity=AuditSeverity.MEDIUM,
            details={"passkey_id": str(id)},
        )
        await record(lent, event, origin)
    if viewer.email:
        outbox.notify(viewer.email, REMOVED, REMOVED_TEXT.format(name))


def _name(text: str) -> str:
    """Return the name of a passkey, normalised. Raises INVALID."""
    try:
        name = as_name(text.strip())
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=("name",)) from None
    if not 0 < len(name) <= MAX_NAME:
        message = f"The name of a passkey has 1 to {MAX_NAME} characters."
        raise Problem("INVALID", message, field=("name",))
    return name
