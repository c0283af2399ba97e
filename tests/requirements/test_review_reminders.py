"""Reminders of reviews: once for each reviewer with items left, before the due date."""

from datetime import UTC, datetime, timedelta

from graph.requirements.reviews.reminders import KINDS
from tests.platform.jobs.kinds import worker
from tests.requirements.reviewing import Reviewing

TOLD = "{ viewer { notifications { nodes { title message metadata actor { id } } } } }"


async def reminders(world, person):
    told = (await world.ask(person, TOLD))["notifications"]["nodes"]
    return [one for one in told if one["metadata"]["event"] == "review_due"]


async def test_reviewers_with_items_left_are_reminded_once(world):
    due = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    review = await Reviewing.begin(world, reviewers=["viewer", "admin"], dueDate=due)
    await Reviewing.begin(world, reviewers=["viewer"])
    await review.submit("admin", "APPROVE")
    for _ in range(2):
        one = worker(world.database, *KINDS)
        await one.schedule()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind = 'reviews.find_due'"
        )
        await one.run_due()
    (told,) = await reminders(world, "viewer")
    assert (told["message"], told["actor"]) == ("Review", None)
    assert told["metadata"]["entityId"] == review.id
    assert await reminders(world, "admin") == []
