"""Users who are set inactive, or deleted, lose the organization; managed accounts end."""

from uuid import UUID

from uuid_utils.compat import uuid7

from auth.credentials import tokens
from auth.credentials.people import SET_CREDENTIAL
from auth.secret import digest
from db.pool import NOBODY
from tests.http.connected import socket
from tests.live.conftest import gateway  # noqa: F401 (a fixture)
from tests.live.following import FOLLOW, rename
from tests.loop import within

SOON = 3
"""Seconds. One is promised; it takes about a tenth of one."""
NAMES = "{ organizations { nodes { id } } }"
OFF = {"op": "replace", "path": "active", "value": False}
ON = {"op": "replace", "path": "active", "value": True}


async def token_of(world, user):
    """Return a token of this person, which is known by their ID."""
    await world.token("owner")  # registers the client of scripts
    text = world.tokens[user["id"]] = tokens.new_token()
    await world.superuser.execute(
        "INSERT INTO oauth_access_tokens (id, token_hash, client_id, user_id, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + interval '1 hour')",
        uuid7(),
        digest(text).hex(),
        tokens.CLIENT,
        UUID(user["id"]),
    )
    return text


async def places(world, person):
    return {UUID(one["id"]) for one in (await world.ask(person, NAMES))["nodes"]}


async def test_a_member_loses_this_organization_and_keeps_the_others(idp, other_world):
    world = idp.world
    await world.superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " VALUES ($1, $2, 'viewer')",
        other_world.organization,
        world.people["editor"],
    )
    both = {world.organization, other_world.organization}
    assert await places(world, "editor") == both
    path = f"/Users/{world.people['editor']}"
    assert (await idp.patch(path, OFF))["active"] is False
    assert await places(world, "editor") == {other_world.organization}
    assert (await idp.patch(path, ON))["active"] is True
    assert await places(world, "editor") == both
    events = await world.records(world.members["editor"])
    written = [event["new_data"] for event in events]
    assert written == ['{"status": "suspended"}', '{"status": "active"}']
    assert {event["actor_id"] for event in events} == {world.people["scim"]}
    await idp.ok("DELETE", path)
    assert await places(world, "editor") == {other_world.organization}
    assert await idp.refused("GET", path) == (404, None)


async def test_streams_of_another_process_end(idp, gateway):  # noqa: F811 (a fixture)
    world = idp.world
    async with (
        socket(gateway, await world.token("viewer")) as leaving,
        socket(gateway, await world.token("editor")) as staying,
    ):
        for client in (leaving, staying):
            await client.subscribe("1", FOLLOW, id=str(world.document))
            assert (await client.receive())["payload"]["data"]["documentChanged"]["kind"] == "READY"
        async with within(SOON):
            await idp.patch(f"/Users/{world.people['viewer']}", OFF)
            told = await leaving.receive()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
        await rename(world, "After", 1)
        told = await staying.receive()
        assert told["payload"]["data"]["documentChanged"]["entity"]["name"] == "After"


async def test_an_account_that_is_managed_ends_with_its_tokens(idp):
    world, user = idp.world, await idp.user("ada")
    await world.superuser.execute(
        "UPDATE profiles SET is_approved = true WHERE id = $1", UUID(user["id"])
    )
    await token_of(world, user)
    assert await places(world, user["id"]) == {world.organization}
    await idp.patch(f"/Users/{user['id']}", OFF)
    assert await world.code(user["id"], NAMES) == "UNAUTHENTICATED"
    await idp.patch(f"/Users/{user['id']}", ON)
    assert await world.code(user["id"], NAMES) == "UNAUTHENTICATED"  # the token has ended
    await token_of(world, user)
    assert await places(world, user["id"]) == {world.organization}
    await idp.ok("DELETE", f"/Users/{user['id']}")
    assert await world.code(user["id"], NAMES) == "UNAUTHENTICATED"


async def test_an_account_belongs_to_its_person_once_they_have_a_password(idp):
    world, user = idp.world, await idp.user("ada")
    id, path = UUID(user["id"]), f"/Users/{user['id']}"
    changed = await idp.patch(path, {"op": "replace", "value": {"displayName": "Ada Lovelace"}})
    assert changed["displayName"] == "Ada Lovelace"
    async with world.database.auth.lend(NOBODY) as lent:
        await lent.execute(SET_CREDENTIAL, id, "a hash")
    await world.superuser.execute("UPDATE profiles SET is_approved = true WHERE id = $1", id)
    mail = {"op": "replace", "value": {"emails": [{"value": "thief@idp.example"}]}}
    kept = await idp.patch(path, {"op": "replace", "value": {"displayName": "Nobody"}}, mail)
    assert (kept["displayName"], kept["emails"][0]["value"]) == ("Ada Lovelace", idp.address("ada"))
    await token_of(world, user)
    await idp.patch(path, OFF)
    assert await places(world, user["id"]) == set()  # the account goes on, without a place here


async def test_owners_and_higher_ranks_are_not_suspended(idp):
    path = f"/Users/{idp.world.people['owner']}"
    for method, body in (
        ("PATCH", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                   "Operations": [OFF]}),
        ("DELETE", None),
    ):  # fmt: skip
        assert await idp.refused(method, path, body) == (403, None)
    assert await places(idp.world, "owner") == {idp.world.organization}
