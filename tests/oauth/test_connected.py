"""Owners see which applications their members have connected, and allow or block each."""

import pytest

from tests.oauth import test_reach
from tests.oauth.conftest import hidden
from tests.oauth.test_allowed_clients import SET
from tests.oauth.test_owned import ask
from tests.tenants import join

homes = test_reach.homes

LIST = """query ($id: UUID!) { organization(id: $id) { connectedApplications(first: 50) { nodes {
    clientId name isUnverified isAllowed userCount scopes connectedAt lastUsedAt } } } }"""


async def listed(browser, id, token=None):
    said = await ask(browser, LIST, token, id=str(id))
    assert "errors" not in said, said
    return said["data"]["organization"]["connectedApplications"]["nodes"]


async def test_owners_see_who_has_connected_what(planner, spa, person, people, homes, superuser):
    here, _ = homes
    assert await listed(person.browser, here) == []
    colleague, stranger = await people(), await people()
    await join(superuser, here, colleague.id, "viewer")
    await planner.connect(person, scope="requirements:read")
    await planner.connect(colleague, scope="organizations:read openid")
    await spa.connect(stranger)
    (node,) = await listed(person.browser, here)
    assert node.pop("connectedAt")
    assert node == {
        "clientId": planner.client_id,
        "name": "Planner",
        "isUnverified": False,
        "isAllowed": True,
        "userCount": 2,
        "scopes": ["organizations:read", "requirements:read"],
        "lastUsedAt": None,
    }


async def test_what_is_confined_elsewhere_or_only_identifies_does_not_reach_it(
    planner, spa, person, homes
):
    here, there = homes
    page = await planner.open(person.browser)
    form = hidden(page.text) | {"decision": "allow", "place": str(there)}
    await person.browser.post("/oauth/authorize", data=form)
    await spa.connect(person, scope="openid profile email")
    assert await listed(person.browser, here) == []
    assert [node["clientId"] for node in await listed(person.browser, there)] == [planner.client_id]


async def test_a_blocked_one_is_shown_as_such(planner, spa, person, homes, canvas):
    made, unverified = canvas
    for application in (planner, spa, unverified):
        await application.connect(person)
    values = {"id": str(homes[0]), "clients": [planner.client_id], "version": 1}
    assert "errors" not in await ask(person.browser, SET, **values)
    nodes = {node["clientId"]: node for node in await listed(person.browser, homes[0])}
    allowed = {id: node["isAllowed"] for id, node in nodes.items()}
    assert allowed == {planner.client_id: True, spa.client_id: False, made["client_id"]: False}
    assert nodes[made["client_id"]]["isUnverified"] is True


async def test_one_that_is_disconnected_is_gone(planner, person, homes):
    tokens = await planner.connect(person)
    disconnect = "mutation ($id: String!) { applicationDisconnect(clientId: $id) { clientId } }"
    assert len(await listed(person.browser, homes[0])) == 1
    await ask(person.browser, disconnect, id=planner.client_id)
    assert tokens
    assert await listed(person.browser, homes[0]) == []


@pytest.mark.parametrize("role", ["admin", "editor", "member"])
async def test_nobody_but_owners_sees_the_list(planner, person, people, homes, superuser, role):
    await planner.connect(person)
    colleague = await people()
    await join(superuser, homes[0], colleague.id, role)
    assert await listed(colleague.browser, homes[0]) == []


async def test_a_token_needs_everything_to_see_it(planner, person, homes, http):
    token = (await planner.connect(person))["access_token"]
    said = await ask(http, LIST, token, id=str(homes[0]))
    assert said["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_page_of_applications_lists_them(planner, person, homes):
    await planner.connect(person)
    page = (await person.browser.get("/account/clients")).text
    assert "Connected by members of Harbour" in page
    assert planner.client_id in page
