"""Repeats while the first request is still running, and requests that block each other."""

import asyncio
from contextlib import nullcontext

import asyncpg
import pytest

from auth.session.write import idempotency
from tests.http.keyed import (
    BOTH,
    CREATE,
    Keyed,
    code_of,
    new_key,
    replayed,
    same,
)

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1
"""
READING, CLAIMING = "WITH RECURSIVE gone%", "%INSERT INTO idempotency_keys%"
"""The statements with which requests wait: for their row, or for the first with their key."""


@pytest.fixture(params=["one process", "several processes"])
def place(request, monkeypatch):
    """Set the place where repeats meet: in one process, or in the database alone."""
    if request.param == "several processes":
        monkeypatch.setattr(idempotency, "_turn", lambda _: nullcontext())
    return request.param


@pytest.fixture
async def holder(superuser_dsn):
    connection = await asyncpg.connect(superuser_dsn)
    yield connection
    await connection.close()


async def hold(holder, *ids):
    """Lock these requirements; return a function that releases them."""
    transaction = holder.transaction()
    await transaction.start()
    for id in ids:
        await holder.execute("SELECT FROM requirements WHERE id = $1::uuid FOR UPDATE", str(id))
    return transaction.rollback


async def waiting(superuser, query, count=1):
    """Wait until this many backends wait for a lock with such a query."""
    async with asyncio.timeout(12):
        while await superuser.fetchval(WAITING, query) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_sixteen_repeats_at_once_have_one_effect_and_one_answer(keyed, place):
    key, ids = new_key(), {"document": keyed.world.document, "name": "Stops"}
    answers = await asyncio.gather(*(keyed.send(key, CREATE, **ids) for _ in range(16)))
    assert same(*answers)
    assert sum(map(replayed, answers)) == 15
    made = answers[0].json()["data"]["requirementCreate"]["requirement"]
    assert len(await keyed.world.records(made["id"])) == 1
    named = "SELECT count(*) FROM requirements WHERE document_id = $1 AND name = 'Stops'"
    assert await keyed.world.superuser.fetchval(named, keyed.world.document) == 1


async def test_a_repeat_waits_for_the_first_that_is_still_running(keyed, place, holder, superuser):
    key, release = new_key(), await hold(holder, keyed.world.requirement)
    first = asyncio.create_task(keyed.update(key, "Stops"))
    await waiting(superuser, READING)
    second = asyncio.create_task(keyed.update(key, "Stops"))
    if place == "several processes":
        await waiting(superuser, CLAIMING)
    else:
        await asyncio.sleep(0.05)
    assert not first.done()
    assert not second.done()
    await release()
    assert same(await first, await second)
    assert (replayed(await first), replayed(await second)) == (False, True)
    assert await keyed.changes() == 1


async def test_another_body_waits_too_and_is_refused_then(keyed, place, holder, superuser):
    key, release = new_key(), await hold(holder, keyed.world.requirement)
    first = asyncio.create_task(keyed.update(key, "Stops"))
    await waiting(superuser, READING)
    second = asyncio.create_task(keyed.update(key, "Halts"))
    await asyncio.sleep(0.05)
    await release()
    assert code_of(await first) is None
    assert code_of(await second) == "IDEMPOTENCY_MISMATCH"


@pytest.mark.slow
async def test_waiting_may_take_longer_than_a_statement(keyed, holder, superuser, gateway):
    """The first gateway gives a statement 15 seconds, the second one half of one."""
    key, release = new_key(), await hold(holder, keyed.world.requirement)
    first = asyncio.create_task(keyed.update(key, "Stops"))
    await waiting(superuser, READING)
    idempotency._running.clear()
    async with gateway(statement_timeout=0.5) as hasty:
        second = asyncio.create_task(keyed.update(key, "Stops", client=hasty))
        await asyncio.sleep(0.8)
        assert not second.done()
        await release()
        assert same(await first, await second)
    assert await keyed.changes() == 1


async def test_a_storm_of_repeats_leaves_connections_to_others(keyed, holder, superuser):
    key, release = new_key(), await hold(holder, keyed.world.requirement)
    storm = [asyncio.create_task(keyed.update(key, "Stops")) for _ in range(16)]
    await waiting(superuser, READING)
    other = Keyed(keyed.world, "admin")
    ids = {"document": keyed.world.document, "name": "Quick"}
    made = await asyncio.gather(*(other.send(new_key(), CREATE, **ids) for _ in range(4)))
    assert [code_of(answer) for answer in made] == [None] * 4
    await release()
    assert same(*await asyncio.gather(*storm))


@pytest.mark.slow
async def test_a_deadline_that_passes_while_waiting_is_no_answer(
    keyed, place, holder, superuser, gateway
):
    key, release = new_key(), await hold(holder, keyed.world.requirement)
    first = asyncio.create_task(keyed.update(key, "Stops"))
    await waiting(superuser, READING)
    async with gateway(operation_timeout=0.3) as hasty:
        late = await keyed.update(key, "Stops", client=hasty)
    assert (late.status_code, code_of(late)) == (504, "TIMEOUT")
    assert late.json()["errors"][0]["extensions"]["retryable"] is True
    await release()
    assert same(await first, await keyed.update(key, "Stops"))
    assert await keyed.changes() == 1


@pytest.mark.slow
async def test_a_deadline_that_passes_while_running_undoes_everything(keyed, holder, gateway):
    world, other, key = keyed.world, await keyed.another(), new_key()
    release = await hold(holder, world.requirement)
    ids = {"first": other, "second": world.requirement, "name": "Stops"}
    async with gateway(operation_timeout=0.3) as hasty:
        late = await keyed.send(key, BOTH, client=hasty, **ids)
        assert code_of(late) == "TIMEOUT"
        assert (await keyed.changes(), await keyed.changes(other)) == (0, 0)
    await release()
    done = await keyed.send(key, BOTH, **ids)
    assert (code_of(done), replayed(done)) == (None, False)
    assert (await keyed.changes(), await keyed.changes(other)) == (1, 1)


@pytest.mark.slow
async def test_an_error_that_may_pass_undoes_everything_and_is_not_kept(keyed, holder, gateway):
    world, other, key = keyed.world, await keyed.another(), new_key()
    release = await hold(holder, world.requirement)
    ids = {"first": other, "second": world.requirement, "name": "Stops"}
    async with gateway(statement_timeout=0.5) as hasty:
        busy = (await keyed.send(key, BOTH, client=hasty, **ids)).json()
        assert busy["data"] is None
        (error,) = busy["errors"]
        assert error["path"] == ["b"]
        assert error["extensions"]["retryable"] is True
        assert (await keyed.changes(), await keyed.changes(other)) == (0, 0)
    await release()
    done = await keyed.send(key, BOTH, **ids)
    assert (code_of(done), replayed(done)) == (None, False)
    assert (await keyed.changes(), await keyed.changes(other)) == (1, 1)


@pytest.mark.slow
async def test_requests_in_each_others_way_end_and_leave_nothing_half_done(
    keyed, holder, superuser
):
    """Each holds the lock that the other needs: PostgreSQL ends one of them."""
    one, two = str(keyed.world.requirement), await keyed.another()
    keys = new_key(), new_key()
    release = await hold(holder, two)
    forth = asyncio.create_task(keyed.send(keys[0], BOTH, first=two, second=one, name="Forth"))
    await waiting(superuser, READING)
    back = asyncio.create_task(keyed.send(keys[1], BOTH, first=one, second=two, name="Back"))
    await waiting(superuser, READING, 2)
    await release()
    answers = {"Forth": await forth, "Back": await back}
    won = [name for name, answer in answers.items() if code_of(answer) is None]
    (lost,) = (answer.json() for name, answer in answers.items() if name not in won)
    assert lost["data"] is None
    assert {error["extensions"]["code"] for error in lost["errors"]} == {"BUSY"}
    rows = await superuser.fetch(
        "SELECT name, version FROM requirements WHERE id = ANY ($1::uuid[])", [one, two]
    )
    assert [tuple(row) for row in rows] == [(won[0], 2)] * 2
    fresh = await keyed.send(keys["Forth" in won], BOTH, first=one, second=two, name="Again")
    assert code_of(fresh) in ("CONFLICT", "IDEMPOTENCY_MISMATCH")
