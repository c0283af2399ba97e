"""Nodes that communicate through Redis, which only carries messages, and may be lost."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from types import SimpleNamespace

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from db.pool import Database
from graph.app import create_app
from graph.commands.doctor import examine
from graph.http.server.config import Config
from graph.live.redis_bus import RedisBus
from tests.conftest import TEMPLATE, _run, dsn_of
from tests.http.connected import socket
from tests.live.following import FOLLOW, RENAME, renaming
from tests.live.redis_server import redis_server
from tests.live.tabs import tab
from tests.serving import served
from tests.world import found

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
async def cluster(settings, worker_id, tmp_path_factory):
    """Yield two nodes on a database of their own, so that one of them sequences, and a Redis."""
    name = f"gateway_redis_{worker_id}"
    await _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await _run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path_factory.mktemp("redis")))
        own = settings.model_copy(
            update={"database_url": SecretStr(dsn_of(name)), "redis_url": SecretStr(redis.url)}
        )
        nodes = [
            await stack.enter_async_context(
                served(lambda _: create_app(own), partial(Config, settings=own))
            )
            for _ in range(2)
        ]
        superuser = await asyncpg.connect(dsn_of(name, superuser=True))
        stack.push_async_callback(superuser.close)
        database = await stack.enter_async_context(Database(dsn_of(name)))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=nodes[0]))
        made = partial(found, superuser, database, client)
        yield SimpleNamespace(nodes=nodes, redis=redis, settings=own, found=made)


@pytest.fixture
async def world(cluster):
    return await cluster.found()


async def heard(cluster, channel):
    """Return a bus of our own on a channel of the gateway's, and the messages that it receives."""
    messages, connected = asyncio.Queue(), asyncio.Event()
    bus = RedisBus(cluster.settings, channel)
    running = asyncio.create_task(bus.run(messages.put_nowait, connected.set))
    await asyncio.wait_for(connected.wait(), 20)
    return messages, running


async def test_redis_carries_who_is_present_and_that_there_are_events(cluster, world):
    said, first = await heard(cluster, "presence")
    woken, second = await heard(cluster, "feed")
    async with (
        tab(cluster.nodes[0], world, "editor") as here,
        tab(cluster.nodes[1], world, "owner") as there,
    ):
        await here.sees(here, there)
        await there.sees(here, there)
        told = ""
        while str(here.client) not in told:
            told = await asyncio.wait_for(said.get(), 20)
        await world.ask("owner", RENAME, **renaming(world, "Heard", 1))
        assert int(await asyncio.wait_for(woken.get(), 20)) > 0
    for running in (first, second):
        running.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_no_event_is_lost_with_redis_and_people_are_seen_again_after_it(cluster, world):
    async with (
        tab(cluster.nodes[0], world, "editor") as here,
        tab(cluster.nodes[1], world, "viewer") as there,
        socket(cluster.nodes[1], await world.token("viewer")) as follower,
    ):
        await here.sees(here, there)
        await follower.subscribe("1", FOLLOW, id=str(world.document))
        await follower.receive()
        for version in range(1, 31):
            if version == 10:
                cluster.redis.kill()
            if version == 20:
                cluster.redis.start()
            await world.ask("owner", RENAME, **renaming(world, f"Name {version}", version))
        versions = []
        while len(versions) < 30:
            event = (await follower.receive(20))["payload"]["data"]["documentChanged"]
            versions.append(event["version"])
        assert versions == list(range(2, 32))
        async with tab(cluster.nodes[0], world, "owner") as late:
            await there.sees(here, there, late)
        await there.sees(here, there)
        await here.sees(here, there)


async def test_without_redis_requests_are_answered_and_each_node_knows_its_own(cluster, world):
    cluster.redis.kill()
    try:
        async with tab(cluster.nodes[0], world, "editor") as here:
            await here.sees(here)
            async with tab(cluster.nodes[0], world, "viewer") as beside:
                await here.sees(here, beside)
            await here.sees(here)
        await world.ask("owner", RENAME, **renaming(world, "Without", 1))
        assert await asyncio.to_thread(state_of_redis, cluster) == "cannot be used"
    finally:
        cluster.redis.start()
    assert await asyncio.to_thread(state_of_redis, cluster) == "in order"


def state_of_redis(cluster):
    """Return the state of Redis that `gateway doctor` prints, without the reason."""
    (finding,) = [one for one in examine(cluster.settings) if one.subject == "Redis"]
    assert bool(finding.advice) == (finding.state != "in order")
    return finding.state.partition(" (")[0]
