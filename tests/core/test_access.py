"""Who has access to an object, and by which grant."""

import pytest

from tests.core.test_roles import GRANT

ACCESS = """query ($id: UUID!, $user: UUID) {{ {place}(id: $id) {{
    access(first: 100, userId: $user) {{ totalCount nodes {{
        source role projectId documentId expiresAt user {{ id }} grantedBy {{ id }} }} }} }} }}"""
REQUIREMENT = "query ($id: UUID!) { requirement(id: $id) { id } }"


async def access(world, place, person="owner", user=None):
    query = ACCESS.format(place=place)
    asked = {"id": getattr(world, place), "user": world.people[user] if user else None}
    found = (await world.ask(person, query, **asked))["access"]
    assert found["totalCount"] == len(found["nodes"])
    return found["nodes"]


def summary(nodes):
    return sorted((node["source"], node["role"]) for node in nodes)


async def test_all_who_read_a_document_are_listed_and_nobody_else(world):
    listed = {node["user"]["id"] for node in await access(world, "document")}
    readers = {
        str(id)
        for person, id in world.people.items()
        if await world.code(person, REQUIREMENT, id=world.requirement) is None
    }
    assert listed == readers


async def test_each_grant_of_a_person_is_listed_with_its_source(world):
    for place, role in (("organization", "VIEWER"), ("project", "EDITOR"), ("document", "ADMIN")):
        input = {
            "userId": world.people["project_viewer"],
            "objectId": getattr(world, place),
            "role": role,
        }
        await world.ask("owner", GRANT, input=input)
    found = await access(world, "document", user="project_viewer")
    assert summary(found) == [
        ("PROJECT_MEMBERSHIP", "VIEWER"),
        ("ROLE", "ADMIN"),
        ("ROLE", "EDITOR"),
        ("ROLE", "VIEWER"),
    ]
    at_document = next(node for node in found if node["role"] == "ADMIN")
    assert at_document["documentId"] == str(world.document)
    assert at_document["grantedBy"] == {"id": str(world.people["owner"])}
    assert summary(await access(world, "project", user="project_viewer")) == [
        ("PROJECT_MEMBERSHIP", "VIEWER"),
        ("ROLE", "EDITOR"),
        ("ROLE", "VIEWER"),
    ]
    assert summary(await access(world, "organization", user="project_viewer")) == [
        ("MEMBERSHIP", "MEMBER"),
        ("ROLE", "VIEWER"),
    ]


async def test_visibility_gives_access_to_members(world):
    assert await access(world, "document", user="member") == []
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'organization' WHERE id = $1", world.project
    )
    assert summary(await access(world, "document", user="member")) == [("VISIBILITY", "VIEWER")]


async def test_an_ended_role_gives_no_access(world):
    assert summary(await access(world, "document", user="document_editor")) == [("ROLE", "EDITOR")]
    await world.superuser.execute(
        "UPDATE user_roles SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 day' WHERE user_id = $1",
        world.people["document_editor"],
    )
    assert await access(world, "document", user="document_editor") == []


@pytest.mark.parametrize("person", ["editor", "viewer", "member", "project_editor"])
@pytest.mark.parametrize("place", ["organization", "project"])
async def test_only_administrators_see_who_has_access(world, person, place):
    query = ACCESS.format(place=place)
    answer = await world.answer(person, query, id=getattr(world, place))
    if place == "project" and person == "member":
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    else:
        assert answer["data"][place]["access"] == {"totalCount": 0, "nodes": []}


async def test_an_administrator_of_a_project_sees_its_grants(world):
    found = await access(world, "project", "project_admin")
    assert ("PROJECT_MEMBERSHIP", "EDITOR") in summary(found)
    assert ("MEMBERSHIP", "OWNER") in summary(found)
