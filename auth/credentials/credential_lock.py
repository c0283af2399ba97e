"""Locks on passwords and credentials, so that nothing written because of one outlives it.

A password takes a while to verify, and may be changed meanwhile; a session may end between the
look-up and the write that rests on it. So a transaction that writes because of a credential locks
it first: either the credential has ended before, which shows, or it ends afterwards, together with
what was written. A change of a password locks the password before anything else, then ends
sessions, then the tokens issued in them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Uuid, func, literal, select

from auth.viewer import Viewer
from db.pool import Lent
from db.problem import Problem

UNCHANGED = """
SELECT password_hash FROM profile_credentials
WHERE user_id = $1 AND password_changed_at = $2 FOR NO KEY UPDATE
"""
LOCK = "SELECT FROM profile_credentials WHERE user_id = $1 FOR NO KEY UPDATE"
HOLD = "SELECT ctx.hold_credential($1)"


class CredentialEnded(Problem):
    """UNAUTHENTICATED: the session, the token or the key has ended while it was in use."""

    def __init__(self) -> None:
        super().__init__("UNAUTHENTICATED", "The session or the token has just ended.")


async def lock_password_unless_changed(
    connection: Lent, user_id: UUID, since: datetime
) -> str | None:
    """Lock the password of this person and return its hash; None when it was changed since then.

    It cannot be changed before the end of the transaction.
    """
    hash: str | None = await connection.fetchval(UNCHANGED, user_id, since)
    return hash


async def lock_password(connection: Lent, user_id: UUID) -> None:
    """Lock the password of this person against changes until the end of the transaction."""
    await connection.execute(LOCK, user_id)


async def lock_credential(connection: Lent, viewer: Viewer) -> None:
    """Lock the viewer's session or token until the end of the transaction.

    Raises CredentialEnded.
    """
    if viewer.session_id and not await connection.fetchval(HOLD, UUID(viewer.session_id)):
        raise CredentialEnded


def lock_statement(viewer: Viewer) -> Select[tuple[bool]]:
    """Return the statement that locks the viewer's credential and selects whether it is good."""
    credential = literal(UUID(viewer.session_id) if viewer.session_id else None, Uuid)
    return select(func.ctx.hold_credential(credential))
