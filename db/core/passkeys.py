"""Passkeys: the public keys by which people sign in (WebAuthn), and challenges that were used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.constraints import check, not_blank, not_negative, unique
from db.fields import identity, words
from db.text import Name

MAX_NAME = 100
"""Characters of the name of a passkey, at most."""
MAX_CREDENTIAL_ID, MAX_PUBLIC_KEY = 1023, 2048
"""Bytes of the ID of a credential (WebAuthn Level 3, section 4) and of its key, at most."""


class Passkey(Base, kw_only=True):
    """A passkey of a person: its public key, and the counter and flags of its last use.

    Only the role gateway_auth reads it.
    """

    __tablename__ = "passkeys"

    id: Mapped[UUID] = identity()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    name: Mapped[Name]
    credential_id: Mapped[bytes]
    public_key: Mapped[bytes]
    """The key as COSE (RFC 9052)."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """The counter of signatures; 0 for authenticators that have none."""
    aaguid: Mapped[UUID]
    """The model of the authenticator, as it says."""
    transports: Mapped[list[str]] = words()
    is_backup_eligible: Mapped[bool]
    """True if the authenticator may copy it to other devices of the person."""
    is_backed_up: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("credential_id"),
        *not_blank("name", MAX_NAME),
        check(
            "credential_id",
            "length",
            f"octet_length(credential_id) BETWEEN 16 AND {MAX_CREDENTIAL_ID}",
            f"The ID of a credential has 16 to {MAX_CREDENTIAL_ID} bytes.",
        ),
        check(
            "public_key",
            "length",
            f"octet_length(public_key) BETWEEN 1 AND {MAX_PUBLIC_KEY}",
            f"A public key has at most {MAX_PUBLIC_KEY} bytes.",
        ),
        not_negative("sign_count"),
        Index(None, "user_id"),
    )


class UsedChallenge(Base, kw_only=True):
    """A challenge that a passkey has answered, kept until it would have expired.

    Challenges that are not answered are not stored.
    """

    __tablename__ = "used_challenges"

    challenge_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]

    __table_args__ = (
        check(
            "challenge_hash",
            "digest",
            "octet_length(challenge_hash) = 32",
            "This is not a digest.",
        ),
        Index(None, "expires_at"),
    )
