"""Legal holds and archived months, as requests meet them."""

from datetime import UTC, datetime, timedelta

from tests.core.hanging import hang
from tests.core.test_purge import PURGE, counts

HOLDS = "query ($id: UUID!) { organization(id: $id) { legalHolds { nodes { id reason } } } }"
HOLD = "INSERT INTO legal_holds (organization_id, reason) VALUES ($1, 'Case 7') RETURNING id"
AS_OF = """query ($id: UUID!, $time: DateTime, $version: BigInt) {
    requirement(id: $id, asOf: $time, atVersion: $version) { version } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) { requirementUpdate(id: $id,
    expectedVersion: $version, input: {name: $name}) { requirement { version } } }"""
ARCHIVE = """
INSERT INTO audit_archives (organization_id, first_seq, last_seq, month, until, previous_hash,
    head_hash, sha256, file)
VALUES ($1, 1, 1, '2020-01-01', $2, sha256(''), sha256(''), sha256(''), 'a.zip')
"""
REMOVE = "DELETE FROM audit_logs WHERE entity_id = $1"


async def test_a_legal_hold_is_shown_to_administrators_and_nothing_is_purged(world):
    tree = await hang(world)
    id = await tree.delete("requirement")
    hold = await world.superuser.fetchval(HOLD, world.organization)
    for person, number in (("admin", 1), ("editor", 0), ("billing", 0)):
        found = await world.ask(person, HOLDS, id=world.organization)
        assert len(found["legalHolds"]["nodes"]) == number
    before = await tree.rows()
    assert await world.code("owner", PURGE, ids=[id]) == "INVALID"
    purged = await world.ask("owner", PURGE, organization=world.organization)
    assert (purged["total"], purged["remaining"]) == (0, 1)
    assert await tree.rows() == before
    await world.superuser.execute("DELETE FROM legal_holds WHERE id = $1", hold)
    assert "REQUIREMENT" in counts(await world.ask("owner", PURGE, ids=[id]))


async def test_what_needs_archived_events_is_refused_and_not_answered_with_something_else(world):
    await world.ask("editor", UPDATE, id=world.requirement, version=1, name="Two")
    now = datetime.now(UTC)
    ask = {"id": world.requirement}
    assert (await world.ask("viewer", AS_OF, **ask, version=1))["version"] == 1
    async with world.superuser.transaction():
        await world.superuser.execute("SET LOCAL session_replication_role = replica")
        await world.superuser.execute(REMOVE, world.requirement)
        until = now + timedelta(seconds=1)
        await world.superuser.execute(ARCHIVE, world.organization, until)
    for state in ({"time": (now - timedelta(days=9)).isoformat()}, {"version": 1}):
        error = (await world.answer("viewer", AS_OF, **ask, **state))["errors"][0]
        assert error["extensions"]["code"] == "INVALID"
        assert error["extensions"]["availableFrom"] == until.isoformat()
    assert (await world.ask("viewer", AS_OF, **ask))["version"] == 2
    stale = await world.code("editor", UPDATE, **ask, version=1, name="Three")
    assert stale == "CONFLICT"
    restored = "UPDATE audit_archives SET restored_at = now() WHERE organization_id = $1"
    await world.superuser.execute(restored, world.organization)
    old = (now - timedelta(days=9)).isoformat()
    assert await world.code("viewer", AS_OF, **ask, time=old) == "NOT_FOUND"
