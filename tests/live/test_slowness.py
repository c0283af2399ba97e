"""What is slow: selections that do not end in time, and clients that read little by little."""

import asyncio
import re
import time
from urllib.parse import urlsplit

import asyncpg
import pytest

from graph.kit.context import Context
from tests.http.slow import slow
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


DESCRIBE = """mutation($id: UUID!, $v: BigInt!, $text: String!) {
    requirementUpdate(id: $id, expectedVersion: $v, input: {description: $text}) {
        requirement { version } } }"""
RESUME = """subscription($id: UUID!, $after: String!) { documentChanged(id: $id, after: $after) {
    version entity { ... on Requirement { description } } } }"""


@pytest.mark.processes
@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_who_has_missed_megabytes_and_reads_slowly_is_told_all_of_it_at_once(
    world, follow, gateway, transport
):
    """Over one connection, and by the hub of a node; more than 4 MB would not be kept for it."""
    first = await follow("viewer", DOCUMENT, id=world.document)
    await first.until(lambda f: f.told)
    for version in range(1, 61):
        text = f"{version} ".ljust(100_000, "x")
        await world.ask("editor", DESCRIBE, id=world.requirement, v=version, text=text)
    token, id = await world.token("viewer"), str(world.document)
    after = first.told[0]["cursor"]
    async with slow(
        urlsplit(gateway).port, transport, RESUME, token=token, id=id, after=after
    ) as client:
        for _ in range(8):
            await client.take(200_000)
            await asyncio.sleep(0.5)
        await client.take_until(b'"version":61,')
        versions = [int(found) for found in re.findall(rb'"version":(\d+)', client.read)]
    assert versions == list(range(2, 62))
