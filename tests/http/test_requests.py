"""The form of requests and of responses: GraphQL over HTTP."""

import gzip

import httpx
import pytest

from graph.http.operation.negotiate import GRAPHQL, JSON, answer_type
from tests.http.conftest import NEWER, SIGNED_IN

HELLO = {"query": "{ hello }"}


def media_type(response: httpx.Response) -> str:
    return response.headers["content-type"].split(";")[0]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("APPLICATION/GraphQL-Response+JSON ; q=0.9", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json;q=0.4, application/json;q=0.5", JSON),
        ("application/graphql-response+json, application/json;q=0.9, */*;q=0.1", GRAPHQL),
        ("*/*, application/graphql-response+json", GRAPHQL),
        ("*/*;q=0.9, application/graphql-response+json;q=0.1", JSON),
        ("application/json;q=0, */*;q=0", None),
        ("application/json;q=high", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("image/png", None),
        ("application/json; charset=utf-8, text/event-stream", JSON),
        (";;;,,,q=", None),
    ],
)
def test_the_accept_header_chooses_the_media_type(accept, expected):
    assert answer_type(accept) == expected


async def test_the_answer_is_of_the_type_that_was_chosen(toy):
    newer = await toy.post("/graphql", json=HELLO, headers=NEWER)
    assert newer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    older = await toy.post("/graphql", json=HELLO)
    assert older.headers["content-type"] == "application/json; charset=utf-8"
    assert newer.json()["data"] == older.json()["data"] == {"hello": "world"}


async def test_who_takes_no_json_is_told_so(toy):
    response = await toy.post("/graphql", json=HELLO, headers={"accept": "image/png"})
    assert (response.status_code, media_type(response)) == (406, JSON)
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("{", 400, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{ __schema { description } }", 401, "UNAUTHENTICATED"),
        ("query ($id: UUID!) { byId(id: $id) }", 400, "INVALID"),
        ("query A { hello } query B { hello }", 400, "INVALID"),
    ],
)
async def test_the_newer_media_type_tells_by_the_status_that_nothing_was_run(
    toy, query, status, code
):
    older = 401 if status == 401 else 200  # that nobody asks is told by the status to everybody
    for headers, expected in ((NEWER, status), ({}, older)):
        response = await toy.post("/graphql", json={"query": query}, headers=headers)
        assert response.status_code == expected
        assert "data" not in response.json()
        assert response.json()["errors"][0]["extensions"]["code"] == code
        assert ("www-authenticate" in response.headers) == (response.status_code == 401)


async def test_an_error_of_a_resolver_leaves_the_status_alone(toy):
    for query in ("{ hello refused }", "{ missing }"):
        response = await toy.post("/graphql", json={"query": query}, headers=NEWER)
        assert response.status_code == 200
        assert "data" in response.json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe{}",
        b'{"query": "{ hello }", "variables": {"n": NaN}}',
        b'{"query": "{ hello }", "variables": {"n": Infinity}}',
        b'{"query": "\\ud800"}',
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"null",
        b'"{ hello }"',
        b"1",
        b"[" * 20_000,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"query": "{ hello }", "variables": {"json": ' + b"[" * 500 + b"]" * 500 + b"}}",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(toy, body):
    headers = {"content-type": "application/json"}
    response = await toy.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"query": None},
        {"query": 1},
        {"query": []},
        {"query": {"text": "{ hello }"}},
        {"query": "{ hello }", "variables": [1]},
        {"query": "{ hello }", "variables": "{}"},
        {"query": "{ hello }", "operationName": 5},
        {"query": "{ hello }", "operationName": ["a"]},
        {"query": "{ hello }", "extensions": 0},
        {"query": "{ hello }", "extensions": []},
    ],
)
async def test_a_member_of_the_wrong_type_is_refused(toy, members):
    response = await toy.post("/graphql", json=members)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_members_may_be_null(toy):
    nulls = dict.fromkeys(("variables", "operationName", "extensions"))
    response = await toy.post("/graphql", json=HELLO | nulls)
    assert response.json()["data"] == {"hello": "world"}


async def test_what_has_no_meaning_is_named(toy):
    body = {"query": "query ($a: Int!) { rows(count: $a) }", "variables": {"a": 1, "b": 2}}
    answer = (await toy.post("/graphql", json=body | {"variable": {}, "id": 1})).json()
    assert answer["extensions"]["ignored"] == ["variable", "id", "variables.b"]
    assert "ignored" not in (await toy.get("/graphql?query={rows(count:1)}")).json()["extensions"]
    answer = (await toy.get("/graphql?query={rows(count:1)}&variable={}")).json()
    assert answer["extensions"]["ignored"] == ["variable"]
    many = {f"n{n}": n for n in range(20)} | {"x" * 100: 1}
    answer = (await toy.post("/graphql", json=body | many)).json()
    assert len(answer["extensions"]["ignored"]) == 11


async def test_huge_integers_are_an_error_of_the_variable(toy):
    query = '{"query": "query ($n: Int!) { echo(number: $n) }", "variables": {"n": %s}}'
    for number in ("2147483648", "1" * 5000, "1e400"):
        response = await toy.post(
            "/graphql", content=query % number, headers={"content-type": "application/json"}
        )
        code = response.json()["errors"][0]["extensions"]["code"]
        assert code in ("INVALID", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=iso-8859-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain", 415),
        ("application/graphql", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
async def test_the_body_is_json_by_its_content_type(toy, content_type, status):
    response = await toy.post(
        "/graphql", content=b'{"query": "{ hello }"}', headers={"content-type": content_type}
    )
    assert response.status_code == status


async def test_a_compressed_body_is_refused(toy):
    for encoding in ("gzip", "br", "deflate", "gzip, identity"):
        headers = {"content-type": "application/json", "content-encoding": encoding}
        body = gzip.compress(b'{"query": "{ hello }"}')
        response = await toy.post("/graphql", content=body, headers=headers)
        assert response.status_code == 415
        assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_refused(toy, method):
    response = await toy.request(method, "/graphql", json=HELLO)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_there_is_no_redirect_to_another_path(toy):
    assert (await toy.post("/graphql", json=HELLO)).status_code == 200


async def test_get_runs_a_query_with_variables(toy):
    parameters = {
        "query": "query A($n: Int) { echo(number: $n) } query B { hello }",
        "variables": '{"n": 7}',
        "operationName": "A",
        "extensions": "{}",
    }
    response = await toy.get("/graphql", params=parameters)
    assert response.json()["data"] == {"echo": ["", 7]}


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "variables={}",
        "query={hello}&variables=[]",
        "query={hello}&variables={",
        "query={hello}&query={hello}",
        "query=%ff",
        "query={hello}&variables=" + "[" * 2000,
    ],
)
async def test_a_url_without_a_request_is_refused(toy, query_string):
    response = await toy.get(f"/graphql?{query_string}", headers=NEWER)
    assert response.status_code == 400


async def test_get_never_changes_anything(toy):
    response = await toy.get("/graphql", params={"query": "mutation { wait }"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_not_run_by_a_plain_request(toy, method):
    query = {"query": "subscription { ticks }"}
    options = {"params": query} if method == "GET" else {"json": query}
    response = await toy.request(method, "/graphql", **options)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_browser_finds_no_page_here(toy):
    accept = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    response = await toy.get("/graphql", headers=accept)
    assert (response.status_code, media_type(response)) == (400, JSON)
    assert (await toy.get("/graphql", headers={"accept": "text/html"})).status_code == 406


async def test_a_token_that_is_not_valid_is_answered_with_401(toy):
    expired = {"authorization": "Bearer expired"}
    for accept in ({}, NEWER):
        response = await toy.post("/graphql", json=HELLO, headers=expired | accept)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == (
            'Bearer error="invalid_token", resource_metadata='
            '"http://127.0.0.1:8000/.well-known/oauth-protected-resource/graphql"'
        )
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_busy_database_is_answered_with_503(toy):
    response = await toy.post("/graphql", json=HELLO, headers={"authorization": "Bearer busy"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["errors"][0]["extensions"] == {"code": "BUSY", "retryable": True}


async def test_a_document_with_several_operations_runs_the_one_that_is_named(toy):
    document = "query A { hello } query B { echo(number: 1) }"
    for name, data in (("A", {"hello": "world"}), ("B", {"echo": ["", 1]})):
        body = {"query": document, "operationName": name}
        assert (await toy.post("/graphql", json=body)).json()["data"] == data
    for name in (None, "", "C"):
        body = {"query": document, "operationName": name}
        error = (await toy.post("/graphql", json=body)).json()["errors"][0]
        assert error["extensions"]["code"] == "INVALID"
        assert error["extensions"]["field"] == ["operationName"]


async def test_the_schema_is_shown_to_those_who_are_signed_in(toy):
    for query in (
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Item") { name } }',
        "{ ...F } fragment F on Query { ... { a: __schema { queryType { name } } } }",
    ):
        anonymous = (await toy.post("/graphql", json={"query": query})).json()
        assert anonymous["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "data" not in anonymous
        shown = (await toy.post("/graphql", json={"query": query}, headers=SIGNED_IN)).json()
        assert "errors" not in shown
    typename = {"query": "{ __typename item { __typename } }"}
    assert "errors" not in (await toy.post("/graphql", json=typename)).json()
