"""Requests of a principal are limited by the second; further ones get Retry-After."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from db.problem import Problem
from graph.http.operation import rate_limit
from graph.http.operation.rate_limit import BASE, RateLimit
from tests.http.keyed import Keyed
from tests.world import World

Gateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
FEW = "{ projects(first: 90) { nodes { id } } }"
COST = 91


class Clock:
    """A time that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def refused(limit: RateLimit, principal: str, cost: int) -> Any:
    with pytest.raises(Problem) as told:
        limit.spend(principal, cost)
    assert told.value.code == "RATE_LIMITED"
    return told.value.extensions["retryAfter"]


def test_a_bucket_fills_again_as_time_goes_by():
    clock = Clock()
    limit = RateLimit(rate=10, burst=100, clock=clock)
    limit.spend("a", 90)
    assert refused(limit, "a", 20) == 3
    limit.spend("b", 50)
    clock.now = 3
    limit.spend("a", 20)
    clock.now = 1000
    limit.spend("a", 500)  # what costs more than a full bucket holds takes all of it
    assert refused(limit, "a", 0) == 1


def test_what_was_not_read_is_given_back_up_to_what_the_bucket_holds():
    limit = RateLimit(rate=1, burst=100, clock=Clock())
    limit.spend("a", 90)
    limit.give_back("a", 60)
    limit.spend("a", 50)
    limit.give_back("a", 1000)
    limit.spend("a", 100 - BASE)
    assert refused(limit, "a", 0) == BASE


def test_few_buckets_are_kept(monkeypatch):
    monkeypatch.setattr(rate_limit, "CACHE_SIZE", 2)
    limit = RateLimit(rate=1, burst=100, clock=Clock())
    for principal in "abc":
        limit.spend(principal, 90)
    limit.spend("a", 90)
    assert refused(limit, "c", 90)


async def ask(client: httpx.AsyncClient, keyed: Keyed, person: str = "editor") -> httpx.Response:
    return await Keyed(keyed.world, person).send(None, FEW, client=client)


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_who_asks_for_too_much_is_told_when_to_come_again(
    world: World, keyed: Keyed, gateway: Gateway, accept: str
):
    async with gateway(cost_per_second=1, cost_burst=1000) as client:
        client.headers["accept"] = accept
        answers = []
        while not answers or answers[-1].status_code == 200:
            answers.append(await ask(client, keyed))
        # Each has read one row of ninety: the rest was given back.
        assert len(answers) > 1000 // (COST + BASE) + 10
        last = answers[-1]
        (error,) = last.json()["errors"]
        assert last.status_code == 429
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["retryable"] is True
        assert last.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert (await ask(client, keyed, "viewer")).status_code == 200


async def test_nothing_is_written_by_what_is_refused(world: World, keyed: Keyed, gateway: Gateway):
    async with gateway(cost_per_second=1, cost_burst=1000) as client:
        for query in (FEW, "{ __typename }"):
            while (await keyed.send(None, query, client=client)).status_code == 200:
                pass
        answer = await keyed.update("a-key", "Renamed", client=client)
        assert answer.status_code == 429
    assert (await keyed.update("a-key", "Renamed")).json()["data"]["requirementUpdate"]


async def test_an_import_costs_what_it_holds(world: World, gateway: Gateway):
    content = "<testsuite>" + '<testcase name="t"/>' * 100 + "</testsuite>"
    query = """mutation ($input: TestResultsImportInput!) {
        testResultsImport(input: $input) { cases } }"""
    input = {"projectId": str(world.project), "content": content}
    body = {"query": query, "variables": {"input": input}}
    headers = {"authorization": f"Bearer {await world.token('editor')}"}
    async with gateway(cost_per_second=1, cost_burst=1000) as client:
        answers = [
            (await client.post("/graphql", json=body, headers=headers)).json() for _ in range(3)
        ]
    assert [answer["data"]["testResultsImport"] for answer in answers[:2]] == [{"cases": 100}] * 2
    assert answers[2]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
