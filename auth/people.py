"""Creating people, giving them passwords, and the form of their addresses."""

import re
import unicodedata
from typing import Any
from uuid import UUID

from asyncpg import CheckViolationError, UniqueViolationError
from uuid_utils.compat import uuid7

from auth.browser_sessions import end_all
from auth.events import Event, record
from auth.passwords import acceptable, hashed
from auth.session.origin import Origin
from db.change import AuditEventType, ResourceType
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

CREATE = """
INSERT INTO profiles (id, email, full_name, is_approved, version) VALUES ($1, $2, $3, $4, 1)
"""
SET_CREDENTIAL = """
INSERT INTO profile_credentials (user_id, password_hash) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET password_hash = $2, password_changed_at = now()
"""
FIND = "SELECT id FROM profiles WHERE lower(email) = lower($1) AND deleted_at IS NULL"
NAME = "SELECT full_name FROM profiles WHERE id = $1"


async def create_person(
    database: Database,
    email: str,
    full_name: str | None,
    password: str,
    approved: bool = True,
) -> UUID:
    """Create somebody who signs in with this password; their id.

    Raises INVALID with the field at fault, and ALREADY_EXISTS when the address is taken. Without
    approval they cannot sign in yet.
    """
    email = address(email)
    full_name = unicodedata.normalize("NFC", full_name).strip() if full_name else None
    if full_name and re.search(r"[\0\ud800-\udfff]", full_name):
        raise Problem("INVALID", "This is not a name.", field=("full_name",))
    hash = await hashed(acceptable(password, email))
    id = uuid7()
    values = {"email": email, "full_name": full_name or None, "is_approved": approved}
    try:
        async with database.auth.lend(NOBODY) as lent, lent.transaction():
            await lent.execute(CREATE, id, email, full_name or None, approved)
            await lent.execute(SET_CREDENTIAL, id, hash)
            await _record(lent, "create", AuditEventType.CREATE, id, version=1, values=values)
    except UniqueViolationError:
        message = "Somebody has this e-mail address already."
        raise Problem("ALREADY_EXISTS", message, field=("email",)) from None
    except CheckViolationError:
        raise Problem("INVALID", "The name is too long.", field=("full_name",)) from None
    return id


async def set_password(database: Database, email: str, password: str) -> None:
    """Give somebody another password, and sign them out everywhere.

    Their access tokens go on: they are revoked by themselves. Raises NOT_FOUND and INVALID.
    """
    hash = await hashed(acceptable(password, address(email)))
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await id_of(lent, email)
        await lent.execute(SET_CREDENTIAL, id, hash)
        await end_all(lent, id)
        await _record(lent, "password_change", AuditEventType.ADMINISTRATION, id)


async def id_of(connection: Lent, email: str) -> UUID:
    """The person with this address. Raises NOT_FOUND, and INVALID when it is none."""
    id: UUID | None = await connection.fetchval(FIND, address(email))
    if id is None:
        raise Problem("NOT_FOUND", "Nobody has this e-mail address.", field=("email",))
    return id


async def full_name(database: Database, id: UUID) -> str | None:
    """What others see this person called."""
    async with database.auth.lend(NOBODY) as lent:
        name: str | None = await lent.fetchval(NAME, id)
    return name


def address(email: str) -> str:
    """An e-mail address as we keep it: NFC, lower case, nothing around it. Raises INVALID.

    Whether mail arrives there only mail can tell, so this asks for little: RFC 5321's lengths, one
    @, and dots only between names.
    """
    email = unicodedata.normalize("NFC", email).strip().lower()
    local, _, domain = email.rpartition("@")
    if (
        not re.fullmatch(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,64}", local)
        or not re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain)
        or len(email) > 254  # noqa: PLR2004 (RFC 5321, section 4.5.3.1.3)
    ):
        raise Problem("INVALID", "This is not an e-mail address.", field=("email",))
    return email


async def _record(
    connection: Lent,
    action: str,
    type: AuditEventType,
    id: UUID,
    **rest: Any,
) -> None:
    event = Event(
        entity_type="Profile",
        entity_id=id,
        action=action,
        type=type,
        description=f"Person: {action}.",
        resource=ResourceType.USER,
        control="CC6.2" if action == "create" else "CC6.1",
        user_id=id,
        **rest,
    )
    await record(connection, event, Origin(source="cli"))
