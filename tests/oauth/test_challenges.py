"""Requests without credentials that are refused entirely get a challenge, and no others."""

import pytest

from tests.http.conftest import NEWER
from tests.world import World

CREATE = """mutation ($document: UUID!) {
    made: requirementCreate(input: {documentId: $document, name: "New"}) { requirement { id } }
    %s }"""
NOBODY = "{ requirements { totalCount } %s }"
REFUSED = (NOBODY % "", NOBODY % "projects { totalCount }", "{ __schema { description } }")


@pytest.mark.parametrize("accept", [{}, NEWER], ids=["older", "newer"])
@pytest.mark.parametrize("query", REFUSED)
async def test_nobody_who_is_refused_everything_is_challenged(world: World, query, accept):
    answer = await world.client.post("/graphql", json={"query": query}, headers=accept)
    assert answer.status_code == 401
    told = answer.json()
    assert "data" not in told
    assert {error["extensions"]["code"] for error in told["errors"]} == {"UNAUTHENTICATED"}
    challenges = answer.headers.get_list("www-authenticate")
    assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "DPoP"]
    assert all("resource_metadata=" in challenge for challenge in challenges)


@pytest.mark.parametrize("accept", [{}, NEWER], ids=["older", "newer"])
async def test_nobody_who_is_answered_a_part_is_not_challenged(world: World, accept):
    query = {"query": NOBODY % "__typename"}
    answer = await world.client.post("/graphql", json=query, headers=accept)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"requirements": None, "__typename": "Query"}
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("accept", [{}, NEWER], ids=["older", "newer"])
async def test_a_change_that_was_made_is_answered_without_a_challenge(
    world: World, planner, person, http, accept
):
    """Clients treat a challenge as a refusal, and would throw although the change was made."""
    await world.superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " SELECT $1, id, 'owner' FROM profiles WHERE email = $2",
        *(world.organization, person.email),
    )
    token = (await planner.connect(person, scope="requirements:write"))["access_token"]
    other = 'no: organizationCreate(input: {name: "x", slug: "x"}) { organization { id } }'
    body = {"query": CREATE % other, "variables": {"document": str(world.document)}}
    headers = {"authorization": f"Bearer {token}"} | accept
    answer = await http.post("/graphql", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["data"]["made"]["requirement"]
    (error,) = answer.json()["errors"]
    assert (error["path"], error["extensions"]["scope"]) == (["no"], "organizations:write")
    assert "www-authenticate" not in answer.headers
