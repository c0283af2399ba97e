"""Idempotency keys: their form, their owners, and operations that need none."""

import pytest

from tests.contexts import enter
from tests.http.keyed import CREATE, UPDATE, code_of, new_key, replayed, same


@pytest.mark.parametrize(
    "key",
    ["", " ", '""', '"', '"a', "a b", '"a b"', '"a";b=1', '"a", "b"', '"\\a"', "x" * 256],
)
async def test_a_malformed_key_is_refused(keyed, key):
    refused = await keyed.update(key, "Stops")
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")
    assert "Idempotency-Key" in refused.json()["errors"][0]["message"]
    assert await keyed.changes() == 0


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 256, "a\n", 1, None, {}, ["a"]])
async def test_a_malformed_key_in_the_extensions_is_refused(keyed, key):
    refused = await keyed.update(None, "Stops", body={"extensions": {"idempotencyKey": key}})
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")
    field = refused.json()["errors"][0]["extensions"]["field"]
    assert field == ["extensions", "idempotencyKey"]


async def test_a_key_that_is_sent_twice_is_refused(keyed):
    world = keyed.world
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    headers.append(("Authorization", f"Bearer {await world.token('editor')}"))
    body = {"query": UPDATE, "variables": {"id": str(world.requirement), "name": "Stops"}}
    refused = await world.client.post("/graphql", json=body, headers=headers)
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")


@pytest.mark.parametrize("key", ["a", "x" * 255, "!#~", "8e03978e-40d5-43dd-bc93-6894a57f9324"])
async def test_a_key_is_the_same_bare_quoted_and_in_the_extensions(keyed, key):
    extensions = {"extensions": {"idempotencyKey": key}}
    answers = [
        await keyed.update(key, "Stops"),
        await keyed.update(f'"{key}"', "Stops"),
        await keyed.update(None, "Stops", body=extensions),
        await keyed.update(key, "Stops", body=extensions),
    ]
    assert same(*answers)
    assert await keyed.changes() == 1


async def test_quoted_keys_may_hold_quotes(keyed):
    answers = [await keyed.update(key, "Stops") for key in ('"a\\"b\\\\c"', 'a"b\\c')]
    assert same(*answers)
    assert replayed(answers[1])


async def test_two_keys_in_one_request_are_refused(keyed):
    body = {"extensions": {"idempotencyKey": "another"}}
    refused = await keyed.update("one", "Stops", body=body)
    assert (refused.status_code, code_of(refused)) == (400, "INVALID")


async def test_queries_and_strangers_need_no_key_and_ignore_it(keyed):
    world = keyed.world
    query = "query ($id: UUID!) { requirement(id: $id) { version } }"
    for key in (new_key(), "not a key"):
        answers = [await keyed.send(key, query, id=world.requirement) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert not any(map(replayed, answers))
        body = {"query": CREATE, "variables": {"document": str(world.document), "name": "A"}}
        headers = {"Idempotency-Key": key}
        stranger = await world.client.post("/graphql", json=body, headers=headers)
        assert code_of(stranger) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"query": "mutation {"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "mutation { nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"operationName": "Missing"}, "INVALID"),
        ({"variables": {}}, "INVALID"),
    ],
)
async def test_what_is_refused_before_it_is_run_takes_no_key(keyed, change, code):
    key = new_key()
    assert code_of(await keyed.update(key, "Stops", body=change)) == code
    assert not replayed(await keyed.update(key, "Stops"))
    assert await keyed.changes() == 1


async def test_without_a_key_nothing_is_asked_of_the_keys(keyed, superuser):
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE")
        assert code_of(await keyed.update(None, "Stops")) is None


async def test_keys_are_seen_by_the_one_whose_they_are(keyed, superuser):
    await keyed.update(key := new_key(), "Stops")
    seen = "SELECT count(*) FROM idempotency_keys WHERE key = $1"
    people = keyed.world.people
    for person, count in (("editor", 1), ("admin", 0)):
        async with superuser.transaction():
            await enter(superuser, people[person])
            assert await superuser.fetchval(seen, key) == count


@pytest.mark.slow
async def test_replays_are_counted_and_told_to_other_origins(keyed, gateway):
    page, key = "https://app.example", new_key()
    async with gateway(cors_origins=(page,)) as other:
        other.headers["Origin"] = page
        for _ in range(2):
            answer = await keyed.update(key, "Stops", client=other)
        assert "Idempotent-Replayed" in answer.headers["access-control-expose-headers"]
        ask = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "idempotency-key",
        }
        assert (await other.options("/graphql", headers=ask)).status_code == 200
        metrics = (await other.get("/metrics")).text
    for replay in ("true", "false"):
        assert f'gateway_graphql_keyed_requests_total{{replayed="{replay}"}} 1.0' in metrics
