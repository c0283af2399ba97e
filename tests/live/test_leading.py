"""The sequencing node: another one when it falls silent, and every node behind a proxy."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db.feed.sequencing import SEQUENCING, lead, sequence
from db.pool import Database
from graph.live.tail import Tail
from tests.conftest import TEMPLATE, _run, dsn_of
from tests.live.test_feed import write

PATIENCE = 10


class Told:
    """A follower of the feed, which stores the actors of the changes it received."""

    def __init__(self):
        self.changed = asyncio.Queue()

    def dispatch(self, events):
        for event in events:
            self.changed.put_nowait(event.event_id)

    def restart(self, now):
        pass


@asynccontextmanager
async def tail(dsn, **options):
    """Yield a node's tail and its follower; the node ends with the block."""
    async with Database(dsn, app_connections=1, auth_connections=1, **options) as database:
        told = Told()
        following = Tail(database, told)
        running = asyncio.create_task(following.run())
        async with asyncio.timeout(PATIENCE):
            await following.started.wait()
        yield told
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(scope="module")
async def own_dsn(worker_id):
    """Yield a database on which no other node sequences, whose feed has begun."""
    name = f"gateway_leading_{worker_id}"
    await _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await _run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    connection = await asyncpg.connect(dsn_of(name, superuser=True))
    await sequence(connection)
    await connection.close()
    yield name
    await _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def superuser(own_dsn):
    connection = await asyncpg.connect(dsn_of(own_dsn, superuser=True))
    yield connection
    await connection.close()


@pytest.mark.slow
async def test_another_node_takes_over_from_one_that_is_silent(own_dsn, superuser, monkeypatch):
    """Its connection is still open: nobody has closed it, and it answers."""
    async with Database(dsn_of(own_dsn)) as database:
        monkeypatch.setattr("db.pool.SILENCE", 1.5)
        silent = await database.listen("feed", lambda _: None)
        assert await lead(silent)
        async with tail(dsn_of(own_dsn)) as told:
            written = await write(superuser, uuid7())
            async with asyncio.timeout(PATIENCE):
                assert await told.changed.get() == written
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await silent.execute("SELECT")


@pytest.mark.slow
async def test_a_node_that_waits_is_not_taken_for_a_silent_one(own_dsn, superuser, monkeypatch):
    monkeypatch.setattr("db.pool.SILENCE", 4)  # it speaks eight times as often
    connections = (
        "SELECT array_agg(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    async with tail(dsn_of(own_dsn)) as leading, tail(dsn_of(own_dsn)) as waiting:
        before = await superuser.fetchval(connections)
        await asyncio.sleep(5)
        assert set(await superuser.fetchval(connections)) <= set(before)
        written = await write(superuser, uuid7())
        async with asyncio.timeout(PATIENCE):
            assert [await leading.changed.get(), await waiting.changed.get()] == [written] * 2


@pytest.mark.slow
async def test_behind_a_proxy_that_pools_by_transaction_no_lock_is_waited_for(own_dsn, superuser):
    """A dead node may have left the lock on a connection of the proxy; nodes sequence at once."""
    await superuser.execute("SELECT pg_advisory_lock($1)", SEQUENCING)
    try:
        pooled = {"pooler": "transaction"}
        async with tail(dsn_of(own_dsn), **pooled) as one, tail(dsn_of(own_dsn), **pooled) as two:
            written = [await write(superuser, uuid7()) for _ in range(50)]
            async with asyncio.timeout(PATIENCE):
                for told in (one, two):
                    assert [await told.changed.get() for _ in written] == written
    finally:
        await superuser.execute("SELECT pg_advisory_unlock($1)", SEQUENCING)
