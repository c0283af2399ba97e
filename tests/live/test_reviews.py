"""A review is followed: its verdicts, its items and its end are told by new versions of it."""

import pytest

from graph.http.operation.operations import NotRun
from tests.requirements.reviewing import Reviewing

FOLLOW = """subscription ($id: UUID!) { reviewChanged(id: $id) { kind version changedFields
    actor { id } entity { ... on Review { state lastVerdictAt
        items { nodes { outcome approvals } } } } } }"""


async def test_a_review_is_followed_to_its_end(world, follow):
    review = await Reviewing.begin(world, reviewers=["viewer", "admin"])
    followers = [await follow(person, FOLLOW, id=review.id) for person in ("editor", "viewer")]
    await review.submit("viewer", "APPROVE")
    await review.edit(addReviewers=[{"userId": world.people["owner"]}])
    await review.end()
    for follower in followers:
        await follower.until(lambda f: f.told and f.told[-1]["version"] == 4)
        given, edited, closed = follower.told[-3:]  # its creation may be told before
        assert given["changedFields"] == ["lastVerdictAt"]
        assert given["actor"]["id"] == str(world.people["viewer"])
        assert given["entity"]["items"]["nodes"][0]["approvals"] == 1
        assert edited["changedFields"] == ["editedAt"]
        assert closed["entity"]["state"] == "CLOSED"
    for person in ("document_editor", "outsider"):
        with pytest.raises(NotRun):
            await follow(person, FOLLOW, id=review.id)
