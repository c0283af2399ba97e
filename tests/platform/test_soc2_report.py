"""The SOC 2 report: counts of the events of each control, and samples that prove themselves."""

from hashlib import sha256

from db.pool import NOBODY

REPORT = """query ($id: UUID!, $from: DateTime!, $to: DateTime!, $samples: Int!) {
    soc2Report(organizationId: $id, from: $from, to: $to, samples: $samples) {
        alertCount verificationCount failedVerificationCount headSequence headHash
        controls { control title eventCount failureCount highRiskCount actorCount firstAt lastAt
            samples { eventId action entityType sequence previousHash hash line } } } }"""
ROLE = """mutation ($id: UUID!, $role: OrganizationRole!) { organizationMemberUpdate(id: $id,
    expectedVersion: 1, input: {role: $role}) { organizationMember { id } } }"""
RENAME = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: {name: "Renamed"}) { requirement { version } } }"""
PERIOD = {"from": "2026-06-01T00:00:00Z", "to": "2027-06-01T00:00:00Z", "samples": 2}


async def test_events_are_counted_by_control_with_samples_that_prove_themselves(world):
    await world.ask("editor", RENAME, id=world.requirement)
    await world.ask("owner", ROLE, id=world.members["member"], role="ADMIN")
    async with world.database.app.lend(NOBODY) as lent:
        await lent.execute("SELECT ctx.seal_audit_logs(2000)")
    report = await world.ask("admin", REPORT, id=world.organization, **PERIOD)
    controls = {each["control"]: each for each in report["controls"]}
    roles = controls["CC6.3"]
    assert (int(roles["eventCount"]), int(roles["highRiskCount"]), int(roles["actorCount"])) == (
        1,
        1,
        1,
    )
    (sample,) = roles["samples"]
    assert roles["firstAt"] == roles["lastAt"]
    content = f"{sample['sequence']}\n{sample['line']}".encode()
    hash = sha256(bytes.fromhex(sample["previousHash"]) + content).hexdigest()
    assert hash == sample["hash"]
    assert int(controls["CC6.7"]["eventCount"]) == 0, "controls without events are listed"
    changes = controls["PI1.3"]
    assert int(changes["eventCount"]) >= 2
    hidden = [each for each in changes["samples"] if each["entityType"] == "Notification"]
    assert [each["line"] for each in hidden] == [None], "the text of a notification is its reader's"
    assert int(report["headSequence"]) >= 3


async def test_the_report_is_for_administrators_and_a_period(world, other_world):
    for person in ("editor", "billing", "project_admin"):
        assert await world.code(person, REPORT, id=world.organization, **PERIOD) == "FORBIDDEN"
    assert await other_world.code("owner", REPORT, id=world.organization, **PERIOD) == "NOT_FOUND"
    for wrong in ({"to": PERIOD["from"]}, {"to": "2030-01-01T00:00:00Z"}, {"samples": 26}):
        values = PERIOD | wrong
        assert await world.code("admin", REPORT, id=world.organization, **values) == "INVALID"
