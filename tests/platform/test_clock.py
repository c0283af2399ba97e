"""The clock by which tests bound what is to be soon."""

import asyncio
import time

import pytest

from tests.loop import within


@pytest.mark.slow
async def test_a_bound_is_passed_by_waiting_and_by_no_pause_of_the_machine():
    async with within(0.3):
        time.sleep(0.8)  # noqa: ASYNC251 (nothing runs meanwhile, as on a busy machine)
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with within(0.1):
            await asyncio.sleep(60)


async def test_what_fails_within_a_bound_fails_as_it_did():
    with pytest.raises(ZeroDivisionError):
        async with within(60):
            raise ZeroDivisionError
    with pytest.raises(asyncio.CancelledError):
        async with within(60):
            raise asyncio.CancelledError
