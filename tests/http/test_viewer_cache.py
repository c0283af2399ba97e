"""The viewer cache: entries are shared for a moment, and invalidated with their rights."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from auth.credentials import tokens
from auth.credentials.viewer_cache import MAX_ENTRIES, ViewerCache
from auth.viewer import Viewer
from graph.settings import Settings

READ = "query ($id: UUID!) { requirement(id: $id) { id } }"
MEMBER = "SELECT id, version FROM project_members WHERE user_id = $1"
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    projectMemberRemove(id: $id, expectedVersion: $version) { member: projectMember { id } } }"""
OPEN = """mutation ($id: UUID!) {
    projectUpdate(id: $id, expectedVersion: 1, input: {visibility: PUBLIC}) { project { id } } }"""
REVOKE = "UPDATE oauth_access_tokens SET revoked_at = now() WHERE user_id = $1"
LONG = 600
"""Seconds without a refresh: earlier changes arrive by the feed."""
PATIENCE = 20
"""Seconds to wait for the feed; it takes some milliseconds."""


class Clock:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


class Credentials:
    """Answers look-ups and counts them; blocks while closed."""

    def __init__(self, viewer):
        self.viewer, self.count = viewer, 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self):
        self.count += 1
        found = self.viewer
        await self.open.wait()
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def viewers(clock):
    return ViewerCache(0.5, clock)


@pytest.fixture
def credentials():
    return Credentials(Viewer(uuid4()))


async def test_a_viewer_is_looked_up_once_in_half_a_second(viewers, clock, credentials):
    for _ in range(3):
        assert await viewers.read("key", credentials) is credentials.viewer
    assert credentials.count == 1
    clock.now += 0.5
    assert viewers.get("key") is None
    await viewers.read("key", credentials)
    assert credentials.count == 2


async def test_requests_at_the_same_time_share_one_look_up(viewers, credentials):
    credentials.open.clear()
    waiting = [asyncio.create_task(viewers.read("key", credentials)) for _ in range(5)]
    await settled()
    waiting[0].cancel()  # who has begun it leaves, and the others are still answered
    await settled()
    credentials.open.set()
    assert await asyncio.gather(*waiting[1:]) == [credentials.viewer] * 4
    assert credentials.count == 1
    assert waiting[0].cancelled()


async def test_a_look_up_that_began_before_a_change_is_neither_kept_nor_joined(
    viewers, credentials
):
    credentials.open.clear()
    early = asyncio.create_task(viewers.read("key", credentials))
    await settled()
    viewers.clear()
    credentials.viewer = None
    late = asyncio.create_task(viewers.read("key", credentials))
    await settled()
    credentials.open.set()
    assert await early is not None
    assert await late is None
    assert credentials.count == 2
    assert viewers.get("key") is None


async def test_only_viewers_that_are_concerned_are_removed(viewers):
    one, other = Viewer(uuid4()), Viewer(uuid4())
    await viewers.read(1, Credentials(one))
    await viewers.read(2, Credentials(other))
    viewers.remove(lambda viewer: viewer is one)
    assert viewers.get(1) is None
    assert viewers.get(2) is other


@pytest.mark.parametrize("name", ["expires_at", "until"])
async def test_a_viewer_is_kept_no_longer_than_a_role_or_the_credential_lasts(
    clock, credentials, name
):
    viewers = ViewerCache(900, clock)
    ends = datetime.now(UTC) + timedelta(seconds=300)
    credentials.viewer = replace(credentials.viewer, **{name: ends})
    await viewers.read("key", credentials)
    clock.now += 200
    assert viewers.get("key") is credentials.viewer
    clock.now += 100
    assert viewers.get("key") is None


async def test_what_is_not_found_or_fails_is_not_kept(viewers, credentials):
    for found in (None, ValueError("no connection")):
        credentials.viewer = found
        for _ in range(2):
            if found is None:
                assert await viewers.read("key", credentials) is None
            else:
                with pytest.raises(ValueError, match="no connection"):
                    await viewers.read("key", credentials)
    assert credentials.count == 4


async def test_the_cache_holds_a_bounded_number_of_viewers_and_none_for_long(viewers, clock):
    found = Credentials(Viewer(uuid4()))
    for number in range(MAX_ENTRIES + 10):
        await viewers.read(number, found)
    assert len(viewers) == MAX_ENTRIES
    assert viewers.get(9) is None
    clock.now += 1
    await viewers.read("later", found)
    assert len(viewers) == 1


async def test_a_credential_shown_again_is_not_looked_up_again(gateway, world, superuser):
    async with gateway(viewer_cache=LONG) as client:
        await follows(client, world)
        await asked(client, world, "viewer")
        await superuser.execute(REVOKE, world.people["viewer"])  # which nothing tells
        assert (await asked(client, world, "viewer")).status_code == 200


async def test_an_operator_may_have_every_request_look_it_up(gateway, world, superuser):
    async with gateway(viewer_cache=0) as client:
        await asked(client, world, "viewer")
        await superuser.execute(REVOKE, world.people["viewer"])
        assert (await asked(client, world, "viewer")).status_code == 401


@pytest.mark.slow
async def test_a_role_that_is_taken_away_counts_at_once_here_and_soon_in_other_processes(
    gateway, world
):
    async with gateway(viewer_cache=LONG) as here, gateway(viewer_cache=LONG) as elsewhere:
        person = "project_viewer"
        [member] = await world.superuser.fetch(MEMBER, world.people[person])
        for client in (here, elsewhere):
            assert await readable(client, world, person)
        await as_owner(here, world, REMOVE, id=str(member["id"]), version=member["version"])
        assert not await readable(here, world, person)
        await eventually(lambda: readable(elsewhere, world, person))


async def test_a_token_that_is_revoked_in_another_process_ends_soon(gateway, world, database):
    async with gateway(viewer_cache=LONG) as client:
        assert (await asked(client, world, "viewer")).status_code == 200
        await tokens.revoke(database, await world.token("viewer"))

        async def works():
            return (await asked(client, world, "viewer")).status_code == 200

        await eventually(works)


async def test_a_role_that_is_given_counts_with_the_next_request(gateway, world):
    async with gateway(viewer_cache=LONG) as client:
        assert not await readable(client, world, "outsider")
        await as_owner(client, world, OPEN, id=str(world.project))
        assert await readable(client, world, "outsider")


async def settled():
    """Run the loop until every task waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def asked(client, world, person, query=READ, **variables):
    headers = {"Authorization": f"Bearer {await world.token(person)}"}
    body = {"query": query, "variables": variables or {"id": str(world.requirement)}}
    return await client.post("/graphql", json=body, headers=headers)


async def as_owner(client, world, query, **variables):
    answer = (await asked(client, world, "owner", query, **variables)).json()
    assert "errors" not in answer, answer


async def readable(client, world, person):
    return (await asked(client, world, person)).json()["data"]["requirement"] is not None


async def follows(client, world):
    """Wait until the gateway follows the feed: when it begins to, it reads all viewers again."""
    query = "query ($id: UUID!) { document(id: $id) { feedCursor } }"

    async def begins():
        answer = await asked(client, world, "owner", query, id=str(world.document))
        return "errors" in answer.json()

    await eventually(begins)


async def eventually(still):
    """Wait until the condition is no longer true."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while await still():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.02)


def test_the_time_is_bounded_by_what_is_promised():
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Settings(viewer_cache=1.5)
