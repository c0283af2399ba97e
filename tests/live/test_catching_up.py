"""Catching up: all of it or RESYNC, and nothing that is not so any more."""

import pytest

from graph.live import hub as hubs
from tests.core.test_notifications import READ, assign
from tests.live.holding import Held
from tests.live.test_hub import DOCUMENT, PROJECT, rename
from tests.live.test_notifications import LEAVE, RECEIVED

TRIM = "DELETE FROM feed_positions WHERE position <= $1"
AROUND = DOCUMENT.replace("block { id }", "document { project { documents { nodes { id } } } }")
CREATE = """mutation ($id: UUID!) { documentCreate(
    input: { projectId: $id, name: "Gone", slug: "gone" }) { document { id } } }"""


async def test_what_is_forgotten_while_somebody_catches_up_is_said_to_be(
    world, hub, follow, monkeypatch
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    follower.cancel()
    after = follower.told[0]["cursor"]
    witness = await follow("viewer", PROJECT, id=world.project)
    for version in range(1, 6):
        await rename(world, f"Name {version}", version)
    positions = [int(event["cursor"].split(".")[1]) for event in await witness.has(5)]
    hub.tail.recent.clear()
    monkeypatch.setattr(hubs, "PAGE", 2)
    held = Held(hubs.read, lambda *_, after, **__: after >= positions[1])
    monkeypatch.setattr(hubs, "read", held)
    back = await follow("viewer", DOCUMENT, id=world.document, after=after)
    await held.begun.wait()
    await world.superuser.execute(TRIM, positions[3])
    held.released.set()
    await rename(world, "Name 6", 6)
    await back.until(lambda f: f.told[-1]["version"] == 7)
    told = [(event["kind"], event["version"]) for event in back.told]
    updates = [("UPDATED", 2), ("UPDATED", 3)]
    assert told == [("READY", None), *updates, ("RESYNC", None), ("UPDATED", 7)]


@pytest.mark.parametrize("together", [False, True])
async def test_what_is_unread_is_counted_anew_for_who_comes_back(world, follow, together):
    """Also when another window of theirs has stayed and was told another number."""
    stays = await follow("viewer", RECEIVED)
    await assign(world)
    (event,) = await stays.has(1)
    assert event["unreadCount"] == 1
    if not together:
        stays.cancel()
    await world.ask("viewer", READ, id=event["entityId"])
    back = await follow("viewer", RECEIVED, after=stays.told[0]["cursor"])
    (again,) = await back.has(1)
    assert again["entityId"] == event["entityId"]
    assert [told["unreadCount"] for told in back.told] == [0, 0]


async def test_who_comes_back_is_not_told_of_a_place_that_is_gone_meanwhile(world, follow):
    """What is around a row is as it is now, though others were told it with the same rights."""
    gone = (await world.ask("owner", CREATE, id=world.project))["document"]["id"]
    stays = await follow("viewer", AROUND, id=world.document)
    witness = await follow("viewer", PROJECT, id=world.project)
    await stays.until(lambda f: f.told)
    await rename(world, "Told")
    (event,) = await stays.has(1)
    assert {"id": gone} in event["entity"]["document"]["project"]["documents"]["nodes"]
    await world.ask("owner", LEAVE, id=gone)
    await witness.until(lambda f: (f.told[-1]["kind"], f.told[-1]["entityId"]) == ("DELETED", gone))
    back = await follow("viewer", AROUND, id=world.document, after=stays.told[0]["cursor"])
    (event,) = await back.has(1)
    around = event["entity"]["document"]["project"]["documents"]["nodes"]
    assert around == [{"id": str(world.document)}]
