"""A public project is readable by everybody who is signed in: its contents, and nothing else."""

import pytest

PROJECT = """query ($id: UUID!) { project(id: $id) { name viewerCan { update delete
    create(type: DOCUMENT) } organization { id } createdBy { id } members { totalCount }
    documents { nodes { name blocks { nodes { name } } requirements { nodes { name } } } } } }"""
SEARCH = "query ($word: String!) { requirements(search: $word) { totalCount nodes { id } } }"
DELETE = """mutation ($id: UUID!) {
    projectDelete(id: $id, expectedVersion: 1) { project { id } } }"""
CREATE = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) {
    document { id } } }"""
STRANGERS = ["outsider", "member", "billing"]


@pytest.fixture
def at(canaries):
    """Return rows of the public project of the other tenant."""
    return lambda table: canaries.row("theirs", "public", table)


@pytest.mark.parametrize("person", STRANGERS)
async def test_strangers_read_what_a_public_project_holds(canaries, at, person):
    project = await canaries.ask(person, PROJECT, id=at("projects").id)
    assert at("projects").word in project["name"]
    (document,) = project["documents"]["nodes"]
    assert at("documents").word in document["name"]
    assert at("requirements").word in document["requirements"]["nodes"][0]["name"]
    assert at("blocks").word in document["blocks"]["nodes"][0]["name"]
    found = await canaries.ask(person, SEARCH, word=at("requirements").word)
    assert found == {"totalCount": 1, "nodes": [{"id": str(at("requirements").id)}]}


@pytest.mark.parametrize("person", STRANGERS)
async def test_strangers_do_not_see_the_organization_or_the_people_behind_it(canaries, at, person):
    project = await canaries.ask(person, PROJECT, id=at("projects").id)
    assert project["organization"] is None
    assert project["createdBy"] is None
    assert project["members"] == {"totalCount": 0}


@pytest.mark.parametrize("person", STRANGERS)
async def test_strangers_change_nothing_in_a_public_project(canaries, at, person):
    project = at("projects").id
    assert await canaries.code(person, DELETE, id=project) == "FORBIDDEN"
    input = {"projectId": project, "name": "Mine", "slug": "mine"}
    assert await canaries.code(person, CREATE, input=input) == "FORBIDDEN"
    can = (await canaries.ask(person, PROJECT, id=project))["viewerCan"]
    assert can == {"update": False, "delete": False, "create": False}


async def test_whoever_is_not_signed_in_reads_no_public_project(canaries, at):
    assert await canaries.code(None, PROJECT, id=at("projects").id) == "UNAUTHENTICATED"
