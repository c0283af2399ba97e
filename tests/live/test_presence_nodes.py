"""Presence on many nodes: everybody sees everybody, also when messages are lost or nodes die."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest

from graph.app import create_app
from graph.http.server.config import Config
from tests.forked import serving
from tests.live.tabs import PATIENCE, POINT, RELEASE, TAKE, answering, tab
from tests.serving import served


@pytest.fixture(scope="module")
async def nodes(settings):
    """Yield two nodes of one gateway."""
    config = partial(Config, settings=settings)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(served(lambda _: create_app(settings), config))
            for _ in range(2)
        ]


@pytest.mark.slow
async def test_people_at_different_nodes_see_each_other(nodes, world):
    async with tab(nodes[0], world, "editor") as here:
        async with tab(nodes[1], world, "owner") as there:
            await here.sees(here, there)
            await there.sees(here, there)
            focus = {"entityId": str(world.requirement), "field": "name", "start": 1, "end": 1}
            await here.ask(POINT, focus=focus)
            await there.until(lambda there: there.focus_of(here) == focus)
        await here.sees(here, patience=3)


@pytest.mark.slow
async def test_who_knows_no_secret_hears_nothing_of_it(nodes, world, superuser):
    heard = []
    await superuser.add_listener("presence", lambda *told: heard.append(told))
    try:
        async with tab(nodes[0], world, "editor") as here, tab(nodes[1], world, "owner") as there:
            await here.sees(here, there)
        await superuser.execute("SELECT")
    finally:
        await superuser.reset()
    assert heard == []


@pytest.mark.slow
async def test_a_lease_holds_at_every_node(nodes, world):
    field = {"entity": world.requirement, "field": "name"}
    async with tab(nodes[0], world, "editor") as here, tab(nodes[1], world, "owner") as there:
        await there.sees(here, there)
        assert (await here.ask(TAKE, **field))["taken"]
        await there.until(lambda there: there.leases_of(here) == ["name"])
        refused = await there.ask(TAKE, **field)
        assert not refused["taken"]
        assert refused["holder"]["clientId"] == str(here.client)
        await here.ask(RELEASE, **field)
        await there.until(lambda there: there.leases_of(here) == [])
        assert (await there.ask(TAKE, **field))["taken"]


@pytest.mark.slow
async def test_of_two_who_take_a_field_at_the_same_moment_all_agree_on_one(nodes, world):
    async with tab(nodes[0], world, "editor") as here, tab(nodes[1], world, "owner") as there:
        await here.sees(here, there)
        await there.sees(here, there)
        for number in range(5):
            field = {"entity": world.requirement, "field": f"name{number}"}
            await asyncio.gather(here.ask(TAKE, **field), there.ask(TAKE, **field))
        everything, both = {f"name{number}" for number in range(5)}, (here, there)

        def agreed():
            return all(set(here.leases_of(tab)) == set(there.leases_of(tab)) for tab in both)

        def shared(tab):
            one, other = set(tab.leases_of(here)), set(tab.leases_of(there))
            return one | other == everything and not one & other

        async with asyncio.timeout(PATIENCE):
            while not (shared(here) and shared(there) and agreed()):  # noqa: ASYNC110 (two tabs)
                await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_what_somebody_does_may_come_in_at_another_node(nodes, world):
    """Behind a balancer, a client that follows by events sends mutations to any node."""
    field = {"entity": world.requirement, "field": "name"}
    focus = {"entityId": str(world.block), "field": None, "start": None, "end": None}
    async with tab(nodes[0], world, "editor") as here, tab(nodes[1], world, "editor") as there:
        await there.sees(here, there)
        mine = {"client": here.client}
        await there.ask(POINT, **mine, focus=focus)
        assert (await there.ask(TAKE, **mine, **field))["taken"]
        for watching in (here, there):
            await watching.until(lambda watching: watching.focus_of(here) == focus)
            await watching.until(lambda watching: watching.leases_of(here) == ["name"])
        assert (await there.ask(RELEASE, **mine, **field))["released"]
        await here.until(lambda watching: watching.leases_of(here) == [])


@pytest.mark.slow
async def test_who_comes_again_at_another_node_keeps_what_they_hold(nodes, world):
    field = {"entity": world.requirement, "field": "name"}
    async with tab(nodes[1], world, "owner") as watching:
        async with tab(nodes[0], world, "editor") as before:
            await before.ask(TAKE, **field)
            await watching.until(lambda watching: watching.leases_of(before) == ["name"])
            moved = tab(nodes[1], world, "editor", before.client)
            again = await moved.__aenter__()
            await again.sees(watching, again)
        try:
            await again.ask(POINT, focus=None)
            assert again.leases_of(again) == ["name"]
            refused = await watching.ask(TAKE, **field)
            assert refused["holder"]["clientId"] == str(again.client)
        finally:
            await moved.__aexit__(None, None, None)
        await watching.sees(watching)


@pytest.mark.slow
async def test_a_node_that_lost_its_connection_hears_everything_again(nodes, world, superuser):
    async with tab(nodes[0], world, "editor") as here, tab(nodes[1], world, "owner") as there:
        await here.sees(here, there)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'gateway_auth'"
            " AND (query ILIKE 'listen%' OR query LIKE 'SELECT pg_notify($%')"
        )
        async with tab(nodes[0], world, "viewer") as late:
            await there.sees(here, there, late)
        await there.sees(here, there)
        await here.sees(here, there)


@pytest.mark.slow
async def test_what_is_no_message_is_passed_over(nodes, world, superuser):
    async with tab(nodes[0], world, "editor") as here:
        for message in ("", "{}", "null", '{"node": "x"}', "[" * 5000):
            await superuser.execute("SELECT pg_notify('presence', $1)", message)
        async with tab(nodes[1], world, "owner") as there:
            await here.sees(here, there)


@pytest.mark.processes
async def test_people_at_a_node_that_dies_are_gone_within_ten_seconds(nodes, world, settings):
    """A node that is stopped with SIGTERM removes its people at once."""
    async with tab(nodes[0], world, "editor") as staying:
        with serving(settings) as (running, url):
            await answering(url)
            async with tab(url, world, "owner") as dying:
                await staying.sees(staying, dying)
                running.send_signal(signal.SIGKILL)
                killed = time.monotonic()
                await staying.sees(staying, patience=10)
                assert time.monotonic() - killed > 3
        with serving(settings) as (running, url):
            await answering(url)
            async with tab(url, world, "owner") as leaving:
                await staying.sees(staying, leaving)
                running.send_signal(signal.SIGTERM)
                await staying.sees(staying, patience=5)
