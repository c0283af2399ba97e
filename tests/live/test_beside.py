"""Rows beside a requirement that belong to it produce events for followers of its document."""

from uuid import UUID

from tests.core.test_notifications import assign
from tests.live.test_hub import DOCUMENT, ORGANIZATION, PROJECT, rename
from tests.requirements.linking import edit, elsewhere, link, requirements
from tests.requirements.test_assignments import DELETE, UPDATE
from tests.requirements.test_trace_links import DELETE as DELETE_LINK

LINK = """
INSERT INTO audit_logs (organization_id, project_id, entity_id, entity_type, action, version,
    new_data, event_type)
VALUES ($1, $2, gen_random_uuid(), 'TraceLink', 'create', 1,
    jsonb_build_object('source_id', $3::text), 'create')
RETURNING document_id
"""


async def test_a_document_hears_of_assignments_to_its_requirements(world, follow):
    ids = {DOCUMENT: world.document, PROJECT: world.project, ORGANIZATION: world.organization}
    followers = [await follow("editor", query, id=id) for query, id in ids.items()]
    for follower in followers:
        await follower.until(lambda f: f.told)
    await assign(world)
    row = await world.superuser.fetchval(
        "SELECT id FROM assignments WHERE entity_id = $1", world.requirement
    )
    await world.ask("editor", UPDATE, id=row, input={"comment": "By Friday"})
    await world.ask("editor", DELETE.replace("expectedVersion: 1", "expectedVersion: 2"), id=row)
    for follower in followers:
        told = await follower.has(3)
        assert [event["kind"] for event in told] == ["CREATED", "UPDATED", "DELETED"]
        assert {(event["entityType"], UUID(event["entityId"])) for event in told} == {
            ("ASSIGNMENT", row)
        }
    numbers = [event["sequence"] for event in followers[0].told[1:]]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_whoever_follows_by_a_role_at_the_document_alone_hears_of_what_they_may_see(
    world, follow
):
    """Roles for assignments are those at the project."""
    follower = await follow("document_editor", DOCUMENT, id=world.document)
    witness = await follow("editor", DOCUMENT, id=world.document)
    await assign(world)
    await witness.has(1)
    await rename(world, "Renamed")
    (event,) = await follower.has(1)
    assert event["entityType"] == "REQUIREMENT"


async def test_a_link_is_in_the_document_of_its_source(world):
    place = (world.organization, world.project, str(world.requirement))
    assert await world.superuser.fetchval(LINK, *place) == world.document


async def test_the_streams_of_both_ends_are_told_once_and_only_who_may_read_the_link(world, follow):
    other_project, there = await elsewhere(world)
    await world.superuser.execute(
        "INSERT INTO project_members (organization_id, project_id, user_id, role)"
        " VALUES ($1, $2, $3, 'viewer')",
        world.organization,
        other_project,
        world.people["member"],
    )
    (far,) = await requirements(world, 1, there)
    watched = [
        (DOCUMENT, world.document),
        (DOCUMENT, there),
        (PROJECT, world.project),
        (PROJECT, other_project),
        (ORGANIZATION, world.organization),
    ]
    followers = [await follow("viewer", query, id=id) for query, id in watched]
    blind = await follow("member", PROJECT, id=other_project)
    for follower in (*followers, blind):
        await follower.until(lambda f: f.told)
    made = await link(world, world.requirement, far)
    await world.ask("editor", DELETE_LINK, id=made["id"], version=1)
    await edit(world, far, by="owner", name="Changed")
    await edit(world, world.requirement, name="Changed")
    for follower in followers:
        told = await follower.until(lambda f: f.told[-1]["kind"] == "UPDATED")
        links = [event for event in told.told if event["entityType"] == "TRACE_LINK"]
        assert [(event["kind"], event["entityId"]) for event in links] == [
            ("CREATED", made["id"]),
            ("DELETED", made["id"]),
        ]
    await blind.until(lambda f: f.told[-1]["kind"] == "UPDATED")
    assert {event["entityType"] for event in blind.told} == {None, "REQUIREMENT"}
