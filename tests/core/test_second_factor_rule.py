"""An organization's rule that its members have a second factor."""

import pytest

from tests.core.keys import make_key
from tests.http.connected import socket
from tests.live.conftest import gateway  # noqa: F401 (a fixture)
from tests.live.following import FOLLOW
from tests.loop import within
from tests.world import Refused

SOON = 3
"""Seconds. One is promised; it takes about a tenth of one."""
RULE = """mutation ($id: UUID!, $version: BigInt!, $required: Boolean!) {
    organizationSecondFactorRequire(id: $id, expectedVersion: $version, required: $required) {
        organization { version secondFactorRequired } } }"""
READ = "query ($id: UUID!) { requirement(id: $id) { id } }"
WRITE = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: { name: "Written" }) { requirement { name } } }"""


@pytest.fixture
def factor(world):
    """Give a person a second factor."""

    async def factor(person):
        await world.superuser.execute(
            "INSERT INTO second_factors (user_id, secret, last_step) VALUES ($1, $2, 0)",
            world.people[person],
            bytes(48),
        )

    return factor


@pytest.fixture
def passkey(world):
    """Give a person a passkey."""

    async def passkey(person):
        await world.superuser.execute(
            "INSERT INTO passkeys (user_id, name, credential_id, public_key, sign_count, aaguid,"
            " is_backup_eligible, is_backed_up)"
            " VALUES ($1::uuid, 'Key', sha256($1::uuid::text::bytea), '\\x01', 0, $1,"
            " false, false)",
            world.people[person],
        )

    return passkey


async def demand(world, required=True, person="owner", version=None):
    """Switch the rule."""
    if version is None:
        version = await world.superuser.fetchval(
            "SELECT version FROM organizations WHERE id = $1", world.organization
        )
    values = {"id": world.organization, "version": version, "required": required}
    return await world.ask(person, RULE, **values)


async def test_a_passkey_is_a_second_factor(world, passkey):
    await passkey("owner")
    await passkey("editor")
    await demand(world)
    assert await world.code("editor", READ, id=world.requirement) is None
    assert await world.code("editor", WRITE, id=world.requirement) is None
    assert await world.code("viewer", READ, id=world.requirement) == "NOT_FOUND"


async def test_who_has_no_second_factor_loses_the_organization_until_they_have_one(world, factor):
    await factor("owner")
    await factor("editor")
    await make_key(world, "requirements:read", role="VIEWER")
    assert (await demand(world))["organization"]["secondFactorRequired"] is True
    for person in ("admin", "viewer", "project_admin"):
        assert await world.code(person, READ, id=world.requirement) == "NOT_FOUND"
        assert await world.code(person, WRITE, id=world.requirement) == "NOT_FOUND"
    for person in ("owner", "editor", "robot"):  # service accounts need none
        assert await world.code(person, READ, id=world.requirement) is None
    await factor("viewer")
    assert await world.code("viewer", READ, id=world.requirement) is None
    await demand(world, required=False)
    assert await world.code("admin", READ, id=world.requirement) is None
    written = [event["new_data"] for event in await world.records(world.organization)]
    assert '{"second_factor_required": true}' in written


async def test_only_an_owner_who_has_one_makes_the_rule_and_ends_it(world, factor):
    with pytest.raises(Refused) as refused:
        await demand(world)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["required"])
    await factor("owner")
    await factor("admin")
    await demand(world)
    for required in (True, False):
        with pytest.raises(Refused) as refused:
            await demand(world, required, "admin")
        assert refused.value.code == "FORBIDDEN"
    for person in ("editor", "outsider"):
        with pytest.raises(Refused) as refused:
            await demand(world, required=False, person=person)
        assert refused.value.code == "NOT_FOUND"
    with pytest.raises(Refused) as refused:
        await demand(world, required=False, version=1)
    assert refused.value.code == "CONFLICT"


async def test_streams_of_another_process_obey(world, factor, gateway):  # noqa: F811 (a fixture)
    await factor("owner")
    async with socket(gateway, await world.token("viewer")) as client:
        await client.subscribe("1", FOLLOW, id=str(world.document))
        assert (await client.receive())["payload"]["data"]["documentChanged"]["kind"] == "READY"
        async with within(SOON):
            await demand(world)
            told = await client.receive()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
