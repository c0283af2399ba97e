"""Devices: the browsers in which people have signed in."""

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import CIDR
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.constraints import check, unique
from db.fields import identity


class Device(Base, kw_only=True):
    """A browser in which a person has signed in. Only the digest of its name is stored.

    One browser is a device of each person who uses it, with another name. A device that is removed
    is kept, so that its cookie does not make it a known one again.
    """

    __tablename__ = "devices"

    id: Mapped[UUID] = identity()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    token_hash: Mapped[bytes]
    user_agent: Mapped[str | None] = mapped_column(default=None)
    network: Mapped[IPv4Network | IPv6Network | None] = mapped_column(CIDR, default=None)
    """The network of the last sign-in."""
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    """The time of the last sign-in."""
    removed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("user_id", "token_hash"),
        check("token_hash", "digest", "octet_length(token_hash) = 32", "This is not a digest."),
        Index(None, "last_seen_at"),
    )
