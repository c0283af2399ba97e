"""Suspend and reopen accounts, for the operator."""

from uuid import UUID

from asyncpg import UniqueViolationError

from auth.accounts import mailed_links
from auth.accounts.mail import Outbox
from auth.credentials.browser_sessions import end_all
from auth.credentials.people import FROM_HERE, person_event
from auth.credentials.tokens import end_personal, revoke_all
from auth.events import record
from db.change import AuditSeverity
from db.pool import NOBODY, Database
from db.problem import Problem

FIND = """
SELECT id, email, status::text AS status, deleted_at, erased_at FROM profiles
WHERE service_of IS NULL AND (id::text = $1 OR lower(email) = lower($1))
ORDER BY id::text = $1 DESC, deleted_at DESC NULLS FIRST LIMIT 1 FOR UPDATE
"""
SUSPEND = """
UPDATE profiles SET status = 'suspended', version = version + 1, updated_at = now()
WHERE id = $1 RETURNING version
"""
REOPEN = """
UPDATE profiles SET status = 'active', deleted_at = NULL, deleted_by = NULL,
    version = version + 1, updated_at = now()
WHERE id = $1 RETURNING version
"""
CANNOT = "An operator has suspended your account. You cannot sign in until it is reopened."
SUSPENDED = ("Your account has been suspended", CANNOT)
REOPENED = ("Your account has been reopened", "An operator of the gateway has reopened it.")


async def suspend(database: Database, outbox: Outbox, person: str, reason: str) -> bool:
    """Suspend the account with this address or ID; return False when it is suspended already.

    Sessions, tokens and links of mails end. Memberships and roles stay. Raises NOT_FOUND.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(FIND, person)
        if row is None or row["deleted_at"] is not None:
            raise Problem("NOT_FOUND", f"There is no account {person}.")
        if row["status"] == "suspended":
            return False
        id: UUID = row["id"]
        version = await lent.fetchval(SUSPEND, id)
        await mailed_links.call_off(lent, id)
        await end_all(lent, id)
        await revoke_all(lent, id)
        await end_personal(lent, id, FROM_HERE)
        values = {"status": "suspended"}
        event = person_event(
            "suspend",
            id,
            version=version,
            values=values,
            severity=AuditSeverity.MEDIUM,
            details={"reason": reason} if reason else {},
        )
        await record(lent, event, FROM_HERE)
    outbox.notify(row["email"], *SUSPENDED)
    return True


async def reopen(database: Database, outbox: Outbox, person: str) -> bool:
    """Reopen a suspended or closed account; return False when it is open.

    The person of a closed account sets a new password by mail, and is in no organization. Raises
    NOT_FOUND, CONFLICT for an erased account, and ALREADY_EXISTS when the address has another one.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(FIND, person)
        if row is None:
            raise Problem("NOT_FOUND", f"There is no account {person}.")
        if row["erased_at"] is not None:
            raise Problem("CONFLICT", "The account has been erased.")
        if row["status"] == "active" and row["deleted_at"] is None:
            return False
        try:
            version = await lent.fetchval(REOPEN, row["id"])
        except UniqueViolationError:
            message = "Another account has this e-mail address by now."
            raise Problem("ALREADY_EXISTS", message) from None
        values = {"status": "active", "deleted_at": None}
        event = person_event(
            "reopen", row["id"], version=version, values=values, severity=AuditSeverity.MEDIUM
        )
        await record(lent, event, FROM_HERE)
    outbox.notify(row["email"], *REOPENED)
    return True
