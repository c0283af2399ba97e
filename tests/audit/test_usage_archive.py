"""`gateway usage archive`, `restore` and `verify`: months leave and come back, and sums stay."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from db.archives.months import ensure_partition, this_month

PERSON = "INSERT INTO profiles (email, full_name) VALUES ($1, 'A Person') RETURNING id"
ADD = """
INSERT INTO usage_logs
    (organization_id, user_id, feature, quantity, unit_type, metadata, created_at)
SELECT $1, $2, 'query', i, 'cost', jsonb_build_object('count', i, 'é', 1.50),
    $3::timestamptz + i * interval '1 day'
FROM generate_series(1, 3) AS i
"""
LOGGED = "SELECT * FROM usage_logs WHERE organization_id = $1 ORDER BY created_at, id"
SUMS = "SELECT * FROM {} WHERE organization_id = $1 ORDER BY 1, 2, 3, 4, 5"
ARCHIVES = "SELECT * FROM usage_archives WHERE organization_id = $1 ORDER BY month"
EVENTS = "SELECT action, details FROM audit_logs WHERE organization_id = $1 ORDER BY created_at, id"
UNSENT = """
INSERT INTO meter_reports (organization_id, month, meter, quantity) VALUES ($1, $2, 'credits', 7)
"""


def months_ago(number: int) -> date:
    month = this_month()
    for _ in range(number):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


OLD, OLDER = months_ago(4), months_ago(5)


@pytest.fixture
async def used(ledger):
    """Return a function that writes an organization's usage of five months."""

    async def used():
        organization = await ledger.organization()
        person = await ledger.superuser.fetchval(PERSON, f"{uuid4().hex}@demo.example")
        for number in (0, 1, 3, 4, 5):
            month = months_ago(number)
            async with ledger.superuser.transaction():
                await ledger.superuser.execute("SET LOCAL ROLE gateway_owner")
                await ensure_partition(ledger.superuser, "usage_logs", month)
            start = datetime(month.year, month.month, 1, 23, 59, 59, 123456, tzinfo=UTC)
            await ledger.superuser.execute(ADD, organization, person, start)
        return organization

    return used


async def usage(ledger, *arguments):
    run = await ledger.run(*arguments, group="usage")
    assert (run.exit_code, run.sentence) == (0, None)
    return run.output


async def sums(ledger, organization):
    tables = ("usage_features", "usage_people")
    return [await ledger.superuser.fetch(SUMS.format(table), organization) for table in tables]


async def logged(ledger, organization):
    rows = await ledger.superuser.fetch(LOGGED, organization)
    return sorted({row["created_at"].date().replace(day=1) for row in rows}, reverse=True)


async def test_months_leave_and_come_back_while_the_sums_stay(ledger, used, tmp_path):
    organization = await used()
    rows, before = (
        await ledger.superuser.fetch(LOGGED, organization),
        await sums(ledger, organization),
    )
    output = await usage(ledger, "archive", "--to", tmp_path)
    file = tmp_path / f"usage-{OLD:%Y-%m}.zip"
    assert str(file) in output.replace("\n", "")
    kept = [months_ago(number) for number in (0, 1, 3)]
    assert await logged(ledger, organization) == kept
    assert await sums(ledger, organization) == before
    older, old = await ledger.superuser.fetch(ARCHIVES, organization)
    assert [(one["month"], one["row_count"]) for one in (older, old)] == [(OLDER, 3), (OLD, 3)]
    assert "Nothing before" in await usage(ledger, "archive", "--to", tmp_path)
    assert "3 rows" in await usage(ledger, "verify", file)

    assert "were restored" in await usage(ledger, "restore", file)
    back = await ledger.superuser.fetch(LOGGED, organization)
    assert back == [row for row in rows if row["created_at"].date().replace(day=1) != OLDER]
    assert await sums(ledger, organization) == before
    assert "Nothing of" in await usage(ledger, "restore", file)
    assert "Nothing before" in await usage(ledger, "archive", "--to", tmp_path), "it is in a file"
    assert "removed again" in await usage(ledger, "restore", "--undo", file)
    assert await logged(ledger, organization) == kept
    assert await sums(ledger, organization) == before

    events = await ledger.superuser.fetch(EVENTS, organization)
    assert [event["action"] for event in events] == [
        "archive_usage",
        "archive_usage",
        "restore_usage",
        "unrestore_usage",
    ]
    assert old["sha256"].hex() in events[1]["details"], "the log proves what the file has"


async def test_what_is_held_or_not_reported_to_stripe_stays(ledger, used, tmp_path):
    held, unreported, free = await used(), await used(), await used()
    await ledger.run("hold", await ledger.slug(held), "--reason", "Case 7")
    await ledger.superuser.execute(UNSENT, unreported, OLD)
    output = await usage(ledger, "archive", "--to", tmp_path)
    assert "2 organizations" in output
    assert OLD in await logged(ledger, held)
    assert OLD in await logged(ledger, unreported)
    assert OLDER not in await logged(ledger, unreported), "this one is reported"
    assert OLD not in await logged(ledger, free)
    await ledger.superuser.execute("UPDATE meter_reports SET sent_at = now()")
    await usage(ledger, "archive", "--to", tmp_path)
    assert OLD not in await logged(ledger, unreported)
    assert (tmp_path / f"usage-{OLD:%Y-%m}-2.zip").exists()
    await ledger.superuser.execute("DELETE FROM legal_holds")


async def test_months_that_are_kept_and_altered_files_are_refused(ledger, used, tmp_path):
    organization = await used()
    for before in (f"{months_ago(2):%Y-%m}", "2026-13", "9999-01"):
        run = await ledger.run("archive", "--to", tmp_path, "--before", before, group="usage")
        assert run.exit_code == 1
    assert len(await logged(ledger, organization)) == 5
    await usage(ledger, "archive", "--to", tmp_path, "--before", f"{months_ago(3):%Y-%m}")
    file, altered = tmp_path / f"usage-{OLD:%Y-%m}.zip", tmp_path / "altered.zip"
    with ZipFile(file) as source, ZipFile(altered, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'"quantity": 3', b'"quantity": 9'))
    for wrong in (altered, tmp_path / "missing.zip"):
        for command in (("verify",), ("restore",)):
            run = await ledger.run(*command, wrong, group="usage")
            assert (run.exit_code, bool(run.sentence)) == (1, True)
    await ledger.superuser.execute(
        "UPDATE usage_archives SET sha256 = sha256('') WHERE organization_id = $1", organization
    )
    run = await ledger.run("restore", file, group="usage")
    assert "does not have what was archived" in run.sentence
    assert len(await logged(ledger, organization)) == 3
