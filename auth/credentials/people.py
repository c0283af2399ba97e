"""Create people, set their passwords, and normalise their addresses."""

import re
import unicodedata
from typing import Any
from uuid import UUID

from asyncpg import UniqueViolationError
from uuid_utils.compat import uuid7

from auth.credentials.browser_sessions import end_all
from auth.credentials.passwords import acceptable, hashed
from auth.events import Event, record
from auth.origin import Origin
from db.change import AuditEventType
from db.constraints import MAX_NAME_LENGTH
from db.core.people import ERASED_DOMAIN, SERVICE_DOMAIN, Profile
from db.fields import personal
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.text import as_identifier, as_name, too_long
from db.traits import ResourceType

CREATE = """
INSERT INTO profiles (id, email, full_name, is_approved, version) VALUES ($1, $2, $3, $4, 1)
"""
SET_CREDENTIAL = """
INSERT INTO profile_credentials (user_id, password_hash) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET password_hash = $2, password_changed_at = now()
"""
APPROVE = """
UPDATE profiles
SET is_approved = true, version = version + 1, updated_at = now(), updated_by = $2
WHERE id = $1 AND NOT is_approved AND deleted_at IS NULL RETURNING email, version
"""
FIND = "SELECT id FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"
NAME = "SELECT full_name FROM profiles WHERE id = $1"

FROM_HERE = Origin(source="cli")
"""The origin of the operator's commands."""


async def create_person(
    database: Database,
    email: str,
    full_name: str | None,
    password: str,
    approved: bool = True,
) -> UUID:
    """Create a person who signs in with this password; return their id.

    Raises INVALID with the field at fault, and ALREADY_EXISTS when the address is taken. Without
    approval they cannot sign in yet.
    """
    email, full_name = address(email), person_name(full_name)
    hash = await hashed(acceptable(password, email))
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        return await add_person(lent, email, full_name, hash, approved, FROM_HERE)


async def add_person(
    connection: Lent,
    email: str,
    full_name: str | None,
    hash: str | None,
    approved: bool,
    origin: Origin,
) -> UUID:
    """Create a person with this address, name and password hash, if any, in this transaction.

    Return their id. Raises ALREADY_EXISTS when the address is taken, which aborts the transaction.
    """
    id = uuid7()
    values = {"email": email, "full_name": full_name, "is_approved": approved}
    try:
        await connection.execute(CREATE, id, email, full_name, approved)
    except UniqueViolationError:
        message = "This e-mail address is already in use."
        raise Problem("ALREADY_EXISTS", message, field=("email",)) from None
    if hash is not None:
        await connection.execute(SET_CREDENTIAL, id, hash)
    await record(
        connection,
        person_event("create", id, type=AuditEventType.CREATE, version=1, values=values),
        origin,
    )
    return id


async def approve(database: Database, email: str) -> UUID | None:
    """Approve a person who has signed up; return their id, None when they were already.

    Raises NOT_FOUND.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await id_of(lent, email)
        return None if await let_in(lent, id, FROM_HERE) is None else id


async def let_in(
    connection: Lent, id: UUID, origin: Origin, actor_id: UUID | None = None
) -> str | None:
    """Approve this person, in this transaction.

    Return their address, or None when they do not wait for approval.
    """
    row = await connection.fetchrow(APPROVE, id, actor_id)
    if row is None:
        return None
    values = {"is_approved": True}
    event = person_event("approve", id, version=row["version"], values=values, actor_id=actor_id)
    await record(connection, event, origin)
    email: str = row["email"]
    return email


async def set_password(database: Database, email: str, password: str) -> None:
    """Set the password of a person, and end all their sessions.

    Their access tokens stay valid: they are revoked separately. Raises NOT_FOUND and INVALID.
    """
    hash = await hashed(acceptable(password, address(email)))
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await id_of(lent, email)
        await lent.execute(SET_CREDENTIAL, id, hash)
        await end_all(lent, id)
        await record(lent, person_event("password_change", id), FROM_HERE)


async def id_of(connection: Lent, email: str) -> UUID:
    """Return the id of the person with this address.

    Raises NOT_FOUND, and INVALID for no address.
    """
    id: UUID | None = await connection.fetchval(FIND, address(email))
    if id is None:
        raise Problem("NOT_FOUND", "Nobody has this e-mail address.", field=("email",))
    return id


async def full_name(database: Database, id: UUID) -> str | None:
    """Return the name that others see of this person."""
    async with database.auth.lend(NOBODY) as lent:
        name: str | None = await lent.fetchval(NAME, id)
    return name


def person_name(text: str | None, field: str = "full_name") -> str | None:
    """Return a name, normalised (`db.text`), None when empty. Raises INVALID at `field`."""
    return _line(text, field, "name")


def job_title(text: str | None) -> str | None:
    """Return a job title, normalised likewise. Raises INVALID."""
    return _line(text, "job_title", "job title")


def _line(text: str | None, field: str, what: str) -> str | None:
    line = text.strip() if text else ""
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", line):
        raise Problem("INVALID", f"This is not a {what}.", field=(field,))
    try:
        line = as_name(line)
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=(field,)) from None
    if len(line) > MAX_NAME_LENGTH:
        message = f"A {what} has at most {MAX_NAME_LENGTH} characters."
        raise Problem("INVALID", message, field=(field,))
    return line or None


def address(email: str) -> str:
    """Return an e-mail address, normalised: NFC, lower case, trimmed. Raises INVALID.

    Only mail can show whether it is delivered, so this checks little: RFC 5321's lengths, one @,
    and dots only between names. The addresses of service accounts are refused.
    """
    if too_long(email):
        raise Problem("INVALID", "This is not an e-mail address.", field=("email",))
    email = unicodedata.normalize("NFC", email).strip().lower()
    local, _, domain = email.rpartition("@")
    if (
        not re.fullmatch(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,64}", local)
        or not re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain)
        or domain in (SERVICE_DOMAIN, ERASED_DOMAIN)
        or as_identifier(email) != email
        or len(email) > 254  # noqa: PLR2004 (RFC 5321, section 4.5.3.1.3)
    ):
        raise Problem("INVALID", "This is not an e-mail address.", field=("email",))
    return email


def person_event(
    action: str, id: UUID, *, type: AuditEventType = AuditEventType.ADMINISTRATION, **rest: Any
) -> Event:
    """Return the event of an action on a person's account."""
    values = rest.pop("values", {})
    about = personal(Profile)
    return Event(
        entity_type="Profile",
        entity_id=id,
        action=action,
        type=type,
        description=f"Person: {action.replace('_', ' ')}.",
        resource=ResourceType.USER,
        control="CC6.2" if action in ("create", "approve", "refuse") else "CC6.1",
        user_id=id,
        values={name: value for name, value in values.items() if name not in about},
        personal={name: value for name, value in values.items() if name in about},
        **rest,
    )
