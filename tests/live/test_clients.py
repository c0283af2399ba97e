"""Third-party clients stay connected: graphql-ws, graphql-sse, Apollo, urql of npm."""

from datetime import timedelta

import pytest

from auth.credentials.tokens import issue
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
    """Return a function that runs a journey and returns the events that it has seen."""
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


@pytest.mark.parametrize("count", [40, 400])
async def test_what_a_client_asks_all_at_once_is_answered_and_it_stays(gateway, world, count):
    """As a page does that opens a table of many rows, or comes back online."""
    seen = await travel(
        "burst",
        url=f"{gateway}/graphql",
        token=f"Bearer {await world.token('editor')}",
        count=count,
        query={"query": VIEWER},
        subscription={"query": FOLLOW, "variables": {"id": str(world.document)}},
        edits=[{"query": RENAME, "variables": renaming(world, "After", 1)}],
    )
    assert seen == {"answered": count, "closed": [], "kinds": ["READY", "UPDATED"]}


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
    """Return the events of a client on this journey, during which a requirement is renamed."""
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


async def test_a_client_for_which_there_is_no_room_comes_again_and_goes_on_where_it_was():
    seen = await travel("busy")
    assert seen == {"asked": [None, None, None, *["cursor 3"] * 2], "code": "NOT_FOUND"}


def test_the_recipe_is_the_one_that_is_documented():
    recipe = (NODE / "resuming.mjs").read_text()
    assert recipe in (ROOT / "docs" / "live.md").read_text()


@pytest.mark.parametrize("by_get", [False, True], ids=["POST", "GET"])
async def test_a_client_that_sends_hashes_is_asked_for_the_text_once(gateway, world, by_get):
    query = f"query Who{int(by_get)} {VIEWER}"
    token = f"Bearer {await world.token('editor')}"
    told = {"url": f"{gateway}/graphql", "token": token, "query": query, "byGet": by_get}
    seen = await journey("persisted.mjs", "apollo", told, _stay)
    assert seen["requests"] == [2, 1, 1]
    assert len({str(answer) for answer in seen["answers"]}) == 1
    assert seen["answers"][0]["viewer"]["profile"]["email"] == world.email("editor")
