"""Erase a person: their account is closed, and everything that tells who they were is removed.

What remains is their ID, with what they have written in organizations of others and what the audit
log says that they did. Each step can be repeated: an erasure that was interrupted goes on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from auth.accounts import closing
from auth.accounts.mail import Outbox
from auth.credentials.grants import of_address
from auth.credentials.people import FROM_HERE, person_event
from auth.events import record
from auth.origin import Origin
from auth.session import ViewerSession
from auth.viewer import Viewer
from db.change import AuditSeverity
from db.pool import NOBODY, Database
from db.problem import Problem

ERASE = "SELECT ctx.erase_person($1)"
VERSION = "SELECT version FROM profiles WHERE id = $1"
FIND = """
SELECT id, email, status::text AS status, deleted_at, erased_at FROM profiles
WHERE service_of IS NULL AND (id::text = $1 OR lower(email) = lower($1))
ORDER BY id::text = $1 DESC, deleted_at DESC NULLS FIRST LIMIT 1
"""


class Erased(NamedTuple):
    """The person, and the number of removed or anonymized rows by table; none if done before."""

    person: UUID
    counts: dict[str, int]


async def erase_own(session: ViewerSession, outbox: Outbox) -> Erased:
    """Close and erase the viewer's account. Raises as `closing.close` does.

    The caller has asked for a fresh proof.
    """
    viewer = session.viewer
    if viewer.id is None or viewer.is_service or viewer.shared is not None:
        raise Problem("FORBIDDEN", "Only a person erases their account.")
    await closing.close(session, outbox, purge=True)
    return await _erase(session.database, viewer.id, viewer.id, session.origin)


async def erase(database: Database, outbox: Outbox, person: str) -> Erased:
    """Close and erase the account with this address or ID, for the operator.

    Raises NOT_FOUND, and CONFLICT while an organization needs another owner.
    """
    row = await _found(database, person)
    if row["deleted_at"] is None:
        if row["status"] != "active":
            message = "The account is suspended. Reopen it first: closing acts with its roles."
            raise Problem("CONFLICT", message)
        async with database.auth.lend(NOBODY) as lent:
            viewer = await of_address(lent, row["email"])
        viewer = viewer or Viewer(row["id"], row["email"])
        session = ViewerSession(database, viewer, FROM_HERE)
        await closing.close(session, outbox, purge=True)
    return await _erase(database, row["id"], None, FROM_HERE)


async def person_of(database: Database, person: str) -> UUID:
    """Return the ID of the person with this address or ID. Raises NOT_FOUND."""
    id: UUID = (await _found(database, person))["id"]
    return id


async def _found(database: Database, person: str) -> Mapping[str, Any]:
    async with database.auth.lend(NOBODY) as lent:
        row: Mapping[str, Any] | None = await lent.fetchrow(FIND, person)
    if row is None:
        raise Problem("NOT_FOUND", f"There is no account {person}.")
    return row


async def _erase(database: Database, person: UUID, actor: UUID | None, origin: Origin) -> Erased:
    """Erase a closed account, and record it; nothing is done a second time."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        counts: dict[str, int] = await lent.fetchval(ERASE, person) or {}
        if counts:
            event = person_event(
                "erase",
                person,
                version=await lent.fetchval(VERSION, person),
                actor_id=actor,
                severity=AuditSeverity.HIGH,
                details={"rows": counts},
            )
            await record(lent, event, origin)
    return Erased(person, counts)
