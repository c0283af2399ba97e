"""`gateway audit archive`, `restore`, `hold`, `release`: months leave and come back unaltered."""

import json
import re
import shutil
from datetime import UTC, date, datetime
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from db.archives.months import ensure_partition
from db.audit.archive_file import check_archive
from db.audit.month_file import check_month_file
from db.audit.personal import commit
from db.change import PERSONAL_DATA
from db.problem import Problem

AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
INSERT = """
INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, created_at, version,
    changed_fields, old_data, new_data, ip_address, threat_indicators, details)
VALUES ($1, gen_random_uuid(), 'Requirement', 'update', $2, 3, '{name,"a b"}', NULL,
    '{"z": 1.50, "a": {"é": [null, "\\\\ \\n"]}}', '192.0.2.7', '{many_refusals}', $3)
RETURNING id
"""
PERSONAL = """
INSERT INTO audit_personal_data (event_id, organization_id, subject_id, salt, data)
VALUES ($1, $2, $1, $3, $4)
"""
ROWS = "SELECT e.* FROM audit_logs AS e WHERE organization_id = $1 ORDER BY created_at, id"
ARCHIVES = "SELECT * FROM audit_archives WHERE organization_id = $1 ORDER BY first_seq"
TABLE = "SELECT to_regclass('audit_logs_2026_08') IS NOT NULL"
FED = "SELECT count(*) FROM feed_entries WHERE organization_id = $1"


@pytest.fixture
async def old(ledger):
    """Return a function that writes an organization's events of August, September and now."""

    async def old():
        organization = await ledger.organization()
        async with ledger.superuser.transaction():
            await ledger.superuser.execute("SET LOCAL ROLE gateway_owner")
            for month in (AUGUST, SEPTEMBER):
                await ensure_partition(ledger.superuser, "audit_logs", month)
        kept = commit({}, {"email": "a@demo.example"})
        for month in (8, 9, 9, 9):
            at = datetime(2026, month, 30, 23, 59, 59, 123456, tzinfo=UTC)
            details = json.dumps({PERSONAL_DATA: kept.digest} if month == 8 else {"n": month})
            id = await ledger.superuser.fetchval(INSERT, organization, at, details)
            if month == 8:
                await ledger.superuser.execute(PERSONAL, id, organization, kept.salt, kept.data)
        await ledger.write(organization, 1)
        await ledger.seal()
        await ledger.tamper(
            f"UPDATE audit_seals SET not_before = NULL WHERE organization_id = '{organization}'"
        )
        return organization

    return old


async def archive(ledger, folder):
    run = await ledger.run("archive", "--before", "2026-10", "--to", folder)
    assert (run.exit_code, run.sentence) == (0, None)
    return run.output


async def count(ledger, organization):
    months = [row["created_at"].month for row in await ledger.superuser.fetch(ROWS, organization)]
    return [sum(month == each for month in months) for each in (8, 9)]


async def gateway_verifies(ledger, organization):
    """Return what the gateway itself finds, in batches of two events."""
    last = -1
    found = {"last": 0}
    while found["last"] > last and not found.get("reason"):
        last = found["last"]
        found = await ledger.superuser.fetchrow(
            "SELECT * FROM ctx.verify_audit_chain($1, $2, 2)", organization, last
        )
    return found["last"], found["wrong"]


async def test_archived_months_leave_verification_whole_and_come_back(ledger, old, tmp_path):
    organization, held = await old(), await old()
    hold = await ledger.run("hold", await ledger.slug(held), "--reason", "Case 7")
    assert hold.exit_code == 0, hold
    before = await ledger.superuser.fetch(ROWS, organization)
    seals = await ledger.seals(organization)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.write_text((await ledger.run("checkpoint")).output)

    assert "audit-2026-09.zip" in await archive(ledger, tmp_path)
    assert await count(ledger, organization) == [0, 0]
    assert await count(ledger, held) == [1, 3]
    august, september = await ledger.superuser.fetch(ARCHIVES, organization)
    assert (august["first_seq"], august["last_seq"]) == (1, 1)
    assert (september["first_seq"], september["last_seq"]) == (2, 4)
    assert august["head_hash"] == september["previous_hash"] == seals[0]["hash"]
    for name in ("audit-2026-08.zip", "audit-2026-09.zip"):
        run = await ledger.run("verify", "--file", tmp_path / name, "--checkpoints", checkpoints)
        assert run.exit_code == 0

    await ledger.write(organization, 2)
    await ledger.seal()
    run = await ledger.verify(organization, "--checkpoints", checkpoints)
    assert (run.exit_code, run.sentence) == (0, None)
    assert "4 events passed over" in run.output
    numbers = [seal["seq"] for seal in await ledger.seals(organization)]
    assert numbers[:3] == [1, 4, 5]
    assert await gateway_verifies(ledger, organization) == (numbers[-1], None)
    export = ["export", "--organization", organization, "--output", tmp_path / "rest"]
    assert (await ledger.run(*export)).exit_code == 0

    fed = await ledger.superuser.fetchval(FED, organization)
    run = await ledger.run("restore", tmp_path / "audit-2026-09.zip")
    assert (run.exit_code, run.sentence) == (0, None)
    after = await ledger.superuser.fetch(ROWS, organization)
    assert [row for row in after if row["created_at"].month == 9] == before[1:4]
    assert [dict(one) for one in (await ledger.seals(organization))[1:4]] == [
        dict(one) for one in seals[1:4]
    ]
    assert await ledger.superuser.fetchval(FED, organization) <= fed + 1  # the restoration itself
    run = await ledger.verify(organization)
    assert (run.exit_code, run.sentence) == (0, None)
    await ledger.seal()
    numbers = [seal["seq"] for seal in await ledger.seals(organization)]
    assert await gateway_verifies(ledger, organization) == (numbers[-1], None)
    run = await ledger.run("restore", "--undo", tmp_path / "audit-2026-09.zip")
    assert (run.exit_code, await count(ledger, organization)) == (0, [0, 0])

    assert await ledger.superuser.fetchval(TABLE)
    id = re.search(r"[0-9a-f-]{36}", hold.output)[0]
    assert (await ledger.run("release", id)).exit_code == 0
    await archive(ledger, tmp_path)
    assert (tmp_path / "audit-2026-09-2.zip").exists()
    assert await count(ledger, held) == [0, 0]
    assert not await ledger.superuser.fetchval(TABLE)
    assert (await ledger.verify(held)).exit_code == 0
    events = await ledger.superuser.fetch(
        "SELECT action FROM audit_logs WHERE organization_id = $1 AND source_system = 'cli'"
        " ORDER BY created_at",
        held,
    )
    assert [event["action"] for event in events] == ["hold", "release", "archive", "archive"]


async def test_nothing_false_is_archived_restored_or_passed_over(ledger, old, tmp_path):
    organization = await old()
    event = (await ledger.sealed(organization))[1]
    digest = json.dumps({"personal_data": "00", "n": 9})
    await ledger.tamper(f"UPDATE audit_logs SET details = '{digest}' WHERE id = '{event}'")
    run = await ledger.run("archive", "--before", "2026-10", "--to", tmp_path)
    assert run.exit_code == 1
    assert "does not fit its seal" in run.sentence
    assert (await count(ledger, organization))[1] == 3
    assert not list(tmp_path.glob("*09*"))
    details = json.dumps({"n": 9})
    await ledger.tamper(f"UPDATE audit_logs SET details = '{details}' WHERE id = '{event}'")
    await archive(ledger, tmp_path)

    true, false = tmp_path / "audit-2026-09.zip", tmp_path / "false.zip"
    shutil.copy(true, false)
    with ZipFile(true) as source, ZipFile(false, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name).replace(b'"many_refusals"', b'"none"')
            target.writestr(name, content)
    for command in (["restore", false], ["verify", "--file", false]):
        run = await ledger.run(*command)
        assert run.exit_code == 1
        assert "was changed" in run.sentence
    assert (await ledger.superuser.fetch(ARCHIVES, organization))[1]["restored_at"] is None

    await ledger.tamper(
        "UPDATE audit_archives SET head_hash = sha256('') WHERE first_seq = 2"
        f" AND organization_id = '{organization}'"
    )
    run = await ledger.verify(organization)
    assert run.exit_code == 1
    assert await gateway_verifies(ledger, organization) == (4, 4)
    run = await ledger.run("restore", true)
    assert "was archived from this database" in run.sentence
    run = await ledger.run("archive", "--before", "2999-01", "--to", tmp_path)
    assert "that are over" in run.sentence
    run = await ledger.run("hold", uuid4(), "--reason", "Case 8")
    assert "There is no organization" in run.sentence


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (lambda file: check_archive(file, ()), "is not the archive of an export."),
        (check_month_file, "is not an archived month."),
    ],
    ids=["export", "month"],
)
def test_a_damaged_archive_is_refused_in_one_sentence(tmp_path, check, told):
    file = tmp_path / "damaged.zip"
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name in ("log.ndjson", "log.ndjson.manifest.json", "manifest.json"):
            archive.writestr(name, "{}" * 100)
    whole = file.read_bytes()
    headless = whole.replace(b"PK\x03\x04", b"PK\x00\x00")
    for data in (b"", b"text", whole[: len(whole) // 2], headless):
        file.write_bytes(data)
        with pytest.raises(Problem) as refused:
            check(file)
        assert refused.value.message.endswith(told)
