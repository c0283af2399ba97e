"""Operations and waits of tests that follow a document whose requirement is renamed."""

import asyncio

from db.feed.sequencing import sequence
from graph.http.operation.operations import NotRun
from graph.kit.stream import Stream
from tests.loop import within

FOLLOW = """
subscription Follow($id: UUID!, $after: String) {
  documentChanged(id: $id, after: $after) {
    cursor kind version entity { ... on Requirement { name } }
  }
}
"""
RENAME = """
mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: { name: $name }) { merged }
}
"""

ENDING = """
UPDATE user_roles SET expires_at = clock_timestamp() + $2 * interval '1 second' WHERE user_id = $1
"""
PATIENCE = 60
"""Seconds of a running loop for an event that many follow."""


def renaming(world, name, version):
    """Return the variables that rename the world's requirement, which has this version."""
    return {"id": str(world.requirement), "version": version, "name": name}


def place(hub, world, cursor):
    """Return the epoch and the position in a cursor of the world's organization."""
    return hub._cursors.read(cursor, Stream("organization", world.organization, None))


async def rename(world, name, version):
    """Rename the requirement, as its owner."""
    await world.ask("owner", RENAME, **renaming(world, name, version))


async def delivered(hub, world):
    """Wait until every change committed so far is sequenced and has reached all followers."""
    now = await sequence(world.superuser)
    async with within(PATIENCE):
        while hub.position < now.position or _busy(hub):
            hub.tail.wake()
            await asyncio.sleep(0.01)


def _busy(hub):
    groups = [group for key in hub._groups._groups.values() for group in key.values()]
    return any(group.working for group in groups) or any(
        member.settling for member in hub._accesses
    )


async def follow_until_it_ends(world, follow, person, query, change=None, **variables):
    """Follow by a role that ends soon after the first event, and after that of a change.

    Where half of the role's time is over by then, another try gets twice as much.
    """
    for seconds in (2, 4, 8, 16, 32):
        began = asyncio.get_running_loop().time()
        await world.superuser.execute(ENDING, world.people[person], seconds)
        try:
            follower = await follow(person, query, **variables)
        except NotRun:
            continue
        await follower.until(lambda follower: follower.told or follower.errors)
        if change:
            await change()
            await follower.until(lambda follower: len(follower.told) > 1 or follower.errors)
        if asyncio.get_running_loop().time() - began < seconds / 2:
            return follower
        follower.cancel()
    raise AssertionError("the machine is too slow to follow while a role lasts")
