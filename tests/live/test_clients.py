"""Clients that nobody here wrote stay connected: graphql-ws, graphql-sse, Apollo, urql of npm."""

from datetime import timedelta

import pytest

from auth.tokens import issue
from tests.http.conftest import ROOT
from tests.http.test_live_gateway import RENAME as RENAME_DOCUMENT
from tests.http.test_live_gateway import VIEWER
from tests.live.following import FOLLOW, RENAME, renaming
from tests.nodejs import NODE, journey

pytestmark = pytest.mark.processes

CLIENTS = ("graphql-ws", "graphql-sse", "@apollo/client", "@urql/core")


async def _stay(address: str) -> str:
    raise AssertionError(f"nobody is to visit {address}")


async def travel(name: str, **told):
    """What the journey has seen."""
    return await journey("live.mjs", name, {"tokens": []} | told, _stay)


@pytest.mark.parametrize("client", ["graphql-ws", "graphql-sse"])
async def test_a_client_asks_and_writes_once_under_a_key(gateway, world, client):
    mutation = {
        "query": RENAME_DOCUMENT,
        "variables": {"id": str(world.document), "name": client},
        "extensions": {"idempotencyKey": client},
    }
    token = f"Bearer {await world.token('editor')}"
    seen = await travel(
        "operations",
        client=client,
        url=f"{gateway}/graphql",
        token=token,
        query={"query": VIEWER},
        mutation=mutation,
    )
    assert seen["query"]["data"] == {"viewer": {"profile": {"email": world.email("editor")}}}
    assert seen["once"] == seen["twice"]
    document = seen["once"]["data"]["documentUpdate"]["document"]
    assert document == {"name": client, "version": 2}


async def test_a_client_hears_why_it_is_refused(gateway):
    seen = await travel("refused", url=f"{gateway}/graphql", token="", query={"query": VIEWER})
    assert seen == {"closed": 4403, "older": 4406, "status": 401}


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_misses_nothing_while_its_line_is_cut(gateway, world, client):
    heard = await follow(gateway, world, "cut", client, ["before", "while", "still", "after"])
    assert heard == ["READY", "before", "READY", "while", "still", "after"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_whose_token_expires_goes_on_with_a_fresh_one(gateway, world, client):
    brief = await issue(world.database, world.email("editor"), timedelta(seconds=12))
    tokens = [f"Bearer {brief}"]
    heard = await follow(gateway, world, "expired", client, ["before", "after"], tokens=tokens)
    assert heard == ["READY", "before", "READY", "after"]


async def follow(gateway, world, name, client, names, **told):
    """What the client hears on this journey, on which a requirement is renamed so."""
    seen = await travel(
        name,
        client=client,
        url=f"{gateway}/graphql",
        token=f"Bearer {await world.token('editor')}",
        subscription={"query": FOLLOW, "variables": {"id": str(world.document)}},
        edits=[
            {"query": RENAME, "variables": renaming(world, name, version)}
            for version, name in enumerate(names, 1)
        ],
        **told,
    )
    return [
        event["entity"]["name"] if event["entity"] else event["kind"] for event in seen["events"]
    ]


def test_the_recipe_is_the_one_that_is_documented():
    recipe = (NODE / "resuming.mjs").read_text()
    assert recipe in (ROOT / "docs" / "live.md").read_text()
