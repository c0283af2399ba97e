"""The feed: every event once, in the order of the commits, also when the sequencer is killed."""

import asyncio
import json
import random
from contextlib import suppress

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db.connection import BROKEN
from db.feed.reading import read
from db.feed.sequencing import head, reach, sequence, trim
from db.feed.tables import Departed
from tests.conftest import dsn_of

INSERT = """
INSERT INTO audit_logs (id, organization_id, project_id, document_id, entity_id, entity_type,
    action, version, changed_fields, old_data, event_type)
VALUES ($1, $2, $3, $4, $5, 'Requirement', $6, $7, $8, $9, $10)
"""


@pytest.fixture
async def connect(database_dsn):
    """Yield a function that opens a superuser's connections; they are closed at the end."""
    opened = []

    async def open_one():
        connection = await asyncpg.connect(
            dsn_of(database_dsn.rsplit("/", 1)[1], superuser=True), command_timeout=60
        )
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.terminate()


async def write(connection, document, *, entity=None, action="update", version=2, **moved):
    """Record a change of a row in this document; `moved` holds the columns that it moved."""
    id = uuid7()
    old = {column: str(value) for column, value in moved.items()}
    await connection.execute(
        INSERT,
        id,
        uuid7(),
        uuid7(),
        document,
        entity or uuid7(),
        action,
        version,
        sorted(moved) or ["name"],
        json.dumps(old),
        action,
    )
    return id


async def events(connection, after, kind="everything", id=None):
    now = await head(connection)
    return await read(connection, kind, id, after=after, up_to=now.position, most=1_000_000)


async def write_some(connection, documents, seed):
    """Commit or roll back transactions of several changes; return the committed ones."""
    chance, written = random.Random(seed), []
    for _ in range(25):
        transaction = connection.transaction()
        await transaction.start()
        ids = [
            await write(connection, document)
            for document in sorted(chance.sample(documents, chance.randint(1, 3)))
            for _ in range(chance.randint(1, 3))
        ]
        if chance.random() < 0.2:
            await asyncio.sleep(chance.random() / 50)
        if chance.random() < 0.8:
            await transaction.commit()
            written += ids
        else:
            await transaction.rollback()
    return written


async def sequence_and_die(connect, killer, lock, seed):
    """Sequence until cancelled, and be killed at every tenth call."""
    chance, connection = random.Random(seed), await connect()
    while True:
        with suppress(*BROKEN, asyncpg.InterfaceError):
            if connection.is_closed():
                connection = await connect()
            working = asyncio.create_task(sequence(connection))
            if chance.random() < 0.1:
                async with lock:
                    pid = connection.get_server_pid()
                    await killer.execute("SELECT pg_terminate_backend($1)", pid)
            await working
        await asyncio.sleep(0.002)


@pytest.mark.slow
async def test_every_commit_is_told_once_and_in_its_order(connect):
    control, killer, lock = await connect(), await connect(), asyncio.Lock()
    start = (await sequence(control)).position
    documents = [uuid7() for _ in range(4)]
    sequencing = [
        asyncio.create_task(sequence_and_die(connect, killer, lock, seed)) for seed in range(2)
    ]
    writers = [write_some(await connect(), documents, seed) for seed in range(8)]
    written = [id for ids in await asyncio.gather(*writers) for id in ids]
    for task in sequencing:
        task.cancel()
    ended = await asyncio.gather(*sequencing, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 2

    now = await sequence(control)
    found = await events(control, start)
    assert [event.position for event in found] == list(range(start + 1, now.position + 1))
    mine = [event for event in found if event.document_id in documents]
    assert sorted(event.event_id for event in mine) == sorted(written)
    for document in documents:
        numbered = [event for event in mine if event.document_id == document]
        assert [event.sequence for event in numbered] == list(range(1, len(numbered) + 1))
        assert await events(control, start, "document", document) == numbered


async def test_what_is_undone_leaves_no_number_out(connect):
    connection, document = await connect(), uuid7()
    await write(connection, document)
    undone = connection.transaction()
    await undone.start()
    await write(connection, document)
    await undone.rollback()
    await write(connection, document)
    await sequence(connection)
    assert [e.sequence for e in await events(connection, 0, "document", document)] == [1, 2]


async def test_commits_in_one_document_do_not_wait_for_each_other(connect):
    """Numbers are given when events are sequenced, in the order of their commits."""
    slow, quick, document = await connect(), await connect(), uuid7()
    committing = slow.transaction()
    await committing.start()
    first = await write(slow, document)
    await slow.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as its commit does
    async with asyncio.timeout(10):
        second = await write(quick, document)
    await sequence(quick)
    await committing.commit()
    third = await write(quick, document)
    await sequence(quick)
    found = await events(quick, 0, "document", document)
    assert [event.event_id for event in found] == [second, first, third]
    assert [event.sequence for event in found] == [1, 2, 3]


async def test_a_row_that_moves_is_told_of_where_it_was_and_where_it_is(connect):
    connection, here, there, project = await connect(), uuid7(), uuid7(), uuid7()
    id = await write(connection, there, document_id=here)
    other = await write(connection, there, document_id=here, project_id=project)
    await sequence(connection)
    left = await events(connection, 0, "document", here)
    assert [(e.event_id, e.departed, e.sequence) for e in left] == [
        (id, Departed.DOCUMENT, 1),
        (other, Departed.PROJECT, 2),
    ]
    arrived = await events(connection, 0, "document", there)
    assert [(e.event_id, e.departed, e.sequence) for e in arrived] == [
        (id, None, 1),
        (other, None, 2),
    ]
    assert [e.event_id for e in await events(connection, 0, "project", project)] == [other]
    organization = arrived[0].organization_id
    assert [e.event_id for e in await events(connection, 0, "organization", organization)] == [id]


async def test_one_row_is_followed_by_its_id(connect):
    connection, entity = await connect(), uuid7()
    id = await write(connection, uuid7(), entity=entity)
    await write(connection, uuid7())
    await sequence(connection)
    assert [e.event_id for e in await events(connection, 0, "entity", entity)] == [id]


async def test_nothing_is_written_and_nobody_woken_when_nothing_has_happened(connect):
    connection = await connect()
    await sequence(connection)
    before = await connection.fetchrow("SELECT xmin::text, * FROM feed_cursor")
    await sequence(connection)
    assert await connection.fetchrow("SELECT xmin::text, * FROM feed_cursor") == before


@pytest.mark.parametrize("elsewhere", ["timeline = timeline + 1", "cluster = cluster + 1"])
async def test_another_timeline_or_cluster_is_another_epoch(connect, elsewhere):
    connection, document = await connect(), uuid7()
    await write(connection, document)
    await sequence(connection)
    before = await head(connection)
    await write(connection, document)
    await connection.execute(f"UPDATE feed_cursor SET {elsewhere}")
    await sequence(connection)
    after = await head(connection)
    assert after.epoch != before.epoch
    assert [e.sequence for e in await events(connection, 0, "document", document)] == [1, 2]


async def test_what_a_dump_has_brought_along_has_its_place_once(connect):
    """Also where the transaction IDs of the other cluster are still to come here."""
    connection, document = await connect(), uuid7()
    later = "UPDATE feed_entries SET xid = (xid::text::bigint + $1)::text::xid8 WHERE event_id = $2"
    await write(connection, document)
    await sequence(connection)
    for more in (30, 1_000_000):
        async with connection.transaction():
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            moved = await connection.execute(later, more, await write(connection, document))
            assert moved == "UPDATE 1"
    await connection.execute("UPDATE feed_cursor SET cluster = cluster + 1")
    await sequence(connection)
    before = await connection.fetchrow("SELECT xmin::text, * FROM feed_cursor")
    await sequence(connection)
    assert await connection.fetchrow("SELECT xmin::text, * FROM feed_cursor") == before
    for _ in range(40):
        await connection.execute("SELECT pg_current_xact_id()")
    await write(connection, document)
    await sequence(connection)
    assert [e.sequence for e in await events(connection, 0, "document", document)] == [1, 2, 3, 4]


async def test_what_is_old_is_forgotten_and_the_feed_says_how_far_it_goes_back(connect):
    connection = await connect()
    kept = await write(connection, uuid7())
    await sequence(connection)
    last = (await head(connection)).position
    await connection.execute(
        "UPDATE feed_positions SET sequenced_at = now() - interval '8 days' WHERE position < $1",
        last,
    )
    while await trim(connection):
        pass
    assert (await reach(connection)).oldest == last
    assert [event.event_id for event in await events(connection, 0)] == [kept]
    old = await connection.fetchval("SELECT array_agg(id) FROM feed_entries")
    left = "SELECT EXISTS (SELECT FROM feed_entries WHERE id = ANY($1))"
    async with asyncio.timeout(30):  # transactions of others hold entries back
        while await connection.fetchval(left, old):
            await write(connection, uuid7())
            await sequence(connection)
            await trim(connection)


async def test_a_sign_in_is_no_news_and_a_revoked_token_is(world, client):
    """Through the gateway: revocations reach the nodes; failed attempts do not."""
    connection = world.superuser
    await sequence(connection)
    start = (await head(connection)).position
    await client.post("/sign-in", data={"email": "nobody@test.example", "password": "wrong"})
    await world.ask(
        "owner",
        "mutation($id: UUID!) {"
        " organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }",
        id=world.members["viewer"],
    )
    await sequence(connection)
    about = {(e.entity_type, e.action) for e in await events(connection, start)}
    assert ("OrganizationMember", "delete") in about
    assert not any(action == "login_failed" for _, action in about)
