"""Stars of projects, what was opened last, and when members were last active."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

PROJECT = "query ($id: UUID!) { project(id: $id) { version starCount viewerHasStarred } }"
STAR = """mutation ($id: UUID!) { projectStar(id: $id) {
    project { version starCount viewerHasStarred updatedAt } } }"""
UNSTAR = STAR.replace("projectStar", "projectUnstar")
STARRED = """query ($first: Int = 20, $filter: ProjectFilterInput) { viewer {
    starredProjects(first: $first, filter: $filter, orderBy: [{by: STAR_COUNT, direction: DESC}])
    { totalCount nodes { id viewerHasStarred } } } }"""
OF_ALL = """query ($organization: UUID!) { organization(id: $organization) {
    projects(first: 100, orderBy: [{by: STAR_COUNT, direction: DESC}]) {
        nodes { id starCount viewerHasStarred } } } }"""
VISIT = "mutation ($id: UUID!) { projectVisit(id: $id) { project { version } } }"
VISIT_DOCUMENT = "mutation ($id: UUID!) { documentVisit(id: $id) { document { version } } }"
RECENT = """{ viewer {
    recentProjects(first: 30) { totalCount nodes { visitedAt projectId project { id } } }
    recentDocuments(first: 30) { totalCount nodes { visitedAt documentId document { id } } } } }"""
PUBLISH = "UPDATE projects SET visibility = 'public' WHERE id = $1"
CREATE = """mutation ($organization: UUID!, $name: String!) { projectCreate(input: {
    organizationId: $organization, name: $name, slug: $name }) { project { id } } }"""


async def test_a_star_is_counted_once_and_changes_no_version(world):
    before = await world.ask("owner", PROJECT, id=world.project)
    assert before == {"version": before["version"], "starCount": 0, "viewerHasStarred": False}
    for _ in range(2):
        starred = (await world.ask("viewer", STAR, id=world.project))["project"]
        assert starred.items() >= {"starCount": 1, "viewerHasStarred": True}.items()
        assert starred["version"] == before["version"]
    mine = await world.ask("viewer", PROJECT, id=world.project)
    theirs = await world.ask("owner", PROJECT, id=world.project)
    assert (mine["viewerHasStarred"], theirs["viewerHasStarred"]) == (True, False)
    assert (await world.ask("owner", STAR, id=world.project))["project"]["starCount"] == 2
    for _ in range(2):
        left = (await world.ask("viewer", UNSTAR, id=world.project))["project"]
        assert left.items() >= {"starCount": 1, "viewerHasStarred": False}.items()
    history = "query ($id: UUID!) { project(id: $id) { history { nodes { action } } } }"
    changes = (await world.ask("owner", history, id=world.project))["history"]["nodes"]
    assert "UPDATE" not in {change["action"] for change in changes}


async def test_stars_of_many_at_once_are_counted_exactly(world):
    people = ("owner", "admin", "editor", "viewer", "project_admin", "project_viewer")
    await asyncio.gather(
        *(world.ask(person, STAR, id=world.project) for person in people for _ in range(2))
    )
    assert (await world.ask("owner", PROJECT, id=world.project))["starCount"] == len(people)
    await asyncio.gather(
        *(world.ask(p, UNSTAR if p in people[:4] else STAR, id=world.project) for p in people)
    )
    assert (await world.ask("owner", PROJECT, id=world.project))["starCount"] == 2
    counted = "SELECT count(*) FROM stars WHERE project_id = $1"
    assert await world.superuser.fetchval(counted, world.project) == 2


async def test_starred_projects_are_those_that_can_still_be_read(world):
    made = await world.ask("owner", CREATE, organization=world.organization, name="rover")
    other = made["project"]["id"]
    for id in (world.project, other):
        await world.ask("admin", STAR, id=id)
    await world.ask("owner", STAR, id=other)
    mine = (await world.ask("admin", STARRED))["starredProjects"]
    assert mine["nodes"] == [
        {"id": other, "viewerHasStarred": True},
        {"id": str(world.project), "viewerHasStarred": True},
    ]
    named = await world.ask("admin", STARRED, filter={"name": {"eq": "rover"}})
    assert named["starredProjects"]["totalCount"] == 1
    owned = (await world.ask("owner", STARRED))["starredProjects"]
    assert [node["id"] for node in owned["nodes"]] == [other]
    listed = (await world.ask("owner", OF_ALL, organization=world.organization))["projects"]
    assert listed["nodes"][0] == {"id": other, "starCount": 2, "viewerHasStarred": True}
    assert listed["nodes"][1]["viewerHasStarred"] is False
    delete = (
        "mutation ($id: UUID!) { projectDelete(id: $id, expectedVersion: 1) { project { id } } }"
    )
    await world.ask("owner", delete, id=other)
    assert (await world.ask("admin", STARRED))["starredProjects"]["totalCount"] == 1
    assert (await world.ask("owner", STARRED))["starredProjects"]["totalCount"] == 0


@pytest.mark.parametrize("query", [STAR, UNSTAR, VISIT])
async def test_what_cannot_be_read_cannot_be_starred_or_visited(world, query):
    for id in (world.project, uuid7()):
        assert await world.code("outsider", query, id=id) == "NOT_FOUND"
    assert (
        await world.superuser.fetchval(
            "SELECT count(*) FROM stars WHERE project_id = $1", world.project
        )
        == 0
    )


async def test_a_public_project_is_starred_by_anybody_signed_in(world):
    await world.superuser.execute(PUBLISH, world.project)
    try:
        starred = (await world.ask("outsider", STAR, id=world.project))["project"]
        assert (starred["starCount"], starred["viewerHasStarred"]) == (1, True)
        mine = (await world.ask("outsider", STARRED))["starredProjects"]
        assert [node["id"] for node in mine["nodes"]] == [str(world.project)]
        assert await world.code(None, STAR, id=world.project) == "UNAUTHENTICATED"
    finally:
        await world.close_projects()
    assert (await world.ask("outsider", STARRED))["starredProjects"]["nodes"] == []


async def test_the_last_visits_are_listed_and_no_more_than_twenty(world):
    for _ in range(2):
        await world.ask("editor", VISIT, id=world.project)
    await world.ask("editor", VISIT_DOCUMENT, id=world.document)
    recent = await world.ask("editor", RECENT)
    (project,) = recent["recentProjects"]["nodes"]
    (document,) = recent["recentDocuments"]["nodes"]
    assert project["project"] == {"id": str(world.project)}
    assert document["document"] == {"id": str(world.document)}
    assert (await world.ask("owner", RECENT))["recentProjects"]["totalCount"] == 0
    made = await world.superuser.fetch(
        """INSERT INTO projects (organization_id, name, slug)
        SELECT $1, i, 'p' || i FROM generate_series(1, 21) AS i RETURNING id::text""",
        world.organization,
    )
    for (id,) in made:
        await world.ask("editor", VISIT, id=id)
    recent = await world.ask("editor", RECENT)
    expected = [id for (id,) in made[:0:-1]]
    assert [node["projectId"] for node in recent["recentProjects"]["nodes"]] == expected
    assert recent["recentDocuments"]["totalCount"] == 1
    delete = """mutation ($id: UUID!) {
        documentDelete(id: $id, expectedVersion: 1) { document { id } } }"""
    await world.ask("owner", delete, id=world.document)
    assert (await world.ask("editor", RECENT))["recentDocuments"]["nodes"] == []


async def test_a_visit_is_noted_at_the_role_once_an_hour(world):
    member, project = world.people["project_viewer"], world.project
    find = """SELECT last_accessed_at, version FROM project_members
        WHERE project_id = $1 AND user_id = $2"""
    never = await world.superuser.fetchrow(find, project, member)
    assert never["last_accessed_at"] is None
    await world.ask("project_viewer", VISIT_DOCUMENT, id=world.document)
    first = await world.superuser.fetchrow(find, project, member)
    await world.ask("project_viewer", VISIT, id=project)
    assert await world.superuser.fetchrow(find, project, member) == first
    assert first["version"] == never["version"]
    past = datetime.now(UTC) - timedelta(hours=2)
    await world.superuser.execute(
        "UPDATE project_members SET last_accessed_at = $1 WHERE user_id = $2", past, member
    )
    await world.ask("project_viewer", VISIT, id=project)
    again = await world.superuser.fetchrow(find, project, member)
    assert again["last_accessed_at"] > first["last_accessed_at"]


async def test_members_were_last_active_when_they_used_the_api(world, app):
    find = """SELECT last_active_at, version FROM organization_members
        WHERE organization_id = $1 AND user_id = $2"""
    of = (world.organization, world.people["viewer"])
    before = await world.superuser.fetchrow(find, *of)
    assert before["last_active_at"] is None
    await world.ask("viewer", PROJECT, id=world.project)
    await app.state.activity.write()
    first = await world.superuser.fetchrow(find, *of)
    assert datetime.now(UTC) - first["last_active_at"] < timedelta(minutes=1)
    assert first["version"] == before["version"]
    await world.ask("viewer", PROJECT, id=world.project)
    await app.state.activity.write()
    assert await world.superuser.fetchrow(find, *of) == first
    asked = await world.ask(
        "owner",
        """query ($id: UUID!, $who: UUID!) { organization(id: $id) {
            members(filter: {userId: {eq: $who}}) { nodes { lastActiveAt } } } }""",
        id=world.organization,
        who=world.people["viewer"],
    )
    (shown,) = asked["members"]["nodes"]
    assert datetime.fromisoformat(shown["lastActiveAt"]) == first["last_active_at"]


async def test_nobody_is_erased_with_stars_left_behind(world):
    await world.ask("project_viewer", STAR, id=world.project)
    await world.ask("project_viewer", VISIT, id=world.project)
    erase = "mutation ($email: String!) { accountErase(email: $email) { rows { table count } } }"
    erased = await world.ask("project_viewer", erase, email=world.email("project_viewer"))
    rows = {row["table"]: row["count"] for row in erased["rows"]}
    assert (rows["stars"], rows["visits"]) == (1, 1)
    assert (await world.ask("owner", PROJECT, id=world.project))["starCount"] == 0
