"""What is slow: selections that do not end in time, and clients that read little by little."""

import asyncio
import time

import asyncpg
import pytest

from graph.kit.context import Context
from tests.live.test_hub import DOCUMENT, rename


async def never(*_):
    await asyncio.sleep(60)


async def is_cancelled(*_):
    raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")


@pytest.mark.parametrize("reads", [never, is_cancelled])
async def test_a_selection_that_takes_too_long_is_told_as_such_and_not_tried_again(
    world, follow, monkeypatch, reads
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    before = follower.executions
    monkeypatch.setattr(follower.operations, "_deadline", 0.5)
    with monkeypatch.context() as slow:
        slow.setattr(Context, "one", reads)
        version = await rename(world, "Late")
        started = time.monotonic()
        await follower.until(lambda f: f.failures)
        assert time.monotonic() - started < 5
    assert {error["extensions"]["code"] for error in follower.failures} == {"TIMEOUT"}
    assert follower.executions == before + 1
    await rename(world, "In time", version)
    await follower.until(lambda f: f.told[-1] and f.told[-1]["version"] == version + 1)
    assert follower.told[-1]["entity"]["name"] == "In time"
