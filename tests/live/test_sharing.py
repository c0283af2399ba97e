"""Followers share executions when their rights are the same where it matters."""

import random

import pytest
from uuid_utils.compat import uuid7

from graph.http.operation.operations import NotRun
from graph.live.reach import WITHIN
from graph.schema import schema
from tests.live.following import delivered
from tests.live.test_catching_up import AROUND
from tests.live.test_hub import DOCUMENT, ORGANIZATION, REQUIREMENT, create, rename
from tests.live.test_hub import PROJECT as FOLLOW_PROJECT

PEOPLE = ("viewer", "editor", "admin", "owner", "project_viewer")
PROJECT = """INSERT INTO projects (id, organization_id, name, slug, visibility)
    VALUES ($1, $2, $3, $3, 'private')"""
MEMBER = """INSERT INTO project_members (organization_id, project_id, user_id, role)
    VALUES ($1, $2, $3, 'viewer')"""
TENANT = "INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $2)"
OWNER = """INSERT INTO organization_members (organization_id, user_id, role)
    VALUES ($1, $2, 'owner')"""


async def people_with_roles_elsewhere(world, number):
    """Return viewers, each with a role in a project and an organization of their own."""
    people = []
    for i in range(number):
        person, project, tenant = uuid7(), uuid7(), uuid7()
        name = f"reader{i}"
        world.people[name] = person
        write = world.superuser.execute
        await write(
            "INSERT INTO profiles (id, email, full_name, is_approved) VALUES ($1, $2, $3, true)",
            *(person, world.email(name), name),
        )
        await write(
            "INSERT INTO organization_members (organization_id, user_id, role)"
            " VALUES ($1, $2, 'viewer')",
            *(world.organization, person),
        )
        await write(PROJECT, project, world.organization, f"of-{name}")
        await write(MEMBER, world.organization, project, person)
        await write(TENANT, tenant, f"{name}-{world.name}".lower())
        await write(OWNER, tenant, person)
        people.append(name)
    return people


async def executed_for(world, follow, query, people, id=None):
    """Return the number of executions of an event for these people."""
    followers = [await follow(person, query, id=id or world.document) for person in people]
    for follower in followers:
        await follower.until(lambda f: f.told)
    before = sum(follower.executions for follower in followers)
    await rename(world, "Shared")
    told = []
    for follower in followers:
        await follower.until(lambda f: (f.told[-1].get("entity") or {}).get("name") == "Shared")
        told.append(follower.told[-1])
        assert not follower.failures
    assert all(event == told[0] for event in told)
    return sum(follower.executions for follower in followers) - before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "of"),
    [
        (DOCUMENT, "document"),
        (FOLLOW_PROJECT, "project"),
        (ORGANIZATION, "organization"),
        (REQUIREMENT, "requirement"),
    ],
)
async def test_roles_elsewhere_do_not_part_those_who_follow_the_same(world, follow, query, of):
    people = await people_with_roles_elsewhere(world, 8)
    assert await executed_for(world, follow, query, people, getattr(world, of)) == 1


@pytest.mark.slow
async def test_what_reaches_further_is_executed_for_each_set_of_rights(world, follow):
    people = await people_with_roles_elsewhere(world, 3)
    assert await executed_for(world, follow, AROUND, people) == len(people)


async def test_roles_above_a_document_part_those_who_follow_it(world, follow):
    assert await executed_for(world, follow, DOCUMENT, ["viewer", "viewer", "editor"]) == 2


@pytest.mark.parametrize(("type_", "field"), sorted(WITHIN))
def test_edges_that_stay_within_a_document_are_edges_of_the_schema(type_, field):
    assert field in schema._schema.type_map[type_].fields


FULL = """{ kind entityType entityId version changedFields departed actor { fullName } entity {
    id version ... on Requirement { name
      block { id name parent { id } requirements(first: 2) { totalCount nodes { name } } }
      document { id name project { id name organization { id name } } }
      assignments(first: 2) { nodes { status assignee { fullName } } } createdBy { fullName } }
    ... on Block { name children(first: 3) { nodes { id } } document { name } }
    ... on Document { name project { name } blocks(first: 3) { nodes { name } } }
    ... on Project { name organization { name } } } }"""
PERSONAL = FULL.replace("id version", "id version viewerCan { update }", 1)
NAMES = ("actor", "createdBy", "assignee")
UNNAMED = FULL
for _edge in NAMES:
    UNNAMED = UNNAMED.replace(_edge + " { fullName }", "")
STREAMS = ("organization", "project", "document", "requirement")
SPACE = """mutation($id: UUID!) { documentCreate(
    input: {projectId: $id, name: "Another", slug: "another"}) { document { id } } }"""
MOVE = """mutation($id: UUID!, $to: UUID!) { requirementMove(
    id: $id, expectedVersion: 2, placeAt: {documentId: $to}) { requirement { version } } }"""
GONE = """mutation($id: UUID!) { documentDelete(id: $id, expectedVersion: 1) {
    document { id } } }"""
LAST = """mutation($id: UUID!) { organizationUpdate(
    id: $id, expectedVersion: 1, input: {name: "The last"}) { organization { id } } }"""
PERSON = "INSERT INTO profiles (id, email, full_name, is_approved) VALUES ($1, $2, $3, true)"
BELONG = """INSERT INTO organization_members (organization_id, user_id, role)
    VALUES ($1, $2, $3)"""
ROLE_AT = """INSERT INTO user_roles
    (organization_id, project_id, document_id, user_id, {column}) VALUES ($1, $2, $3, $4, $5)"""


async def people_at_random(world, chance, documents):
    """Return people with random roles in the organization, the project and its documents."""
    people, execute = [], world.superuser.execute
    for role in ("owner", "viewer", "member", "member", "member", "billing", "billing", None):
        person, name = uuid7(), f"random{len(people)}"
        world.people[name] = person
        await execute(PERSON, person, world.email(name), name)
        people.append(name)
        if role is None:
            continue
        await execute(BELONG, world.organization, person, role)
        for document in (None, *documents):
            if chance.random() < 0.5:
                column = "document_role" if document else "project_role"
                level = chance.choice(["viewer", "editor", "admin"])
                where = (world.organization, world.project, document, person, level)
                await execute(ROLE_AT.format(column=column), *where)
    return people


def _shown(event, *, names=True):
    """Return an event without personal fields, and optionally without people."""
    if isinstance(event, dict):
        left = {"viewerCan"} | (set() if names else set(NAMES))
        return {key: _shown(event[key], names=names) for key in event if key not in left}
    return [_shown(each, names=names) for each in event] if isinstance(event, list) else event


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "visibility"), [(1, "private"), (2, "public")])
async def test_what_is_shared_is_what_each_would_be_told_alone(
    world, hub, follow, seed, visibility
):
    """With any rights, with and without people in the selection."""
    opening = "UPDATE projects SET visibility = $2 WHERE id = $1"
    await world.superuser.execute(opening, world.project, visibility)
    other = (await world.ask("owner", SPACE, id=world.project))["document"]["id"]
    await delivered(hub, world)  # an event still on its way is told to some followers only
    people = await people_at_random(world, random.Random(seed), [world.document, other])
    followers = {}
    for person in people:
        for stream in STREAMS:
            root = f"subscription($id: UUID!) {{ {stream}Changed(id: $id)"
            found = []
            for selection in (PERSONAL, FULL, UNNAMED):
                try:
                    id = getattr(world, stream)
                    found.append(await follow(person, f"{root} {selection} }}", id=id))
                except NotRun:
                    pass
            assert len(found) in (0, 3)
            if found:
                followers[person, stream] = found
    assert {stream for _, stream in followers} == set(STREAMS)
    for change in (
        lambda: rename(world, "Renamed"),
        lambda: create(world, "Created"),
        lambda: world.ask("owner", MOVE, id=world.requirement, to=other),
        lambda: rename(world, "Renamed there", 3, person="owner"),
        lambda: world.ask("owner", GONE, id=other),
        lambda: create(world, "The last"),
        lambda: world.ask("owner", LAST, id=world.organization),
    ):
        await change()
        await delivered(hub, world)
    told = 0
    for (person, stream), three in followers.items():
        own, shared, unnamed = ([*map(_shown, follower.told)] for follower in three)
        assert shared == own, (person, stream)
        told += len(own)
        assert unnamed == [_shown(event, names=False) for event in own], (person, stream)
        assert three[0].errors == three[1].errors == three[2].errors
    assert told > 4 * len(followers)
    executed = [sum(three[i].executions for three in followers.values()) for i in range(3)]
    assert executed[1] < executed[0] > executed[2]
