"""Errors: messages for clients, and details for the log alone."""

import re
from typing import Any

import asyncpg
import httpx
import pytest
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from db.problem import CODES, Problem
from graph.http.operation.errors import MASKED, Reporter
from tests.http.conftest import SIGNED_IN
from tests.http.toy import SECRET
from tests.log_lines import log_lines


def told_of(error: Exception) -> Problem:
    with log_lines():
        return Reporter("a-request").of_exception(error)


async def test_a_problem_is_told_as_it_is(toy):
    (error,) = (await toy.post("/graphql", json={"query": "{ refused }"})).json()["errors"]
    assert error == {
        "message": "Someone has changed it.",
        "locations": [{"line": 1, "column": 3}],
        "path": ["refused"],
        "extensions": {
            "code": "CONFLICT",
            "retryable": False,
            "field": ["input", "name"],
            "current": 7,
        },
    }


@pytest.mark.parametrize("query", ["{ broken }", "{ tooLong }", "{ missing }"])
async def test_a_defect_is_masked_and_logged_under_the_id_of_the_request(toy, query):
    with log_lines() as logs:
        response = await toy.post("/graphql", json={"query": query})
    (error,) = response.json()["errors"]
    assert error["message"] == MASKED
    assert error["extensions"] == {
        "code": "INTERNAL",
        "retryable": False,
        "requestId": response.headers["x-request-id"],
    }
    assert SECRET not in response.text
    (failed,) = [event for event in logs if event["event"] == "failed"]
    assert failed["path"] == query.strip("{ }")
    assert failed["trace"]


async def test_the_log_holds_nothing_that_the_client_sent(toy):
    literal, variable = "a literal nobody else should read", "nor\nthis, on two lines"
    query = f'query ($v: String!) {{ a: broken(text: "{literal}") b: broken(text: $v) }}'
    with log_lines() as logs:
        await toy.post("/graphql", json={"query": query, "variables": {"v": variable}})
    failed = [event for event in logs if event["event"] == "failed"]
    assert [event["error"] for event in failed] == [f"ValueError: password={SECRET} …"] * 2
    assert literal not in str(logs)
    assert "two lines" not in str(logs)


async def test_many_failures_of_one_request_are_logged_a_few_times(toy):
    query = "{ " + " ".join(f"a{number}: broken" for number in range(20)) + " }"
    with log_lines() as logs:
        answer = (await toy.post("/graphql", json={"query": query})).json()
    assert len(answer["errors"]) == 20
    assert len([event for event in logs if event["event"] == "failed"]) == 5


async def test_at_most_five_errors_of_a_document_are_told(toy):
    directives = "{ __typename " + "@aa " * 10 + "}"
    unknown = "{ " + " ".join(f"x{number}" for number in range(15)) + " }"
    for query in (directives, unknown):
        errors = (await toy.post("/graphql", json={"query": query})).json()["errors"]
        assert len(errors) == 5
        assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    query = "query (" + " ".join(f"$v{n}: Int!" for n in range(9)) + ") { hello }"
    assert len((await toy.post("/graphql", json={"query": query})).json()["errors"]) == 5


SUGGESTING = {
    "{ helo }": "Cannot query field 'helo' on type 'Query'.",
    "{ echo(numbr: 1) }": "Unknown argument 'numbr' on field 'Query.echo'.",
    "{ ... on Itm { id } }": "Unknown type 'Itm'.",
    "{ found(filter: {nam: 1}) { id } }": None,
    "mutation { create(input: {nmae: 1}) { id } }": None,
}


@pytest.mark.parametrize(("query", "message"), SUGGESTING.items())
async def test_only_those_who_are_signed_in_are_helped_with_names(toy, query, message):
    anonymous = await toy.post("/graphql", json={"query": query})
    assert "Did you mean" not in anonymous.text
    if message:
        assert anonymous.json()["errors"][0]["message"] == message
    helped = await toy.post("/graphql", json={"query": query}, headers=SIGNED_IN)
    assert "Did you mean" in helped.text


async def test_a_variable_of_the_wrong_type_is_told_without_suggestions(toy):
    body = {
        "query": "mutation ($input: NewItem!) { create(input: $input) { id } }",
        "variables": {"input": {"nmae": "a"}},
    }
    anonymous = await toy.post("/graphql", json=body)
    assert {e["extensions"]["code"] for e in anonymous.json()["errors"]} == {"INVALID"}
    assert "Did you mean" not in anonymous.text
    assert "Did you mean" in (await toy.post("/graphql", json=body, headers=SIGNED_IN)).text


async def test_every_error_has_a_code_and_says_whether_to_retry(toy):
    for query in ("{", "{ x }", "{ refused broken }", "{ byId(id: 1) }", "{ __schema { x } }"):
        for error in (await toy.post("/graphql", json={"query": query})).json()["errors"]:
            code = CODES[error["extensions"]["code"]]
            assert error["extensions"]["retryable"] is code.retryable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.QueryCanceledError("canceling statement due to statement timeout"), "TIMEOUT"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "BUSY"),
        (asyncpg.CannotConnectNowError("the database system is starting up"), "BUSY"),
        (asyncpg.AdminShutdownError("terminating connection"), "BUSY"),
        (asyncpg.ConnectionDoesNotExistError("connection was closed"), "BUSY"),
        (asyncpg.DeadlockDetectedError("deadlock detected"), "BUSY"),
        (asyncpg.SerializationError("could not serialize access"), "BUSY"),
        (asyncpg.LockNotAvailableError("canceling statement due to lock timeout"), "BUSY"),
        (asyncpg.CharacterNotInRepertoireError("invalid byte sequence: 0x00"), "INVALID"),
        (asyncpg.UntranslatableCharacterError("unsupported Unicode escape"), "INVALID"),
        (asyncpg.NumericValueOutOfRangeError("out of range"), "INVALID"),
        (ConnectionRefusedError(111, "Connection refused"), "BUSY"),
        (TimeoutError(), "TIMEOUT"),
        (NoConnection("QueuePool limit of size 5 overflow 0 reached", code="3o7r"), "BUSY"),
        (DBAPIError("SELECT 1", (), asyncpg.QueryCanceledError("canceling")), "TIMEOUT"),
        (asyncpg.UndefinedTableError('relation "people" does not exist'), "INTERNAL"),
        (asyncpg.InsufficientPrivilegeError("permission denied for table x"), "INTERNAL"),
        (FileNotFoundError("/etc/secret"), "INTERNAL"),
        (Problem("INTERNAL", "PostgreSQL is too old."), "INTERNAL"),
        (Problem("FORBIDDEN", "You may not."), "FORBIDDEN"),
    ],
)
def test_what_the_database_says_is_put_in_the_terms_of_the_api(error, code):
    told = told_of(error)
    assert told.code == code
    if code == "INTERNAL":
        assert told.message == MASKED


def test_an_error_that_wraps_another_is_known_by_it():
    wrapping = RuntimeError("while loading")
    wrapping.__cause__ = asyncpg.TooManyConnectionsError("sorry")
    assert told_of(wrapping).code == "BUSY"


def test_only_the_first_line_of_an_exception_is_logged():
    error = asyncpg.UniqueViolationError("duplicate key\nDETAIL:  Key (email)=(owner@demo.example)")
    with log_lines() as logs:
        Reporter("a-request").of_exception(error)
    assert logs[0]["error"].endswith("UniqueViolationError: duplicate key")
    assert "owner@" not in str(logs)


def test_a_code_that_a_scalar_gives_is_kept():
    error = GraphQLError("It is not one.", extensions={"code": "INVALID", "field": ["id"]})
    told: dict[str, Any] = Reporter("a-request").of_execution(error)
    assert told["extensions"] == {"code": "INVALID", "retryable": False, "field": ["id"]}


async def test_an_answer_that_is_not_json_is_a_defect(client_with):
    class Rows:
        viewer = type("Viewer", (), {"id": None})()
        rows_read = object()

    async def contexts(_: object) -> Rows:
        return Rows()

    response = await client_with(contexts=contexts).post("/graphql", json={"query": "{ hello }"})
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


@pytest.mark.slow
async def test_a_bad_document_leaves_one_short_line_in_the_log(served):
    literal = "x" * 9000
    async with httpx.AsyncClient(base_url=served.url) as client:
        await client.get("/healthz")  # the server has told that it has started
        before = served.log.stat().st_size
        query = f'{{ nothing(a: "{literal}\\u000a INFO forged") }}'
        response = await client.post("/graphql", json={"query": query})
        await client.get("/healthz")  # by now the line has been written
    line = served.log.read_text()[before:]
    assert line.count("\n") == 1
    assert len(line) < 400
    assert "xxx" not in line
    assert "forged" not in line
    assert re.search(r'"document": ?"[0-9a-f]{32}"', line)
    assert response.headers["x-request-id"] in line
