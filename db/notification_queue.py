"""Notifications that wait to be mailed, and old ones, as functions of PostgreSQL hand them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from db.core.notifications import NotificationMail
from db.pool import NOBODY, Database

RECIPIENTS = "SELECT * FROM ctx.notification_recipients($1::text::notification_mail, $2, $3, $4)"
URGENT = "SELECT * FROM ctx.urgent_notification_recipients($1::text::notification_mail, $2, $3)"
TO_MAIL = "SELECT * FROM ctx.notifications_to_mail($1, $2::text::notification_mail, $3, $4, $5)"
MAILED = "SELECT ctx.notifications_mailed($1, $2)"
PRUNE = "SELECT ctx.prune_notifications($1, $2, $3)"
SENDING = """
SELECT payload ->> 'userId' FROM jobs WHERE organization_id IS NULL AND kind = $1
    AND status IN ('queued', 'running') AND payload ->> 'mail' = $2
"""
FIRST = UUID(int=0)


@dataclass(frozen=True)
class Recipient:
    """A person with unread notifications to mail, and the time of their last digest."""

    user_id: UUID
    time_zone: str
    oldest: datetime
    newest: datetime
    digest_at: datetime | None


@dataclass(frozen=True)
class ToMail:
    """A notification to mail, and the address of its recipient."""

    id: UUID
    organization_id: UUID
    title: str
    message: str | None
    metadata: Mapping[str, Any]
    email: str


async def recipients(
    database: Database, mail: NotificationMail, within: timedelta, after: UUID, most: int
) -> Sequence[Recipient]:
    """Return people with notifications of this time to mail, in the order of their IDs."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(RECIPIENTS, mail.value, within, after, most)
    return [Recipient(**dict(row)) for row in rows]


async def urgent(
    database: Database, mail: NotificationMail, within: timedelta, most: int
) -> list[UUID]:
    """Return people with notifications of security of this time to mail, at most so many."""
    async with database.auth.lend(NOBODY) as lent:
        return [UUID(str(row[0])) for row in await lent.fetch(URGENT, mail.value, within, most)]


async def sending(database: Database, kind: str, mail: NotificationMail) -> set[UUID]:
    """Return the people to whom a job of this kind is about to send such a mail."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(SENDING, kind, mail.value)
    return {UUID(row[0]) for row in rows}


async def to_mail(
    database: Database,
    person: UUID,
    mail: NotificationMail,
    within: timedelta,
    until: datetime,
    most: int,
) -> Sequence[ToMail]:
    """Return the unread notifications of this time to mail to a person, the oldest first."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(TO_MAIL, person, mail.value, within, until, most)
    return [ToMail(**dict(row)) for row in rows]


async def mailed(database: Database, person: UUID, ids: Sequence[UUID]) -> None:
    """Record that these notifications of a person need no mail any more."""
    async with database.auth.lend(NOBODY) as lent:
        await lent.execute(MAILED, person, list(ids))


async def prune(database: Database, read_for: timedelta, kept_for: timedelta, most: int) -> int:
    """Delete notifications that were read, or written, before these times; return their number."""
    async with database.auth.lend(NOBODY) as lent:
        pruned: int = await lent.fetchval(PRUNE, read_for, kept_for, most)
    return pruned
