"""Notifications as they arrive: to their person alone, each once, also after an interruption."""

import asyncio

import pytest

from db.problem import Problem
from graph.http.operation.operations import NotRun
from tests.core.keys import make_token
from tests.core.test_notification_preferences import change, stored
from tests.core.test_notifications import (
    DELETE,
    NODE,
    READ,
    READ_MANY,
    REMOVE,
    assign,
    mine,
    told,
)

FIELDS = """{ cursor kind entityType entityId version changedFields unreadCount
    actor { fullName }
    notification { id title unread metadata entity { ... on Requirement { name } } }
    entity { id ... on Notification { title } } }"""
RECEIVED = f"subscription {{ notificationReceived {FIELDS} }}"
KINDS = """subscription { notificationReceived { kind unreadCount
    notification { title kind } } }"""
CHANGED = f"subscription {{ notificationChanged {FIELDS} }}"
ORGANIZATION = """subscription ($id: UUID!) {
    organizationChanged(id: $id) { cursor kind entityType entity { viewerCan { update } } } }"""
LEAVE = "mutation ($id: UUID!) { documentDelete(id: $id, expectedVersion: 1) { __typename } }"


async def again(world, who="viewer"):
    """Assign the requirement again; an assignment exists once."""
    await world.superuser.execute(
        "UPDATE assignments SET deleted_at = now() WHERE entity_id = $1 AND assignee_id = $2",
        world.requirement,
        world.people[who],
    )
    await assign(world, who)


async def test_a_new_notification_is_told_with_what_it_is_about(world, follow):
    follower = await follow("viewer", RECEIVED)
    await assign(world)
    (event,) = await follower.has(1)
    ready = follower.told[0]
    assert (ready["kind"], ready["notification"], ready["unreadCount"]) == ("READY", None, 0)
    assert event["kind"] == "CREATED"
    assert event["entityType"] == "NOTIFICATION"
    assert event["entityId"] == event["notification"]["id"] == event["entity"]["id"]
    assert event["actor"] == {"fullName": f"editor {world.name}"}
    assert event["unreadCount"] == 1
    assert event["notification"]["title"] == event["entity"]["title"]
    assert event["notification"]["entity"] == {"name": f"Requirement {world.name}"}


async def test_each_of_two_people_is_told_of_their_own(world, follow):
    people = ("viewer", "project_viewer")
    followers = [await follow(person, RECEIVED) for person in people]
    for follower in followers:
        await follower.until(lambda f: f.told)
    for person in people:
        await assign(world, person)
    ids = [(await follower.has(1))[0]["entityId"] for follower in followers]
    rows = await world.superuser.fetch(
        "SELECT id, user_id FROM notifications WHERE organization_id = $1", world.organization
    )
    of = {row["user_id"]: str(row["id"]) for row in rows}
    assert ids == [of[world.people[person]] for person in people]
    await again(world, "viewer")
    assert len(await followers[0].has(2)) == 2
    assert len(followers[1].told) == 2


async def test_reading_and_removing_is_told_to_the_other_windows_and_is_nothing_new(world, follow):
    news, all_of_it = await follow("viewer", RECEIVED), await follow("viewer", CHANGED)
    await assign(world)
    (event,) = await all_of_it.has(1)
    await world.ask("viewer", READ, id=event["entityId"])
    await world.ask("viewer", DELETE, id=event["entityId"])
    created, read, removed = await all_of_it.has(3)
    assert [created["kind"], read["kind"], removed["kind"]] == ["CREATED", "UPDATED", "DELETED"]
    assert read["changedFields"] == ["readAt", "unread"]
    assert (read["notification"]["unread"], read["unreadCount"]) == (False, 0)
    assert removed["notification"] is None
    await again(world)
    assert [event["kind"] for event in await news.has(2)] == ["CREATED", "CREATED"]


@pytest.mark.slow
@pytest.mark.parametrize("remembered", [True, False])
async def test_who_was_away_is_told_what_came_meanwhile_once(world, follow, remembered):
    follower = await follow("viewer", RECEIVED)
    await assign(world)
    (first,) = await follower.has(1)
    follower.cancel()
    await again(world)
    await assign(world, "project_viewer")
    await again(world)
    meanwhile = await follow("project_viewer", RECEIVED)
    await meanwhile.until(lambda f: f.told)
    if not remembered:
        follower.hub.tail.recent.clear()
    resumed = await follow("viewer", RECEIVED, after=first["cursor"])
    await again(world)
    missed = await resumed.has(3)
    assert [event["kind"] for event in resumed.told] == ["READY", *["CREATED"] * 3]
    assert len({event["entityId"] for event in [first, *missed]}) == 4
    assert len(resumed.told) == 4


async def test_a_notification_costs_its_row_what_it_is_about_and_the_count(world, follow):
    follower = await follow("viewer", RECEIVED)
    await follower.until(lambda f: f.told)
    costs = []
    for number in range(1, 4):
        before = sum(session.statements for session in follower.sessions)
        await again(world)
        await follower.has(number)
        costs.append(sum(session.statements for session in follower.sessions) - before)
    assert costs == [5, 5, 5]  # besides who made it, and of what type that is which it is about


async def test_nobody_hears_of_anothers_in_the_streams_of_places(world, follow):
    """Also where the operation is executed for each person, with their own rights."""
    followers = [
        await follow(person, ORGANIZATION, id=world.organization) for person in ("owner", "viewer")
    ]
    for follower in followers:
        await follower.until(lambda f: f.told)
    await assign(world)
    await world.ask("owner", LEAVE, id=world.document)
    for follower in followers:
        await follower.until(lambda f: any(e["entityType"] == "DOCUMENT" for e in f.told))
        assert not any(event["entityType"] == "NOTIFICATION" for event in follower.told)


@pytest.mark.slow
async def test_who_has_left_an_organization_is_told_nothing_from_there(world, follow):
    leaving, staying = await follow("viewer", RECEIVED), await follow("project_viewer", RECEIVED)
    await world.ask("owner", REMOVE, id=world.members["viewer"])
    await told(world, 1)
    await world.superuser.execute(
        "INSERT INTO audit_logs (entity_id, entity_type, action, version, user_id,"
        " organization_id, event_type, resource_type)"
        " SELECT id, 'Notification', 'create', 1, user_id, organization_id, 'create',"
        " 'notification' FROM notifications WHERE organization_id = $1",
        world.organization,
    )
    await assign(world, "project_viewer")
    await staying.has(1)
    await asyncio.sleep(0.2)
    assert [event["kind"] for event in leaving.told] == ["READY"]
    assert leaving.errors is None


async def test_a_token_without_the_scope_follows_nothing(world, follow):
    await make_token(world, "viewer", "requirements:read")
    with pytest.raises(NotRun) as refused:
        await follow("viewer's script", RECEIVED)
    assert refused.value.errors[0]["extensions"]["code"] == "FORBIDDEN"
    await make_token(world, "viewer", "organizations:read")
    follower = await follow("viewer's script", RECEIVED)
    await follower.until(lambda f: f.told)


@pytest.mark.parametrize("after", ["", "x"])
async def test_a_cursor_that_is_none_is_refused(follow, after):
    with pytest.raises(Problem) as refused:
        await follow("viewer", RECEIVED, after=after)
    assert refused.value.code == "INVALID"


async def test_many_that_are_read_at_once_are_told_one_by_one(world, follow):
    ids = await told(world, 30)
    follower = await follow("viewer", CHANGED)
    await follower.until(lambda f: f.told)
    await world.ask("viewer", READ_MANY)
    assert {event["entityId"] for event in await follower.has(30)} == {*ids}


async def test_a_kind_that_is_off_in_the_app_is_not_there_and_the_next_is(world, follow):
    follower = await follow("viewer", KINDS)
    await follower.until(lambda f: f.told)
    await change(world, ASSIGNMENTS={"inApp": False, "mail": "AT_ONCE"})
    await assign(world)
    assert await stored(world) == [("assignments", False, "at_once")]
    found = await mine(world)
    assert (found["unreadNotifications"], found["notifications"]["nodes"]) == (0, [])
    id = await world.superuser.fetchval(
        "SELECT id FROM notifications WHERE organization_id = $1", world.organization
    )
    for query in (NODE, READ):
        assert await world.code("viewer", query, id=str(id)) == "NOT_FOUND"
    await change(world, ASSIGNMENTS={"inApp": True})
    await world.superuser.execute(
        "UPDATE assignments SET deleted_at = now() WHERE organization_id = $1", world.organization
    )
    await assign(world)
    (event,) = await follower.has(1)
    assert (event["unreadCount"], event["notification"]["kind"]) == (1, "ASSIGNMENTS")
    assert len((await mine(world))["notifications"]["nodes"]) == 1
