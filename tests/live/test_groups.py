"""Groups that end while an event is on its way through them deliver nothing wrong."""

from tests.live.following import place
from tests.live.holding import hold_events
from tests.live.test_hub import DOCUMENT, PROJECT, rename

LOSE = "DELETE FROM feed_positions WHERE position > $1"
ELSEWHERE = "UPDATE feed_cursor SET position = $1, timeline = timeline + 1"


async def ready(follow, world):
    """Return a follower of the document from now on, and one with the state of the hub."""
    follower = await follow("viewer", DOCUMENT, id=world.document)
    witness = await follow("viewer", PROJECT, id=world.project)
    for each in (follower, witness):
        await each.until(lambda f: f.told)
    return follower, witness


def what(follower):
    return [(event["kind"], event["version"]) for event in follower.told]


def position(hub, world, event):
    return place(hub, world, event["cursor"]).position


async def test_what_was_lost_is_not_told_in_the_new_order(world, hub, follow, monkeypatch):
    """Nor does it block the events that have its positions now."""
    follower, witness = await ready(follow, world)
    start = position(hub, world, follower.told[0])
    held = hold_events(hub, DOCUMENT, monkeypatch)
    await rename(world, "Lost", 1)
    await held.begun.wait()
    await rename(world, "Lost as well", 2)
    await witness.has(2)
    async with world.superuser.transaction():
        await world.superuser.execute(LOSE, start)
        await world.superuser.execute(ELSEWHERE, start)
    await follower.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    held.released.set()
    await rename(world, "Kept", 3)
    await follower.until(lambda f: f.told[-1]["version"] == 4)
    assert what(follower) == [("READY", None), ("RESYNC", None), ("UPDATED", 4)]
    assert [position(hub, world, event) for event in follower.told] == [start, start, start + 1]


async def test_who_cannot_keep_up_misses_nothing_after_the_resync(world, hub, follow, monkeypatch):
    """Nor does a client that resumes at that moment, and follows the same."""
    monkeypatch.setattr("graph.live.hub.MAX_QUEUED", 2)
    follower, _ = await ready(follow, world)
    held = hold_events(hub, DOCUMENT, monkeypatch)
    await rename(world, "Name 1", 1)
    await held.begun.wait()
    for version in (2, 3, 4):
        await rename(world, f"Name {version}", version)
    await follower.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    back = await follow("viewer", DOCUMENT, id=world.document, after=follower.told[0]["cursor"])
    await back.until(lambda f: f.told)
    held.released.set()
    await rename(world, "Name 5", 5)
    for somebody in (follower, back):
        await somebody.until(lambda f: f.told[-1]["version"] == 6)
    assert what(follower) == [
        ("READY", None),
        ("RESYNC", None),
        *(("UPDATED", version) for version in (5, 6)),
    ]
    assert position(hub, world, follower.told[1]) + 1 == position(hub, world, follower.told[2])
    assert what(back) == [("READY", None), *(("UPDATED", version) for version in range(2, 7))]


async def test_who_leaves_before_they_have_caught_up_leaves_nothing_behind(
    world, hub, follow, monkeypatch
):
    follower, witness = await ready(follow, world)
    follower.cancel()
    await rename(world, "Missed", 1)
    await witness.has(1)
    held = hold_events(hub, DOCUMENT, monkeypatch)
    back = await follow("viewer", DOCUMENT, id=world.document, after=follower.told[0]["cursor"])
    await held.begun.wait()
    back.cancel()
    assert not hub._groups.following(("document", world.document))
    held.released.set()
