"""Nothing that a client sends, at its largest, keeps the others from being served."""

import gzip
import threading
from typing import Any

import httpx
import pytest

from db.problem import Problem
from graph.http.operation.documents import Documents
from graph.http.operation.json_text import MAX_QUOTES, MAX_VALUES
from graph.http.operation.limits import Limits
from graph.requirements.differences import classified
from graph.schema import schema
from graph.settings import Settings
from tests.http.conftest import SIGNED_IN
from tests.loop import BUSY, watched
from tests.requirements.test_baselines import CREATE
from tests.world import World

JSON = {"content-type": "application/json"}
LARGEST = Settings().body_limit


def body(values: str) -> bytes:
    """Return a request with these in a variable, repeated up to the largest size."""
    before, after = b'{"query": "{ __typename }", "variables": {"json": [', b"]}}"
    times = (LARGEST - len(before) - len(after)) // (len(values) + 1)
    return before + b",".join([values.encode()] * times) + after


@pytest.mark.parametrize(
    "values",
    ["[]", "[" * 90 + "]" * 90, '{"a":1}', "1", '""', "1.00000000000000000001", '"\\ud800"'],
    ids=["lists", "nested", "objects", "integers", "strings", "decimals", "surrogates"],
)
async def test_a_body_of_many_values_is_refused_before_it_is_parsed(toy, values):
    async with watched() as loop:
        response = await toy.post("/graphql", content=body(values), headers=JSON | SIGNED_IN)
    assert response.status_code == 400
    assert f"more than {MAX_VALUES} values" in response.text
    assert loop.longest < BUSY


@pytest.mark.parametrize("text", ["[", "{,", "x", "é", "\\n", "[,{\\\\"])
async def test_a_long_text_holds_what_it_likes(toy, text):
    long = text * ((LARGEST - 1000) // len(text.encode()))
    sent = b'{"query": "{ __typename }", "variables": {"json": "' + long.encode() + b'"}}'
    async with watched() as loop:
        response = await toy.post("/graphql", content=sent, headers=JSON)
    assert response.json()["data"] == {"__typename": "Query"}
    assert loop.longest < BUSY


async def test_as_many_values_as_there_may_be_are_read(toy):
    values = b",".join([b"[]"] * (MAX_VALUES // 2 - 10))
    sent = b'{"query": "{ __typename }", "variables": {"json": [' + values + b"]}}"
    async with watched() as loop:
        response = await toy.post("/graphql", content=sent, headers=JSON)
    assert response.json()["data"] == {"__typename": "Query"}
    assert loop.longest < BUSY
    quotes = b'{"query": "' + b'\\",' * MAX_QUOTES + b'"}'
    refused = await toy.post("/graphql", content=quotes, headers=JSON)
    assert "values" in refused.text


async def test_a_filter_as_large_as_a_body_keeps_nobody_waiting(world: World):
    """As literals it is too many tokens, and too many conditions in a variable."""
    query = (
        "query ($filter: RequirementFilterInput) { requirements(filter: $filter) { totalCount } }"
    )
    wide: dict[str, Any] = {"or": [{"or": [{"name": {"eq": "a"}}] * 100} for _ in range(70)]}
    await world.token("editor")
    async with watched() as loop:
        answer = await world.answer("editor", query, filter=wide)
    assert answer["errors"][0]["extensions"]["limit"] == "conditions"
    assert loop.longest < BUSY


@pytest.mark.slow
async def test_a_baseline_of_many_items_is_compared_beside_the_loop(world: World):
    """All of them have been put into another order."""
    await world.superuser.execute(
        "INSERT INTO requirements (organization_id, project_id, document_id, name, position)"
        " SELECT $1, $2, $3, 'R' || i, i FROM generate_series(1, 6000) i",
        *(world.organization, world.project, world.document),
    )
    place = {"name": "One", "documentId": str(world.document)}
    baseline = (await world.ask("editor", CREATE, input=place))["baseline"]
    await world.superuser.execute(
        "UPDATE requirements SET position = -position, version = 2 WHERE document_id = $1",
        world.document,
    )
    query = """query ($id: UUID!) { baseline(id: $id) { diff { moved changes(first: 1) { nodes {
        entityId } } } } }"""
    ran_in = set()

    def noted(rows: Any) -> Any:
        ran_in.add(threading.current_thread())
        return classified(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graph.requirements.comparisons.classified", noted)
        found = await world.ask("editor", query, id=baseline["id"])
    assert found["diff"]["moved"] == 5999
    assert threading.main_thread() not in ran_in


async def test_a_large_answer_is_sent_and_compressed_in_pieces(world: World):
    text = "".join(f"{i:x} " for i in range(150_000))
    await world.superuser.execute(
        "UPDATE requirements SET description = $2 WHERE id = $1", world.requirement, text
    )
    fields = " ".join(f"d{i}: description" for i in range(15))
    query = f"query ($id: UUID!) {{ requirement(id: $id) {{ {fields} }} }}"
    sent = {"query": query, "variables": {"id": str(world.requirement)}}
    headers = {"authorization": f"Bearer {await world.token('editor')}"}
    async with watched() as loop:
        request = world.client.build_request("POST", "/graphql", json=sent, headers=headers)
        response = await world.client.send(request, stream=True)
        raw = b"".join([piece async for piece in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert (
        httpx.Response(200, content=gzip.decompress(raw)).json()["data"]["requirement"]["d14"]
        == text
    )
    assert loop.longest < BUSY


LONG = "\u00e9" * 400_000
NEW = "requirementCreate(input: {documentId: $id, name: $text}) { requirement { id } }"
PLACE = 'documentId: $id, name: "n"'
WORDS = ", ".join(["$text"] * 100)
ITEM = "{documentId: $id, name: $text}"


@pytest.mark.parametrize(
    "fields",
    [
        f"requirementsCreate(onError: CONTINUE, items: [{', '.join([ITEM] * 100)}]) {{ failed }}",
        f"requirementCreate(input: {{{PLACE}, tags: [{WORDS}]}}) {{ __typename }}",
        " ".join(f"m{n}: {NEW}" for n in range(5)),
    ],
    ids=["items", "tags", "aliases"],
)
async def test_each_use_of_a_variable_counts(world: World, fields):
    await world.token("editor")
    query = f"mutation ($id: UUID!, $text: String!) {{ {fields} }}"
    async with watched() as loop:
        answer = await world.answer("editor", query, id=world.document, text=LONG)
    assert answer["errors"][0]["extensions"]["limit"] == "arguments"
    assert loop.longest < BUSY


def test_each_spread_of_a_fragment_and_each_default_counts():
    documents = Documents(schema._schema, Limits(), 0)
    text = "a" * 50_000
    spread = f"query {{ {' '.join(f'p{n}: projects {{ nodes {{ ...F }} }}' for n in range(20))} }}"
    fragment = f'fragment F on Project {{ requirements(search: "{text}") {{ totalCount }} }}'
    named = " ".join(f"p{n}: projects(search: $text) {{ totalCount }}" for n in range(20))
    default = f'query ($text: String = "{text}") {{ {named} }}'
    for document in (f"{spread} {fragment}", default):
        found = documents.get(document)
        assert found.errors == ()
        arguments = found.operation(None).arguments
        arguments.check({}, 1_100_000)
        with pytest.raises(Problem, match="arguments 100"):
            arguments.check({}, 900_000)
    arguments.check({"text": "a"}, 1000)


async def test_a_name_as_long_as_a_body_is_not_read(world: World):
    await world.token("editor")
    query = """mutation ($input: RequirementCreateInput!) { requirementCreate(input: $input) {
        requirement { id } } }"""
    for field, value in (("name", LONG), ("externalId", LONG), ("tags", [LONG])):
        given = {"documentId": world.document, "name": "n", field: value}
        async with watched() as loop:
            code = await world.code("editor", query, input=given)
        assert code == "INVALID", field
        assert loop.longest < BUSY / 2, field
