"""A token's scopes narrow its person's rights, and never widen them."""

from datetime import timedelta

import pytest

from auth.credentials import tokens

DOCUMENT = """query ($id: UUID!) { document(id: $id) { id
    viewerCan { update } requirements { nodes { name } } } }"""
AROUND = """query ($id: UUID!) { document(id: $id) { name
    project { id } requirements { totalCount } } }"""
PROJECT = "query ($id: UUID!) { project(id: $id) { id viewerCan { update } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
SCOPES = "{ viewer { scopes } }"
CREATE = """mutation ($input: BlockCreateInput!) {
    blockCreate(input: $input) { block { id name } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ProjectUpdateInput!) {
    projectUpdate(id: $id, expectedVersion: $version, input: $input) { project { id } } }"""

REACH = {
    None: {"read", "write", "read around", "write around"},
    "admin": {"read", "write", "read around", "write around"},
    "requirements:read": {"read"},
    "requirements:write": {"read", "write"},
    "organizations:read": {"read around"},
    "organizations:write": {"read around", "write around"},
    "requirements:write organizations:read": {"read", "write", "read around"},
    "profile": set(),
    "": set(),
}
"""The access of a token with these scopes to documents, and to the projects around them."""


@pytest.fixture
def narrowed(tidy):
    """Send requests as a person with a token of these scopes."""

    async def narrowed(person, scope, query, **variables):
        life = timedelta(minutes=5)
        token = await tokens.issue(tidy.database, tidy.email(person), life, scope)
        tidy.tokens["narrowed"] = token
        return await tidy.answer("narrowed", query, **variables)

    return narrowed


def refusal(answer):
    """Return the code and the missing scope, or None."""
    errors = answer.get("errors")
    return errors and (errors[0]["extensions"]["code"], errors[0]["extensions"].get("scope"))


@pytest.mark.slow
@pytest.mark.parametrize("scope", REACH)
async def test_a_token_does_what_its_scopes_say(tidy, narrowed, scope):
    version = await tidy.superuser.fetchval(
        "SELECT version FROM projects WHERE id = $1", tidy.project
    )
    block = {"documentId": tidy.document, "name": "By token"}
    change = {"id": tidy.project, "version": version, "input": {"name": f"By {scope}"}}
    told = {
        "read": await narrowed("owner", scope, DOCUMENT, id=tidy.document),
        "write": await narrowed("owner", scope, CREATE, input=block),
        "read around": await narrowed("owner", scope, PROJECT, id=tidy.project),
        "write around": await narrowed("owner", scope, UPDATE, **change),
    }
    missing = {
        "read": "requirements:read",
        "write": "requirements:write",
        "read around": "organizations:read",
        "write around": "organizations:write",
    }
    for tried, answer in told.items():
        expected = None if tried in REACH[scope] else ("FORBIDDEN", missing[tried])
        assert refusal(answer) == expected, tried


@pytest.mark.parametrize("scope", ["requirements:write", "admin"])
async def test_a_scope_gives_nobody_a_role(tidy, narrowed, scope):
    block = {"documentId": tidy.document, "name": "By token"}
    assert refusal(await narrowed("viewer", scope, CREATE, input=block)) == ("FORBIDDEN", None)
    assert refusal(await narrowed("outsider", scope, CREATE, input=block)) == ("NOT_FOUND", None)


async def test_an_edge_out_of_scope_is_refused_and_its_neighbours_are_not(tidy, narrowed):
    answer = await narrowed("owner", "requirements:read", AROUND, id=tidy.document)
    assert refusal(answer) == ("FORBIDDEN", "organizations:read")
    assert answer["errors"][0]["path"] == ["document", "project"]
    assert answer["data"]["document"]["project"] is None
    assert answer["data"]["document"]["requirements"]["totalCount"] > 0


async def test_a_refused_write_leaves_no_trace(tidy, narrowed):
    count = "SELECT (SELECT count(*) FROM blocks), (SELECT max(created_at) FROM blocks)"
    before = await tidy.superuser.fetchrow(count)
    block = {"documentId": tidy.document, "name": "By token"}
    await narrowed("owner", "requirements:read", CREATE, input=block)
    assert await tidy.superuser.fetchrow(count) == before


async def test_buttons_know_of_scopes(tidy, narrowed):
    for scope, can in {"requirements:read": False, "requirements:write": True}.items():
        answer = await narrowed("owner", scope, DOCUMENT, id=tidy.document)
        assert answer["data"]["document"]["viewerCan"] == {"update": can}


async def test_a_viewer_is_told_their_scopes(narrowed, tidy):
    for scope in ("requirements:read", "organizations:read requirements:write"):
        answer = await narrowed("owner", scope, SCOPES)
        assert answer["data"]["viewer"]["scopes"] == scope.split()
    assert await tidy.ask("owner", SCOPES) == {"scopes": None}


async def test_rows_out_of_scope_are_refused_by_any_way_to_them(tidy, narrowed):
    answer = await narrowed("owner", "requirements:read", NODES, ids=[tidy.document, tidy.project])
    assert refusal(answer) == ("FORBIDDEN", "organizations:read")
    answer = await narrowed("owner", "requirements:read", NODES, ids=[tidy.document, tidy.block])
    assert [node["id"] for node in answer["data"]["nodes"]] == [
        str(tidy.document),
        str(tidy.block),
    ]
