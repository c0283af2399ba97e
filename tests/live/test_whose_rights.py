"""Rights are read again for those whom an event concerns, always, and for nobody else."""

import pytest
from uuid_utils.compat import uuid7

from graph.live import rights
from tests.core.test_clients import CREATE, UPDATE, act
from tests.core.test_clients import DELETE as END
from tests.core.test_notifications import READ, assign
from tests.live.conftest import Follower
from tests.live.following import follow_until_it_ends
from tests.live.gate import Gate
from tests.live.test_hub import DOCUMENT, ORGANIZATION, PROJECT, rename
from tests.live.test_notifications import CHANGED
from tests.live.test_subscribing import PROMOTE, SHOW

OPEN = "UPDATE projects SET visibility = 'organization' WHERE id = $1"
HIDDEN = """INSERT INTO projects (id, organization_id, name, slug, visibility)
    VALUES ($1, $2, 'Other', 'other', 'private')"""
ENDED = """SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp())))
    FROM user_roles WHERE user_id = $1"""


@pytest.mark.slow
async def test_a_role_that_ends_is_noticed_although_another_subscription_came(
    world, follow, monkeypatch
):
    """At the moment at which the database reports its end, while the gateway still waits."""
    monkeypatch.setattr(rights, "CLOCK_SKEW", 2)
    person = world.people["document_editor"]
    follower = await follow_until_it_ends(
        world, follow, "document_editor", DOCUMENT, id=world.document
    )
    await world.superuser.execute(ENDED, person)
    await follow("document_editor", CHANGED, access=follower)
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]


@pytest.mark.slow
async def test_nothing_is_told_after_a_role_has_ended_by_itself(world, follow, monkeypatch):
    """Nor while the gateway waits until the database has noticed."""
    monkeypatch.setattr(rights, "CLOCK_SKEW", 1)
    person = world.people["document_editor"]
    witness = await follow("viewer", DOCUMENT, id=world.document)
    await witness.until(lambda f: f.told)
    follower = await follow_until_it_ends(
        world, follow, "document_editor", DOCUMENT, id=world.document
    )
    await world.superuser.execute(ENDED, person)
    await rename(world, "Too late")
    await witness.until(lambda f: f.told[-1]["version"] == 2)
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["NOT_FOUND"]
    assert [event["kind"] for event in follower.told] == ["READY"]


@pytest.fixture
async def partner(world, follow):
    """Return an application of the organization, and a follower of the document as it."""
    input = {
        "organizationId": world.organization,
        "name": "Partner",
        "scopes": ["requirements:read"],
        "serviceAccountRole": "VIEWER",
    }
    made = await world.ask("owner", CREATE, input=input)
    await act(world, made)
    follower = await follow("robot", DOCUMENT, id=world.document)
    return made["client"], await follower.until(lambda f: f.told)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["disabled", "deleted"])
async def test_an_application_that_is_ended_is_cut_off(world, partner, way):
    client, follower = partner
    of = {"id": client["id"], "version": client["version"]}
    if way == "disabled":
        await world.ask("owner", UPDATE, input={"isDisabled": True}, **of)
    else:
        await world.ask("owner", END, **of)
    await follower.until(lambda f: f.closed)
    assert follower.closed == "UNAUTHENTICATED"


async def test_an_application_with_fewer_scopes_follows_no_more_than_they_let_it(world, partner):
    client, follower = partner
    less = {"scopes": ["organizations:read"]}
    await world.ask("owner", UPDATE, id=client["id"], version=client["version"], input=less)
    await follower.until(lambda f: f.errors)
    assert follower.errors == ["FORBIDDEN"]


async def test_a_notification_names_nothing_of_a_project_that_was_closed(world, follow):
    await world.ask("owner", SHOW, id=world.project, version=1, to="ORGANIZATION")
    follower = await follow("member", CHANGED)
    await follower.until(lambda f: f.told)
    await assign(world, "member")
    (event,) = await follower.has(1)
    assert event["notification"]["entity"] == {"name": f"Requirement {world.name}"}
    await world.ask("owner", SHOW, id=world.project, version=2, to="PRIVATE")
    await rename(world, "Not for them")
    await world.ask("member", READ, id=event["entityId"])
    *_, read = await follower.has(2)
    assert read["kind"] == "UPDATED"
    assert read["notification"]["entity"] is None


async def test_a_change_of_one_persons_rights_costs_nothing_for_the_others(
    world, follow, monkeypatch
):
    others = [await follow(person, PROJECT, id=world.project) for person in ("editor", "admin")]
    person = await follow("viewer", PROJECT, id=world.project)
    witness = await follow("owner", ORGANIZATION, id=world.organization)
    for follower in (*others, person, witness):
        await follower.until(lambda f: f.told)
    looked_at = set()

    def look(follower):
        looked_at.add(follower)
        return vars(follower)["viewer"]

    def replace(follower, viewer):
        vars(follower)["viewer"] = viewer

    monkeypatch.setattr(Follower, "viewer", property(look, replace), raising=False)
    await world.ask("owner", PROMOTE, id=world.members["viewer"])
    await witness.until(lambda f: f.told[-1]["entityType"] == "ORGANIZATION_MEMBER")
    assert person in looked_at
    assert looked_at.isdisjoint(others)


async def test_whoever_has_left_is_not_waited_for(world, hub, follow, monkeypatch):
    """Until a role of theirs ends; also when they leave while their rights are being read."""
    life = "UPDATE user_roles SET expires_at = now() + interval '1 hour' WHERE user_id = $1"
    person = world.people["document_editor"]
    await world.superuser.execute(life, person)
    follower = await follow("document_editor", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    assert follower in hub._renewals._clocks
    gate = Gate()
    monkeypatch.setattr(hub._operations, "follow", gate.behind(hub._operations.follow))
    await world.ask("owner", PROMOTE, id=world.members["document_editor"])
    await gate.reached()
    follower.cancel()
    gate.open()
    await hub._renewals.over(follower)
    assert follower not in hub._renewals._clocks


@pytest.mark.slow
async def test_nothing_is_told_by_a_role_that_has_just_ended(world, follow, monkeypatch):
    """While the remaining rights are being read, its former holder receives as little as after."""
    witness = await follow("owner", DOCUMENT, id=world.document)
    await witness.until(lambda f: f.told)
    follower = await follow_until_it_ends(
        world, follow, "document_editor", DOCUMENT, id=world.document
    )
    gate = Gate()
    monkeypatch.setattr(follower, "renew", gate.behind(follower.renew))
    await gate.reached()
    await rename(world, "Not for them")
    await witness.has(1)
    gate.open()
    await follower.until(lambda f: f.errors)
    assert [told["kind"] for told in follower.told] == ["READY"]


async def test_the_rights_of_a_crowd_are_read_a_few_at_a_time(world, follow, monkeypatch):
    """Otherwise other requests would wait for a connection in vain."""
    await world.ask("owner", SHOW, id=world.project, version=1, to="ORGANIZATION")
    crowd = [
        await follow("member", PROJECT, id=world.project) for _ in range(3 * rights.MAX_CONCURRENT)
    ]
    for follower in crowd:
        await follower.until(lambda f: f.told)
    renew, reading, most = Follower.renew, set(), 0

    async def counted(follower):
        nonlocal most
        reading.add(follower)
        most = max(most, len(reading))
        try:
            return await renew(follower)
        finally:
            reading.discard(follower)

    monkeypatch.setattr(Follower, "renew", counted)
    await world.ask("owner", SHOW, id=world.project, version=2, to="PUBLIC")
    for follower in crowd:
        assert (await follower.has(1))[0]["entityType"] == "PROJECT"
    assert 0 < most <= rights.MAX_CONCURRENT


async def test_a_visibility_costs_nothing_for_who_has_a_role_all_the_same(
    world, follow, monkeypatch
):
    people = ("viewer", "project_viewer", "owner")
    followers = [await follow(person, PROJECT, id=world.project) for person in people]
    for follower in followers:
        await follower.until(lambda f: f.told)
    renewed = []
    monkeypatch.setattr(Follower, "renew", renewed.append)
    await world.ask("owner", SHOW, id=world.project, version=1, to="ORGANIZATION")
    await world.ask("owner", SHOW, id=world.project, version=2, to="PRIVATE")
    for follower in followers:
        assert [event["version"] for event in await follower.has(2)] == [2, 3]
    assert not renewed


async def test_who_follows_another_project_is_told_while_their_rights_are_read(
    world, follow, monkeypatch
):
    await world.superuser.execute(OPEN, world.project)
    other = uuid7()
    await world.superuser.execute(HIDDEN, other, world.organization)
    member = await follow("member", DOCUMENT, id=world.document)
    await member.until(lambda f: f.told)
    gate = Gate()
    monkeypatch.setattr(member, "renew", gate.behind(member.renew))
    await world.ask("owner", SHOW, id=other, version=1, to="ORGANIZATION")
    await gate.reached()
    await rename(world, "Meanwhile")
    assert (await member.has(1))[0]["entity"]["name"] == "Meanwhile"
    gate.open()
    await rename(world, "Afterwards", 2)
    assert (await member.has(2))[1]["entity"]["name"] == "Afterwards"
    assert not member.errors
