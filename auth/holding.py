"""Holding what somebody has shown, so that nothing written because of it outlives it.

A password takes a while to verify, and another may be chosen meanwhile; a session may end between
the look at it and what is written in it. So whoever writes because of one holds it first, in the
same transaction: it has ended before, which shows, or ends afterwards, together with what was
written. Whoever chooses another password locks that one before anything else, then ends sessions,
then what was given out in them.
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


class SignedOut(Problem):
    """UNAUTHENTICATED: the session, the token or the key has ended while it was in use."""

    def __init__(self) -> None:
        super().__init__("UNAUTHENTICATED", "The session or the token has just ended.")


async def hold_password(connection: Lent, user_id: UUID, since: datetime) -> str | None:
    """The hash of the password that this person has had since then; None when it is another now.

    To the end of the transaction it stays the same.
    """
    hash: str | None = await connection.fetchval(UNCHANGED, user_id, since)
    return hash


async def lock_password(connection: Lent, user_id: UUID) -> None:
    """Let nobody choose another password for this person before the end of the transaction."""
    await connection.execute(LOCK, user_id)


async def hold_credential(connection: Lent, viewer: Viewer) -> None:
    """Keep what the viewer came with from ending before the transaction. Raises SignedOut."""
    if viewer.session_id and not await connection.fetchval(HOLD, UUID(viewer.session_id)):
        raise SignedOut


def holding(viewer: Viewer) -> Select[tuple[bool]]:
    """The same as a statement, for whoever came with something: whether it goes on."""
    credential = literal(UUID(viewer.session_id) if viewer.session_id else None, Uuid)
    return select(func.ctx.hold_credential(credential))
