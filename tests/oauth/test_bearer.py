"""Tokens at the API (B01-B08), and when they stop working there."""

from datetime import timedelta

import pytest

from auth.credentials import tokens
from graph.app import create_app
from tests.oauth.conftest import API, ISSUER, works
from tests.oauth.test_tokens import error
from tests.tenants import join

METADATA = f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/graphql"'
NEWER = {"accept": "application/graphql-response+json"}
SCHEMA = {"query": "{ __schema { queryType { name } } }"}
WHO = {"query": "{ viewer { profile { email } scopes } }"}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


async def test_b01_without_a_token_the_api_says_where_tokens_come_from(http):
    answer = await http.post("/graphql", json=SCHEMA, headers=NEWER)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate")[0] == f"Bearer {METADATA}"


async def test_b01_so_does_an_operation_of_which_everything_was_refused(http):
    founding = 'mutation { organizationCreate(input: {name: "x", slug: "x"}) { __typename } }'
    answer = await http.post("/graphql", json={"query": founding})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert answer.headers.get_list("www-authenticate")[0] == f"Bearer {METADATA}"


async def test_b02_a_bad_token_is_called_one(planner, person, http):
    good = (await planner.connect(person))["access_token"]
    revoked = (await planner.connect(person))["access_token"]
    await planner.revoke(revoked)
    for token in (tokens.new_token(), revoked, good[:-1], good.swapcase(), good.upper()):
        answer = await http.post("/graphql", json=WHO, headers=bearer(token))
        assert answer.status_code == 401
        challenge = answer.headers["www-authenticate"]
        assert challenge == f'Bearer error="invalid_token", {METADATA}'
    assert await works(http, good)


SHORT = 'Bearer error="insufficient_scope", scope="organizations:read"'


@pytest.mark.parametrize("accept", [{}, NEWER])
async def test_b03_a_token_that_reaches_nothing_of_what_is_asked_is_refused(
    planner, person, http, accept
):
    token = (await planner.connect(person, scope="requirements:read"))["access_token"]
    query = {"query": "{ organizations { totalCount } other: projects { totalCount } }"}
    answer = await http.post("/graphql", json=query, headers=bearer(token) | accept)
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == f"{SHORT}, {METADATA}"
    told = answer.json()
    assert set(told) == {"errors"}
    for refusal in told["errors"]:
        assert set(refusal) == {"message", "locations", "extensions"}
        extensions = refusal["extensions"]
        assert (extensions["code"], extensions["scope"]) == ("FORBIDDEN", "organizations:read")


@pytest.mark.parametrize("accept", [{}, NEWER])
async def test_b03_where_it_reaches_something_the_rest_is_named(planner, person, http, accept):
    token = (await planner.connect(person, scope="requirements:read"))["access_token"]
    query = {"query": "{ organizations { totalCount } requirements { __typename } }"}
    answer = await http.post("/graphql", json=query, headers=bearer(token) | accept)
    assert answer.status_code == 200
    assert "www-authenticate" not in answer.headers
    assert answer.json()["errors"][0]["extensions"]["scope"] == "organizations:read"
    seen = {"__typename": "RequirementConnection"}
    assert answer.json()["data"] == {"organizations": None, "requirements": seen}
    assert answer.json()["errors"][0]["path"] == ["organizations"]


async def test_b03_nothing_is_kept_of_a_mutation_out_of_scope(planner, person, http):
    token = (await planner.connect(person, scope="organizations:read"))["access_token"]
    found = 'mutation { organizationCreate(input: {name: "x", slug: "x"}) { __typename } }'
    keyed = bearer(token) | {"idempotency-key": "one"}
    for _ in range(2):
        answer = await http.post("/graphql", json={"query": found}, headers=keyed)
        assert answer.status_code == 403
        assert 'scope="organizations:write"' in answer.headers["www-authenticate"]
        assert "idempotent-replayed" not in answer.headers


async def test_b04_a_token_stands_in_the_header_alone(planner, person, http):
    token = (await planner.connect(person))["access_token"]
    query = await http.get("/graphql", params={"access_token": token, **SCHEMA}, headers=NEWER)
    assert query.status_code == 401
    body = await http.post("/graphql", data={"access_token": token, **SCHEMA}, headers=NEWER)
    assert body.status_code == 415


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
async def test_b05_the_scheme_is_written_in_any_case(planner, person, http, scheme):
    token = (await planner.connect(person))["access_token"]
    headers = {"authorization": f"{scheme} {token}"}
    assert (await http.post("/graphql", json=WHO, headers=headers)).status_code == 200


async def test_b05_anything_else_is_no_token(planner, person, http):
    token = (await planner.connect(person))["access_token"]
    twice = [("authorization", f"Bearer {token}")] * 2
    others = ["Bearer", "Bearer ", f"Bearer {token} x", f"Basic {token}", "Bearer sch\xf6n", token]
    wrong = [twice, *([("authorization", value.encode("latin-1"))] for value in others)]
    for headers in wrong:
        answer = await http.post("/graphql", json=WHO, headers=headers)
        assert answer.status_code == 401


async def test_b07_a_page_elsewhere_can_read_the_refusal(settings, http):
    spa = "https://spa.example"
    app = create_app(settings.model_copy(update={"cors_origins": (spa,)}))
    async with app.router.lifespan_context(app):
        http._transport.app = app
        api = await http.post("/graphql", json=WHO, headers={"origin": spa} | bearer("x"))
        assert api.status_code == 401
        assert api.headers["access-control-allow-origin"] == spa
        assert "WWW-Authenticate" in api.headers["access-control-expose-headers"]
        for origin in (spa, "https://other.example"):
            ask = {"origin": origin, "access-control-request-method": "POST"}
            token = await http.options("/oauth/token", headers=ask)
            assert token.status_code == 204
            assert token.headers["access-control-allow-origin"] == "*"
            page = await http.get("/oauth/authorize", headers={"origin": origin})
            assert not [name for name in page.headers if name.startswith("access-control")]


async def test_b08_a_token_for_something_else_is_refused(planner, person, http, superuser):
    token = (await planner.connect(person))["access_token"]
    assert (await planner.introspect(token))["aud"] == [API]
    await superuser.execute(
        "UPDATE oauth_access_tokens SET resource = '{https://other.example}' WHERE client_id = $1",
        planner.client_id,
    )
    assert not await works(http, token)
    assert (await planner.introspect(token))["aud"] == ["https://other.example"]


REMOVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""
ENDED = {
    "suspended": "UPDATE profiles SET status = 'suspended' WHERE id = $1",
    "inactive": "UPDATE profiles SET status = 'inactive' WHERE id = $1",
    "not approved": "UPDATE profiles SET is_approved = false WHERE id = $1",
    "deleted": "UPDATE profiles SET deleted_at = now() WHERE id = $1",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDED)
async def test_whoever_is_locked_out_takes_their_tokens_along(
    planner, person, http, superuser, how
):
    tokens, code = await planner.connect(person), await planner.code(person)
    page = await planner.open(person.browser, prompt="consent")
    assert await works(http, tokens["access_token"])
    await superuser.execute(ENDED[how], person.id)
    assert not await works(http, tokens["access_token"])
    assert error(await planner.redeem(code)) == "invalid_grant"
    assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert await planner.introspect(tokens["access_token"]) == {"active": False}
    assert page.status_code == 200
    answer = await planner.open(person.browser)
    assert answer.headers["location"].startswith("/sign-in?")


async def test_a_disabled_application_takes_its_tokens_along(
    planner, guard, person, http, superuser
):
    tokens, code = await planner.connect(person), await planner.code(person)
    await superuser.execute(
        "UPDATE oauth_clients SET disabled_at = now() WHERE client_id = $1", planner.client_id
    )
    assert not await works(http, tokens["access_token"])
    assert error(await planner.redeem(code), 401) == "invalid_client"
    assert error(await planner.refresh(tokens["refresh_token"]), 401) == "invalid_client"
    assert await guard.introspect(tokens["access_token"]) == {"active": False}


async def test_whoever_leaves_an_organization_takes_their_applications_along(
    planner, people, http, superuser, world
):
    person, query = await people(), {"query": "{ organizations { nodes { id } } }"}
    member = "SELECT id FROM organization_members WHERE user_id = $1"
    await join(superuser, world.organization, person.id)
    token = (await planner.connect(person))["access_token"]

    async def seen():
        answer = await http.post("/graphql", json=query, headers=bearer(token))
        return [node["id"] for node in answer.json()["data"]["organizations"]["nodes"]]

    assert await seen() == [str(world.organization)]
    id = await superuser.fetchval(member, person.id)
    assert await world.code("owner", REMOVE, id=id) is None
    assert await seen() == []
    assert await works(http, token)  # it is still theirs, only nothing is there any more


async def test_an_application_that_acts_for_itself_is_nobody(robot, http, world):
    token = (await robot.token(grant_type="client_credentials")).json()["access_token"]
    answer = await http.post("/graphql", json=WHO, headers=bearer(token))
    assert answer.status_code == 200
    assert answer.json()["data"]["viewer"] is None
    list = {"query": "{ organizations { totalCount } projects { totalCount } }"}
    told = (await http.post("/graphql", json=list, headers=bearer(token))).json()
    assert {error["extensions"]["code"] for error in told.get("errors", [])} <= {"UNAUTHENTICATED"}
    assert all((page or {"totalCount": 0})["totalCount"] == 0 for page in told["data"].values())


async def test_tokens_of_the_command_line_work_as_before(database, person, http):
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    assert await works(http, token)
