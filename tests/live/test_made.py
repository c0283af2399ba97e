"""The cache of executions: its entries expire, and its size is limited."""

import asyncio
from uuid import uuid4

import pytest

from graph.live.result_cache import ENTRY_BYTES, MAX_BYTES, ResultCache


async def small():
    return b"x" * 100


async def fails():
    raise ValueError("It cannot be told.")


@pytest.mark.slow
async def test_many_small_payloads_weigh_what_they_take():
    made = ResultCache()
    for number in range(2 * MAX_BYTES // ENTRY_BYTES):
        await made.get((number, uuid4()), small)
    assert MAX_BYTES - 2 * ENTRY_BYTES < made.size <= MAX_BYTES
    assert len(made._entries) <= MAX_BYTES // (ENTRY_BYTES + 100)


async def test_what_a_key_says_is_weighed():
    made = ResultCache(most=200 * ENTRY_BYTES)
    for number in range(100):
        await made.get((number, "long" * ENTRY_BYTES), small)
    assert 200 // 6 <= len(made._entries) < 200 // 5


async def test_who_comes_together_shares_also_what_is_still_being_made():
    made, calls, going = ResultCache(), [], asyncio.Event()

    async def once():
        calls.append(1)
        await going.wait()
        return b"told"

    asking = [asyncio.create_task(made.get("key", once)) for _ in range(20)]
    await asyncio.sleep(0)
    going.set()
    assert await asyncio.gather(*asking) == [b"told"] * 20
    assert len(calls) == 1


@pytest.mark.slow
async def test_what_is_old_is_let_go_of_and_made_anew():
    made = ResultCache(kept=0.05)
    for number in range(10):
        await made.get(number, small)
    await asyncio.sleep(0.3)
    assert made.size == 0
    assert not made._entries
    await made.get(0, small)
    assert made.size > ENTRY_BYTES


async def test_what_fails_or_is_forgotten_weighs_nothing():
    made = ResultCache()
    results = await asyncio.gather(made.get(1, fails), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError]
    assert made.size == 0
    going = made.begin(2, small)
    made.clear()
    assert await going
    await asyncio.sleep(0)
    assert made.size == 0
    assert not made._entries
