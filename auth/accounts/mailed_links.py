"""Links in mails: each works once, until it expires, and proves access to the mailbox.

A link is shown by GET and used by POST: programs that open the links of mails to scan them use
nothing up.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.secret import digest, fresh, is_secret
from db.core.people import LinkPurpose
from db.pool import Lent
from db.problem import Problem

LIVES = {
    LinkPurpose.SIGN_UP: timedelta(hours=24),
    LinkPurpose.PASSWORD_RESET: timedelta(minutes=30),
    LinkPurpose.INVITATION: timedelta(days=14),
    LinkPurpose.EMAIL_CHANGE: timedelta(hours=24),
}
PATHS = {
    LinkPurpose.SIGN_UP: "/sign-up/confirm",
    LinkPurpose.PASSWORD_RESET: "/forgotten-password/choose",
    LinkPurpose.INVITATION: "/invitation",
    LinkPurpose.EMAIL_CHANGE: "/account/email/confirm",
}
"""The path of the page that a link of each purpose opens."""

CREATE = """
INSERT INTO mailed_links (id, token_hash, purpose, email, user_id, invitation_id, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval)
"""
FIND = """
SELECT email, user_id, invitation_id FROM mailed_links
WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()
"""
USE = """
UPDATE mailed_links SET used_at = now()
WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()
RETURNING email, user_id, invitation_id
"""
USE_OTHERS = """
UPDATE mailed_links SET used_at = now()
WHERE lower(email) = lower($1) AND purpose = $2 AND used_at IS NULL
"""
CALL_OFF = """
UPDATE mailed_links SET used_at = now()
WHERE user_id = $1 AND used_at IS NULL AND purpose = coalesce($2::link_purpose, purpose)
"""


class Opened(NamedTuple):
    """A valid link: the address it was mailed to, and its person or invitation."""

    email: str
    user_id: UUID | None
    invitation_id: UUID | None


async def create(
    connection: Lent,
    site: str,
    purpose: LinkPurpose,
    email: str,
    user_id: UUID | None = None,
    invitation_id: UUID | None = None,
) -> str:
    """Create a link at this site for the mail to this address, and return it."""
    secret = fresh()
    life = LIVES[purpose]
    row = (uuid7(), digest(secret), purpose.value, email, user_id, invitation_id, life)
    await connection.execute(CREATE, *row)
    return f"{site}{PATHS[purpose]}?token={secret}"


async def find(connection: Lent, purpose: LinkPurpose, secret: str) -> Opened:
    """Return the valid link with this secret. Raises NOT_FOUND when it does not work any more."""
    return await _opened(connection, FIND, purpose, secret)


async def use(connection: Lent, purpose: LinkPurpose, secret: str) -> Opened:
    """Mark the link as used, and all others of its purpose and address. Raises NOT_FOUND.

    Call it in the transaction that carries out the purpose of the link.
    """
    opened = await _opened(connection, USE, purpose, secret)
    await connection.execute(USE_OTHERS, opened.email, purpose.value)
    return opened


async def call_off(connection: Lent, user_id: UUID, purpose: LinkPurpose | None = None) -> None:
    """Invalidate every link mailed to this person, for this purpose or for any."""
    await connection.execute(CALL_OFF, user_id, purpose.value if purpose else None)


async def _opened(connection: Lent, statement: str, purpose: LinkPurpose, secret: str) -> Opened:
    found = is_secret(secret)
    row = await connection.fetchrow(statement, digest(secret), purpose.value) if found else None
    if row is None:
        raise not_found()
    return Opened(*row)


def not_found() -> Problem:
    """Return the one error for links that are used, expired, cancelled, incomplete or unknown."""
    message = "This link has been used, has expired or is incomplete. Request a new one."
    return Problem("NOT_FOUND", message)
