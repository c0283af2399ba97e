"""Usage of an organization's plan: counters that many writers can raise at once."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, organization_key
from db.constraints import not_negative
from db.fields import number


class UsageCounter(Base, kw_only=True):
    """One slot of an organization's writing requests in a month (its first day, in UTC).

    The slots divide the organization's limit, `maximum`, so that one writer seldom waits for
    another: `used` of each stays within its `share`. Only `ctx.count_requests` changes them.
    """

    __tablename__ = "usage_counters"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    used: Mapped[int] = number(0, BigInteger)
    share: Mapped[int] = mapped_column(BigInteger)
    maximum: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (organization_key(), not_negative("used"), not_negative("share"))
