"""An operation ends at its deadline, and when nobody waits for it any more."""

import asyncio
from typing import Any

import pytest
import strawberry
from starlette.requests import Request
from starlette.types import Message

from auth.viewer import ANONYMOUS
from db.pool import NOBODY, Database
from graph.http.endpoint import GraphQLEndpoint
from graph.http.operations import Operations
from graph.settings import Settings
from tests.http.conftest import NEWER
from tests.http.toy import make_context, schema, seen

SLOW = {"query": "{ slow }"}


async def test_an_operation_ends_at_its_deadline(client_with):
    seen.cancelled = 0
    client = client_with(operation_timeout=0.05)
    response = await client.post("/graphql", json=SLOW, headers=NEWER)
    assert response.status_code == 504
    assert response.json()["errors"][0]["extensions"] == {"code": "TIMEOUT", "retryable": True}
    assert seen.cancelled == 1


async def test_identifying_somebody_is_part_of_the_operation(client_with):
    async def contexts(_: Request) -> None:
        await asyncio.sleep(60)

    client = client_with(contexts=contexts, operation_timeout=0.05)
    response = await client.post("/graphql", json={"query": "{ hello }"})
    assert response.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


@strawberry.type
class Sleeping:
    @strawberry.field
    async def asleep(self, info: strawberry.Info[Any, None], seconds: float) -> str:
        async with info.context.database.app.lend(NOBODY) as connection:
            await connection.execute("SELECT pg_sleep($1)", seconds)
        return "awake"


async def test_the_connection_of_a_late_operation_is_usable_afterwards(
    database: Database, client_with, monkeypatch
):
    class Context:
        viewer = ANONYMOUS

    Context.database = database  # type: ignore[attr-defined]

    async def contexts(_: Request) -> Context:
        return Context()

    monkeypatch.setattr("tests.http.toy.schema", strawberry.Schema(Sleeping))
    client = client_with(contexts=contexts, operation_timeout=0.3)

    async def sleep(seconds: float) -> dict[str, Any]:
        query = {"query": f"{{ asleep(seconds: {seconds}) }}"}
        return (await client.post("/graphql", json=query)).json()

    late = await asyncio.gather(*(sleep(4) for _ in range(5)))  # all connections of the pool
    assert [answer["errors"][0]["extensions"]["code"] for answer in late] == ["TIMEOUT"] * 5
    awake = await asyncio.gather(*(sleep(0) for _ in range(5)))
    assert [answer.get("data") for answer in awake] == [{"asleep": "awake"}] * 5


class Client:
    """A client at the level of ASGI, who can hang up at any time."""

    def __init__(self, query: str) -> None:
        settings = Settings(operation_timeout=5)
        self.endpoint = GraphQLEndpoint(Operations(schema, settings), make_context, settings)
        self.sent: list[Message] = []
        self.left = asyncio.Event()
        self._messages = [{"type": "http.request", "body": b'{"query": "%s"}' % query.encode()}]

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def ask(self) -> None:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
        await self.endpoint(scope, self.receive, self.send)


async def test_a_query_ends_when_its_client_leaves():
    seen.cancelled = 0
    client = Client("{ slow }")
    asking = asyncio.create_task(client.ask())
    await asyncio.sleep(0.1)
    client.left.set()
    await asyncio.wait_for(asking, 2)
    assert seen.cancelled == 1
    assert client.sent == []


async def test_a_mutation_goes_on_without_its_client():
    seen.finished = 0
    seen.release.clear()
    client = Client("mutation { wait }")
    client.left.set()
    asking = asyncio.create_task(client.ask())
    await asyncio.sleep(0.1)
    assert not asking.done()
    seen.release.set()
    await asyncio.wait_for(asking, 2)
    assert seen.finished == 1


async def test_a_client_that_leaves_while_sending_is_not_answered():
    client = Client("{ hello }")
    client._messages = [{"type": "http.disconnect"}]
    await client.ask()
    assert client.sent == []


async def test_the_end_of_the_server_is_no_client_that_has_left():
    client = Client("{ slow }")
    asking = asyncio.create_task(client.ask())
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
