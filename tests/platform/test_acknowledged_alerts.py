"""Alerts are acknowledged by administrators: once, recorded, and without hiding them."""

import asyncio
from datetime import UTC, datetime

from uuid_utils.compat import uuid7

ACKNOWLEDGE = """mutation ($id: UUID!, $version: BigInt!, $note: String) {
    auditAlertAcknowledge(id: $id, expectedVersion: $version, note: $note) { auditAlert {
        version acknowledgedAt acknowledgedBy { id } note } } }"""
OPEN = """query ($id: UUID!, $open: Boolean!) { organization(id: $id) {
    auditAlerts(filter: {acknowledgedAt: {isNull: $open}}) { nodes { id } } } }"""
EVENTS = """query ($id: UUID!, $alert: UUID!) { organization(id: $id) {
    auditLogs(filter: {entityId: {eq: $alert}}) { nodes {
        action soc2Control actor { id } changes { field new } } } } }"""


async def raised(world):
    """Return an alert of the world's organization."""
    return str(
        await world.superuser.fetchval(
            "INSERT INTO audit_alerts (organization_id, indicator, level, actor_id, event_id,"
            " event_at) VALUES ($1, 'rights_raised', 'high', $2, $3, $4) RETURNING id",
            world.organization,
            world.people["editor"],
            uuid7(),
            datetime.now(UTC),
        )
    )


async def listed(world, *, open):
    found = await world.ask("admin", OPEN, id=world.organization, open=open)
    return [each["id"] for each in found["auditAlerts"]["nodes"]]


async def test_an_alert_is_acknowledged_once_and_stays_in_the_list(world):
    alert = await raised(world)
    assert (await listed(world, open=True), await listed(world, open=False)) == ([alert], [])
    sent = {"id": alert, "version": 1, "note": "The role was agreed on."}
    answer = (await world.ask("admin", ACKNOWLEDGE, **sent))["auditAlert"]
    assert answer.pop("acknowledgedAt")
    assert answer == {
        "version": 2,
        "acknowledgedBy": {"id": str(world.people["admin"])},
        "note": "The role was agreed on.",
    }
    assert (await listed(world, open=True), await listed(world, open=False)) == ([], [alert])
    assert await world.code("owner", ACKNOWLEDGE, **sent) == "CONFLICT"
    assert await world.code("owner", ACKNOWLEDGE, **sent | {"version": 2}) == "INVALID"
    found = await world.ask("admin", EVENTS, id=world.organization, alert=alert)
    (event,) = found["auditLogs"]["nodes"]
    assert (event["action"], event["soc2Control"]) == ("update", "CC7.2")
    assert event["actor"] == {"id": str(world.people["admin"])}
    assert {change["field"] for change in event["changes"]} == {
        "acknowledgedAt",
        "acknowledgedBy",
        "note",
    }


async def test_of_two_administrators_at_once_one_acknowledges(world):
    alert = await raised(world)
    codes = await asyncio.gather(
        *(world.code(person, ACKNOWLEDGE, id=alert, version=1) for person in ("admin", "owner"))
    )
    assert sorted(codes, key=str) == ["CONFLICT", None]


async def test_alerts_are_acknowledged_by_administrators_of_the_organization_alone(
    world, other_world
):
    alert = await raised(world)
    for person in ("editor", "viewer", "billing", "project_admin"):
        assert await world.code(person, ACKNOWLEDGE, id=alert, version=1) == "NOT_FOUND"
    assert await other_world.code("owner", ACKNOWLEDGE, id=alert, version=1) == "NOT_FOUND"
    for note in (" ", "a" * 501):
        assert await world.code("admin", ACKNOWLEDGE, id=alert, version=1, note=note) == "INVALID"
    assert await listed(world, open=True) == [alert]
