"""Usage of an organization's plan: counters that many writers can raise at once."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, organization_key
from db.constraints import check, not_negative, positive
from db.fields import identity, number


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


class FeatureUsage(Base, kw_only=True):
    """The use of a feature on a day (UTC): a sum of `usage_logs`, kept by a trigger."""

    __tablename__ = "usage_features"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(primary_key=True)
    unit_type: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[int] = number(0, BigInteger)
    count: Mapped[int] = number(0, BigInteger)

    __table_args__ = (organization_key(), not_negative("quantity"), not_negative("count"))


SPANS = (1, 8, 64)
"""The days of the spans of which sums are kept. Each span begins where `date.toordinal` is a
multiple of its days."""


class PersonUsage(Base, kw_only=True):
    """The use by a person in a span of days (UTC): a sum of `usage_logs`, kept by a trigger.

    Each use is in the sums of one span of each of `SPANS`.
    """

    __tablename__ = "usage_people"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    span: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_day: Mapped[date] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_type: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[int] = number(0, BigInteger)
    count: Mapped[int] = number(0, BigInteger)

    __table_args__ = (organization_key(), not_negative("quantity"), not_negative("count"))


class UsageWarning(Base, kw_only=True):
    """A limit of which an organization was told in a month that 80 or 100 percent are used."""

    __tablename__ = "usage_warnings"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    limit_name: Mapped[str] = mapped_column(primary_key=True)
    percent: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (organization_key(),)


class UsageArchive(Base, kw_only=True):
    """A month of an organization's `usage_logs` that has left for a file.

    `sha256` is that of its lines in the file. `restored_at` is null unless the rows are back.
    """

    __tablename__ = "usage_archives"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    row_count: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes]
    file: Mapped[str]
    archived_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    restored_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        positive("row_count"),
        check("sha256", "digest", "octet_length(sha256) = 32", "This is not a digest."),
    )


class MeterReport(Base, kw_only=True):
    """A part of the usage of a month that is reported to Stripe once; its ID makes it so."""

    __tablename__ = "meter_reports"

    id: Mapped[UUID] = identity()
    organization_id: Mapped[UUID]
    month: Mapped[date]
    meter: Mapped[str]
    quantity: Mapped[int] = number(0, BigInteger)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    sent_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        not_negative("quantity"),
        Index(None, "organization_id", "month", "meter"),
        Index("ix_meter_reports_unsent", "created_at", postgresql_where=text("sent_at IS NULL")),
    )
