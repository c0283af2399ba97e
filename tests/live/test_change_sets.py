"""A change set is followed from its first item to its application."""

import pytest

from graph.http.operation.operations import NotRun
from tests.requirements.proposals import Proposal, updated

FOLLOW = """subscription ($id: UUID!) { changeSetChanged(id: $id) { kind version changedFields
    entity { ... on ChangeSet { state items { totalCount } } } } }"""


async def test_a_change_set_is_followed_to_its_application(world, follow):
    proposal = await Proposal.begin(world)
    followers = [await follow(person, FOLLOW, id=proposal.id) for person in ("editor", "viewer")]
    await proposal.edit(updated(world.requirement, 1, name="Renamed"))
    await proposal.apply()
    for follower in followers:
        await follower.until(lambda f: f.told and f.told[-1]["version"] == 3)
        edited, applied = follower.told[-2:]  # its creation may be told before
        assert "editedAt" in edited["changedFields"]
        assert edited["entity"]["items"]["totalCount"] == 1
        assert "state" in applied["changedFields"]
        assert applied["entity"]["state"] == "APPLIED"
    for person in ("document_editor", "outsider"):
        with pytest.raises(NotRun):
            await follow(person, FOLLOW, id=proposal.id)
