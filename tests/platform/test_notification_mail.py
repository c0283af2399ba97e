"""Notifications by mail: at once and daily, of what their recipient may read, each once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.accounts.mail import Outbox
from db import notification_queue
from db.notification_queue import Recipient
from graph.platform.notifications import mailing
from tests.auth.test_mail import smtp  # noqa: F401 (a fixture)
from tests.core.test_notification_preferences import DELETE, change
from tests.core.test_notifications import READ, assign, mine
from tests.platform.jobs.kinds import worker

PENDING = """SELECT count(*) FROM notifications
WHERE organization_id = $1 AND mail <> 'off' AND mailed_at IS NULL"""


@pytest.fixture
async def post(world, smtp):  # noqa: F811 (the fixture)
    """Yield a mail server, and a function that does what workers do with it."""
    server, settings = await smtp()
    one = worker(world.database, *mailing.kinds_of(Outbox(settings)))

    async def post():
        await one.schedule()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind LIKE 'notifications.%'"
            " AND status = 'queued' AND every IS NOT NULL"
        )
        await one.run_due()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind LIKE 'notifications.%'"
            " AND status = 'queued' AND every IS NULL"
        )
        await one.run_due()
        return [mail for mail in server.mails if mail["To"] == world.email("viewer")]

    post.server = server
    return post


async def yesterday(world):
    """Have the notifications of the viewer be of the evening before, where it is noon now."""
    hour = datetime.now(UTC).hour
    zone = f"Etc/GMT{hour - 12:+d}" if hour != 12 else "UTC"
    await world.superuser.execute(
        "UPDATE profiles SET time_zone = $2 WHERE id = $1", world.people["viewer"], zone
    )
    await world.superuser.execute(
        "UPDATE notifications SET created_at = now() - interval '16 hours' WHERE user_id = $1",
        world.people["viewer"],
    )


async def test_an_assignment_is_mailed_once_with_a_link_to_turn_it_off(world, post):
    await assign(world, comment="By Friday, please.")
    (sent,) = await post()
    assert sent["Subject"] == "You are asked to review a requirement."
    assert sent["List-Unsubscribe"] == "<https://gateway.example/account/notifications>"
    text = sent.get_content()
    assert "By Friday, please." in text
    assert f"https://gateway.example/live/{world.document}" in text
    assert "https://gateway.example/account/notifications" in text.split()
    assert await post() == [sent]
    assert (await mine(world))["unreadNotifications"] == 1


async def test_times_are_mailed_as_they_are_and_addresses_are_no_links(world, post):
    await assign(world, comment="At 12:30, see evil.example:8000 and https://evil.example")
    (sent,) = await post()
    text = sent.get_content()
    assert "At 12:30, see evil. example: 8000 and https:// evil. example" in text


@pytest.mark.parametrize("why", ["read", "deleted", "left", "off"])
async def test_what_its_reader_has_read_or_cannot_read_is_not_mailed(world, post, why):
    if why == "off":
        await change(world, ASSIGNMENTS={"mail": "OFF"})
    await assign(world, comment="By Friday, please.")
    if why == "read":
        (told,) = (await mine(world))["notifications"]["nodes"]
        await world.ask("viewer", READ, id=told["id"])
    elif why == "deleted":
        await world.ask("editor", DELETE, id=world.requirement)
    elif why == "left":
        await world.superuser.execute(
            "UPDATE organization_members SET status = 'inactive' WHERE user_id = $1",
            world.people["viewer"],
        )
        world.database.access_changed()
    assert await post() == []
    assert await world.superuser.fetchval(PENDING, world.organization) == int(why == "read")


async def test_what_is_off_in_the_app_is_still_mailed(world, post):
    await change(world, ASSIGNMENTS={"inApp": False})
    await assign(world)
    assert len(await post()) == 1
    assert (await mine(world))["notifications"]["nodes"] == []


async def test_a_mail_that_is_put_off_is_sent_later_and_its_notification_in_no_other(world, post):
    post.server.refusals.extend([b"451 later\r\n"] * 2)
    await assign(world, comment="The first.")
    assert await post() == []
    await world.superuser.execute(
        "UPDATE assignments SET deleted_at = now() WHERE organization_id = $1", world.organization
    )
    await assign(world, comment="The second.")
    (first,) = await post()
    assert "The second." not in first.get_content()
    sent = "".join(mail.get_content() for mail in await post())
    assert (sent.count("The first."), sent.count("The second.")) == (1, 1)
    waiting = (
        "SELECT count(*) FROM jobs WHERE kind = 'notifications.send' AND status <> 'succeeded'"
    )
    assert await world.superuser.fetchval(waiting) == 0


async def test_a_digest_has_what_is_unread_and_comes_once_a_day(world, post):
    await change(world, ASSIGNMENTS={"mail": "DAILY"})
    await assign(world, comment="Of yesterday.")
    await yesterday(world)
    (sent,) = await post()
    assert sent["Subject"] == "You have an unread notification"
    assert "Of yesterday." in sent.get_content()
    await world.superuser.execute(
        "UPDATE assignments SET deleted_at = now() WHERE organization_id = $1", world.organization
    )
    await assign(world)
    assert await post() == [sent]
    assert await world.superuser.fetchval(PENDING, world.organization) == 1


async def test_a_crash_after_the_mail_sends_it_one_more_time_under_the_same_id(
    world, post, monkeypatch
):
    await change(world, ASSIGNMENTS={"mail": "DAILY"})
    await assign(world)
    await yesterday(world)
    marking = notification_queue.mailed

    async def crashed(*_):
        monkeypatch.setattr(notification_queue, "mailed", marking)
        raise ConnectionError

    monkeypatch.setattr(notification_queue, "mailed", crashed)
    await post()
    sent = await post()
    assert len(sent) == 2
    assert sent[0]["Message-ID"] == sent[1]["Message-ID"]
    assert len(await post()) == 2


ZONES = st.sampled_from(["UTC", "Europe/Vienna", "America/Los_Angeles", "Pacific/Kiritimati"])


@given(ZONES, st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 (set below)
def test_over_any_day_a_digest_is_due_once_and_not_before_its_hour(zone, start):
    start = start.replace(tzinfo=UTC)
    who = Recipient(uuid4(), zone, start - timedelta(days=2), start, None)
    due = []
    for minute in range(0, 24 * 60, 10):
        now = start + timedelta(minutes=minute)
        if until := mailing.digest_until(who, now):
            due.append(until)
            who = replace(who, digest_at=now)
    days = {until.date() for until in due}
    assert len(days) == len(due)
    assert 1 <= len(due) <= 2
    assert all(until.astimezone(ZoneInfo(zone)).hour == 7 for until in due)
