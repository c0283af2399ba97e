"""Credits of organizations: what they have used in a month, and what running jobs may still use."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Index, Uuid, bindparam, func
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import Function

from db.base import Base, organization_key
from db.constraints import not_negative
from db.fields import number


class CreditCounter(Base, kw_only=True):
    """The credits of an organization in a month (its first day, in UTC): used, and reserved."""

    __tablename__ = "credit_counters"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int] = number(0, BigInteger)
    reserved: Mapped[int] = number(0, BigInteger)

    __table_args__ = (organization_key(), not_negative("used"), not_negative("reserved"))


class CreditReservation(Base, kw_only=True):
    """The credits that a job may use. Its ID is that of the job. Only functions write it."""

    __tablename__ = "credit_reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    month: Mapped[date]
    credits: Mapped[int] = number(0, BigInteger)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (organization_key(), not_negative("credits"), Index(None, "organization_id"))


def reserve_own(job: UUID, organization_id: UUID, credits: int, maximum: int) -> Function[Any]:
    """Return the call that reserves credits of a tenant of one's own; false without enough."""
    return func.ctx.reserve_own_credits(
        *(bindparam(None, id, type_=Uuid, unique=True) for id in (job, organization_id)),
        *(bindparam(None, one, type_=BigInteger, unique=True) for one in (credits, maximum)),
        type_=Boolean,
    )
