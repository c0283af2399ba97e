"""Rights that end close the subscriptions that they allowed, within a second or so."""

import asyncio

import pytest

from auth.accounts.sign_in import sign_out
from auth.credentials import tokens
from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.http.stream.connection import RIGHTS_TTL
from graph.live.rights import CREDENTIAL_INVALID
from tests.core.keys import make_key, make_token
from tests.http.connected import events, socket
from tests.live.following import FOLLOW, RENAME, rename, renaming
from tests.loop import within

SOON = 3
"""Seconds. One is promised; with the request it takes about a tenth of one."""
END_KEY = "mutation ($id: UUID!) { apiKeyRevoke(id: $id) { apiKey { id } } }"
END_TOKEN = "mutation ($id: UUID!) { personalTokenRevoke(id: $id) { personalToken { id } } }"
REMOVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""
DEMOTE = """mutation ($id: UUID!) {
    organizationMemberUpdate(id: $id, expectedVersion: 1, input: { role: VIEWER }) { merged } }"""


async def ready(client, world):
    """Follow the document from now on."""
    await client.subscribe("1", FOLLOW, id=str(world.document))
    assert _event(await client.receive())["kind"] == "READY"


async def name_told(client):
    return _event(await client.receive())["entity"]["name"]


def _event(message):
    return message["payload"]["data"]["documentChanged"]


@pytest.mark.slow
async def test_who_is_removed_is_told_nothing_more_and_others_are(gateway, world):
    headers = {"authorization": f"Bearer {await world.token('viewer')}"}
    variables = {"id": str(world.document)}
    async with (
        socket(gateway, await world.token("viewer")) as leaving,
        socket(gateway, await world.token("editor")) as staying,
        events(gateway, FOLLOW, headers=headers, **variables) as stream,
    ):
        await ready(leaving, world)
        await ready(staying, world)
        assert (await stream.result())["data"]["documentChanged"]["kind"] == "READY"
        await rename(world, "Before", 1)
        assert await name_told(leaving) == await name_told(staying) == "Before"
        await stream.result()
        await world.ask("owner", REMOVE, id=world.members["viewer"])
        await rename(world, "After", 2)
        assert await name_told(staying) == "After"
        told = await leaving.receive()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
        assert (await stream.result())["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        assert (await stream.next())["event"] == "complete"
        await leaving.subscribe("2", "{ viewer { profile { email } } }")
        assert (await leaving.receive())["payload"]["data"]  # the connection is still theirs


async def test_whatever_is_shown_ends_what_it_opened_when_it_is_ended(gateway, world, settings):
    key, script = await make_key(world, "requirements:read"), await make_token(world, "viewer")
    token, other = await world.token("viewer"), await world.token("editor")
    async with world.database.auth.lend(NOBODY) as lent:
        session = await start(lent, world.people["viewer"], Origin(), settings)

    async def at_once(client, ending):
        async with within(SOON):
            await ending
            assert await client.closed() == (4403, CREDENTIAL_INVALID)

    cookie = {"additional_headers": {"Cookie": f"gateway={session.secret}"}, "origin": gateway}
    async with (
        socket(gateway, key.text) as by_key,
        socket(gateway, script.text) as by_script,
        socket(gateway, token) as by_token,
        socket(gateway, None, **cookie) as by_session,
        socket(gateway, other) as untouched,
    ):
        await by_session.send(type="connection_init")
        await by_session.receive()
        for client in (by_key, by_script, by_token, by_session, untouched):
            await ready(client, world)
        await at_once(by_key, world.ask("owner", END_KEY, id=key.id))
        await at_once(by_script, world.ask("viewer", END_TOKEN, id=script.id))
        await at_once(by_session, sign_out(world.database, session.secret, Origin()))
        await at_once(by_token, tokens.revoke(world.database, token))
        await rename(world, "After all that", 1)
        assert await name_told(untouched) == "After all that"


@pytest.mark.slow
async def test_each_event_is_told_by_the_rights_and_loaders_of_its_moment(gateway, world):
    query = FOLLOW.replace("name", "name viewerCan { update }")
    told = []
    async with socket(gateway, await world.token("editor")) as client:
        await client.subscribe("1", query, id=str(world.document))
        assert (await client.receive())["type"] == "next"
        for version, name in enumerate(("By an editor", "By a viewer"), 1):
            await rename(world, name, version)
            while not (entity := _event(await client.receive())["entity"]):
                pass
            told.append((entity["name"], entity["viewerCan"]["update"]))
            if version == 1:
                await world.ask("owner", DEMOTE, id=world.members["editor"])
    assert told == [("By an editor", True), ("By a viewer", False)]


@pytest.mark.slow
async def test_whoever_follows_nothing_is_looked_at_before_each_operation(gateway, world):
    renames = {"query": RENAME, "variables": renaming(world, "By a viewer", 1)}
    async with socket(gateway, await world.token("editor")) as client:
        await world.ask("owner", DEMOTE, id=world.members["editor"])
        await asyncio.sleep(RIGHTS_TTL)
        await client.send(type="subscribe", id="1", payload=renames)
        refused = (await client.receive())["payload"]["errors"][0]
        assert refused["extensions"]["code"] == "FORBIDDEN"
        await client.receive()
        await tokens.revoke(world.database, await world.token("editor"))
        await asyncio.sleep(RIGHTS_TTL)
        await client.send(type="subscribe", id="1", payload=renames)
        assert await client.closed() == (4403, CREDENTIAL_INVALID)
