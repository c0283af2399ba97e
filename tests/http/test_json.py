"""Bodies in JSON as clients write it, and the errors for malformed ones."""

import json

import pytest

from graph.http.operation.errors import Refusal
from graph.http.operation.json_text import read_json

TYPENAME = '{"query": "{ __typename }"}'


async def ask(toy, body):
    content = body if isinstance(body, bytes) else body.encode()
    return await toy.post("/graphql", content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + TYPENAME.encode(),
        '{"query": "{ __typename }", "operationName": ""}',
        '{"query": "{ __typename }", "operationName": null}',
        '{"query": "{ __typename }", "variables": {"n": 1E400}}',
        '{"query": "{ __typename }", "extensions": {"it said \\":": 1, "n": 18446744073709551616}}',
    ],
)
async def test_what_clients_send_is_read(toy, body):
    assert (await ask(toy, body)).json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (TYPENAME.encode("utf-16"), "The body is not in UTF-8."),
        (b'{"query": "\xff"}', "The body is not in UTF-8."),
        ('{"query": }', "The body is not JSON."),
        ('{"n": NaN}', "The body is not JSON."),
        ('{"n": Infinity, "m": 1E400}', "The body is not JSON."),
        ('{"n": "\\ud800"}', "The body has half of a surrogate pair in a string."),
        ("[" * 101 + "]" * 101, "The body nests more than 100 levels."),
        ("[" * 9000 + "]" * 9000, "The body nests more than 100 levels."),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', 'The body has the key "c" twice in one object.'),
        (
            '{"query": "{ a }", "query" : "{ b }"}',
            'The body has the key "query" twice in one object.',
        ),
    ],
)
async def test_what_is_wrong_with_a_body_is_said(toy, body, message):
    response = await ask(toy, body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == message


def test_a_key_that_is_only_a_string_is_no_key():
    text = json.dumps({"a": 'b": ', "c": ['"d":', {'"': 1}]}).encode()
    assert read_json(text, "It") == json.loads(text)


def test_as_many_levels_as_are_allowed_are_read():
    text = b"[" * 100 + b"]" * 100
    assert read_json(text, "It") == json.loads(text)
    with pytest.raises(Refusal):
        read_json(b"[" + text + b"]", "It")
