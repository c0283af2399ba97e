"""Reminders of reviews: once for each reviewer with items left, before the due date."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.requirements.reviews.reminders import KINDS
from tests.platform.jobs.kinds import worker
from tests.requirements.reviewing import Reviewing

TOLD = "{ viewer { notifications { nodes { title message metadata actor { id } } } } }"


async def reminders(world, person):
    told = (await world.ask(person, TOLD))["notifications"]["nodes"]
    return [one for one in told if one["metadata"]["event"] == "review_due"]


async def events(world, person):
    told = (await world.ask(person, TOLD))["notifications"]["nodes"]
    return sorted(one["metadata"]["event"] for one in told)


@pytest.fixture
def remind(world):
    """Return a function that does what workers do each minute."""

    async def remind():
        one = worker(world.database, *KINDS)
        await one.schedule()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind = 'reviews.find_due'"
        )
        await one.run_due()

    return remind


def soon():
    return (datetime.now(UTC) + timedelta(hours=3)).isoformat()


async def test_reviewers_with_items_left_are_reminded_once(world, remind):
    review = await Reviewing.begin(world, reviewers=["viewer", "admin"], dueDate=soon())
    await Reviewing.begin(world, reviewers=["viewer"])
    await review.submit("admin", "APPROVE")
    for _ in range(2):
        await remind()
    (told,) = await reminders(world, "viewer")
    assert (told["message"], told["actor"]) == ("Review", None)
    assert told["metadata"]["entityId"] == review.id
    assert await reminders(world, "admin") == []


async def test_reviewers_by_role_are_asked_and_reminded_once_each(world, remind):
    """Of those with the role or a higher one, but the author; one has two of the roles."""
    await world.superuser.execute(
        "UPDATE organization_members SET status = 'suspended' WHERE user_id = $1",
        world.people["project_editor"],
    )
    roles = [{"role": "ADMIN"}, {"role": "EDITOR"}, "owner"]
    review = await Reviewing.begin(world, reviewers=roles, dueDate=soon())
    await review.submit("admin", "ABSTAIN")
    for _ in range(2):
        await remind()
    people = [person for person in world.people if person != "project_editor"]
    asked = {person: await events(world, person) for person in people}
    both = ["review_asked", "review_due"]
    assert {person: told for person, told in asked.items() if told} == {
        "owner": both,
        "project_admin": both,
        "admin": ["review_asked"],
        "editor": ["review_verdicts"],
    }
    await review.edit(addReviewers=[{"role": "VIEWER"}, {"userId": world.people["admin"]}])
    for person in ("owner", "admin", "viewer", "project_viewer"):
        assert (await events(world, person)).count("review_asked") == 1, person
    for person in ("member", "billing", "document_editor"):
        assert await events(world, person) == [], "they cannot read the review"
