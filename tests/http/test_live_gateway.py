"""Live connections to the gateway itself: real credentials, real rows, on two kinds of servers."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial

import httpx
import orjson
import pytest
import uvicorn

from auth.credentials import tokens
from auth.credentials.identify import identify_again, identify_token
from auth.oauth.registry import register
from auth.viewer import Role
from graph.app import create_app
from graph.http.server.config import Config
from graph.settings import Settings
from tests.core.keys import make_key, make_token
from tests.http.connected import events, socket
from tests.live.following import FOLLOW, rename
from tests.serving import served

INVALID = "The access token is invalid, expired or revoked."
VIEWER = "{ viewer { profile { email } } }"
RENAME = """
mutation ($id: UUID!, $name: String!) {
  documentUpdate(id: $id, expectedVersion: 1, input: { name: $name }) { document { name version } }
}
"""
END_KEY = "mutation ($id: UUID!) { apiKeyRevoke(id: $id) { apiKey { id } } }"
END_TOKEN = "mutation ($id: UUID!) { personalTokenRevoke(id: $id) { personalToken { id } } }"


@pytest.fixture(scope="module", params=["the gateway's server", "another server"])
async def gateway(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[str]:
    ours = partial(Config, settings=settings)
    config = ours if request.param == "the gateway's server" else uvicorn.Config
    async with served(lambda _: create_app(settings), config) as url:
        yield url


@pytest.mark.slow
async def test_whoever_shows_a_token_asks_in_their_own_name(gateway, world):
    async with socket(gateway, await world.token("editor")) as client:
        await client.subscribe("1", VIEWER)
        answer = (await client.receive())["payload"]
        assert answer["data"] == {"viewer": {"profile": {"email": world.email("editor")}}}
        await client.receive()
        query = "query ($id: UUID!) { document(id: $id) { id } }"
        await client.subscribe("2", query, id=str(world.document))
        assert (await client.receive())["payload"]["data"] == {
            "document": {"id": str(world.document)}
        }
    async with socket(gateway, await world.token("outsider")) as client:
        await client.subscribe("2", query, id=str(world.document))
        answer = (await client.receive())["payload"]
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.slow
async def test_a_token_that_is_none_is_refused(gateway):
    async with socket(gateway, None) as client:
        await client.send(type="connection_init", payload={"authorization": "Bearer rqt_nothing"})
        assert await client.closed() == (4403, INVALID)


@pytest.mark.slow
async def test_a_mutation_under_a_key_is_done_once_and_recorded_once(gateway, world):
    payload = {
        "query": RENAME,
        "variables": {"id": str(world.document), "name": "Renamed"},
        "extensions": {"idempotencyKey": "the-one"},
    }
    answers = []
    for _ in range(2):
        async with socket(gateway, await world.token("editor")) as client:
            await client.send(type="subscribe", id="1", payload=payload)
            answers.append((await client.receive())["payload"])
            assert (await client.receive())["type"] == "complete"
    assert answers[0] == answers[1]
    assert answers[0]["data"]["documentUpdate"]["document"] == {"name": "Renamed", "version": 2}
    records = await world.records(world.document)
    assert [record["action"] for record in records].count("update") == 1


async def test_the_same_by_events(gateway, world):
    headers = {
        "accept": "text/event-stream",
        "authorization": f"Bearer {await world.token('editor')}",
        "idempotency-key": "another",
    }
    body = {"query": RENAME, "variables": {"id": str(world.document), "name": "Told"}}
    async with httpx.AsyncClient(base_url=gateway) as client:
        answers = [await client.post("/graphql", json=body, headers=headers) for _ in range(2)]
        headers["authorization"] = "Bearer rqt_nothing"
        refused = await client.post("/graphql", json=body, headers=headers)
    assert answers[0].text == answers[1].text
    assert '"name":"Told"' in answers[0].text
    assert refused.status_code == 401
    assert "resource_metadata" in refused.headers["www-authenticate"]


@pytest.mark.slow
async def test_a_stream_of_events_goes_on_after_the_last_one_that_was_seen(gateway, world):
    variables = {"id": str(world.document)}
    headers = {"authorization": f"Bearer {await world.token('viewer')}"}
    async with events(gateway, FOLLOW, headers=headers, **variables) as stream:
        first = await stream.next()
    assert first["id"] == orjson.loads(first["data"])["data"]["documentChanged"]["cursor"]
    for version, name in enumerate(("Missed", "As well"), 1):
        await rename(world, name, version)
    headers["last-event-id"] = first["id"]
    async with events(gateway, FOLLOW, headers=headers, **variables) as stream:
        told = [(await stream.result())["data"]["documentChanged"] for _ in range(3)]
    assert [event["kind"] for event in told] == ["READY", "UPDATED", "UPDATED"]
    assert [event["entity"]["name"] for event in told[1:]] == ["Missed", "As well"]


async def test_whoever_stays_is_looked_at_again_without_the_secret(world, database, settings):
    token = await tokens.issue(database, world.email("viewer"), timedelta(hours=1))
    viewer = await identify_token(token, database)
    assert viewer.expires_at is not None
    again = await identify_again(viewer, database, settings)
    assert again == viewer
    await world.ask(
        "owner",
        "mutation ($id: UUID!) { organizationMemberUpdate(id: $id, expectedVersion: 1,"
        " input: { role: EDITOR }) { member: organizationMember { role } } }",
        id=world.members["viewer"],
    )
    again = await identify_again(viewer, database, settings)
    assert again is not None
    assert again.grants[world.organization] == Role.EDITOR
    await tokens.revoke(database, token)
    assert await identify_again(viewer, database, settings) is None


async def test_whoever_stays_with_a_key_is_looked_at_again_too(world, database, settings):
    key, token = await make_key(world, "requirements:read"), await make_token(world, "viewer")
    for made, end in ((key, END_KEY), (token, END_TOKEN)):
        viewer = await identify_token(made.text, database)
        assert viewer.expires_at == datetime.fromisoformat(made.row["expiresAt"])
        assert await identify_again(viewer, database, settings) == viewer
        await world.ask("owner" if made is key else "viewer", end, id=made.id)
        assert await identify_again(viewer, database, settings) is None


async def test_an_application_ends_with_the_organization_that_manages_it(world, database, settings):
    made = await register(database, "Planner", ("https://planner.example/cb",))
    token = await tokens.issue(database, world.email("outsider"), timedelta(hours=1))
    await world.superuser.execute(
        "UPDATE oauth_clients SET managed_by = $1 WHERE client_id = $2",
        *(world.organization, made.client_id),
    )
    await world.superuser.execute(
        "UPDATE oauth_access_tokens SET client_id = $1 WHERE user_id = $2",
        *(made.client_id, world.people["outsider"]),
    )
    viewer = await identify_token(token, database)
    assert await identify_again(viewer, database, settings) == viewer
    await world.superuser.execute(
        "UPDATE organizations SET deleted_at = now() WHERE id = $1", world.organization
    )
    assert await identify_again(viewer, database, settings) is None
