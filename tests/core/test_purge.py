"""Purging removes rows after their organization's retention period, and keeps the audit log."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from auth.session.write import purge as purging
from db.audit.sealing import seal_everything
from db.audit.verification import verify
from db.tables import METADATA
from tests.contexts import enter
from tests.core.hanging import ON, hang
from tests.isolation.founding import FED, found_canaries
from tests.locks import held
from tests.world import Refused

PURGE = """mutation ($ids: [UUID!], $organization: UUID, $dryRun: Boolean = false) {
    purge(ids: $ids, organizationId: $organization, dryRun: $dryRun) {
        dryRun total remaining purged { entityType count } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!) {{
    {name}(id: $id, expectedVersion: $version) {{ __typename }} }}"""
RETAIN = """mutation ($id: UUID!, $days: Int) { organizationUpdate(
    id: $id, expectedVersion: 1, input: {trashRetentionDays: $days}) { organization { id } } }"""
KINDS = ("requirement", "block", "document", "project", "organization")
RECORDS = {"audit_logs", "audit_personal_data", "audit_checkpoints", "audit_archives"}
UNRECORDED = """
SELECT count(*) FROM {} AS f WHERE f.organization_id = $1
    AND NOT EXISTS (SELECT FROM audit_logs AS e WHERE e.id = f.event_id)
"""
FOLLOWING = FED | {"audit_seals", "audit_alert_queue"}
"""Tables that are filled after the record, while a test runs."""
COUNTS = {
    "requirement": {
        "ASSIGNMENT": 1,
        "DIAGRAM_ELEMENT_LINK": 1,
        "REQUIREMENT": 1,
        "TEST_EXECUTION": 1,
        "TRACE_LINK": 1,
    }
}
COUNTS["block"] = {**COUNTS["requirement"], "BLOCK": 2, "COLUMN": 1}
COUNTS["document"] = {**COUNTS["block"], "DOCUMENT": 1, "PROPERTY": 1, "USER_ROLE": 1}
COUNTS["project"] = {
    **COUNTS["document"],
    "EXCALIDRAW_DIAGRAM": 1,
    "PROJECT": 1,
    "PROJECT_MEMBER": 3,
    "TEST_CASE": 1,
}
COUNTS["organization"] = {
    **COUNTS["project"],
    "DOCUMENT": 2,
    "ORGANIZATION": 1,
    "ORGANIZATION_MEMBER": 10,
    "PROJECT": 2,
    "REQUIREMENT": 2,
}
"""The numbers of purged rows by type, for each top row."""


@pytest.fixture
async def tree(world):
    return await hang(world)


@pytest.fixture
async def app_connection(database_dsn):
    """Yield a connection in the role that seals."""
    connection = await asyncpg.connect(database_dsn, server_settings={"role": "gateway_app"})
    yield connection
    await connection.close()


def counts(purged):
    assert purged["total"] == sum(each["count"] for each in purged["purged"])
    return {each["entityType"]: each["count"] for each in purged["purged"]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_a_row_goes_with_all_that_hangs_on_it_and_nothing_else(tree, kind):
    world = tree.world
    id = await tree.delete(kind)
    before = await tree.rows()
    tried = await world.ask("owner", PURGE, ids=[id], dryRun=True)
    assert await tree.rows() == before
    assert tried == await world.ask("owner", PURGE, ids=[id]) | {"dryRun": True}
    assert counts(tried) == COUNTS[kind]
    assert tried["remaining"] == 0
    gone = before - await tree.rows()
    assert len(gone) == tried["total"]
    reach = KINDS[: KINDS.index(kind) + 1]
    expected = {getattr(world, level) for level in reach}
    expected |= {tree.ids[table] for level in reach for table in ON[level]}
    assert expected <= gone
    assert not gone & {getattr(world, level) for level in KINDS[KINDS.index(kind) + 1 :]}
    assert await world.code("owner", PURGE, ids=[id]) == "NOT_FOUND"


async def test_each_row_leaves_one_event_more_in_a_record_that_still_verifies(tree, app_connection):
    world = tree.world
    rename = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
        input: {name: "Renamed"}) { requirement { id } } }"""
    await world.ask("editor", rename, id=world.requirement)
    project = await tree.delete("project")
    purged = await world.ask("owner", PURGE, ids=[project])
    changed, removed = await world.records(world.requirement)
    assert (changed["action"], changed["version"]) == ("update", 2)
    assert (
        dict(removed).items()
        >= {
            "action": "purge",
            "event_type": "delete",
            "entity_type": "Requirement",
            "resource_type": "requirement",
            "version": 3,
            "organization_id": world.organization,
            "project_id": world.project,
            "document_id": world.document,
            "actor_id": world.people["owner"],
            "old_data": None,
            "new_data": None,
            "severity": "medium",
            "soc2_control": "C1.2",
        }.items()
    )
    assert removed["request_id"]
    events = await world.superuser.fetch(
        "SELECT * FROM audit_logs WHERE correlation_id = $1", removed["correlation_id"]
    )
    assert len({event["entity_id"] for event in events}) == len(events) == purged["total"]
    (last,) = [event for event in events if event["entity_id"] == project]
    assert (last["version"], last["project_id"]) == (3, project)
    people = {event["user_id"] for event in events if event["entity_type"] == "ProjectMember"}
    assert people == {world.people[f"project_{role}"] for role in ("admin", "editor", "viewer")}
    await seal_everything(app_connection)
    (verdict,) = [each async for each in verify(world.superuser, world.organization, [])]
    recorded = "SELECT count(*) FROM audit_logs WHERE organization_id = $1"
    number = await world.superuser.fetchval(recorded, world.organization)
    assert (verdict.fault, verdict.verified + verdict.unsealed.count) == (None, number)


@pytest.mark.slow
async def test_what_is_to_be_kept_longer_is_refused_and_stays(tree):
    world = tree.world
    recent = await tree.delete("requirement", days=29)
    before = await tree.rows()
    for dry_run in (True, False):
        with pytest.raises(Refused) as refused:
            await world.ask("owner", PURGE, ids=[recent], dryRun=dry_run)
        extensions = refused.value.errors[0]["extensions"]
        assert (extensions["code"], extensions["field"]) == ("INVALID", ["ids", 0])
        wait = datetime.fromisoformat(extensions["purgeableAt"]) - datetime.now(UTC)
        assert timedelta(hours=23) < wait <= timedelta(days=1)
    assert (await world.ask("owner", PURGE, organization=world.organization))["total"] == 0
    assert await tree.rows() == before
    await world.ask("owner", RETAIN, id=world.organization, days=20)
    assert (await world.ask("owner", PURGE, ids=[recent]))["total"] == 5


async def test_without_a_retention_nothing_is_ever_purged(tree):
    world = tree.world
    old = await tree.delete("requirement", days=36_000)
    await world.ask("owner", RETAIN, id=world.organization, days=None)
    with pytest.raises(Refused) as refused:
        await world.ask("owner", PURGE, ids=[old])
    assert refused.value.errors[0]["extensions"]["purgeableAt"] is None
    told = await world.ask("owner", PURGE, organization=world.organization)
    assert (told["total"], told["remaining"]) == (0, 0)


@pytest.mark.slow
async def test_only_owners_purge(tree):
    world = tree.world
    id = await tree.delete("requirement")
    before = await tree.rows()
    forbidden = {"admin", "editor", "project_admin", "project_editor", "document_editor"}
    for person in (*world.people, None):
        if person == "owner":
            continue
        expected = "FORBIDDEN" if person in forbidden else "NOT_FOUND"
        expected = "UNAUTHENTICATED" if person is None else expected
        assert await world.code(person, PURGE, ids=[id]) == expected, person
        assert await world.code(person, PURGE, organization=world.organization), person
    assert await tree.rows() == before


async def test_an_owner_who_is_demoted_while_a_purge_waits_purges_nothing(tree):
    world = tree.world
    id = await tree.delete("requirement")
    before = await tree.rows()
    async with held(
        world.superuser, "organization_members WHERE user_id = $1", world.people["owner"]
    ) as waiting:
        purge = asyncio.create_task(world.code("owner", PURGE, ids=[id]))
        await waiting(1, unless=purge)
        await world.superuser.execute(
            "UPDATE organization_members SET role = 'admin' WHERE user_id = $1",
            world.people["owner"],
        )
    assert await purge == "FORBIDDEN"
    assert await tree.rows() == before


async def test_of_other_tenants_and_of_what_is_not_in_the_trash_nothing_is_there(tree, other_world):
    world = tree.world
    id = await tree.delete("requirement")
    assert await other_world.code("owner", PURGE, ids=[id]) == "NOT_FOUND"
    assert await other_world.code("owner", PURGE, organization=world.organization) == "NOT_FOUND"
    assert await world.code("owner", PURGE, ids=[id, world.block]) == "NOT_FOUND"
    assert await world.code("owner", PURGE, ids=[uuid4()]) == "NOT_FOUND"
    await tree.delete("block")
    assert await world.code("owner", PURGE, ids=[id]) == "NOT_FOUND"  # beneath something deleted
    assert await world.code("owner", PURGE) == "INVALID"
    both = {"ids": [id], "organization": world.organization}
    assert await world.code("owner", PURGE, **both) == "INVALID"


async def test_an_ended_membership_is_not_purged_by_itself(tree):
    world = tree.world
    await world.superuser.execute(
        "UPDATE organization_members SET deleted_at = now() - interval '1 year' WHERE id = $1",
        world.members["viewer"],
    )
    assert await world.code("owner", PURGE, ids=[world.members["viewer"]]) == "NOT_FOUND"
    assert (await world.ask("owner", PURGE, organization=world.organization))["total"] == 0


async def fill(world, number):
    """Insert further requirements, deleted long ago."""
    await world.superuser.execute(
        "INSERT INTO requirements (organization_id, project_id, document_id, name, deleted_at)"
        " SELECT $1, $2, $3, 'Old', now() - interval '40 days' - i * interval '1 minute'"
        " FROM generate_series(1, $4) i",
        world.organization,
        world.project,
        world.document,
        number,
    )


async def test_an_organizations_trash_is_purged_in_batches(tree, monkeypatch):
    world = tree.world
    await fill(world, 5)
    await tree.delete("block")
    monkeypatch.setattr(purging, "MAX_TOPS", 4)
    told = []
    for dry_run in (True, False, False, False):
        purged = await world.ask("owner", PURGE, organization=world.organization, dryRun=dry_run)
        told.append((counts(purged).get("REQUIREMENT"), purged["remaining"]))
    assert told == [(4, 2), (4, 2), (2, 0), (None, 0)]


async def test_a_batch_with_much_beneath_it_is_cut_but_one_row_always_goes(tree, monkeypatch):
    world = tree.world
    await fill(world, 3)
    await tree.delete("block", days=50)
    monkeypatch.setattr(purging, "MAX_ROWS", 3)
    told = []
    for _ in range(3):
        purged = await world.ask("owner", PURGE, organization=world.organization)
        told.append((purged["total"], purged["remaining"]))
    assert told == [(sum(COUNTS["block"].values()), 3), (3, 0), (0, 0)]


async def test_who_restores_and_who_purges_at_once_do_not_both_succeed(tree):
    world = tree.world
    restore = CHANGE.format(name="blockRestore")
    for _ in range(5):
        id = await tree.delete("block")
        version = await world.superuser.fetchval("SELECT version FROM blocks WHERE id = $1", id)
        purged, code = await asyncio.gather(
            world.answer("owner", PURGE, ids=[id]),
            world.code("admin", restore, id=id, version=version),
        )
        removed = (purged["data"]["purge"] or {}).get("total")
        there = await world.superuser.fetchval("SELECT true FROM blocks WHERE id = $1", id)
        assert bool(removed) == (code is not None) == (not there), (purged, code)
        if not there:
            break


async def test_the_database_itself_keeps_what_is_not_to_be_purged(tree, other_world):
    """The wall behind the policy: `ctx.purge`, called by the role of requests."""
    world = tree.world
    recent = await tree.delete("requirement", days=29)
    theirs = await hang(other_world)
    their_requirement = await theirs.delete("requirement")
    before, their_rows = await tree.rows(), await theirs.rows()
    asked = {
        "live": ("blocks", world.block),
        "kept": ("requirements", recent),
        "theirs": ("requirements", their_requirement),
        "no entity": ("audit_logs", recent),
        "no table": ("nothing", recent),
    }
    async with world.superuser.transaction():
        await enter(world.superuser, organizations=[world.organization])
        for table, id in asked.values():
            purge = "SELECT * FROM ctx.purge($1, $2, 1000, true)"
            assert await world.superuser.fetch(purge, [table], [id]) == []
        for function in ("ctx.beneath('{}', '{}', '{}', 1)", "ctx.is_entity(1)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with world.superuser.transaction():
                    await world.superuser.execute(f"SELECT {function}")
    assert await tree.rows() == before
    assert await theirs.rows() == their_rows


@pytest.mark.exhaustive
async def test_of_an_organization_that_is_purged_the_record_alone_remains(
    superuser, database, client
):
    """Every table has rows of it, and of another organization, which keeps all of them."""
    canaries = await found_canaries(superuser, database, client)
    gone = canaries.row("dissolved", "organization", "organizations").id
    kept = canaries.row("ours", "organization", "organizations").id
    await superuser.execute(
        "UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1", gone
    )
    await superuser.execute("DELETE FROM legal_holds WHERE organization_id = $1", gone)
    await superuser.execute(
        "UPDATE profiles SET personal_organization_id = $1, current_organization_id = $1"
        " WHERE id = $2",
        gone,
        canaries.persons["owner"].id,
    )

    async def rows(organization):
        return {
            table.name: await superuser.fetchval(
                f"SELECT count(*) FROM {table.name} WHERE organization_id = $1", organization
            )
            for table in METADATA.sorted_tables
            if "organization_id" in table.columns and table.name not in FOLLOWING
        }

    before = await rows(kept), await rows(gone)
    purged = await canaries.ask("owner", PURGE, ids=[gone])
    after = await rows(kept), await rows(gone)
    assert before[0] == after[0]
    assert {table for table, number in after[1].items() if number} == RECORDS
    assert after[1]["audit_logs"] == before[1]["audit_logs"] + purged["total"]
    assert purged["total"] > 100
    for table in FED:  # what is still to be told points to the record, and to nothing else
        assert await superuser.fetchval(UNRECORDED.format(table), gone) == 0
    assert await superuser.fetchval("SELECT true FROM organizations WHERE id = $1", gone) is None
    await superuser.execute(  # or other tests would meet them at the root
        "UPDATE projects SET visibility = 'private' WHERE visibility = 'public'"
    )
