"""Holding what somebody has shown, so that nothing written because of it outlives it.

A password takes a while to verify, and another may be chosen meanwhile. So whoever writes because
of a password holds it first, in the same transaction: another one is then chosen before, which
shows, or afterwards, when what was written is ended with the rest. Whoever chooses another password
locks the same row before anything else.
"""

from datetime import datetime
from uuid import UUID

from db.pool import Lent

UNCHANGED = """
SELECT password_hash FROM profile_credentials
WHERE user_id = $1 AND password_changed_at = $2 FOR NO KEY UPDATE
"""


async def hold_password(connection: Lent, user_id: UUID, since: datetime) -> str | None:
    """The hash of the password that this person has had since then; None when it is another now.

    To the end of the transaction it stays the same.
    """
    hash: str | None = await connection.fetchval(UNCHANGED, user_id, since)
    return hash
