"""Preferences for notifications, what is told of unreadable objects, and the retention."""

import pytest

from auth.accounts.notification_preferences import DEFAULTS
from auth.accounts.notify import KINDS as EVENT_KINDS
from db.core.notifications import NotificationKind
from graph.core.notifications import HIDDEN
from graph.platform.notifications.upkeep import KINDS
from tests.core.keys import make_key, make_token
from tests.core.test_notifications import assign, mine, titles
from tests.kit.asking import run, session_of
from tests.platform.jobs.kinds import worker

PREFERENCES = "{ viewer { notificationPreferences { kind inApp mail } } }"
CHANGE = """mutation ($input: NotificationPreferencesUpdateInput!) {
  notificationPreferencesUpdate(input: $input) { preferences { kind inApp mail } } }"""
STORED = "SELECT kind, in_app, mail FROM notifications WHERE organization_id = $1 AND user_id = $2"
GRANT = """mutation ($who: UUID!, $project: UUID!) {
  roleGrant(input: {userId: $who, objectId: $project, role: EDITOR, reason: "Help."}) {
    role: userRole { id } } }"""
REVOKE = "mutation ($id: UUID!) { roleRevoke(id: $id, expectedVersion: 1) { __typename } }"
DELETE = """mutation ($id: UUID!) {
  requirementDelete(id: $id, expectedVersion: 1) { __typename } }"""


async def change(world, person="viewer", **kinds):
    """Change preferences of a person; return all of them by kind."""
    sent = [{"kind": kind, **values} for kind, values in kinds.items()]
    answer = await world.ask(person, CHANGE, input={"preferences": sent})
    return {each["kind"]: each for each in answer["preferences"]}


async def stored(world, person="viewer"):
    """Return kind, display and mail of the person's notifications, as they are stored."""
    rows = await world.superuser.fetch(STORED, world.organization, world.people[person])
    return [tuple(row) for row in rows]


async def test_every_kind_has_a_preference_by_default_and_it_applies(world):
    found = (await world.ask("viewer", PREFERENCES))["notificationPreferences"]
    assert {each["kind"] for each in found} == {kind.name for kind in NotificationKind}
    assert set(EVENT_KINDS.values()) == set(NotificationKind)
    assert all(each["inApp"] for each in found)
    for kind in NotificationKind:
        await world.superuser.execute(
            "INSERT INTO notifications (organization_id, user_id, title, kind)"
            " VALUES ($1, $2, 'One', $3::text::notification_kind)",
            world.organization,
            world.people["viewer"],
            kind.value,
        )
    applied = {kind: mail for kind, _, mail in await stored(world)}
    assert applied == {kind.value: DEFAULTS[kind].value for kind in NotificationKind}
    assert {each["kind"]: each["mail"] for each in found} == {
        kind.name: DEFAULTS[kind].name for kind in NotificationKind
    }


async def test_what_is_not_given_stays_and_others_have_their_own(world):
    first = await change(world, ASSIGNMENTS={"mail": "DAILY"}, ROLES={"inApp": False})
    assert first["ASSIGNMENTS"] == {"kind": "ASSIGNMENTS", "inApp": True, "mail": "DAILY"}
    again = await change(world, ASSIGNMENTS={"inApp": False})
    assert again["ASSIGNMENTS"] == {"kind": "ASSIGNMENTS", "inApp": False, "mail": "DAILY"}
    assert again["ROLES"] == {"kind": "ROLES", "inApp": False, "mail": "DAILY"}
    found = (await world.ask("viewer", PREFERENCES))["notificationPreferences"]
    assert found == list(again.values())
    assert (await change(world, "editor"))["ROLES"]["inApp"]


async def test_a_kind_given_twice_is_refused_at_its_path(world):
    twice = [{"kind": "ROLES", "inApp": False}] * 2
    answer = await world.answer("viewer", CHANGE, input={"preferences": twice})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == ["input", "preferences", 1, "kind"]
    assert not await world.superuser.fetchval(
        "SELECT notification_settings <> '{}' FROM profiles WHERE id = $1", world.people["viewer"]
    )


async def test_programs_change_no_preferences_that_their_token_does_not_reach(world):
    await make_token(world, "editor", "requirements:write")
    sent = {"preferences": [{"kind": "ROLES", "inApp": False}]}
    assert await world.code("editor's script", CHANGE, input=sent) == "FORBIDDEN"
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", CHANGE, input=sent) == "FORBIDDEN"
    assert await world.code(None, CHANGE, input=sent) == "UNAUTHENTICATED"


@pytest.mark.parametrize("how", ["deleted", "left"])
async def test_the_text_is_gone_when_its_object_cannot_be_read(world, how):
    await assign(world, "project_viewer", comment="By Friday, please.")
    [told] = (await mine(world, "project_viewer"))["notifications"]["nodes"]
    assert (told["title"], told["message"]) != (HIDDEN, None)
    if how == "deleted":
        await world.ask("editor", DELETE, id=world.requirement)
    else:
        await world.superuser.execute(
            "UPDATE project_members SET deleted_at = now() WHERE user_id = $1",
            world.people["project_viewer"],
        )
        world.database.access_changed()
    [told] = (await mine(world, "project_viewer"))["notifications"]["nodes"]
    assert (told["title"], told["message"], told["entity"]) == (HIDDEN, None, None)
    assert told["metadata"]["event"] == "assigned"


async def test_who_loses_a_role_is_told_so_although_its_object_is_gone_for_them(world):
    given = await world.ask("owner", GRANT, who=world.people["member"], project=world.project)
    await world.ask("owner", REVOKE, id=given["role"]["id"])
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'private' WHERE id = $1", world.project
    )
    world.database.access_changed()
    nodes = (await mine(world, "member"))["notifications"]["nodes"]
    by_event = {each["metadata"]["event"]: each["title"] for each in nodes}
    assert by_event["role_granted"] == HIDDEN
    assert by_event["role_revoked"] == "Your role editor at this project has been revoked."


async def test_titles_of_many_cost_as_many_statements_as_of_one(world):
    counts = []
    titles_only = "{ viewer { notifications { nodes { title message } } } }"
    for _ in range(2):
        await assign(world)
        session = await session_of(world, "viewer")
        found = await run(session, titles_only)
        counts.append(session.statements)
        await world.superuser.execute(
            "INSERT INTO notifications (organization_id, user_id, title, message, metadata)"
            " SELECT $1, $2, 'Number ' || r.id, 'Text', jsonb_build_object('event', 'assigned',"
            " 'entityType', 'Requirement', 'entityId', r.id)"
            " FROM requirements AS r WHERE r.organization_id = $1",
            world.organization,
            world.people["viewer"],
        )
        await world.superuser.execute(
            "UPDATE assignments SET deleted_at = now() WHERE organization_id = $1",
            world.organization,
        )
    assert len(found["viewer"]["notifications"]["nodes"]) > 2
    assert counts[0] == counts[1]


async def test_old_notifications_are_deleted_and_no_others(world):
    rows = (("read long ago", 200, 91), ("read lately", 200, 89), ("never", 364, None))
    for title, created, read in (*rows, ("old", 366, None)):
        await world.superuser.execute(
            "INSERT INTO notifications (organization_id, user_id, title, created_at, read_at,"
            " unread) VALUES ($1, $2, $3, now() - make_interval(days => $4),"
            " now() - make_interval(days => $5), $5 IS NULL)",
            world.organization,
            world.people["viewer"],
            title,
            created,
            read,
        )
    one = worker(world.database, *KINDS)
    await one.schedule()
    await world.superuser.execute(
        "UPDATE jobs SET run_at = now() WHERE kind = 'upkeep.notifications'"
    )
    await one.run_due()
    assert sorted(await titles(world)) == ["never", "read lately"]
