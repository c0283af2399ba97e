"""A defect in a follower of the feed is logged, and stops no other follower."""

import pytest

from tests.live.test_hub import DOCUMENT, REMOVE, rename


def failing(monkeypatch, owner, name):
    """Make the next call of this method of a node fail."""
    works, failures = getattr(owner, name), iter(["once"])

    def fails(*arguments):
        if next(failures, None):
            raise ValueError("a defect")
        return works(*arguments)

    monkeypatch.setattr(owner, name, fails)


@pytest.mark.slow
async def test_after_a_defect_followers_are_told_to_read_again_and_hear_what_comes(
    world, follow, monkeypatch
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    failing(monkeypatch, follower.hub, "dispatch")
    version = await rename(world, "Lost")
    await follower.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    await rename(world, "Told", version)
    await follower.until(lambda f: f.told[-1]["entity"])
    assert follower.told[-1]["entity"]["name"] == "Told"
    late = await follow("viewer", DOCUMENT, id=world.document)
    await late.until(lambda f: f.told)
    assert not follower.errors


@pytest.mark.slow
async def test_rights_that_changed_with_what_was_lost_are_read_again(world, follow, monkeypatch):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    failing(monkeypatch, follower.hub, "dispatch")
    await world.ask("owner", REMOVE, id=world.members["viewer"])
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]
    assert len(follower.told) == 1


@pytest.mark.slow
async def test_a_defect_of_presence_ends_nothing_that_shares_the_hub(world, follow, monkeypatch):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    failing(monkeypatch, follower.hub.presence._peers, "_look")
    await follower.until(lambda f: f.told[-1]["kind"] == "RESYNC")
    await rename(world, "Told")
    await follower.until(lambda f: f.told[-1]["entity"])
