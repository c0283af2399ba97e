"""Sessions: browsers that are signed in, and attempts to sign in."""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.constraints import check, later, not_negative, unique
from db.fields import identity, words


class Session(Base, kw_only=True):
    """A signed-in browser. Only the SHA-256 digest of its cookie's token is kept."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = identity()
    token_hash: Mapped[bytes]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    proved_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    """The time at which the person last gave their password, and code if they use one."""
    methods: Mapped[list[str]] = words()
    """The methods of that proof (RFC 8176): `pwd`, `otp`; empty where they are not known."""
    identity_id: Mapped[UUID | None] = mapped_column(default=None)
    """The identity at an organization's provider by which it began (`ProfileIdentity`), if any."""
    provider_session: Mapped[str | None] = mapped_column(default=None)
    """The name of the provider's own session (`sid`)."""
    device_id: Mapped[UUID | None] = mapped_column(default=None)
    """The device in which it began (`Device`); null for sessions from before there were devices."""
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET, default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        unique("token_hash"),
        check("token_hash", "digest", "octet_length(token_hash) = 32", "This is not a digest."),
        later("expires_at"),
        Index(None, "user_id", "created_at"),
        Index(None, "expires_at"),
    )


class SignInAttempts(Base, kw_only=True):
    """The rate of failed sign-ins of an address, a network, or an address from a network.

    `subject` is an HMAC of it: whether the address has an account makes no difference, and a
    reader of the table learns no address. `level` is the number of failures at `counted_at`; it
    decays with time, so it is no whole number.
    """

    __tablename__ = "sign_in_attempts"

    subject: Mapped[bytes] = mapped_column(primary_key=True)
    level: Mapped[float]
    counted_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        check("subject", "digest", "octet_length(subject) = 32", "This is not a digest."),
        not_negative("level"),
        Index(None, "counted_at"),
    )
