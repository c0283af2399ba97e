"""The owner of an application, and the organizations of a person that it reaches."""

import pytest

from tests.oauth.conftest import Application, bearer, hidden, press, told
from tests.oauth.test_owned import CALLBACK, made
from tests.oauth.test_pushed import pushed, visit
from tests.oauth.waiting import DEVICE_CODE, device, enter
from tests.tenants import join, organization_of

REACHED = "{ organizations(first: 50) { nodes { id } } viewer { profile { email } } }"
TOKEN = """mutation { personalTokenCreate(input: {name: "Long", scopes: ["admin"],
    expiresAt: "2027-08-01T00:00:00Z"}) { secret } }"""


@pytest.fixture
async def vendor(people, superuser):
    """Return a person who has created an organization and registers applications of it."""
    person = await people()
    return person, await organization_of(superuser, person.id, "Gateway security")


@pytest.fixture
def register(vendor, dial):
    async def register(**change):
        person, organization = vendor
        answer = await made(person, organization, **{"serviceAccountRole": None} | change)
        client = answer["client"]
        return Application(dial(), client["clientId"], answer["secret"], CALLBACK)

    return register


@pytest.fixture
async def homes(person, superuser):
    """Return two organizations that the person owns."""
    return [await organization_of(superuser, person.id, name) for name in ("Harbour", "Quay")]


async def reached(http, token, query=REACHED):
    said = (await http.post("/graphql", json={"query": query}, headers=bearer(token))).json()
    assert "errors" not in said, said
    assert said["data"]["viewer"]["profile"]["email"]
    return {node["id"] for node in said["data"]["organizations"]["nodes"]}


async def test_the_page_says_whose_application_it_is(register, vendor, person, planner, superuser):
    partner = await register(name="Update", scopes=["organizations:read"])
    page = (await partner.open(person.browser, scope=None)).text
    assert "<strong>Gateway security</strong>, of which you are not a member" in page
    await join(superuser, vendor[1], person.id, "viewer")
    page = (await partner.open(person.browser, scope=None)).text
    assert "It belongs to your organization <strong>Gateway security</strong>" in page
    assert "registered by the operator" in (await planner.open(person.browser)).text


async def test_everything_is_let_by_members_of_its_organization_alone(
    register, vendor, person, homes, superuser, http
):
    partner = await register(name="Update", scopes=["admin"])
    asked = {"scope": "admin"}
    for sent in (
        await partner.open(person.browser, **asked),
        await partner.open(person.browser, prompt="none", **asked),
        await visit(person.browser, await pushed(partner, **asked)),
    ):
        assert told(sent)["error"] == "access_denied"
    await join(superuser, vendor[1], person.id, "viewer")
    page = await partner.open(person.browser, **asked)
    assert "Harbour" not in page.text
    code = told(await press(person.browser, page))["code"]
    token = (await partner.redeem(code)).json()["access_token"]
    assert await reached(http, token) == {str(vendor[1])}  # and not their own
    refused = await http.post("/graphql", json={"query": TOKEN}, headers=bearer(token))
    assert "personal token" in refused.text
    assert "secret" not in refused.text
    leave = "UPDATE organization_members SET status = 'inactive' WHERE user_id = $1 AND role = $2"
    await superuser.execute(leave, person.id, "viewer")
    assert await reached(http, token) == set()


async def test_a_page_shown_to_a_member_is_answered_by_a_member(
    register, vendor, person, superuser
):
    partner = await register(name="Update", scopes=["admin"])
    await join(superuser, vendor[1], person.id, "viewer")
    page = await partner.open(person.browser, scope="admin")
    await superuser.execute(
        "DELETE FROM organization_members WHERE user_id = $1 AND organization_id = $2",
        person.id,
        vendor[1],
    )
    assert told(await press(person.browser, page))["error"] == "access_denied"


async def choose(browser, page, organization):
    form = hidden(page.text) | {"decision": "allow", "place": str(organization)}
    return await browser.post("/oauth/authorize", data=form)


async def test_an_application_is_let_into_one_organization(planner, person, homes, http):
    page = await planner.open(person.browser)
    assert "Only Harbour" in page.text
    code = told(await choose(person.browser, page, homes[0]))["code"]
    tokens = (await planner.redeem(code)).json()
    assert await reached(http, tokens["access_token"]) == {str(homes[0])}
    tokens = (await planner.refresh(tokens["refresh_token"])).json()
    assert await reached(http, tokens["access_token"]) == {str(homes[0])}
    again = told(await planner.open(person.browser))["code"]  # nobody is asked once more
    token = (await planner.redeem(again)).json()["access_token"]
    assert await reached(http, token) == {str(homes[0])}
    assert "Only in Harbour" in (await person.browser.get("/account/applications")).text
    page = await planner.open(person.browser, prompt="consent")
    code = told(await choose(person.browser, page, ""))["code"]
    token = (await planner.redeem(code)).json()["access_token"]
    assert await reached(http, token) == {str(home) for home in homes}


async def test_what_was_agreed_to_in_one_organization_is_asked_again_for_another(
    planner, person, homes
):
    page = await planner.open(person.browser, scope="requirements:read")
    assert "code" in told(await choose(person.browser, page, homes[0]))
    page = await planner.open(person.browser, scope="organizations:read")
    assert "code" in told(await choose(person.browser, page, homes[1]))
    silent = {"prompt": "none"}
    answer = await planner.open(person.browser, scope="requirements:read", **silent)
    assert told(answer)["error"] == "consent_required"
    answer = await planner.open(person.browser, scope="organizations:read", **silent)
    assert "code" in told(answer)


async def test_nobody_chooses_an_organization_of_others(planner, person, homes, vendor):
    for other in (vendor[1], "nonsense"):
        page = await planner.open(person.browser)
        answer = await choose(person.browser, page, other)
        assert told(answer)["error"] == "access_denied"


async def test_a_device_is_let_into_one_organization(applications, person, homes, vendor, http):
    screen = await applications(name="Screen", grant_types=(DEVICE_CODE, "refresh_token"))
    waiting = await device(screen, scope="organizations:read")
    page = await enter(person.browser, waiting.user_code)
    assert "registered by the operator" in page.text
    form = hidden(page.text) | {"decision": "allow"}
    refused = await person.browser.post("/device", data=form | {"place": str(vendor[1])})
    assert refused.status_code == 403
    done = await person.browser.post("/device", data=form | {"place": str(homes[1])})
    assert done.status_code == 303
    tokens = (await waiting.poll()).json()
    assert await reached(http, tokens["access_token"]) == {str(homes[1])}


async def test_the_list_says_what_each_application_does(vendor, register):
    person, organization = vendor
    await register(name="Asks")
    await made(person, organization, name="Both")
    await made(person, organization, name="Itself", redirectUris=[])
    page = (await person.browser.get("/account/clients")).text
    told = {
        name: page.partition(f">{name}</a>")[2].partition("</span>")[0]
        for name in ("Asks", "Both", "Itself")
    }
    assert told["Asks"].endswith("Gateway security, acts for people")
    assert told["Both"].endswith("Gateway security, acts for people and for itself")
    assert told["Itself"].endswith("Gateway security, acts for itself")
