"""A client's correlation ID is in the audit log, in the events and in the response."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from graph.app import create_app
from graph.http.server.config import Config
from graph.settings import Settings
from tests.http.connected import Socket, socket
from tests.http.keyed import UPDATE, code_of, new_key, replayed
from tests.serving import served
from tests.world import World

HEADER, SPA = "X-Correlation-Id", "https://editor.example"
FOLLOW = """subscription ($id: UUID!) {
  documentChanged(id: $id, types: [REQUIREMENT]) { kind correlationId } }"""
READ = "query ($id: UUID!) { requirement(id: $id) { name } }"
MALFORMED = [
    "",
    "x",
    "01989c6e-0000-7000-8000-0000000000000",
    "01989c6e000070008000000000000000",
    "{01989c6e-0000-7000-8000-000000000000}",
    "urn:uuid:01989c6e-0000-7000-8000-000000000000",
    "01989c6e-0000-7000-8000-00000000000g",
]


@pytest.fixture(scope="module")
async def gateway(settings: Settings) -> AsyncIterator[str]:
    """Yield a real server."""
    elsewhere = settings.model_copy(update={"cors_origins": (SPA,)})
    config = partial(Config, settings=elsewhere)
    async with served(lambda _: create_app(elsewhere), config) as url:
        yield url


class Editor:
    """A person who renames the requirement of a world, over HTTP."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self.world, self.http = world, http

    async def rename(
        self, *, version: int = 1, headers: Any = None, extensions: Any = None, query: str = UPDATE
    ) -> httpx.Response:
        token = await self.world.token("editor")
        variables = {"id": str(self.world.requirement), "version": version, "name": f"v{version}"}
        body = {"query": query, "variables": variables, "extensions": extensions}
        headers = [*dict(headers or {}).items()] if isinstance(headers, dict) else headers or []
        sent = [("authorization", f"Bearer {token}"), *headers]
        return await self.http.post("/graphql", json=body, headers=sent)

    async def recorded(self) -> list[UUID]:
        """Return the correlation IDs of changes of the requirement, oldest first."""
        return [row["correlation_id"] for row in await self.world.records(self.world.requirement)]


@pytest.fixture
async def editor(gateway: str, world: World) -> AsyncIterator[Editor]:
    async with httpx.AsyncClient(base_url=gateway) as http:
        yield Editor(world, http)


def told(answer: httpx.Response) -> UUID:
    """Return the ID of a response, the same in its header and its body."""
    body = answer.json()["extensions"]["correlationId"]
    assert answer.headers[HEADER] == body
    return UUID(body)


async def next_event(follower: Socket) -> Any:
    return (await follower.receive())["payload"]["data"]["documentChanged"]


@pytest.mark.slow
async def test_what_comes_back_over_the_subscription_has_the_id_that_was_sent(gateway, editor):
    world = editor.world
    async with (
        socket(gateway, await world.token("viewer")) as follower,
        socket(gateway, await world.token("editor")) as writer,
    ):
        await follower.subscribe("1", FOLLOW, id=str(world.document))
        assert (await next_event(follower))["kind"] == "READY"
        by_header, by_member, by_socket = uuid4(), uuid4(), uuid4()
        answers = [
            await editor.rename(headers={HEADER: str(by_header)}),
            await editor.rename(version=2, extensions={"correlationId": str(by_member).upper()}),
        ]
        variables = {"id": str(world.requirement), "version": 3, "name": "v3"}
        extensions = {"correlationId": str(by_socket)}
        payload = {"query": UPDATE, "variables": variables, "extensions": extensions}
        await writer.send(type="subscribe", id="1", payload=payload)
        answer = (await writer.receive())["payload"]
        events = [await next_event(follower) for _ in range(3)]
    sent = [by_header, by_member, by_socket]
    assert [*map(told, answers), UUID(answer["extensions"]["correlationId"])] == sent
    assert [UUID(event["correlationId"]) for event in events] == sent
    assert await editor.recorded() == sent


async def test_each_mutation_without_an_id_is_given_one_of_its_own(gateway, editor):
    world = editor.world
    ids = [told(await editor.rename())]
    async with socket(gateway, await world.token("editor")) as writer:
        for version in (2, 3):
            variables = {"id": str(world.requirement), "version": version, "name": f"v{version}"}
            await writer.subscribe(str(version), UPDATE, **variables)
            ids.append(UUID((await writer.receive())["payload"]["extensions"]["correlationId"]))
            assert (await writer.receive())["type"] == "complete"
    assert await editor.recorded() == ids
    assert len(set(ids)) == 3


async def test_all_that_one_request_changes_has_its_id(editor):
    world, id = editor.world, str(uuid4())
    query = UPDATE.replace("$name: String!)", "$name: String!, $document: UUID!)").replace(
        "requirementUpdate",
        "documentUpdate(id: $document, expectedVersion: 1, input: {name: $name}) { merged }"
        " requirementUpdate",
    )
    token = await world.token("editor")
    ids = {"id": str(world.requirement), "document": str(world.document), "name": "Both"}
    headers = {"authorization": f"Bearer {token}", HEADER: id}
    body = {"query": query, "variables": ids}
    assert "errors" not in (await editor.http.post("/graphql", json=body, headers=headers)).json()
    of_document = [row["correlation_id"] for row in await world.records(world.document)]
    assert await editor.recorded() == of_document == [UUID(id)]


async def test_a_repeat_tells_the_id_of_the_first_whatever_it_sends_itself(editor):
    key, first = new_key(), uuid4()
    answers = [
        await editor.rename(headers={"Idempotency-Key": key, HEADER: str(id)})
        for id in (first, uuid4())
    ]
    assert [replayed(answer) for answer in answers] == [False, True]
    assert [*map(told, answers)] == [first, first]
    assert await editor.recorded() == [first]


@pytest.mark.slow
@pytest.mark.parametrize("id", [*MALFORMED, None, 1, [], {}])
async def test_what_is_no_uuid_is_refused_with_its_path_and_changes_nothing(gateway, editor, id):
    refused = await editor.rename(extensions={"correlationId": id})
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")
    path = refused.json()["errors"][0]["extensions"]["field"]
    assert path == ["extensions", "correlationId"]
    async with socket(gateway, await editor.world.token("editor")) as writer:
        variables = {"id": str(editor.world.requirement), "name": "No"}
        payload = {"query": UPDATE, "variables": variables, "extensions": {"correlationId": id}}
        await writer.send(type="subscribe", id="1", payload=payload)
        answer = await writer.receive()
    assert answer["type"] == "error"
    assert answer["payload"][0]["extensions"]["field"] == path
    assert await editor.recorded() == []


@pytest.mark.slow
@pytest.mark.parametrize("id", MALFORMED)
async def test_neither_is_a_header_that_holds_none(editor, id):
    refused = await editor.rename(headers={HEADER: id})
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")
    assert refused.json()["errors"][0]["extensions"]["field"] == [HEADER]
    assert await editor.recorded() == []


async def test_two_ids_are_refused(editor):
    one, other = str(uuid4()), str(uuid4())
    refused = [
        await editor.rename(headers={HEADER: one}, extensions={"correlationId": other}),
        await editor.rename(headers=[(HEADER, one), (HEADER, other)]),
    ]
    assert [code_of(answer) for answer in refused] == ["INVALID", "INVALID"]
    alike = await editor.rename(headers={HEADER: one}, extensions={"correlationId": one})
    assert await editor.recorded() == [told(alike)] == [UUID(one)]


async def test_a_query_has_no_id_and_does_not_mind_one(editor):
    answer = await editor.rename(headers={HEADER: "x"}, query=READ)
    assert answer.json()["data"]["requirement"]
    assert "correlationId" not in answer.json()["extensions"]
    assert HEADER not in answer.headers


async def test_a_page_elsewhere_may_send_it_and_read_it(editor):
    asked = {
        "origin": SPA,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-correlation-id",
    }
    preflight = await editor.http.options("/graphql", headers=asked)
    assert preflight.status_code == 200
    assert HEADER in preflight.headers["access-control-allow-headers"]
    answer = await editor.rename(headers={"origin": SPA, HEADER: str(uuid4())})
    assert HEADER in answer.headers["access-control-expose-headers"]
