"""An operation ends at its deadline, and when its client disconnects."""

import asyncio
from typing import Any

import httpx
import pytest
import strawberry
from starlette.requests import Request
from starlette.types import Message

from auth.viewer import ANONYMOUS
from db.pool import NOBODY, Database
from graph.http.operation.operations import Operations
from graph.http.request.endpoint import GraphQLEndpoint
from graph.settings import Settings
from tests.http.conftest import NEWER
from tests.http.toy import Context, make_context, schema, seen

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


@pytest.mark.slow
async def test_the_statement_of_a_late_operation_ends_and_its_connection_is_usable(
    database: Database, superuser, client_with, monkeypatch
):
    async def contexts(_: Request) -> Context:
        context = Context(ANONYMOUS)
        context.database = database  # type: ignore[attr-defined]
        return context

    monkeypatch.setattr("tests.http.toy.schema", strawberry.Schema(Sleeping))
    hasty = client_with(contexts=contexts, operation_timeout=0.3)
    patient = client_with(contexts=contexts)

    async def sleep(seconds: float, client: httpx.AsyncClient) -> dict[str, Any]:
        query = {"query": f"{{ asleep(seconds: {seconds}) }}"}
        return (await client.post("/graphql", json=query)).json()

    late = await asyncio.gather(*(sleep(60, hasty) for _ in range(5)))  # all of the pool
    assert [answer["errors"][0]["extensions"]["code"] for answer in late] == ["TIMEOUT"] * 5
    awake = await asyncio.gather(*(sleep(0, patient) for _ in range(5)))
    assert [answer.get("data") for answer in awake] == [{"asleep": "awake"}] * 5
    running = """SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
        AND datname = current_database() AND query LIKE 'SELECT pg_sleep%'"""
    assert await superuser.fetchval(running) == 0


class Client:
    """A client at the level of ASGI, which can disconnect at any time."""

    def __init__(self, query: str) -> None:
        settings = Settings(operation_timeout=5)
        self.endpoint = GraphQLEndpoint(
            Operations(schema, settings), lambda shown, _: make_context(shown), settings
        )
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
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
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
