"""Connections and processes that break at each step of a request with a key: one effect, still."""

import asyncio
from collections import defaultdict
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from db.lending import Loan
from tests.forked import serving
from tests.http.keyed import (
    CREATE,
    STEPS,
    Keyed,
    code_of,
    gate_at,
    new_key,
    replayed,
    same,
)

KILL = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'idempotency_keys'::regclass
AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_a_connection_that_breaks_undoes_everything(keyed, superuser_dsn, database, step):
    key = new_key()
    async with gate_at(superuser_dsn, step) as gate:
        first = asyncio.create_task(keyed.update(key, "Stops"))
        pid = await gate.reached()
        await gate.holder.execute("SELECT pg_terminate_backend($1)", pid)
        broken = await first
    assert code_of(broken) == "BUSY"
    assert broken.json()["errors"][0]["extensions"]["retryable"] is True
    assert await keyed.changes() == 0
    fresh = await keyed.update(key, "Stops")
    assert (code_of(fresh), replayed(fresh)) == (None, False)
    assert same(fresh, await keyed.update(key, "Stops"))
    assert await keyed.changes() == 1


async def test_a_connection_that_breaks_after_the_commit_leaves_the_answer(keyed, monkeypatch):
    commit = Loan.commit

    async def broken(loan):
        await commit(loan)
        raise ConnectionResetError

    key = new_key()
    with monkeypatch.context() as patch:
        patch.setattr(Loan, "commit", broken)
        lost = await keyed.update(key, "Stops")
    assert (lost.status_code, code_of(lost)) == (503, "BUSY")
    assert lost.headers["retry-after"] == "1"
    told = await keyed.update(key, "Stops")
    assert (code_of(told), replayed(told)) == (None, True)
    assert await keyed.changes() == 1


async def test_a_document_is_not_kept_for_a_request_whose_answer_is_being_written(
    keyed, superuser_dsn
):
    other = await keyed.another()
    async with gate_at(superuser_dsn, "after the effect") as gate:
        first = asyncio.create_task(keyed.update(new_key(), "Stops"))
        await gate.reached()
        meanwhile = await keyed.update(None, "Halts", id=other)
        assert code_of(meanwhile) is None
        await gate.open()
        assert code_of(await first) is None


async def test_a_first_request_that_breaks_lets_those_that_wait_go_on(keyed, superuser_dsn):
    key = new_key()
    async with gate_at(superuser_dsn, "in the effect") as gate:
        tasks = [asyncio.create_task(keyed.update(key, "Stops")) for _ in range(4)]
        pid = await gate.reached()
        await gate.holder.execute("SELECT pg_terminate_backend($1)", pid)
        await gate.open()
        answers = await asyncio.gather(*tasks)
    assert sorted(str(code_of(answer)) for answer in answers) == ["BUSY", "None", "None", "None"]
    assert same(*(answer for answer in answers if code_of(answer) is None))
    assert await keyed.changes() == 1


@pytest.mark.slow
async def test_no_connection_is_lost_by_what_broke(keyed, superuser_dsn, gateway):
    async with gateway(orm_connections=1) as narrow:
        for step in STEPS:
            async with gate_at(superuser_dsn, step) as gate:
                send = keyed.update(new_key(), "Stops", client=narrow)
                first = asyncio.create_task(send)
                await gate.holder.execute("SELECT pg_terminate_backend($1)", await gate.reached())
                await first
        assert code_of(await keyed.update(None, "Stops", client=narrow)) is None


asked = st.tuples(st.sampled_from(["editor", "admin"]), st.integers(0, 1), st.integers(0, 1))
"""A person, one of their keys, one of two bodies."""
at_once = st.lists(st.one_of(asked, st.just("kill")), min_size=1, max_size=6)


@given(rounds=st.lists(at_once, min_size=1, max_size=4))
@examples(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_order_of_repeats_and_failures_has_one_effect_a_key(world, superuser, rounds):
    salt, people = new_key(), {person: Keyed(world, person) for person in ("editor", "admin")}
    answers, taking_turns = defaultdict(list), asyncio.Lock()

    async def send(one):
        if one == "kill":
            async with taking_turns:
                await superuser.execute(KILL)
            return
        person, key, body = one
        ids = {"document": world.document, "name": f"{salt} {person} {key} {body}"}
        answers[person, key].append(await people[person].send(f"{salt}-{key}", CREATE, **ids))

    for together in rounds:
        await asyncio.gather(*map(send, together))
    for person, key in [*answers]:
        for body in (0, 1):
            await send((person, key, body))
        codes = [code_of(answer) for answer in answers[person, key]]
        assert set(codes) <= {None, "BUSY", "IDEMPOTENCY_MISMATCH"}
        assert sorted(map(str, codes[-2:])) == ["IDEMPOTENCY_MISMATCH", "None"]
        assert same(*(one for one in answers[person, key] if code_of(one) is None))
        rows = await superuser.fetch(
            "SELECT id FROM requirements WHERE name LIKE $1", f"{salt} {person} {key} %"
        )
        assert [len(await world.records(row["id"])) for row in rows] == [1]


# A whole process


async def answering(client: httpx.AsyncClient) -> None:
    """Wait until the server answers."""
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):
                await client.get("/healthz")
                return
            await asyncio.sleep(0.05)


@pytest.mark.processes
@pytest.mark.parametrize("step", STEPS)
async def test_a_process_that_is_killed_has_done_all_or_nothing(
    keyed, superuser_dsn, settings, step
):
    """Its backend goes on to where it notices; one that was committing has committed."""
    key = new_key()
    with serving(settings) as (process, url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            await answering(client)
            async with gate_at(superuser_dsn, step) as gate:
                first = asyncio.create_task(keyed.update(key, "Stops", client=client))
                await gate.reached()
                process.kill()
                with pytest.raises(httpx.TransportError):
                    await first
                second = asyncio.create_task(keyed.update(key, "Stops"))
                await asyncio.sleep(0.05)
                assert not second.done()
                await gate.open()
                told = await second
    assert (code_of(told), replayed(told)) == (None, step == "in the commit")
    assert same(told, await keyed.update(key, "Stops"))
    assert await keyed.changes() == 1
