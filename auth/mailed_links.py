"""Links in mails: each works once, until it expires, and proves that somebody reads the mail.

A link is looked at by GET and used by POST: the programs that open links in mails to see whether
they are dangerous use nothing up.
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
"""The page that a link of each purpose opens."""

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
CLEAN = """
DELETE FROM mailed_links WHERE id IN (
    SELECT id FROM mailed_links WHERE expires_at < now() - interval '1 day'
    LIMIT 10 FOR UPDATE SKIP LOCKED)
"""
"""Old links, whose addresses may be those of people who never signed up."""


class Opened(NamedTuple):
    """What a link was mailed for: the address, and whose it is or what it is an invitation to."""

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
    """A new link at this site for the mail to this address."""
    secret = fresh()
    life = LIVES[purpose]
    row = (uuid7(), digest(secret), purpose.value, email, user_id, invitation_id, life)
    await connection.execute(CREATE, *row)
    await connection.execute(CLEAN)
    return f"{site}{PATHS[purpose]}?token={secret}"


async def find(connection: Lent, purpose: LinkPurpose, secret: str) -> Opened:
    """What the link with this secret is for. Raises NOT_FOUND when it does not work any more."""
    return await _opened(connection, FIND, purpose, secret)


async def use(connection: Lent, purpose: LinkPurpose, secret: str) -> Opened:
    """Use the link up, and all others of its purpose and address. Raises NOT_FOUND.

    Part of the transaction that does what the link is for.
    """
    opened = await _opened(connection, USE, purpose, secret)
    await connection.execute(USE_OTHERS, opened.email, purpose.value)
    return opened


async def call_off(connection: Lent, user_id: UUID, purpose: LinkPurpose | None = None) -> None:
    """Let no link work that was mailed for this person, for this purpose or any."""
    await connection.execute(CALL_OFF, user_id, purpose.value if purpose else None)


async def _opened(connection: Lent, statement: str, purpose: LinkPurpose, secret: str) -> Opened:
    found = is_secret(secret)
    row = await connection.fetchrow(statement, digest(secret), purpose.value) if found else None
    if row is None:
        raise not_found()
    return Opened(*row)


def not_found() -> Problem:
    """The one answer to links that are used, expired, called off, incomplete or never were."""
    message = "This link has been used, has expired or is incomplete. Ask for another."
    return Problem("NOT_FOUND", message)
