"""An event of each entity reaches every stream whose viewer may read it, and ends none."""

import asyncio
from uuid import uuid4

import pytest

from auth.policy import RULES
from db.core.organizations import Organization
from graph.kit.entity_types import label_of
from graph.kit.node import NODES
from tests.live.test_hub import DOCUMENT, ORGANIZATION, PROJECT, REQUIREMENT, rename
from tests.live.test_notifications import RECEIVED, again

WRITE = """
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, user_id, changed_fields, event_type, resource_type)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7, '{updated_at}', 'update', 'organization')
"""
PRIVATE = {"PersonalToken", "Notification"}
"""Entities whose events reach their own person alone, if anybody."""
STREAMS = {
    "organization": ORGANIZATION,
    "project": PROJECT,
    "document": DOCUMENT,
    "requirement": REQUIREMENT,
}

SERVICE = """mutation ($id: UUID!) { serviceAccountCreate(
    input: { organizationId: $id, name: "Builds" }) { serviceAccount { id } } }"""


async def write(world, model, action):
    """Record a change of a row of this model, in as deep a place as it can have."""
    keys = {"service_of", *model.scope_keys()}
    place = [
        getattr(world, key.removesuffix("_id")) if key in keys else None
        for key in ("organization_id", "project_id", "document_id")
    ]
    place[0] = world.organization if model.__name__ not in PRIVATE else None
    id = world.organization if model is Organization else uuid4()
    await world.superuser.execute(
        WRITE, *place, id, model.__name__, action, world.people["billing"]
    )


async def follow_all(world, follow):
    followers = [
        await follow("owner", query, id=getattr(world, of)) for of, query in STREAMS.items()
    ]
    followers.append(await follow("owner", RECEIVED))
    for follower in followers:
        await follower.until(lambda f: f.told)
    return followers


@pytest.mark.slow
@pytest.mark.parametrize("action", ["create", "update", "delete", "restore"])
async def test_no_event_of_any_entity_ends_a_stream(world, follow, action):
    *followers, _ = everybody = await follow_all(world, follow)
    models = sorted(RULES, key=lambda model: model.__name__)
    for model in models:
        await write(world, model, action)
    await rename(world, "Last of all")
    for follower in followers:
        await follower.until(lambda f: f.told[-1]["changedFields"] == ["name"])
    for follower in everybody:
        assert follower.errors is follower.closed is None
        assert "RESYNC" not in {event["kind"] for event in follower.told}
    heard = {event["entityType"] for event in followers[0].told} - {None}
    assert heard >= {label_of(model) for model in NODES if model.__name__ not in PRIVATE}


async def test_a_new_service_account_is_told_to_its_organization(world, follow):
    follower = await follow("viewer", ORGANIZATION, id=world.organization)
    made = await world.ask("owner", SERVICE, id=world.organization)
    told = await follower.until(lambda f: f.told[-1]["entityType"] == "ORGANIZATION_MEMBER")
    assert made["serviceAccount"]["id"] in [event["entityId"] for event in told.told]


async def test_after_an_event_that_cannot_be_judged_everybody_is_told_to_read_again(
    world, follow, monkeypatch
):
    """A client that resumes from an earlier cursor gets RESYNC, too."""
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)

    def fails(stream, viewer, event):
        if event.entity_type == "Requirement":
            raise AttributeError("a defect")
        return True

    with monkeypatch.context() as defect:
        for module in ("executions",):
            defect.setattr(f"graph.live.{module}.concerns", fails)
        await rename(world, "Not told")
        await follower.until(lambda f: f.told[-1]["kind"] == "RESYNC")
        back = await follow("viewer", DOCUMENT, id=world.document, after=follower.told[0]["cursor"])
        await back.until(lambda f: f.told and f.told[-1]["kind"] == "RESYNC")
    await rename(world, "Told", 2)
    for each in (follower, back):
        await each.until(lambda f: f.told[-1]["version"] == 3)
        assert not each.errors


async def test_what_takes_too_long_is_told_with_its_cursor_and_without_its_row(
    world, hub, follow, monkeypatch
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)

    async def hangs(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(hub._operations, "_deadline", 0.05)
    monkeypatch.setattr("graph.kit.context.Context._rows_by_id", hangs)
    await rename(world, "Not read")
    (event,) = await follower.has(1)
    assert (event["kind"], event["version"]) == ("UPDATED", 2)
    assert event["entityId"] == str(world.requirement)
    assert event["entity"] is event["actor"] is None
    assert event["cursor"] != follower.told[0]["cursor"]
    assert {error["extensions"]["code"] for error in follower.failures} == {"TIMEOUT"}
    assert {error["path"][-1] for error in follower.failures} == {"actor", "entity"}


async def test_a_stream_that_cannot_say_what_happened_ends(world, hub, follow, monkeypatch):
    """A field that must not be null has timed out: the client resumes from its last cursor."""
    follower = await follow("viewer", RECEIVED)
    await follower.until(lambda f: f.told)

    async def hangs(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(hub._operations, "_deadline", 0.05)
    monkeypatch.setattr("auth.session.ViewerSession.count", hangs)
    await again(world)
    await follower.until(lambda f: f.errors)
    assert set(follower.errors) == {"TIMEOUT"}
    assert [event["kind"] for event in follower.told] == ["READY"]
