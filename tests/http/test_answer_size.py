"""The size of a response is limited before it is written; so is the data read for it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from graph.http.operation.size import require_size
from tests.http.keyed import Keyed
from tests.world import World

Gateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
TEXT = 20_000
LIMITS = {"max_answer_bytes": 100_000}
READ = "query ($id: UUID!) { requirement(id: $id) { %s } }"
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
        requirement { version %s } } }"""
PAGE = "query ($id: UUID!) { requirements(first: 100, filter: {documentId: {eq: $id}}) { %s } }"


def aliases(number: int) -> str:
    return " ".join(f"d{i}: description" for i in range(number))


@pytest.fixture
async def large(world: World) -> World:
    """Give the requirement a long description, as its neighbours have."""
    text = "ä" + "x" * TEXT
    await world.superuser.execute(
        "UPDATE requirements SET description = $2 WHERE id = $1", world.requirement, text
    )
    await world.superuser.execute(
        "INSERT INTO requirements (organization_id, project_id, document_id, name, description)"
        " SELECT $1, $2, $3, 'Large ' || i, $4 FROM generate_series(1, 40) i",
        *(world.organization, world.project, world.document, text),
    )
    return world


def refusal(response: httpx.Response) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    found: dict[str, Any] = error["extensions"]
    return found


@pytest.mark.slow
async def test_a_text_under_many_aliases_is_counted_each_time(
    large: World, keyed: Keyed, gateway: Gateway
):
    async with gateway(**LIMITS) as client:

        async def read(number: int) -> httpx.Response:
            query = READ % aliases(number)
            return await keyed.send(None, query, client=client, id=large.requirement)

        assert len((await read(4)).json()["data"]["requirement"]["d3"]) == TEXT + 1
        found = refusal(await read(6))
    assert (found["code"], found["limit"]) == ("QUERY_TOO_COMPLEX", "answer")
    assert found["measured"] > found["maximum"] == 100_000


@pytest.mark.slow
async def test_what_is_read_at_once_is_counted_while_it_arrives(
    large: World, keyed: Keyed, gateway: Gateway
):
    async with gateway(**LIMITS) as client:
        query = PAGE % "nodes { description }"
        for _ in range(2):
            answer = await keyed.send(None, query, client=client, id=large.document)
            found = refusal(answer)
            assert (found["code"], found["limit"]) == ("QUERY_TOO_COMPLEX", "bytes read")
            assert found["maximum"] == 400_000
        few = query.replace("100", "4")
        assert (
            "errors" not in (await keyed.send(None, few, client=client, id=large.document)).json()
        )


@pytest.mark.slow
async def test_what_a_request_reads_is_counted_together(
    large: World, keyed: Keyed, gateway: Gateway
):
    """Rows of the past are read whole, whichever fields are selected."""
    async with gateway(**LIMITS) as client:
        fields = " ".join(
            f"p{i}: requirements(first: {5 + i}) {{ nodes {{ id }} }}" for i in range(20)
        )
        query = f"query ($id: UUID!) {{ document(id: $id, atVersion: 1) {{ {fields} }} }}"
        answer = (await keyed.send(None, query, client=client, id=large.document)).json()
    assert {error["extensions"]["limit"] for error in answer["errors"]} == {"bytes read"}


@pytest.mark.slow
async def test_a_mutation_says_that_its_changes_have_been_made(
    large: World, keyed: Keyed, gateway: Gateway
):
    async with gateway(**LIMITS) as client:
        change = {"id": large.requirement, "version": 1, "name": "Changed"}
        answer = await keyed.send(None, UPDATE % aliases(20), client=client, **change)
    assert answer.json()["data"] is None
    assert refusal(answer)["limit"] == "answer"
    assert "The changes have been made." in answer.text
    assert len(await large.records(large.requirement)) == 1


@pytest.mark.slow
async def test_a_keyed_mutation_whose_answer_is_too_large_is_undone(
    large: World, keyed: Keyed, gateway: Gateway
):
    key = str(uuid4())
    async with gateway(**LIMITS) as client:
        change = {"id": large.requirement, "version": 1, "name": "Changed"}
        answer = await keyed.send(key, UPDATE % aliases(20), client=client, **change)
        assert refusal(answer)["limit"] == "answer"
        assert await large.records(large.requirement) == []
        again = await keyed.send(key, UPDATE % "name", client=client, **change)
    assert again.json()["data"]["requirementUpdate"]["requirement"]["version"] == 2


@pytest.mark.slow
async def test_a_keyed_mutation_that_reads_too_much_is_undone(
    large: World, keyed: Keyed, gateway: Gateway
):
    key = str(uuid4())
    async with gateway(**LIMITS) as client:
        change = {"id": large.requirement, "version": 1, "name": "Changed"}
        everything = "document { requirements(first: 100) { totalCount nodes { description } } }"
        answer = await keyed.send(key, UPDATE % everything, client=client, **change)
        assert refusal(answer)["limit"] == "bytes read", answer.text
        assert await large.records(large.requirement) == []
        again = await keyed.send(key, UPDATE % "name", client=client, **change)
    assert again.json()["data"]["requirementUpdate"]["requirement"]["version"] == 2


def test_every_kind_of_value_is_counted():
    data = {"a": ["x" * 10, 1, None, True, {"b": ["y" * 10]}], "c": {}}
    require_size(data, 12 * 9 + 20)
    with pytest.raises(Exception, match="answer"):
        require_size(data, 12 * 9 + 19)
    require_size(None, 0)
