"""Slow selections that do not end in time, and clients that read slowly."""

import asyncio
import re
import threading
from urllib.parse import urlsplit

import asyncpg
import pytest

from graph.http.operation.json_text import READ_AT_ONCE
from graph.http.stream.messages import read
from graph.kit.context import Context
from tests.http.connected import socket
from tests.http.slow import slow
from tests.live.test_hub import DOCUMENT, rename
from tests.loop import within


async def never(*_):
    await asyncio.sleep(60)


async def is_cancelled(*_):
    raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")


@pytest.mark.slow
@pytest.mark.parametrize("reads", [never, is_cancelled])
async def test_a_selection_that_takes_too_long_is_told_as_such_and_not_tried_again(
    world, follow, monkeypatch, reads
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    before = follower.executions
    with monkeypatch.context() as slow:
        slow.setattr(follower.operations, "_deadline", 0.5)
        slow.setattr(Context, "one", reads)
        version = await rename(world, "Late")
        async with within(5):
            await follower.until(lambda f: f.failures)
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


@pytest.mark.slow
async def test_a_large_message_is_parsed_beside_the_loop_and_in_its_turn(gateway, world):
    numbers = [*range(10**16, 10**16 + 29_000)]
    parsed = []

    def noted(message):
        parsed.append((len(message) > READ_AT_ONCE, threading.current_thread()))
        return read(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graph.http.stream.socket.read", noted)
        async with socket(gateway, await world.token("editor")) as client:
            parsed.clear()
            query = "query ($ids: [UUID!]!) { nodes(ids: $ids) { id } }"
            await client.subscribe("large", query, ids=numbers)
            await client.send(type="ping")
            answers = [await client.receive(), await client.receive()]
    assert {answer["type"] for answer in answers} == {"error", "pong"}
    assert [large for large, _ in parsed] == [True, False]
    assert parsed[0][1] is not threading.main_thread() is parsed[1][1]
