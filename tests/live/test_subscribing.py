"""Changes during a subscription's start: rights that change, a feed that begins anew."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from graph.http.operation.operations import NotRun, Operations
from graph.live import catchup as hubs
from tests.live import tabs
from tests.live.following import place
from tests.live.gate import Gate
from tests.live.test_hub import DOCUMENT, ORGANIZATION, PROJECT, rename

PROMOTE = """mutation ($id: UUID!) {
    organizationMemberUpdate(id: $id, expectedVersion: 1, input: { role: EDITOR }) { merged } }"""
SHOW = """mutation ($id: UUID!, $version: BigInt!, $to: Visibility!) {
    projectUpdate(id: $id, expectedVersion: $version, input: { visibility: $to }) { merged } }"""
ANEW = "UPDATE feed_cursor SET epoch = gen_random_uuid()"


@pytest.fixture
def held(monkeypatch):
    """Delay a subscription after the named step until the end of the block."""

    @asynccontextmanager
    async def hold(subscribing, target, name):
        task = asyncio.create_task(subscribing)
        gate = Gate(task)
        monkeypatch.setattr(target, name, gate.behind(getattr(target, name)))
        await gate.reached()
        yield task
        gate.open()

    return hold


@pytest.fixture
async def connection(world, follow):
    """Return the viewer's connection, on which they follow the project already."""
    follower = await follow("viewer", PROJECT, id=world.project)
    return await follower.until(lambda f: f.told)


@pytest.fixture
async def promoted(world, hub, follow, connection):
    """Make the viewer an editor, and wait until their rights have been read again."""
    witness = await follow("owner", ORGANIZATION, id=world.organization)
    await witness.until(lambda f: f.told)

    async def promote():
        await world.ask("owner", PROMOTE, id=world.members["viewer"])
        await witness.until(lambda f: f.told[-1]["entityType"] == "ORGANIZATION_MEMBER")
        await hub._renewals.over(connection)

    return promote


async def test_a_place_that_is_closed_meanwhile_is_not_followed(world, follow, held):
    """By a viewer who was granted access a moment before."""
    await world.ask("owner", SHOW, id=world.project, version=1, to="ORGANIZATION")
    witness = await follow("owner", PROJECT, id=world.project)
    coming = follow("member", DOCUMENT, id=world.document)
    async with held(coming, Operations, "follow") as subscribing:
        await world.ask("owner", SHOW, id=world.project, version=2, to="PRIVATE")
        await witness.until(lambda f: f.told and f.told[-1]["version"] == 3)
    with pytest.raises(NotRun) as refused:
        await subscribing
    assert refused.value.errors[0]["extensions"]["code"] == "NOT_FOUND"


async def test_rights_that_change_meanwhile_are_those_it_begins_with(
    world, follow, held, connection, promoted
):
    query = DOCUMENT.replace("version ...", "version viewerCan { update } ...")
    coming = follow("viewer", query, access=connection, id=world.document)
    async with held(coming, Operations, "follow") as subscribing:
        await promoted()
    follower = await subscribing
    await follower.until(lambda f: f.told)
    await rename(world, "By an editor", person="viewer")
    (event,) = await follower.has(1)
    assert [told["kind"] for told in follower.told] == ["READY", "UPDATED"]
    assert event["entity"]["viewerCan"] == {"update": True}


async def test_who_resumes_while_rights_change_misses_nothing(
    world, hub, follow, held, connection, promoted
):
    first = await follow("viewer", DOCUMENT, id=world.document)
    await first.until(lambda f: f.told)
    first.cancel()
    await rename(world, "Missed")
    await connection.has(1)
    hub.tail.recent.clear()
    after = first.told[0]["cursor"]
    coming = follow("viewer", DOCUMENT, after=after, access=connection, id=world.document)
    async with held(coming, hubs, "reach") as subscribing:
        await promoted()
        await rename(world, "Meanwhile", 2)
        await connection.has(2)
    follower = await subscribing
    await rename(world, "After", 3)
    assert [event["version"] for event in await follower.has(3)] == [2, 3, 4]
    assert follower.told[0]["kind"] == "READY"


async def test_who_comes_while_rights_change_is_present(world, follow, held, connection, promoted):
    ids = {"document": world.document, "client": uuid4()}
    coming = follow("viewer", tabs.FOLLOW, access=connection, **ids)
    async with held(coming, Operations, "follow") as subscribing:
        await promoted()
    follower = await subscribing
    await follower.until(lambda f: f.told)
    assert [one["clientId"] for one in follower.told[-1]["present"]] == [str(ids["client"])]


@pytest.mark.slow
async def test_who_subscribes_while_the_feed_begins_anew_follows_from_there(
    world, follow, held, connection
):
    async with held(
        follow("viewer", DOCUMENT, id=world.document), Operations, "follow"
    ) as subscribing:
        await world.superuser.execute(ANEW)
        await connection.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    follower = await subscribing
    await follower.until(lambda f: f.told)
    await rename(world, "After all")
    await follower.has(1)
    assert [told["kind"] for told in follower.told] == ["READY", "UPDATED"]


@pytest.mark.slow
async def test_who_resumes_while_the_feed_begins_anew_is_told_so(
    world, hub, follow, held, connection
):
    after = connection.told[0]["cursor"]
    await rename(world, "Lost to them")
    await connection.has(1)
    hub.tail.recent.clear()
    coming = follow("viewer", DOCUMENT, after=after, id=world.document)
    async with held(coming, hubs, "reach") as subscribing:
        await world.superuser.execute(ANEW)
        await connection.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    follower = await subscribing
    await follower.until(lambda f: f.told)
    await rename(world, "After all", 2)
    await follower.has(1)
    assert [told["kind"] for told in follower.told] == ["RESYNC", "UPDATED"]
    now = place(hub, world, follower.told[0]["cursor"])
    assert now.epoch != place(hub, world, after).epoch
