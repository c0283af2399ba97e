"""A client sends the hash of its document, and the text when the server does not know it."""

from contextlib import suppress
from hashlib import sha256
from typing import Any

import httpx
import pytest

from db.problem import Problem
from graph.http.operation.params import Params
from graph.http.operation.persisted import PersistedQueries
from tests.http.conftest import NEWER, SIGNED_IN
from tests.http.keyed import UPDATE, Keyed

HELLO = "{ hello }"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def extension(text: str, version: Any = 1, hash_: Any = None) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": hash_ or hash_of(text)}}


async def post(toy: httpx.AsyncClient, **body: Any) -> Any:
    return (await toy.post("/graphql", json=body, headers=NEWER)).json()


def code(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    return error["message"], error["extensions"]["code"]


async def test_a_hash_is_asked_for_its_text_once(signed_in):
    alone = {"extensions": extension(HELLO)}
    wanted = ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert code(await post(signed_in, **alone)) == wanted
    assert code(await post(signed_in, query=None, **alone)) == wanted
    assert (await post(signed_in, query=HELLO, **alone))["data"] == {"hello": "world"}
    assert (await post(signed_in, **alone))["data"] == {"hello": "world"}
    parameters = {"extensions": str(extension(HELLO)).replace("'", '"')}
    answer = await signed_in.get("/graphql", params=parameters)
    assert answer.json()["data"] == {"hello": "world"}


async def test_a_hash_of_another_text_is_refused_and_not_kept(signed_in):
    wrong = {"extensions": extension("{ another }")}
    answer = await post(signed_in, query=HELLO, **wrong)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
    assert answer["errors"][0]["extensions"]["field"][0] == "extensions"
    assert code(await post(signed_in, **wrong))[1] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("version", [2, "1", None])
async def test_another_version_is_not_supported(signed_in, version):
    answer = await post(signed_in, extensions=extension(HELLO, version))
    assert code(answer) == ("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
    assert (await post(signed_in, query=HELLO, extensions=extension(HELLO, version)))["data"]


@pytest.mark.parametrize("hash_", [7, ["x"], "x" * 10_000])
async def test_what_is_no_hash_is_not_found(signed_in, hash_):
    answer = await post(signed_in, extensions=extension(HELLO, hash_=hash_))
    assert code(answer)[1] == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_nobody_sends_is_not_kept(toy):
    alone = {"extensions": extension(HELLO)}
    assert (await post(toy, query=HELLO, **alone))["data"] == {"hello": "world"}
    assert code(await post(toy, **alone))[1] == "PERSISTED_QUERY_NOT_FOUND"


async def test_no_query_and_no_hash_is_a_bad_request(toy):
    for body in ({}, {"extensions": {}}, {"extensions": {"persistedQuery": "x"}}):
        response = await toy.post("/graphql", json=body, headers=SIGNED_IN)
        assert (response.status_code, code(response.json())[1]) == (400, "BAD_REQUEST")


async def test_by_get_a_hash_of_a_mutation_is_not_run(signed_in):
    text = "mutation { wait }"
    persisted = PersistedQueries()
    persisted.keep(Params(text, extensions=extension(text)))
    parameters = {"query": text, "extensions": str(extension(text)).replace("'", '"')}
    assert (await signed_in.get("/graphql", params=parameters)).status_code == 405


def test_the_latest_texts_are_kept_up_to_a_number_of_bytes():
    persisted = PersistedQueries(budget=100)
    texts = [f"{{ a{i} }}" + " " * 20 for i in range(10)]
    for text in texts:
        persisted.keep(Params(text, extensions=extension(text)))
    found = []
    for text in texts:
        with suppress(Problem):
            found.append(persisted.complete(Params("", extensions=extension(text))).query)
    assert found == texts[-3:]


async def test_a_repeat_under_a_key_may_name_the_hash(keyed: Keyed):
    body = {"extensions": extension(UPDATE)}
    first = await keyed.send("hashed", UPDATE, body=body, id=keyed.world.requirement, name="New")
    assert "errors" not in first.json()
    repeat = await keyed.send(
        "hashed", UPDATE, body=body | {"query": None}, id=keyed.world.requirement, name="New"
    )
    assert repeat.headers["idempotent-replayed"] == "true"
    assert repeat.content == first.content
