"""Comments: threads about objects, replies, mentions, and who may do what."""

from uuid import uuid4

import pytest

from tests.requirements.discussing import (
    DELETE,
    DELETE_THREAD,
    EDIT,
    READ,
    REOPEN,
    REPLY,
    RESOLVE,
    RESTORE,
    RESTORE_THREAD,
    START,
    reply,
    start,
    told,
)
from tests.world import Refused

LIST = """query ($id: UUID!) { requirement(id: $id) { commentThreads { totalCount nodes {
    id comments { totalCount } } } } }"""
IN_DOCUMENT = """query ($document: UUID!, $open: Boolean!) {
    commentThreads(first: 500, filter: {documentId: {eq: $document}, resolvedAt: {isNull: $open}}) {
        nodes { id } } }"""
ON_ANY = """query ($id: ID!) { node(id: $id) { ... on Commentable { commentThreads {
    nodes { entityType } } } } }"""
HISTORY = """query ($id: UUID!) { comment(id: $id) { history { nodes { version changes {
    field old new } } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } }"


async def refused(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value.code, raised.value.field


async def test_who_only_reads_starts_a_thread_and_others_reply(world):
    thread = await start(world)
    assert (thread["entityType"], thread["entityId"]) == ("REQUIREMENT", str(world.requirement))
    assert (thread["document"]["id"], thread["anchor"]) == (str(world.document), None)
    [first] = thread["comments"]["nodes"]
    assert (first["body"], first["editedAt"]) == ("Is 40 m enough?", None)
    assert first["createdBy"] == {"id": str(world.people["viewer"])}
    await reply(world, thread["id"], "document_editor")
    read = await world.ask("editor", READ, id=thread["id"])
    assert [row["body"] for row in read["comments"]["nodes"]] == ["Is 40 m enough?", "Yes."]
    listed = (await world.ask("viewer", LIST, id=world.requirement))["commentThreads"]
    assert listed == {
        "totalCount": 1,
        "nodes": [{"id": thread["id"], "comments": {"totalCount": 2}}],
    }
    assert [row["action"] for row in await world.records(thread["id"])] == ["create"]


@pytest.mark.parametrize("person", ["member", "billing", "outsider"])
async def test_who_cannot_read_the_object_sees_no_thread_and_starts_none(world, person):
    thread = await start(world)
    assert await world.code(person, READ, id=thread["id"]) == "NOT_FOUND"
    about = {"entityId": world.requirement, "body": "No"}
    assert await world.code(person, START, input=about) == "NOT_FOUND"
    assert await world.code(person, START, input=about | {"entityId": uuid4()}) == "NOT_FOUND"
    answer = {"threadId": thread["id"], "body": "No"}
    assert await world.code(person, REPLY, input=answer) == "NOT_FOUND"
    assert await told(world, person) == []


async def test_readers_of_a_public_project_neither_see_nor_write_comments(world):
    thread = await start(world)
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'public' WHERE id = $1", world.project
    )
    assert await world.code("outsider", READ, id=thread["id"]) == "NOT_FOUND"
    seen = await world.ask("outsider", LIST, id=world.requirement)
    assert seen["commentThreads"] == {"totalCount": 0, "nodes": []}
    about = {"entityId": world.requirement, "body": "No"}
    assert await world.code("outsider", START, input=about) == "FORBIDDEN"
    await world.close_projects()


async def test_only_its_author_changes_a_comment_and_the_history_has_what_it_was(world):
    thread = await start(world, "viewer")
    [comment] = thread["comments"]["nodes"]
    for person in ("editor", "admin", "owner"):
        change = {"body": "No"}
        assert await world.code(person, EDIT, id=comment["id"], input=change) == "FORBIDDEN"
    edited = await world.ask("viewer", EDIT, id=comment["id"], input={"body": "Is 35 m enough?"})
    assert edited["comment"]["body"] == "Is 35 m enough?"
    assert edited["comment"]["editedAt"]
    entries = (await world.ask("editor", HISTORY, id=comment["id"]))["history"]["nodes"]
    changes = {c["field"]: c["old"] for entry in entries for c in entry["changes"] if c["old"]}
    assert changes["body"] == "Is 40 m enough?"
    stale = await world.code("viewer", EDIT, id=comment["id"], input={"body": "Other"})
    assert stale == "CONFLICT"


async def test_its_author_and_administrators_delete_a_comment_and_a_thread(world):
    thread = await start(world, "viewer")
    theirs = await reply(world, thread["id"], "project_viewer")
    for person in ("viewer", "editor"):
        assert await world.code(person, DELETE, id=theirs["id"]) == "FORBIDDEN"
    await world.ask("project_viewer", DELETE, id=theirs["id"])
    other = await reply(world, thread["id"], "project_viewer")
    await world.ask("admin", DELETE, id=other["id"])
    assert await world.code("editor", DELETE_THREAD, id=thread["id"]) == "FORBIDDEN"
    await world.ask("viewer", DELETE_THREAD, id=thread["id"])
    assert await world.code("viewer", READ, id=thread["id"]) == "NOT_FOUND"
    [first] = thread["comments"]["nodes"]
    assert await world.code("viewer", NODE, id=first["id"]) == "NOT_FOUND"
    await world.ask("viewer", RESTORE_THREAD, id=thread["id"])
    read = await world.ask("viewer", READ, id=thread["id"])
    assert [row["id"] for row in read["comments"]["nodes"]] == [first["id"]]


TRASH = """query ($organization: UUID!) { trash(organizationId: $organization,
    types: [COMMENT, COMMENT_THREAD]) { nodes { id } } }"""


async def test_its_author_restores_a_comment_as_long_as_they_can_read_it(world):
    thread = await start(world, "viewer")
    theirs = await reply(world, thread["id"], "project_viewer")
    await world.ask("project_viewer", DELETE, id=theirs["id"])
    trash = await world.ask("project_viewer", TRASH, organization=world.organization)
    assert trash["nodes"] == [{"id": theirs["id"]}]
    await world.superuser.execute(
        "UPDATE project_members SET deleted_at = now() WHERE user_id = $1",
        world.people["project_viewer"],
    )
    world.database.access_changed()
    trash = await world.ask("project_viewer", TRASH, organization=world.organization)
    assert trash["nodes"] == []
    assert await world.code("project_viewer", RESTORE, id=theirs["id"]) == "NOT_FOUND"
    assert await world.code("editor", RESTORE, id=theirs["id"]) == "FORBIDDEN"
    await world.ask("admin", RESTORE, id=theirs["id"])
    read = await world.ask("viewer", READ, id=thread["id"])
    assert len(read["comments"]["nodes"]) == 2


async def test_a_thread_is_resolved_by_its_author_or_an_editor_and_reopened(world):
    thread = await start(world, "viewer")
    assert await world.code("project_viewer", RESOLVE, id=thread["id"]) == "FORBIDDEN"
    resolved = (await world.ask("editor", RESOLVE, id=thread["id"]))["commentThread"]
    assert resolved["resolvedBy"] == {"id": str(world.people["editor"])}
    assert resolved["resolvedAt"]
    assert await world.ask("viewer", IN_DOCUMENT, document=world.document, open=True) == {
        "nodes": []
    }
    again = (await world.ask("viewer", RESOLVE, id=thread["id"], version=2))["commentThread"]
    assert again == resolved  # which changes nothing
    reopened = (await world.ask("viewer", REOPEN, id=thread["id"]))["commentThread"]
    assert reopened == {"version": 3, "resolvedAt": None, "resolvedBy": None}
    open_ = await world.ask("viewer", IN_DOCUMENT, document=world.document, open=True)
    assert open_["nodes"] == [{"id": thread["id"]}]
    [news] = await told(world, "viewer")
    assert (news["type"], news["entity"]) == ("COMMENT", {"id": thread["id"]})


async def test_who_is_mentioned_is_told_and_finds_the_comment(world):
    people = [world.people["editor"], world.people["project_viewer"]]
    thread = await start(world, body="@editor, please look.", mentions=[*people, people[0]])
    assert [row["id"] for row in thread["comments"]["nodes"][0]["mentions"]] == list(
        map(str, people)
    )
    for person in ("editor", "project_viewer"):
        [news] = await told(world, person)
        assert (news["type"], news["message"]) == ("MENTION", "@editor, please look.")
        assert news["entity"] == {"body": "@editor, please look.", "thread": {"id": thread["id"]}}
        assert news["metadata"]["event"] == "mentioned"
        assert world.name not in news["title"]
    assert await told(world, "viewer") == []


@pytest.mark.parametrize("person", ["member", "billing", "outsider", None])
async def test_nobody_is_mentioned_who_cannot_read_the_object(world, person):
    id = world.people[person] if person else uuid4()
    mentions = [world.people["editor"], id]
    about = {"entityId": world.requirement, "body": "Look.", "mentions": mentions}
    problem = await refused(world.ask("viewer", START, input=about))
    assert problem == ("NOT_FOUND", ["input", "mentions", 1])
    assert await told(world, "editor") == []
    listed = (await world.ask("viewer", LIST, id=world.requirement))["commentThreads"]
    assert listed["totalCount"] == 0


async def test_a_changed_comment_tells_only_those_whom_it_mentions_anew(world):
    thread = await start(world, mentions=[world.people["editor"]])
    [comment] = thread["comments"]["nodes"]
    people = [world.people["editor"], world.people["admin"]]
    edited = await world.ask("viewer", EDIT, id=comment["id"], input={"mentions": people})
    assert [row["id"] for row in edited["comment"]["mentions"]] == list(map(str, people))
    assert edited["comment"]["editedAt"] is None
    assert [len(await told(world, person)) for person in ("editor", "admin")] == [1, 1]
    mentions = [world.people["member"]]
    problem = await refused(
        world.ask("viewer", EDIT, id=comment["id"], version=2, input={"mentions": mentions})
    )
    assert problem == ("NOT_FOUND", ["input", "mentions", 0])


async def test_a_reply_is_told_to_who_takes_part_and_to_the_assignee(world):
    await world.superuser.execute(
        "INSERT INTO assignments (organization_id, project_id, entity_id, entity_type, assignee_id)"
        " VALUES ($1, $2, $3, 'requirement', $4)",
        world.organization,
        world.project,
        world.requirement,
        world.people["project_editor"],
    )
    thread = await start(world, "viewer")
    await reply(world, thread["id"], "editor")
    await reply(world, thread["id"], "editor", mentions=[world.people["viewer"]])
    counts = {}
    for person in ("viewer", "editor", "project_editor"):
        counts[person] = [news["metadata"]["event"] for news in await told(world, person)]
    assert counts == {
        "viewer": ["mentioned", "replied"],
        "editor": [],
        "project_editor": ["commented"] * 3,
    }


async def test_who_has_lost_access_is_not_told_of_replies(world):
    thread = await start(world, "project_viewer")
    await world.superuser.execute(
        "UPDATE project_members SET deleted_at = now() WHERE user_id = $1",
        world.people["project_viewer"],
    )
    world.database.access_changed()
    await reply(world, thread["id"], "editor")
    stored = await world.superuser.fetchval(
        "SELECT count(*) FROM notifications WHERE user_id = $1", world.people["project_viewer"]
    )
    assert stored == 0


async def test_objects_of_many_types_are_discussed(world):
    baseline = """mutation ($id: UUID!) { baselineCreate(input: {documentId: $id, name: "R1"}) {
        baseline { id } } }"""
    made = await world.ask("editor", baseline, id=world.document)
    review = await world.ask(
        "editor",
        """mutation ($id: UUID!, $of: UUID!, $by: UUID!) { reviewCreate(input: {projectId: $id,
            name: "Release", entityIds: [$of], reviewers: [{userId: $by}]}) { review { id } } }""",
        id=world.project,
        of=world.requirement,
        by=world.people["owner"],
    )
    for id, type_ in (
        (review["review"]["id"], "REVIEW"),
        (world.project, "PROJECT"),
        (world.document, "DOCUMENT"),
        (world.block, "BLOCK"),
        (made["baseline"]["id"], "BASELINE"),
    ):
        thread = await start(world, entityId=id)
        assert (thread["entityType"], thread["entity"]) == (type_, {"id": str(id)})
        on_it = await world.ask("viewer", ON_ANY, id=id)
        assert on_it["commentThreads"]["nodes"] == [{"entityType": type_}]
    profile = {"entityId": world.people["viewer"], "body": "Hello"}
    assert await world.code("viewer", START, input=profile) == "NOT_FOUND"


async def test_threads_go_along_with_a_requirement_to_another_document(world):
    thread = await start(world)
    create = """mutation ($project: UUID!) { documentCreate(input: {projectId: $project,
        name: "Other", slug: "other"}) { document { id } } }"""
    other = (await world.ask("editor", create, project=world.project))["document"]["id"]
    move = """mutation ($id: UUID!, $document: UUID!) { requirementMove(id: $id,
        expectedVersion: 1, placeAt: {documentId: $document}) { requirement { id } } }"""
    await world.ask("editor", move, id=world.requirement, document=other)
    read = await world.ask("viewer", READ, id=thread["id"])
    assert read["document"] == {"id": other}
    assert await world.code("document_editor", READ, id=thread["id"]) == "NOT_FOUND"
    [comment] = thread["comments"]["nodes"]
    assert await world.code("document_editor", NODE, id=comment["id"]) == "NOT_FOUND"
    seen = await world.ask("viewer", IN_DOCUMENT, document=other, open=True)
    assert seen["nodes"] == [{"id": thread["id"]}]


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"body": " \n"}, ["input", "body"]),
        ({"body": "x" * 10_001}, ["input", "body"]),
        ({"mentions": [str(uuid4()) for _ in range(21)]}, ["input", "mentions"]),
    ],
)
async def test_a_comment_has_limits(world, input, field):
    about = {"entityId": world.requirement, "body": "x"} | input
    assert await refused(world.ask("viewer", START, input=about)) == ("INVALID", field)


async def test_a_thread_and_an_object_hold_a_limited_number(world):
    thread = await start(world)
    scope = (world.organization, world.project, world.document)
    await world.superuser.execute(
        "INSERT INTO comments (organization_id, project_id, document_id, thread_id, body)"
        " SELECT $1, $2, $3, $4, 'x' FROM generate_series(1, 999)",
        *scope,
        thread["id"],
    )
    await world.superuser.execute(
        "INSERT INTO comment_threads (organization_id, project_id, document_id, entity_type,"
        " entity_id) SELECT $1, $2, $3, 'Requirement', $4 FROM generate_series(1, 499)",
        *scope,
        world.requirement,
    )
    more = {"threadId": thread["id"], "body": "x"}
    assert await world.code("viewer", REPLY, input=more) == "LIMIT_REACHED"
    more = {"entityId": world.requirement, "body": "x"}
    assert await world.code("viewer", START, input=more) == "LIMIT_REACHED"
