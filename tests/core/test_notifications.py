"""Notifications: their recipients, written in the transaction of the change."""

from typing import Any
from uuid import uuid4

import pytest

from tests.core.keys import make_token
from tests.kit.asking import run, session_of
from tests.world import Refused, World

MINE = """query ($filter: NotificationFilterInput) { viewer { unreadNotifications
  notifications(filter: $filter) { totalCount nodes {
    id version type title message unread readAt metadata actor { fullName }
    organization { id } project { id }
    entity { id __typename ... on Requirement { name } } } } } }"""
ASSIGN = """mutation ($requirement: UUID!, $who: UUID!, $comment: String) {
  assignmentCreate(input: {entityId: $requirement, assigneeId: $who, role: REVIEWER,
      comment: $comment}) { assignment { id } } }"""
ROLE = """mutation ($id: UUID!, $role: OrganizationRole!, $version: BigInt! = 1) {
  organizationMemberUpdate(id: $id, expectedVersion: $version, input: {role: $role}) {
    member: organizationMember { version } } }"""
ADD = """mutation ($project: UUID!, $who: UUID!) {
  projectMemberAdd(input: {projectId: $project, userId: $who}) { member: projectMember { id } } }"""
PROJECT_ROLE = """mutation ($id: UUID!) {
  projectMemberUpdate(id: $id, expectedVersion: 1, input: {role: EDITOR}) {
      member: projectMember { id } } }"""
INVITE = """mutation ($organization: UUID!, $email: String!) {
  organizationInvite(input: {organizationId: $organization, email: $email}) {
      invitation: organizationInvitation { id } }
}"""
ACCEPT = "mutation ($token: UUID!) { organizationInvitationAccept(token: $token) { __typename } }"
READ = """mutation ($id: UUID!, $read: Boolean! = true) {
  notificationRead(id: $id, read: $read) { notification { version unread readAt } } }"""
READ_MANY = """mutation ($ids: [UUID!]) {
  notificationsRead(ids: $ids) { unreadCount notifications { id unread } } }"""
DELETE = "mutation ($id: UUID!) { notificationDelete(id: $id) { notification { id } } }"
REMOVE = """mutation ($id: UUID!) {
  organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } }"


async def mine(world: World, person: str = "viewer", **filter: Any) -> dict[str, Any]:
    """Return the person's notifications."""
    return await world.ask(person, MINE, filter=filter or None)


async def titles(world: World, person: str = "viewer") -> list[str]:
    return [node["title"] for node in (await mine(world, person))["notifications"]["nodes"]]


async def assign(world: World, who: str = "viewer", by: str = "editor", **more: Any) -> None:
    ids = {"requirement": world.requirement, "who": world.people[who]}
    await world.ask(by, ASSIGN, **ids | more)


async def told(world: World, times: int) -> list[str]:
    """Notify the viewer this often; return the IDs of the notifications, oldest first."""
    return [
        str(row["id"])
        for row in await world.superuser.fetch(
            "INSERT INTO notifications (organization_id, user_id, title)"
            " SELECT $1, $2, 'Number ' || i FROM generate_series(1, $3) i RETURNING id",
            world.organization,
            world.people["viewer"],
            times,
        )
    ]


async def test_who_is_assigned_a_requirement_is_told(world):
    await assign(world, comment="By Friday, please.")
    found = await mine(world)
    [told] = found["notifications"]["nodes"]
    assert (found["unreadNotifications"], found["notifications"]["totalCount"]) == (1, 1)
    assert {name: told[name] for name in told if name not in ("id", "version")} == {
        "type": "ASSIGNMENT",
        "title": "You are asked to review a requirement.",
        "message": "By Friday, please.",
        "unread": True,
        "readAt": None,
        "metadata": {
            "event": "assigned",
            "entityType": "REQUIREMENT",
            "entityId": str(world.requirement),
        },
        "actor": {"fullName": f"editor {world.name}"},
        "organization": {"id": str(world.organization)},
        "project": {"id": str(world.project)},
        "entity": {
            "id": str(world.requirement),
            "__typename": "Requirement",
            "name": f"Requirement {world.name}",
        },
    }


async def test_what_somebody_may_not_see_is_not_told_by_their_notification(world):
    await assign(world, "member")
    assert (await mine(world, "member"))["notifications"]["nodes"] == []


async def test_a_notification_names_nothing_that_its_reader_can_no_longer_see(world):
    await assign(world, "project_viewer")
    await world.superuser.execute(
        "UPDATE project_members SET deleted_at = now() WHERE user_id = $1",
        world.people["project_viewer"],
    )
    world.database.access_changed()
    [told] = (await mine(world, "project_viewer"))["notifications"]["nodes"]
    assert told["entity"] is None
    assert told["project"] is None
    assert world.name not in told["title"]


async def test_it_is_recorded_with_the_change_that_it_tells_of(world):
    await assign(world)
    [told] = (await mine(world))["notifications"]["nodes"]
    [event] = await world.records(told["id"])
    of_both = await world.superuser.fetch(
        "SELECT entity_type, xid, user_id, organization_id FROM audit_logs"
        " WHERE correlation_id = $1 ORDER BY entity_type",
        event["correlation_id"],
    )
    assert [row["entity_type"] for row in of_both] == ["Assignment", "Notification"]
    assert of_both[0]["xid"] == of_both[1]["xid"]
    assert of_both[1]["user_id"] == world.people["viewer"]


async def test_what_is_refused_is_told_to_nobody(world):
    await assign(world)
    with pytest.raises(Refused) as refused:
        await assign(world)
    assert refused.value.code == "ALREADY_EXISTS"
    assert len(await titles(world)) == 1


async def test_nobody_is_told_of_what_they_do_themselves(world):
    await assign(world, "editor")
    assert await titles(world, "editor") == []


async def test_a_change_of_role_is_told_and_no_other_change(world):
    member = {"id": world.members["viewer"]}
    await world.ask("owner", ROLE, **member, role="EDITOR")
    await world.ask("owner", ROLE, **member, role="EDITOR", version=2)
    assert await titles(world) == [f"Your role in Organization {world.name} is now: editor."]


@pytest.mark.slow
async def test_roles_in_a_project_are_told(world):
    member = await world.ask("admin", ADD, project=world.project, who=world.people["member"])
    await world.ask("admin", PROJECT_ROLE, id=member["member"]["id"])
    where = f"Your role in the project Project {world.name} is now:"
    assert await titles(world, "member") == [f"{where} editor.", f"{where} viewer."]


@pytest.mark.slow
async def test_who_has_invited_is_told_that_the_invitation_was_accepted(world):
    email = world.email("outsider")
    invite = {"organization": world.organization, "email": email}
    invited = (await world.ask("admin", INVITE, **invite))["invitation"]["id"]
    token = await world.superuser.fetchval(
        "SELECT token FROM organization_invitations WHERE id = $1::uuid", invited
    )
    await world.ask("outsider", ACCEPT, token=token)
    [told] = (await mine(world, "admin"))["notifications"]["nodes"]
    assert told["title"] == f"{email} has joined Organization {world.name}."
    assert told["metadata"]["event"] == "invitation_accepted"
    assert told["entity"] == {"id": invited, "__typename": "OrganizationInvitation"}
    assert await titles(world, "outsider") == await titles(world, "owner") == []


@pytest.mark.slow
@pytest.mark.parametrize("person", ["owner", "editor", "outsider"])
async def test_nobody_else_sees_that_it_is_there(world, person):
    await assign(world)
    [told] = (await mine(world))["notifications"]["nodes"]
    assert await titles(world, person) == []
    for query in (NODE, READ, DELETE):
        there, not_there = [
            await world.answer(person, query, id=id) for id in (told["id"], uuid4())
        ]
        assert there["errors"] == not_there["errors"]
        assert there["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    answers = [await world.answer(person, READ_MANY, ids=[str(id)]) for id in (told["id"], uuid4())]
    assert answers[0]["errors"] == answers[1]["errors"]
    assert answers[0]["errors"][0]["extensions"]["field"] == ["ids", 0]
    assert (await world.ask(person, READ_MANY))["notifications"] == []
    assert (await mine(world))["unreadNotifications"] == 1


async def test_nothing_of_an_organization_is_shown_to_who_has_left_it(world):
    await assign(world)
    [told] = (await mine(world))["notifications"]["nodes"]
    await world.ask(
        "owner",
        REMOVE,
        id=world.members["viewer"],
    )
    assert await titles(world) == []
    assert await world.code("viewer", NODE, id=told["id"]) == "NOT_FOUND"


async def test_reading_twice_is_reading_once_and_can_be_taken_back(world):
    [id] = await told(world, 1)
    first, again = [(await world.ask("viewer", READ, id=id))["notification"] for _ in range(2)]
    assert first == again
    assert (first["version"], first["unread"]) == (2, False)
    assert first["readAt"]
    back = (await world.ask("viewer", READ, id=id, read=False))["notification"]
    assert back == {"version": 3, "unread": True, "readAt": None}


async def test_many_are_read_at_once_those_named_or_all(world):
    ids = await told(world, 40)
    read = await world.ask("viewer", READ_MANY, ids=ids[:31])
    assert [node["id"] for node in read["notifications"]] == ids[:31]
    assert not any(node["unread"] for node in read["notifications"])
    assert read["unreadCount"] == 9
    all_others = await world.ask("viewer", READ_MANY)
    assert {node["id"] for node in all_others["notifications"]} == {*ids[31:]}
    assert all_others["unreadCount"] == 0
    filtered = await mine(world, unread={"eq": True})
    assert filtered["notifications"]["totalCount"] == 0


@pytest.mark.parametrize("ids", [[], [str(uuid4())] * 501])
async def test_too_many_or_none_are_refused(world, ids):
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", READ_MANY, ids=ids)
    assert refused.value.code in ("INVALID", "QUERY_TOO_COMPLEX")


async def test_one_that_is_not_there_refuses_all(world):
    ids = [*await told(world, 2), str(uuid4())]
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", READ_MANY, ids=ids)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["ids", 2])
    assert (await mine(world))["unreadNotifications"] == 2


async def test_what_is_removed_is_gone(world):
    ids = await told(world, 2)
    await world.ask("viewer", DELETE, id=ids[0])
    found = await mine(world)
    assert [node["id"] for node in found["notifications"]["nodes"]] == ids[1:]
    assert found["unreadNotifications"] == 1
    assert await world.code("viewer", DELETE, id=ids[0]) == "NOT_FOUND"


@pytest.mark.slow
async def test_a_page_costs_as_many_statements_as_a_notification(world):
    counts = []
    for times in (1, 15):
        for _ in range(times):
            await assign_another(world)
        session = await session_of(world, "viewer")
        found = await run(session, MINE)
        counts.append(session.statements)
    assert found["viewer"]["notifications"]["totalCount"] == 16
    assert {node["entity"]["name"] for node in found["viewer"]["notifications"]["nodes"]}
    assert counts[0] == counts[1]


async def assign_another(world: World) -> None:
    """Assign a requirement of its own, so that each notification has another row."""
    world.requirement = await world.superuser.fetchval(
        "INSERT INTO requirements (organization_id, project_id, document_id, block_id, name,"
        " position) VALUES ($1, $2, $3, $4, 'Another', random() * 1e6) RETURNING id",
        world.organization,
        world.project,
        world.document,
        world.block,
    )
    await assign(world)


async def test_a_token_for_requirements_alone_tells_who_is_assigned(world):
    await make_token(world, "editor", "requirements:write")
    await assign(world, by="editor's script")
    assert len(await titles(world)) == 1
    unread = "{ viewer { unreadNotifications } }"
    assert await world.code("editor's script", unread) == "FORBIDDEN"
