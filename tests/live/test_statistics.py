"""Statistics are followed: the current ones, then again after changes, shared by the followers."""

import pytest

from graph.http.operation.operations import NotRun

FOLLOW = """subscription ($id: UUID!) { statisticsChanged(id: $id) { at
    organization { id } document { id }
    project { requirementStatistics(groupBy: [{by: STATUS}]) { totalCount
        groups { keys { value } count } } } } }"""
CREATE = """mutation ($items: [RequirementCreateInput!]!) { requirementsCreate(items: $items) {
    results { requirement { id } } } }"""
LEAVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""


def total(follower):
    return follower.told and follower.told[-1]["project"]["requirementStatistics"]["totalCount"]


async def create(world, number):
    items = [{"documentId": world.document, "name": f"N{n}"} for n in range(number)]
    await world.ask("owner", CREATE, items=items)


@pytest.mark.slow
async def test_followers_share_the_counts_after_many_changes(world, follow):
    people = ("viewer", "viewer", "viewer", "project_viewer")
    followers = [await follow(person, FOLLOW, id=world.project) for person in people]
    for follower in followers:
        await follower.until(lambda f: total(f) == 1)
    began = [(len(follower.told), follower.executions) for follower in followers]
    for _ in range(10):
        await create(world, 5)
    for follower in followers:
        await follower.until(lambda f: total(f) == 51)
        assert not follower.failures
    told = [len(f.told) - of for f, (of, _) in zip(followers, began, strict=True)]
    executed = sum(f.executions - of for f, (_, of) in zip(followers, began, strict=True))
    assert max(told) <= 10  # debounced
    assert executed <= 2 * max(told)  # once for the viewers, and once for who has another role
    assert followers[0].told[-1]["organization"] is None
    groups = followers[0].told[-1]["project"]["requirementStatistics"]["groups"]
    assert groups == [{"keys": [{"value": "DRAFT"}], "count": 51}]


async def test_who_may_no_longer_read_a_place_follows_it_no_longer(world, follow):
    follower = await follow("project_viewer", FOLLOW, id=world.project)
    await follower.until(lambda f: total(f) == 1)
    await world.ask("owner", LEAVE, id=world.members["project_viewer"])
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]
    for id in (world.project, world.requirement):
        with pytest.raises(NotRun) as refused:
            await follow("outsider", FOLLOW, id=id)
        assert refused.value.errors[0]["extensions"]["code"] == "NOT_FOUND"
