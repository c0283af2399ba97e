"""Alerts about events of the audit log: within seconds, once, and to administrators alone."""

import asyncio
from uuid import UUID

import pytest

from auth.accounts.mail import Outbox
from auth.events import Event, record
from auth.origin import Origin
from db.change import AuditEventType
from db.pool import NOBODY
from db.traits import ResourceType
from graph.platform.audit import alerting, verifying
from graph.platform.notifications import mailing
from tests.auth.test_mail import smtp  # noqa: F401 (a fixture)
from tests.loop import within
from tests.platform.jobs.kinds import worker
from tests.platform.webhooks.endpoints import service_account

SECONDS = 10.0
"""The time in which an anomaly reaches administrators."""
ROLE = """mutation ($id: UUID!, $role: OrganizationRole!, $version: BigInt!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: {role: $role}) {
        organizationMember { id } } }"""
ALERTS = """query ($id: UUID!) { organization(id: $id) { auditAlerts { nodes {
    id indicator level eventId eventCount actor { id } } } } }"""
ALERT = "query ($id: UUID!) { auditAlert(id: $id) { indicator } }"
NOTES = """query { viewer { notifications(filter: {kind: {eq: SECURITY}}) { nodes {
    title message metadata entity { id } } } } }"""
VERIFICATIONS = """query ($id: UUID!) { organization(id: $id) { auditVerifications { nodes {
    eventCount lastSeq headHash fault } } } }"""


async def alerts(world, person="admin"):
    found = await world.ask(person, ALERTS, id=world.organization)
    return found["auditAlerts"]["nodes"]


async def notes(world, person):
    return (await world.ask(person, NOTES))["notifications"]["nodes"]


@pytest.fixture
def raised(world):
    """Return a function that runs the jobs of alerts once."""
    one = worker(world.database, alerting.FIND, alerting.NOTIFY)

    async def run():
        await one.schedule()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind = 'audit.find_alerts' AND status = 'queued'"
        )
        await one.run_due()

    return run


async def test_an_anomaly_reaches_administrators_within_ten_seconds(
    world,
    endpoints,
    receiver,
    sending,
    smtp,  # noqa: F811 (the fixture)
):
    """By a notification, by mail and by webhook, whatever the jobs were doing before."""
    server, settings = await smtp()
    account = await service_account(world, "ADMIN")
    endpoint = await endpoints.create(
        person="owner", serviceAccountId=account, eventTypes=["audit_alert.*"]
    )
    kinds = (alerting.FIND, alerting.NOTIFY, *mailing.kinds_of(Outbox(settings)))
    one = worker(world.database, *kinds, poll=1.0)
    await one.schedule()
    working = asyncio.create_task(one.run())
    try:
        async with sending():
            await world.ask("owner", ROLE, id=world.members["member"], role="ADMIN", version=1)
            async with within(SECONDS):
                while True:
                    mailed = any(mail["To"] == world.email("owner") for mail in server.mails)
                    if mailed and receiver.requests and await notes(world, "admin"):
                        break
                    await asyncio.sleep(0.05)
    finally:
        one.stop()
        await working
    (alert,) = [each for each in await alerts(world) if each["indicator"] == "rights_raised"]
    assert (alert["level"], alert["actor"]) == ("high", {"id": str(world.people["owner"])})
    content = receiver.requests[0].verified(endpoint["secret"])
    assert content["type"] == "audit_alert.created"
    (note,) = [n for n in await notes(world, "admin") if n["entity"]["id"] == alert["id"]]
    assert note["title"] == "A user was given administrative rights."
    assert note["metadata"]["event"] == "audit_alert"


async def refused(world, more, person="editor"):
    """Record what the gateway records when requests of a person were refused within a minute."""
    event = Event(
        entity_type="Operation",
        action="refuse",
        type=AuditEventType.ACCESS_DENIED,
        description="An operation was refused.",
        resource=ResourceType.USER,
        actor_id=world.people[person],
        entity_id=world.people[person],
        details={"code": "FORBIDDEN", "more": more},
    )
    async with world.database.auth.lend(NOBODY) as lent:
        await record(lent, event, Origin(request_id="test", source="api"))


async def test_an_alert_is_raised_once_an_hour_and_seen_by_administrators_alone(
    world, other_world, raised
):
    await refused(world, 5)
    await raised()
    assert await alerts(world) == []
    for _ in range(3):
        await refused(world, 20)
    await raised()
    await refused(world, 30)
    await raised()
    (alert,) = await alerts(world)
    assert (alert["indicator"], alert["eventCount"]) == ("many_refusals", 3)
    assert alert["actor"] == {"id": str(world.people["editor"])}
    assert len(await notes(world, "admin")) == len(await notes(world, "owner")) == 1
    for person in ("editor", "viewer", "billing", "project_admin"):
        assert await alerts(world, person) == []
        assert await notes(world, person) == []
        assert await world.code(person, ALERT, id=alert["id"]) == "NOT_FOUND"
    assert await other_world.code("owner", ALERT, id=alert["id"]) == "NOT_FOUND"
    assert await alerts(other_world) == []


async def test_the_gateway_verifies_each_chain_and_alerts_of_a_fault(world, raised):
    """A superuser who alters an event in spite of the triggers is found by the next run."""
    await world.ask("owner", ROLE, id=world.members["member"], role="EDITOR", version=1)
    async with world.database.app.lend(NOBODY) as lent:
        await lent.execute("SELECT ctx.seal_audit_logs(2000)")

    class Run:
        database, job = world.database, type("Job", (), {"id": UUID(int=1)})

    assert not await verifying.verify_chain(Run, world.organization)
    async with world.superuser.transaction():
        await world.superuser.execute("SET LOCAL session_replication_role = replica")
        await world.superuser.execute(
            "UPDATE audit_logs SET action = 'x' WHERE id = (SELECT event_id FROM audit_seals"
            " WHERE organization_id = $1 AND seq = 1)",
            world.organization,
        )
    assert await verifying.verify_chain(Run, world.organization)
    found = await world.ask("admin", VERIFICATIONS, id=world.organization)
    second, first = found["auditVerifications"]["nodes"]
    assert (first["fault"], first["eventCount"] > 0, len(first["headHash"])) == (None, True, 64)
    assert (second["fault"], second["eventCount"]) == (
        "Number 1 of the chain does not fit its seal.",
        0,
    )
    hidden = await world.ask("editor", VERIFICATIONS, id=world.organization)
    assert hidden["auditVerifications"]["nodes"] == []
    await raised()
    (alert,) = [each for each in await alerts(world) if each["indicator"] == "chain_broken"]
    assert alert["level"] == "critical"
