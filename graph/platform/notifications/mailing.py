"""Notifications by mail: jobs that find who is due, and send one mail to each.

What is mailed is read with the rights that the recipient has when the mail is sent. A mail is sent
before its notifications are marked: if a process ends in between, it is sent once more, under the
same Message-ID.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from auth.accounts.mail import Outbox, mail, others_words
from auth.accounts.notify import ALWAYS_TOLD, KINDS
from auth.credentials.grants import of_person
from auth.origin import Origin
from auth.session import ViewerSession
from db import notification_queue
from db.core.notifications import NotificationKind, NotificationMail
from db.job_queue import NewJob, enqueue
from db.notification_queue import FIRST, Recipient, ToMail
from db.pool import NOBODY, Database
from graph.core.notifications import cause_of
from graph.kit.context import Context
from graph.platform.billing.payments import PAGE as BILLING
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

WITHIN = {
    NotificationMail.AT_ONCE: timedelta(days=1),
    NotificationMail.DAILY: timedelta(days=3),
}
"""The age at which a notification is not mailed any more, such as after an outage."""
DIGEST_AT = time(7)
"""The time of day from which a digest is sent, in the time zone of the recipient."""
BATCH = 200
"""People that one statement finds."""
MAX_IN_MAIL, MAX_LISTED = 500, 50
"""Notifications that one mail is about, and those that it lists; it counts the others."""
MAX_TITLE_LENGTH, MAX_MESSAGE_LENGTH = 200, 300
PAGE = "/account/notifications"
SEND = "notifications.send"


@dataclass(frozen=True)
class Told:
    """A notification in a mail."""

    title: str
    message: str | None
    link: str


def kinds_of(outbox: Outbox) -> tuple[Kind, ...]:
    """Return the jobs that mail notifications through the outbox."""

    async def find_at_once(run: Run) -> Result:
        """Enqueue a mail for each person with notifications that are mailed at once."""
        return await _find(run.database, outbox, NotificationMail.AT_ONCE)

    async def find_urgent(run: Run) -> Result:
        """Enqueue a mail for each person with a notification of security."""
        return await _find_urgent(run.database, outbox)

    async def find_daily(run: Run) -> Result:
        """Enqueue a digest for each person whose hour has come."""
        return await _find(run.database, outbox, NotificationMail.DAILY)

    async def send(run: Run) -> Result:
        """Send one mail."""
        return await _send(run, outbox)

    return (
        Kind(SEND, send),
        Kind("notifications.find_at_once", find_at_once, every=timedelta(minutes=1)),
        Kind("notifications.find_urgent", find_urgent, every=timedelta(seconds=3)),
        Kind("notifications.find_daily", find_daily, every=timedelta(minutes=10)),
    )


async def _find(database: Database, outbox: Outbox, mode: NotificationMail) -> Result:
    """Enqueue the mails that are due, one for each person, each once.

    Whoever has a mail that is not sent yet gets the next one after it, so that no two are about the
    same notification.
    """
    if not outbox.reaches_people:
        return {"mails": 0}
    total, after, now = 0, FIRST, datetime.now(UTC)
    sending = await notification_queue.sending(database, SEND, mode)
    while found := await notification_queue.recipients(database, mode, WITHIN[mode], after, BATCH):
        ready = [each for each in found if each.user_id not in sending]
        jobs = [job for each in ready if (job := _job(each, mode, now))]
        if jobs:
            async with database.auth.lend(NOBODY) as lent:
                total += len(await enqueue(lent, jobs))
        after = found[-1].user_id
    return {"mails": total}


async def _find_urgent(database: Database, outbox: Outbox) -> Result:
    """Enqueue a mail for each person with a notification of security, with what else is due."""
    if not outbox.reaches_people:
        return {"mails": 0}
    total, mode, now = 0, NotificationMail.AT_ONCE, datetime.now(UTC)
    people = await notification_queue.urgent(database, mode, WITHIN[mode], BATCH)
    sending = await notification_queue.sending(database, SEND, mode) if people else set()
    for person in people:
        if person in sending:
            continue
        before = UUID(int=person.int - 1)
        found = await notification_queue.recipients(database, mode, WITHIN[mode], before, 1)
        jobs = [job for each in found if each.user_id == person and (job := _job(each, mode, now))]
        async with database.auth.lend(NOBODY) as lent:
            total += len(await enqueue(lent, jobs))
    return {"mails": total}


def _job(recipient: Recipient, mode: NotificationMail, now: datetime) -> NewJob | None:
    """Return the job of the mail; None if it is not yet the hour of the digest."""
    if mode is NotificationMail.DAILY:
        until = digest_until(recipient, now)
        if until is None:
            return None
        key = f"{mode} {recipient.user_id} {until.date()}"
    else:
        until = recipient.newest
        times = (recipient.oldest.isoformat(), until.isoformat())
        key = f"{mode} {recipient.user_id} {' '.join(times)}"
    payload = {"userId": str(recipient.user_id), "mail": mode.value, "until": until.isoformat()}
    return NewJob(kind=SEND, key=key, payload=payload)


def digest_until(recipient: Recipient, now: datetime) -> datetime | None:
    """Return the time up to which notifications are in the digest that is due, None if none is.

    It is the hour of today's digest in the time zone of the recipient, who has one a day.
    """
    try:
        zone: Any = ZoneInfo(recipient.time_zone)
    except (ValueError, OSError):  # an unknown name
        zone = UTC
    until = datetime.combine(now.astimezone(zone).date(), DIGEST_AT, zone)
    is_due = until <= now and recipient.oldest <= until
    had = recipient.digest_at
    return until if is_due and (had is None or had < until) else None


async def _send(run: Run, outbox: Outbox) -> Result:
    """Send the mail of what its recipient may read now; then mark its notifications."""
    person, mode = UUID(run.payload["userId"]), NotificationMail(run.payload["mail"])
    until = datetime.fromisoformat(run.payload["until"])
    rows = await notification_queue.to_mail(
        run.database, person, mode, WITHIN[mode], until, MAX_IN_MAIL
    )
    told = await _readable(run, person, rows, outbox.settings.url)
    if told:
        count = len(told)
        subject = others_words(told[0].title, MAX_TITLE_LENGTH)
        if mode is NotificationMail.DAILY:
            subject = "You have an unread notification"
        if count > 1:
            subject = f"You have {count} unread notifications"
        composed = mail(
            "notifications",
            rows[0].email,
            outbox.settings,
            subject=subject,
            told=told[:MAX_LISTED],
            more=max(count - MAX_LISTED, 0),
            is_digest=mode is NotificationMail.DAILY,
            page=PAGE,
        )
        message_id = f"notifications.{run.job.id}"
        await outbox.send(replace(composed, unsubscribe=PAGE, message_id=message_id))
    if rows:
        await notification_queue.mailed(run.database, person, [row.id for row in rows])
    return {"notifications": len(told)}


async def _readable(run: Run, person: UUID, rows: Sequence[ToMail], site: str) -> list[Told]:
    """Return the notifications whose object the person can read, in the order of the rows."""
    by_organization: dict[UUID, list[ToMail]] = defaultdict(list)
    for row in rows:
        by_organization[row.organization_id].append(row)
    told: dict[UUID, Told] = {}
    for organization, several in by_organization.items():
        async with run.database.auth.lend(NOBODY) as lent:
            viewer = await of_person(lent, person, None, organization)
        if viewer is None or organization not in viewer.organizations:
            continue
        origin = Origin(request_id=f"job {run.job.id}", source="jobs")
        context = Context(ViewerSession(run.database, viewer, origin))
        try:
            for row in several:
                cause = await cause_of(context, row.metadata)
                if cause is not None or row.metadata.get("event") in ALWAYS_TOLD:
                    told[row.id] = Told(row.title, row.message, _link(row, cause, site))
        finally:
            context.end()
    return [told[row.id] for row in rows if row.id in told]


def _link(row: ToMail, cause: Any, site: str) -> str:
    """Return the address of the page that the notification is about: of a document, or billing."""
    if KINDS.get(str(row.metadata.get("event"))) is NotificationKind.BILLING:
        return f"{site}{BILLING}?organization={row.organization_id}"
    document = getattr(cause, "document_id", None)
    if cause is not None and row.metadata.get("entityType") == "Document":
        document = cause.id
    return f"{site}/live/{document}" if document else f"{site}/"
