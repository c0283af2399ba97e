"""Clients that nobody here wrote stay connected: graphql-ws, graphql-sse, Apollo, urql of npm."""

from functools import partial

import pytest

from graph.app import create_app
from graph.http.server import Config
from tests.http.conftest import ROOT, Served
from tests.http.connected import PUBLISH
from tests.http.test_live_gateway import RENAME, VIEWER
from tests.nodejs import NODE, journey
from tests.serving import served

pytestmark = pytest.mark.processes

CLIENTS = ("graphql-ws", "graphql-sse", "@apollo/client", "@urql/core")

SAID = """
subscription Said($topic: String!, $after: String) {
  said(topic: $topic, after: $after) { text cursor }
}
"""


async def _stay(address: str) -> str:
    raise AssertionError(f"nobody is to visit {address}")


async def travel(name: str, **told):
    """What the journey has seen."""
    return await journey("live.mjs", name, {"tokens": []} | told, _stay)


@pytest.fixture(scope="module")
async def gateway(settings):
    async with served(lambda _: create_app(settings), partial(Config, settings=settings)) as url:
        yield f"{url}/graphql"


@pytest.mark.parametrize("client", ["graphql-ws", "graphql-sse"])
async def test_a_client_asks_and_writes_once_under_a_key(gateway, world, client):
    mutation = {
        "query": RENAME,
        "variables": {"id": str(world.document), "name": client},
        "extensions": {"idempotencyKey": client},
    }
    token = f"Bearer {await world.token('editor')}"
    seen = await travel(
        "operations",
        client=client,
        url=gateway,
        token=token,
        query={"query": VIEWER},
        mutation=mutation,
    )
    assert seen["query"]["data"] == {"viewer": {"profile": {"email": world.email("editor")}}}
    assert seen["once"] == seen["twice"]
    document = seen["once"]["data"]["documentUpdate"]["document"]
    assert document == {"name": client, "version": 2}


async def test_a_client_hears_why_it_is_refused(gateway):
    seen = await travel("refused", url=gateway, token="", query={"query": VIEWER})
    assert seen == {"closed": 4403, "older": 4406, "status": 401}


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_misses_nothing_while_its_line_is_cut(live: Served, client):
    heard = await follow(live, "cut", client, ["before", "while", "still", "after"])
    assert heard == ["READY", "before", "READY", "while", "still", "after"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_whose_token_expires_goes_on_with_a_fresh_one(live: Served, client):
    heard = await follow(live, "expired", client, ["before", "after"], tokens=["Bearer short"])
    assert heard == ["READY", "before", "READY", "after"]


async def follow(live: Served, name: str, client: str, texts: list[str], **told) -> list[str]:
    """What the client hears on this journey, on which these texts are published."""
    topic = f"ready-{name}-{client}"
    seen = await travel(
        name,
        client=client,
        url=f"{live.url}/graphql",
        token="Bearer good",
        subscription={"query": SAID, "variables": {"topic": topic}},
        edits=[{"query": PUBLISH, "variables": {"topic": topic, "text": text}} for text in texts],
        **told,
    )
    return [event["text"] for event in seen["events"]]


def test_the_recipe_is_the_one_that_is_documented():
    recipe = (NODE / "resuming.mjs").read_text()
    assert recipe in (ROOT / "docs" / "live.md").read_text()
