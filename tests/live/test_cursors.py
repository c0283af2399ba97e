"""Cursors reveal nothing: neither the number of others' writes nor a position."""

import re

import pytest

from graph.kit.stream import Stream
from tests.live.following import place
from tests.live.test_hub import DOCUMENT, ORGANIZATION, PROJECT, rename
from tests.world import World

AFTER = DOCUMENT.replace("!)", "!, $after: String)").replace("id: $id", "id: $id, after: $after")


async def ready(follow, world, query=DOCUMENT, **given):
    follower = await follow("viewer", query, **({"id": world.document} | given))
    return await follower.until(lambda f: f.told)


async def test_a_cursor_cannot_be_read_or_compared(world, hub, follow):
    """Repeated requests for a cursor do not reveal whether anybody has written meanwhile."""
    cursors = [(await ready(follow, world)).told[0]["cursor"] for _ in range(4)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{64}", cursor) for cursor in cursors)
    assert len(set(cursors)) > len({place(hub, world, cursor) for cursor in cursors})
    assert len(set(cursors)) == len(cursors)


async def test_the_cursor_of_an_event_is_the_same_for_all_who_follow(world, follow):
    one, other = await ready(follow, world), await ready(follow, world)
    await rename(world, "Heard")
    assert (await one.has(1))[0]["cursor"] == (await other.has(1))[0]["cursor"]


async def test_a_cursor_goes_on_in_whatever_of_the_same_organization_is_followed(world, follow):
    """So that one cursor, taken before the organization was read, serves for each document."""
    first = await ready(follow, world, ORGANIZATION, id=world.organization)
    await rename(world, "Missed")
    after = first.told[0]["cursor"]
    for query, id in ((PROJECT, world.project), (DOCUMENT, world.document)):
        resumed = await follow("viewer", query, after=after, id=id)
        (event,) = await resumed.has(1)
        assert (resumed.told[0]["kind"], event["version"]) == ("READY", 2)


async def test_the_cursor_of_another_tenant_or_secret_is_told_to_resync(
    world, other_world, hub, follow
):
    now = place(hub, world, (await ready(follow, world)).told[0]["cursor"])
    elsewhere = Stream("organization", other_world.organization, None)
    for after in (hub._cursors.of_place(elsewhere, now), "A" * 64):
        assert (await ready(follow, world, after=after)).told[0]["kind"] == "RESYNC"


async def test_a_cursor_of_before_they_were_encrypted_is_told_to_resync(world, hub, follow):
    """Whatever its content: otherwise it would reveal the reach of the feed."""
    now = place(hub, world, (await ready(follow, world)).told[0]["cursor"])
    for position in (now.position, now.position + 1000):
        after = f"{now.epoch.hex}.{position}"
        assert (await ready(follow, world, after=after)).told[0]["kind"] == "RESYNC"


@pytest.mark.parametrize("query", [DOCUMENT, AFTER])
async def test_an_empty_cursor_is_none_wherever_it_stands(world: World, client, query):
    """In the argument, and in the header with which server-sent events resume."""
    headers = {
        "accept": "text/event-stream",
        "authorization": f"Bearer {await world.token('viewer')}",
    }
    variables = {"id": str(world.document)}
    if query is AFTER:
        variables["after"] = ""
    else:
        headers["last-event-id"] = ""
    body = {"query": query, "variables": variables}
    told = (await client.post("/graphql", json=body, headers=headers)).text
    assert '"code":"INVALID"' in told


async def test_an_empty_cursor_of_a_list_is_none(world):
    query = 'query($id: UUID!) { document(id: $id) { requirements(after: "") { nodes { id } } } }'
    answer = await world.answer("viewer", query, id=world.document)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
