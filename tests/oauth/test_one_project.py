"""Applications that a person lets into one project: their tokens, agents and jobs."""

import json
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from auth.credentials.grants import of_person
from auth.viewer import Role
from db.pool import NOBODY
from tests.oauth.conftest import bearer, hidden, press, told
from tests.oauth.test_exchange import EXCHANGE, refused, swapped
from tests.oauth.waiting import DEVICE_CODE, device, enter
from tests.tenants import join, organization_of

SCOPES = "organizations:read organizations:write requirements:read requirements:write"
SEEN = """{
    viewer { onlyOrganizationId onlyProjectId }
    organizations { nodes { id name members { totalCount } } }
    projects { nodes { id } }
}"""
CREATE = """mutation ($project: UUID!) { documentCreate(
    input: { projectId: $project, name: "New", slug: "new" }
) { document { id version } } }"""
LEAVE = """mutation ($id: UUID!) { organizationMemberRemove(id: $id, expectedVersion: 1) {
    organizationMember { id } } }"""
FOUND = 'mutation { organizationCreate(input: {name: "Mine", slug: "m"}) { organization { id } } }'


@pytest.fixture
async def home(person, superuser):
    """Return an organization that the person owns."""
    return await organization_of(superuser, person.id)


@pytest.fixture
def project(superuser, home):
    """Return a function that makes a project of the organization."""

    async def project(name="Bridge", visibility="private"):
        id = uuid7()
        await superuser.execute(
            "INSERT INTO projects (id, organization_id, name, slug, visibility)"
            " VALUES ($1, $2, $3, $4, $5)",
            id,
            home,
            name,
            id.hex,
            visibility,
        )
        return id

    return project


@pytest.fixture
async def partner(applications):
    return await applications(scope=SCOPES)


@pytest.fixture
async def agent(applications):
    return await applications(name="Agent", grant_types=(EXCHANGE, "client_credentials"))


def only(id, type="project"):
    return json.dumps([{"type": type, "identifier": str(id)}])


async def ask(http, token, query=SEEN, **variables):
    body = {"query": query, "variables": {name: str(one) for name, one in variables.items()}}
    return (await http.post("/graphql", json=body, headers=bearer(token))).json()


async def reached(http, token):
    """Return the only project of a token, and all that it lists."""
    said = await ask(http, token)
    assert "errors" not in said, said
    nodes = said["data"]["projects"]["nodes"]
    return said["data"]["viewer"]["onlyProjectId"], {node["id"] for node in nodes}


def refusal(said):
    return said["errors"][0]["extensions"]["code"]


async def let_into(partner, person, place, **asked):
    """Return the tokens after the person has chosen this place on the page of consent."""
    page = await partner.open(person.browser, scope=SCOPES, **asked)
    form = hidden(page.text) | {"decision": "allow", "place": str(place)}
    code = told(await person.browser.post("/oauth/authorize", data=form))["code"]
    return (await partner.redeem(code)).json()


async def test_a_person_lets_an_application_into_one_project(
    partner, person, home, project, http, events
):
    one, other = await project("Bridge"), await project("Tower", "public")
    page = await partner.open(person.browser, scope=SCOPES)
    assert "Only the project Bridge of Harbour" in page.text
    tokens = await let_into(partner, person, one)
    assert tokens["authorization_details"] == json.loads(only(one))
    expected = str(one), {str(one)}
    assert await reached(http, tokens["access_token"]) == expected
    (seen,) = (await ask(http, tokens["access_token"]))["data"]["organizations"]["nodes"]
    assert seen == {"id": str(home), "name": "Harbour", "members": {"totalCount": 0}}
    tokens = (await partner.refresh(tokens["refresh_token"])).json()
    assert tokens["authorization_details"] == json.loads(only(one))
    assert await reached(http, tokens["access_token"]) == expected
    found = await partner.introspect(tokens["access_token"])
    assert found["authorization_details"] == json.loads(only(one))
    again = (await partner.redeem(await partner.code(person, scope=SCOPES))).json()
    assert await reached(http, again["access_token"]) == expected  # nobody is asked once more
    assert "Only in Harbour: Bridge" in (await person.browser.get("/account/applications")).text
    asked = "{ viewer { connectedApplications { organizations projects } } }"
    body = {"query": asked}
    said = (await person.browser.post("/graphql", json=body)).json()
    (application,) = said["data"]["viewer"]["connectedApplications"]
    assert application == {"organizations": ["Harbour"], "projects": ["Bridge"]}
    found = [e for e in await events(partner.client_id) if e["action"] == "consent"]
    consented = json.loads(found[0]["details"])
    assert consented["authorization_details"] == json.loads(only(one))
    assert str(other) not in json.dumps(await ask(http, tokens["access_token"]))


async def test_such_a_token_writes_in_its_project_alone(partner, person, home, project, http):
    one, other = await project(), await project("Tower")
    token = (await let_into(partner, person, one))["access_token"]
    said = await ask(http, token, CREATE, project=one)
    assert said["data"]["documentCreate"]["document"]["version"] == 1
    assert refusal(await ask(http, token, CREATE, project=other)) == "NOT_FOUND"
    rename = """mutation ($id: UUID!) { organizationUpdate(
        id: $id, expectedVersion: 1, input: {name: "Ours"}) { organization { id } } }"""
    assert refusal(await ask(http, token, rename, id=home)) == "FORBIDDEN"
    create = """mutation ($id: UUID!) { projectCreate(
        input: {organizationId: $id, name: "Third", slug: "third"}) { project { id } } }"""
    assert refusal(await ask(http, token, create, id=home)) == "FORBIDDEN"


async def test_such_a_token_ends_nothing_that_belongs_to_its_person(
    partner, person, home, project, http, superuser
):
    token = (await let_into(partner, person, await project()))["access_token"]
    member = await superuser.fetchval(
        "SELECT id FROM organization_members WHERE organization_id = $1", home
    )
    assert refusal(await ask(http, token, LEAVE, id=member)) == "NOT_FOUND"
    assert refusal(await ask(http, token, FOUND)) == "FORBIDDEN"


async def test_an_application_asks_for_one_project(partner, person, home, project, http):
    one, other = await project("Bridge"), await project("Tower")
    page = await partner.open(person.browser, scope=SCOPES, authorization_details=only(one))
    assert "Only in the project <strong>Bridge</strong> of Harbour" in page.text
    assert "Tower" not in page.text
    code = told(await press(person.browser, page))["code"]
    token = (await partner.redeem(code)).json()["access_token"]
    assert await reached(http, token) == (str(one), {str(one)})
    silent = {"scope": SCOPES, "prompt": "none"}
    answer = await partner.open(person.browser, authorization_details=only(one), **silent)
    assert "code" in told(answer)
    for wider in (only(other), only(home, "organization")):
        answer = await partner.open(person.browser, authorization_details=wider, **silent)
        assert told(answer)["error"] == "consent_required"


async def test_an_application_asks_for_no_place_of_others(
    partner, person, people, project, superuser
):
    stranger = await people()
    there = await organization_of(superuser, stranger.id, "Quay")
    hidden_one = uuid7()
    await superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug, visibility)"
        " VALUES ($1, $2, 'Secret', $3, 'private')",
        hidden_one,
        there,
        hidden_one.hex,
    )
    await join(superuser, there, person.id, "member")  # who does not read the project
    for wrong in (
        only(hidden_one),
        only(uuid7()),
        only(there, "project"),
        only(uuid7(), "organization"),
    ):
        answer = await partner.open(person.browser, authorization_details=wrong)
        assert told(answer)["error"] == "access_denied"
        assert "Secret" not in answer.text
    for wrong in ("[]", "{}", "[1]", "nonsense", only("x"), only(there, "payment")):
        answer = await partner.open(person.browser, authorization_details=wrong)
        assert told(answer)["error"] == "invalid_authorization_details"
    page = await partner.open(person.browser)
    form = hidden(page.text) | {"decision": "allow", "place": str(hidden_one)}
    answer = await person.browser.post("/oauth/authorize", data=form)
    assert told(answer)["error"] == "access_denied"


async def test_a_device_is_let_into_one_project(applications, person, project, http):
    one = await project()
    screen = await applications(name="Screen", grant_types=(DEVICE_CODE, "refresh_token"))
    waiting = await device(screen, scope="organizations:read requirements:read")
    page = await enter(person.browser, waiting.user_code)
    form = hidden(page.text) | {"decision": "allow"}
    refused = await person.browser.post("/device", data=form | {"place": str(uuid7())})
    assert refused.status_code == 403
    done = await person.browser.post("/device", data=form | {"place": str(one)})
    assert done.status_code == 303
    tokens = (await waiting.poll()).json()
    assert await reached(http, tokens["access_token"]) == (str(one), {str(one)})


async def test_an_agent_is_let_into_one_project_and_never_out_of_it(
    partner, agent, person, home, project, http
):
    one, other = await project(), await project("Tower")
    first = await partner.connect(person, scope=SCOPES)
    token = await swapped(agent, first["access_token"], authorization_details=only(one))
    assert token["authorization_details"] == json.loads(only(one))
    assert await reached(http, token["access_token"]) == (str(one), {str(one)})
    again = await swapped(
        agent, token["access_token"], authorization_details=only(home, "organization")
    )
    assert again["authorization_details"] == json.loads(only(one))
    error = "invalid_authorization_details"
    for wrong in (only(other), only(uuid7())):
        await refused(agent, token["access_token"], error, authorization_details=wrong)
    wide = await swapped(
        agent, first["access_token"], authorization_details=only(home, "organization")
    )
    narrow = await swapped(agent, wide["access_token"], authorization_details=only(other))
    assert await reached(http, narrow["access_token"]) == (str(other), {str(other)})


async def test_a_project_that_is_lost_is_lost_to_its_tokens(
    partner, person, people, home, project, http, superuser
):
    guest = await people()
    one = await project()
    await join(superuser, home, guest.id, "viewer")
    token = (await let_into(partner, guest, one))["access_token"]
    assert await reached(http, token) == (str(one), {str(one)})
    await superuser.execute(
        "UPDATE organization_members SET role = 'member' WHERE user_id = $1", guest.id
    )
    assert await reached(http, token) == (str(one), set())


async def test_a_job_of_such_a_token_reaches_its_project_alone(
    partner, person, home, project, http, superuser, database
):
    one, other = await project(), await project("Tower")
    token = (await let_into(partner, person, one))["access_token"]
    export = """mutation ($id: UUID!) { exportStart(input: {projectId: $id, format: CSV}) {
        job { id } } }"""
    assert refusal(await ask(http, token, export, id=other)) == "NOT_FOUND"
    job = (await ask(http, token, export, id=one))["data"]["exportStart"]["job"]["id"]
    query = "SELECT user_id, scopes, organization_id, confined_project FROM jobs WHERE id = $1"
    principal = await superuser.fetchrow(query, UUID(job))
    assert principal["confined_project"] == one
    async with database.auth.lend(NOBODY) as lent:
        viewer = await of_person(lent, *principal)
    assert viewer.grants == {home: Role.PARTICIPANT, one: Role.OWNER}
    mine = "query ($id: UUID!) { job(id: $id) { id } }"
    assert "errors" not in await ask(http, token, mine, id=job)
    second = (await let_into(partner, person, other, prompt="consent"))["access_token"]
    assert refusal(await ask(http, second, mine, id=job)) == "NOT_FOUND"


async def test_such_a_token_follows_its_project_alone(partner, person, project, http):
    one, other = await project(), await project("Tower")
    token = (await let_into(partner, person, one))["access_token"]
    for id, status in ((one, 200), (other, 404)):
        answer = await http.get("/changes", params={"project": str(id)}, headers=bearer(token))
        assert answer.status_code == status, answer.text
