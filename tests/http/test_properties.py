"""Random requests are answered without an internal error."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.problem import CODES
from graph.settings import Settings
from tests.http.toy import create_toy
from tests.log_lines import log_lines

QUERIES = (
    "{ hello }",
    "query ($text: String, $number: Int) { echo(text: $text, number: $number) }",
    "query ($json: JSON) { echo(json: $json) }",
    "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    "query ($first: Int) { items(first: $first) { nodes { id } } }",
    "query ($filter: Filter) { found(filter: $filter) { id } }",
    "mutation ($input: NewItem!) { create(input: $input) { id name } }",
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
names = st.sampled_from(["text", "number", "json", "ids", "first", "input", "filter", "name"])
variables = st.dictionaries(names | st.text(), values, max_size=5)
requests = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(QUERIES) | st.text() | values,
        "variables": variables | values,
        "operationName": st.none() | st.text() | values,
        "extensions": values,
    },
)
fragments = st.sampled_from(
    [*'{}()[]:$!@#,"\\', "...", "query", "on", "hello", "\n", "1", " ", "\0"]
)
documents = st.lists(fragments, max_size=40).map("".join)


@pytest.fixture(scope="module")
def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_toy(Settings()))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def post(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer good"}
    with log_lines():
        response = await client.post("/graphql", content=body, headers=headers)
    assert response.status_code < 500
    answer: dict[str, Any] = response.json()
    assert answer.keys() <= {"data", "errors", "extensions"}
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] in CODES
        assert error["extensions"]["code"] != "INTERNAL"


bounded = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@bounded
@given(body=values | requests)
async def test_no_json_is_answered_with_a_failure(client, body):
    await post(client, json.dumps(body).encode())


@bounded
@given(body=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
async def test_no_bytes_are_answered_with_a_failure(client, body):
    await post(client, body)


@bounded
@given(query=documents)
async def test_no_document_is_answered_with_a_failure(client, query):
    await post(client, json.dumps({"query": query}).encode())
