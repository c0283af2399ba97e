"""Token exchange (RFC 8693): agents act for people, with less than the people gave."""

import json

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from uuid_utils.compat import uuid7

from auth.oauth.exchange import ACCESS_TOKEN, MAX_ACTORS
from auth.oauth.registry import disable
from tests import networks
from tests.oauth.conftest import Application, works
from tests.oauth.dpop.conftest import Holder

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
EVERYTHING = "admin organizations:read organizations:write requirements:read requirements:write"
BOTH = (EXCHANGE, "client_credentials")
MINE = """
INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $2)
"""
MEMBER = """
INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, 'owner')
"""
RENAME = """mutation ($id: UUID!) { organizationUpdate(
    id: $id, expectedVersion: 1, input: { name: "By an agent" }
) { organization { name } } }"""
SEE = "{ organizations { nodes { id } } }"


@pytest.fixture
async def agent(applications):
    return await applications(name="Agent", grant_types=BOTH)


@pytest.fixture
async def organization(person, superuser):
    """Return a function that makes an organization of the person."""

    async def organization():
        id = uuid7()
        await superuser.execute(MINE, id, f"o-{id.hex}")
        await superuser.execute(MEMBER, id, person.id)
        return id

    return organization


async def swap(agent: Application, token: str, proof=None, **more):
    form = {"subject_token": token, "subject_token_type": ACCESS_TOKEN, **more}
    return await agent.token(proof, grant_type=EXCHANGE, **form)


async def swapped(agent: Application, token: str, **more):
    answer = await swap(agent, token, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(agent, token, error="invalid_request", **more):
    answer = await swap(agent, token, **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


async def see(http, token, query=SEE, **variables):
    headers = {"authorization": f"Bearer {token}"}
    body = {"query": query, "variables": variables}
    return (await http.post("/graphql", json=body, headers=headers)).json()


async def test_an_agent_acts_for_the_person_with_fewer_scopes(planner, agent, person, http):
    first = await planner.connect(person)
    token = await swapped(agent, first["access_token"], scope="organizations:read")
    assert token["issued_token_type"] == ACCESS_TOKEN
    assert (token["token_type"], token["scope"]) == ("Bearer", "organizations:read")
    assert token["expires_in"] <= first["expires_in"]
    assert "refresh_token" not in token
    assert "id_token" not in token
    who = await see(http, token["access_token"], "{ viewer { profile { email } } }")
    assert who["data"]["viewer"]["profile"]["email"] == person.email


async def test_authlib_exchanges_a_token(app, planner, agent, person):
    first = await planner.connect(person)
    client = AsyncOAuth2Client(
        agent.client_id,
        agent.secret,
        token_endpoint="https://gateway.example/oauth/token",
        transport=httpx2.ASGITransport(app, client=(networks.address(), 50000)),
    )
    async with client:
        token = await client.fetch_token(
            grant_type=EXCHANGE,
            subject_token=first["access_token"],
            subject_token_type=ACCESS_TOKEN,
            scope="requirements:read",
        )
    assert token["scope"] == "requirements:read"


async def test_introspection_names_who_acts_and_for_whom(planner, agent, applications, person):
    first = await planner.connect(person)
    second = await swapped(agent, first["access_token"])
    found = await agent.introspect(second["access_token"])
    assert (found["sub"], found["client_id"]) == (str(person.id), agent.client_id)
    assert found["act"] == {"sub": agent.client_id}
    helper = await applications(name="Helper", grant_types=(EXCHANGE,))
    third = await swapped(helper, second["access_token"])
    found = await helper.introspect(third["access_token"])
    assert found["act"] == {"sub": helper.client_id, "act": {"sub": agent.client_id}}


async def test_what_an_agent_writes_is_recorded_with_the_whole_chain(
    applications, agent, person, http, organization, superuser
):
    id = await organization()
    planner = await applications(scope="organizations:write")
    first = await planner.connect(person, scope="organizations:write")
    token = await swapped(agent, first["access_token"])
    said = await see(http, token["access_token"], RENAME, id=str(id))
    assert said["data"]["organizationUpdate"]["organization"]["name"] == "By an agent"
    event = await superuser.fetchrow(
        "SELECT actor_id, client_id, details FROM audit_logs"
        " WHERE entity_id = $1 AND action = 'update' AND entity_type = 'Organization'",
        id,
    )
    assert (event["actor_id"], event["client_id"]) == (person.id, agent.client_id)
    assert json.loads(event["details"])["actors"] == [agent.client_id]
    issued = await superuser.fetchrow(
        "SELECT user_id, details FROM audit_logs WHERE client_id = $1 AND action = 'issue'",
        agent.client_id,
    )
    assert issued["user_id"] == person.id
    assert json.loads(issued["details"])["subject_client_id"] == planner.client_id


WIDER = [
    ("requirements:read", EVERYTHING, "requirements:write"),
    ("requirements:read", EVERYTHING, "organizations:read"),
    ("requirements:read", EVERYTHING, "admin"),
    ("requirements:read requirements:write", "requirements:read", "requirements:write"),
    ("admin", EVERYTHING, "admin"),
    ("requirements:read openid", EVERYTHING, "openid"),
    ("requirements:read", EVERYTHING, "requirements:read email"),
    ("requirements:read", EVERYTHING, "nonsense"),
    ("requirements:read", "organizations:read", None),
]


@pytest.mark.parametrize(("granted", "own", "wanted"), WIDER)
async def test_no_exchange_raises_scopes(
    applications, person, superuser, database, granted, own, wanted
):
    planner = await applications(scope=EVERYTHING)
    agent = await applications(name="Agent", grant_types=(EXCHANGE,), scope=own)
    first = await planner.connect(person, scope="requirements:read")
    await superuser.execute(
        "UPDATE oauth_access_tokens SET scope = $2 WHERE user_id = $1", person.id, granted
    )
    await refused(agent, first["access_token"], "invalid_scope", scope=wanted)


async def test_everything_is_never_passed_on(applications, person, superuser):
    planner = await applications(scope=EVERYTHING)
    agent = await applications(name="Agent", grant_types=(EXCHANGE,), scope=EVERYTHING)
    first = await planner.connect(person, scope="requirements:read")
    await superuser.execute(
        "UPDATE oauth_access_tokens SET scope = 'admin' WHERE user_id = $1", person.id
    )
    token = await swapped(agent, first["access_token"])
    assert "admin" not in token["scope"].split()
    assert "requirements:write" in token["scope"].split()


async def test_one_organization_can_be_chosen_and_never_left(
    applications, agent, person, http, organization
):
    one, other = await organization(), await organization()
    planner = await applications(scope="organizations:read")
    first = await planner.connect(person, scope="organizations:read")

    def only(id):
        return json.dumps([{"type": "organization", "identifier": str(id)}])

    token = await swapped(agent, first["access_token"], authorization_details=only(one))
    assert token["authorization_details"] == json.loads(only(one))
    seen = await see(http, token["access_token"])
    assert [node["id"] for node in seen["data"]["organizations"]["nodes"]] == [str(one)]
    again = await swapped(agent, token["access_token"])
    assert again["authorization_details"] == json.loads(only(one))
    for wrong in (only(other), only(uuid7()), "[]", "{}", "[1]", "[{}]", "nonsense", only("x")):
        await refused(
            agent,
            token["access_token"],
            "invalid_authorization_details",
            authorization_details=wrong,
        )
    foreign = only(uuid7())
    await refused(
        agent,
        first["access_token"],
        "invalid_authorization_details",
        authorization_details=foreign,
    )


async def test_what_confines_the_application_confines_its_agents(
    applications, agent, person, http, organization, superuser
):
    """The application of an organization reaches that one alone with `admin`."""
    one, other = await organization(), await organization()
    planner = await applications(scope=EVERYTHING)
    first = await planner.connect(person, scope="organizations:read")
    await superuser.execute(
        "UPDATE oauth_access_tokens SET scope = 'admin' WHERE user_id = $1", person.id
    )
    await superuser.execute(
        "UPDATE oauth_clients SET managed_by = $2 WHERE client_id = $1", planner.client_id, one
    )
    token = await swapped(agent, first["access_token"], scope="organizations:read")
    seen = await see(http, token["access_token"])
    assert [node["id"] for node in seen["data"]["organizations"]["nodes"]] == [str(one)]
    assert str(other) not in json.dumps(seen)


async def test_owners_that_allow_only_some_applications_allow_no_detour(
    applications, agent, person, http, organization, superuser
):
    id = await organization()
    planner = await applications(scope="organizations:read organizations:write")
    scope = "organizations:read organizations:write"
    first = await planner.connect(person, scope=scope)
    listed = "UPDATE organizations SET allowed_clients = $2 WHERE id = $1"
    for allowed, nodes in (
        ([agent.client_id], 0),
        ([planner.client_id], 0),
        ([agent.client_id, planner.client_id], 1),
    ):
        await superuser.execute(listed, id, allowed)
        fresh = await swapped(agent, first["access_token"], scope=scope)
        seen = await see(http, fresh["access_token"])
        assert len(seen["data"]["organizations"]["nodes"]) == nodes, allowed
        if not nodes:
            said = await see(http, fresh["access_token"], RENAME, id=str(id))
            assert said["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def _revoke_subject(planner, first, **_):
    await planner.revoke(first["access_token"])


async def _revoke_family(planner, first, **_):
    await planner.revoke(first["refresh_token"])


async def _disable_agent(database, agent, **_):
    await disable(database, agent.client_id)


async def _disable_origin(database, planner, **_):
    await disable(database, planner.client_id)


async def _suspend(superuser, person, **_):
    await superuser.execute("UPDATE profiles SET status = 'suspended' WHERE id = $1", person.id)


async def _expire(superuser, person, planner, **_):
    await superuser.execute(
        "UPDATE oauth_access_tokens SET created_at = now() - interval '2 hours',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1",
        planner.client_id,
    )


ENDS = [_revoke_subject, _revoke_family, _disable_agent, _disable_origin, _suspend, _expire]


@pytest.mark.parametrize("end", ENDS)
async def test_it_ends_with_all_that_it_comes_from(
    planner, agent, applications, person, http, database, superuser, guard, end
):
    first = await planner.connect(person)
    second = (await swapped(agent, first["access_token"]))["access_token"]
    helper = await applications(name="Helper", grant_types=(EXCHANGE,))
    third = (await swapped(helper, second))["access_token"]
    assert [await works(http, token) for token in (second, third)] == [True, True]
    await end(
        planner=planner,
        first=first,
        agent=agent,
        person=person,
        database=database,
        superuser=superuser,
    )
    fresh = await swap(helper, second)
    assert fresh.status_code == 400
    held = await guard.introspect(third)
    assert held == {"active": False}
    within = 0
    while await works(http, third) and within < 100:  # rights are kept for half a second
        within += 1
    assert [await works(http, token) for token in (second, third)] == [False, False]


async def test_an_agent_that_is_revoked_ends_what_it_has_passed_on(
    planner, agent, applications, person, http
):
    first = await planner.connect(person)
    second = (await swapped(agent, first["access_token"]))["access_token"]
    helper = await applications(name="Helper", grant_types=(EXCHANGE,))
    third = (await swapped(helper, second))["access_token"]
    await agent.revoke(second)
    assert [await works(http, token) for token in (first["access_token"], third)] == [True, False]


async def test_chains_are_bounded(planner, applications, person):
    token = (await planner.connect(person))["access_token"]
    for _ in range(MAX_ACTORS):
        agent = await applications(name="Agent", grant_types=(EXCHANGE,))
        token = (await swapped(agent, token))["access_token"]
    await refused(agent, token)


async def test_only_those_who_are_registered_for_it_exchange(planner, spa, robot, person, announce):
    token = (await planner.connect(person))["access_token"]
    for other in (planner, robot):
        await refused(other, token, "unauthorized_client")
    answer = await swap(spa, token)
    assert answer.status_code in (400, 401)
    grants = ["authorization_code", EXCHANGE]
    assert (await announce(grant_types=grants)).status_code == 400


async def test_what_is_no_token_of_a_person_is_refused(planner, agent, person):
    tokens = await planner.connect(person, scope="openid requirements:read")
    itself = (await agent.token(grant_type="client_credentials")).json()["access_token"]
    for wrong in (
        tokens["refresh_token"],
        tokens["id_token"],
        itself,
        "rqt_nonsense",
        tokens["access_token"][:-1] + "x",
        "",
    ):
        await refused(agent, wrong)
    good = tokens["access_token"]
    await refused(agent, good, subject_token_type="urn:ietf:params:oauth:token-type:jwt")
    await refused(agent, good, requested_token_type="urn:ietf:params:oauth:token-type:id_token")
    await refused(agent, good, "invalid_target", resource="https://other.example")


async def test_the_actor_is_the_application_that_asks(planner, agent, applications, person):
    token = (await planner.connect(person))["access_token"]
    own = (await agent.token(grant_type="client_credentials")).json()["access_token"]
    kind = {"actor_token_type": ACCESS_TOKEN}
    await swapped(agent, token, actor_token=own, **kind)
    other = await applications(name="Other", grant_types=BOTH)
    foreign = (await other.token(grant_type="client_credentials")).json()["access_token"]
    await refused(agent, token, actor_token=foreign, **kind)
    await refused(agent, token, actor_token=token, **kind)
    await refused(agent, token, actor_token=own)
    await refused(agent, token, **kind)


async def test_a_bound_token_is_exchanged_with_its_key_alone(planner, agent, person):
    holder = Holder()
    code = await planner.code(person)
    token = (await planner.redeem(code, proof=holder.proof())).json()["access_token"]
    await refused(agent, token, "invalid_dpop_proof")
    await refused(agent, token, "invalid_grant", proof=Holder().proof())
    answer = await swap(agent, token, holder.proof())
    assert answer.json()["token_type"] == "DPoP"
    held = await agent.introspect(answer.json()["access_token"])
    assert held["cnf"] == {"jkt": holder.thumbprint}
