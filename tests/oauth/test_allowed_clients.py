"""Owners allow applications for their organization: others hold no role there."""

import pytest

from tests.mails import captured
from tests.oauth import test_reach
from tests.oauth.conftest import press, told
from tests.oauth.test_owned import STALE, ask
from tests.oauth.test_reach import reached
from tests.oauth.waiting import DEVICE_CODE, device, enter
from tests.tenants import join

homes, register, vendor = test_reach.homes, test_reach.register, test_reach.vendor

SET = """mutation ($id: UUID!, $clients: [String!], $version: BigInt = 1) {
    organizationAllowedClientsSet(
        id: $id, expectedVersion: $version, input: {clientIds: $clients}) {
        organization { version allowedClients } } }"""
RENAME = """mutation ($id: UUID!) { organizationUpdate(
    id: $id, expectedVersion: 2, input: {name: "Renamed"}) { organization { name } } }"""
LOOK = "query ($id: UUID!) { organization(id: $id) { name } }"
CLOSED = "It has no access to <strong>Harbour</strong>, because the owners do not allow it."


async def allow(person, organization, *clients, version=1):
    values = {"id": str(organization), "clients": list(clients), "version": version}
    return await ask(person.browser, SET, **values)


async def token_of(application, person, **asked):
    code = told(await press(person.browser, await application.open(person.browser, **asked)))[
        "code"
    ]
    return (await application.redeem(code)).json()["access_token"]


def code_of(answer):
    (error,) = answer["errors"]
    return error["extensions"]["code"]


@pytest.mark.slow
async def test_an_application_that_is_not_listed_reaches_nothing_there(
    planner,
    spa,
    person,
    homes,
    http,
):
    token, other = await token_of(planner, person), await token_of(spa, person)
    both = {str(home) for home in homes}
    assert await reached(http, token) == await reached(http, other) == both
    answer = await allow(person, homes[0], planner.client_id)
    listed = answer["data"]["organizationAllowedClientsSet"]["organization"]
    assert listed == {"version": 2, "allowedClients": [planner.client_id]}
    assert await reached(http, token) == both
    assert await reached(http, other) == {str(homes[1])}
    assert code_of(await ask(http, LOOK, other, id=str(homes[0]))) == "NOT_FOUND"
    await ask(person.browser, SET, id=str(homes[0]), clients=None, version=2)
    assert await reached(http, other) == both


async def test_the_owners_application_and_people_themselves_need_no_list(
    register,
    vendor,
    superuser,
    http,
):
    person, organization = vendor
    own = await register(name="Own", scopes=["organizations:write"])
    token = await token_of(own, person, scope=None)
    assert "errors" not in await allow(person, organization)
    assert await reached(http, token) == {str(organization)}
    assert "errors" not in await ask(person.browser, RENAME, id=str(organization))


async def test_the_pages_name_the_organizations_that_are_closed_to_it(
    planner,
    applications,
    person,
    homes,
):
    await allow(person, homes[0])
    page = (await planner.open(person.browser)).text
    assert CLOSED in page
    assert "Only Harbour" not in page
    assert "Only Quay" in page
    screen = await applications(name="Screen", grant_types=(DEVICE_CODE,))
    waiting = await device(screen, scope="organizations:read")
    page = (await enter(person.browser, waiting.user_code)).text
    assert CLOSED in page
    assert "Only Harbour" not in page
    assert "Only Quay" in page


async def test_only_owners_with_a_fresh_proof_set_the_list(
    planner,
    people,
    person,
    homes,
    superuser,
    http,
):
    admin = await people()
    await join(superuser, homes[0], admin.id, "admin")
    assert code_of(await allow(admin, homes[0])) == "FORBIDDEN"
    assert code_of(await allow(await people(), homes[0])) == "NOT_FOUND"
    token = await token_of(planner, person)
    refused = await ask(http, SET, token, id=str(homes[0]), clients=[])
    assert refused["errors"][0]["extensions"]["scope"] == "admin"
    await superuser.execute(STALE, person.id)
    refused = await allow(person, homes[0])
    assert refused["errors"][0]["extensions"]["prove"] == "/prove"


async def test_a_client_id_of_no_application_is_named(planner, person, homes):
    answer = await allow(person, homes[0], planner.client_id, "nobody")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == ["input", "clientIds", 1]


async def test_owners_are_mailed_which_applications_may_reach_it(
    planner,
    person,
    homes,
):
    with captured() as mails:
        await allow(person, homes[0], planner.client_id)
        ((_, text),) = await mails.arrived(person.email)
    assert f"* {planner.client_id}" in text
