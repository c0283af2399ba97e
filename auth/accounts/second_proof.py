"""The proof of a second factor: a code, or the answer of a passkey."""

from dataclasses import dataclass, field
from uuid import UUID

from auth.accounts import second_factor
from auth.accounts.mail import Outbox
from auth.accounts.passkeys import proofs
from auth.accounts.passkeys.proofs import Answer
from auth.origin import Origin
from auth.settings import AuthSettings
from db.pool import Database

CODE = "otp"
"""The method of a code (RFC 8176)."""


@dataclass(frozen=True)
class Given:
    """The fields of a form for a second factor: a code, or the answer of a passkey."""

    code: str = field(default="", repr=False)
    passkey: Answer = field(default_factory=Answer)


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    user_id: UUID,
    given: Given,
    origin: Origin,
) -> str:
    """Verify what is given for a second factor of this person; return its method (RFC 8176).

    Raises INVALID when it is not right, and RATE_LIMITED with `retryAfter` seconds.
    """
    if given.passkey.text:
        return await proofs.prove(database, settings, outbox, user_id, given.passkey, origin)
    await second_factor.prove(database, settings, outbox, user_id, given.code, origin)
    return CODE
