"""`gateway audit export`: a file that proves itself, and whose creation is recorded."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.audit.chain import ChainBrokenError, following, genesis
from db.audit.checkpoint import Checkpoint
from db.audit.export import Manifest, check_export, manifest_of
from graph import VERSION

ROOT = Path(__file__).parents[2]
DOCUMENTATION = ROOT / "docs" / "audit.md"
LINES = """
SELECT ctx.sealed_line(e) FROM audit_seals AS s
JOIN audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
WHERE s.organization_id = $1 ORDER BY s.seq
"""
EXPORTS = """
SELECT * FROM audit_logs
WHERE event_type = 'export' AND (entity_id = $1 OR organization_id = $1)
"""


@pytest.fixture
async def export(ledger, organization, events, tmp_path):
    """Return a function that exports the organization, by default."""

    async def export(*options, to="record.ndjson", of=organization):
        return await ledger.run("export", "--organization", of, "--output", tmp_path / to, *options)

    return export


@pytest.fixture
async def file(export, tmp_path):
    """Return the whole record of the organization."""
    assert (await export()).exit_code == 0
    return tmp_path / "record.ndjson"


async def test_an_export_holds_the_lines_of_the_chain_and_a_manifest(ledger, organization, file):
    lines = [row[0] for row in await ledger.superuser.fetch(LINES, organization)][:5]
    assert file.read_text() == "".join(f"{line}\n" for line in lines)
    manifest = json.loads(manifest_of(file).read_text())
    seals = await ledger.seals(organization)
    expected = {
        "organization_id": str(organization),
        "organization": await ledger.slug(organization),
        "count": 5,
        "first_seq": 1,
        "last_seq": 5,
        "previous_hash": genesis(organization).hex(),
        "head_hash": seals[4]["hash"].hex(),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert manifest | expected == manifest
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    assert len(list(file.parent.iterdir())) == 2


async def test_an_export_is_itself_recorded(ledger, organization, file):
    (event,) = await ledger.superuser.fetch(EXPORTS, organization)
    assert (event["organization_id"], event["soc2_control"]) == (organization, "CC6.7")
    assert (event["severity"], event["source_system"]) == ("medium", "cli")
    details = json.loads(event["details"])
    assert details["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert details["file"] == "record.ndjson"
    await ledger.seal()
    assert (await ledger.sealed(organization))[-1] == event["id"]


async def test_an_export_holds_the_events_of_a_time(ledger, organization, export, tmp_path):
    times = [seal["event_at"].isoformat() for seal in await ledger.seals(organization)]
    python = [time.replace("+00:00", "") for time in times]
    run = await export("--from", python[1][:19], "--to", "2999-01-01", to="all")
    assert run.exit_code == 0
    run = await export("--to", "2020-01-01", to="none")
    assert run.sentence.startswith("There is no event of organization")
    manifest = json.loads((tmp_path / "all.manifest.json").read_text())
    assert manifest["to_time"] == "2999-01-01T00:00:00Z"
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
async def test_an_export_may_begin_in_the_middle_of_the_chain(ledger, organization, tmp_path):
    async with ledger.superuser.transaction():
        for month in (1, 0):
            await ledger.superuser.execute(
                "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action,"
                " created_at) VALUES ($1, $1, 'Requirement', 'update',"
                " date_trunc('month', now()) - $2 * interval '1 day')",
                organization,
                month,
            )
    await ledger.seal()
    await ledger.tamper(
        f"UPDATE audit_seals SET not_before = NULL WHERE organization_id = '{organization}'"
    )
    file, begin = tmp_path / "month", datetime.now(UTC).strftime("%Y-%m-01")
    run = await ledger.run(
        "export", "--organization", organization, "--from", begin, "--output", file
    )
    manifest = json.loads(manifest_of(file).read_text())
    assert (run.exit_code, manifest["first_seq"], manifest["count"]) == (0, 2, 1)
    assert manifest["previous_hash"] == (await ledger.seals(organization))[0]["hash"].hex()
    assert (await ledger.run("verify", "--file", file)).exit_code == 0


async def test_events_outside_of_every_organization_are_exported(ledger, export):
    await ledger.write(None, "a failed sign-in")
    nobody = UUID(int=0)
    assert "of no organization, numbers 1 to" in (await export(of=nobody)).output
    (event, *_) = await ledger.superuser.fetch(EXPORTS, nobody)
    assert event["organization_id"] is None


async def test_a_file_that_is_there_is_not_overwritten(ledger, export, file):
    before = file.read_bytes()
    run = await export()
    assert run.sentence == f"{file} already exists."
    assert file.read_bytes() == before
    run = await export(to="no/such/folder")
    assert run.sentence.endswith("cannot be written: No such file or directory.")


async def test_a_replica_is_verified_but_what_is_recorded_needs_the_primary(
    ledger, organization, events, tmp_path
):
    replica = "?options=-c%20default_transaction_read_only%3Don"
    run = await ledger.run("verify", "--organization", organization, options=replica)
    assert run.output == "5 events verified in 1 chain; all are sealed.\n"
    to = ("--organization", organization, "--output", tmp_path / "record.ndjson")
    for command in (["checkpoint"], ["export", *to]):
        run = await ledger.run(*command, options=replica)
        assert run.sentence.startswith("This database is read only")
    assert list(tmp_path.iterdir()) == []


async def test_a_record_that_was_altered_is_not_exported(
    ledger, organization, events, export, tmp_path
):
    await ledger.tamper(f"DELETE FROM audit_logs WHERE id = '{events[3]}'")
    run = await export()
    assert run.exit_code == 1
    assert run.sentence.startswith(f"Number 4, event {events[3]}")
    assert list(tmp_path.iterdir()) == []
    assert await ledger.superuser.fetch(EXPORTS, organization) == []


async def test_an_export_is_verified_without_a_database(ledger, file, tmp_path):
    verified = await ledger.run("verify", "--file", file)
    assert verified.exit_code == 0
    assert "holds 5 events of organization o-" in verified.output
    kept = tmp_path / "checkpoints"
    kept.write_text((await ledger.run("checkpoint")).output)
    assert (await ledger.run("verify", "--file", file, "--checkpoints", kept)).exit_code == 0
    file.write_bytes(file.read_bytes().replace(b'"update"', b'"create"', 1))
    run = await ledger.run("verify", "--file", file)
    assert (run.exit_code, run.output) == (1, "")
    assert run.sentence == f"{file} is not what was exported: its SHA-256 is another."


def test_an_auditor_needs_no_more_than_the_documentation_shows(file, monkeypatch):
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    program = program.replace("october.ndjson", "record.ndjson")
    monkeypatch.chdir(file.parent)
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, check=False).returncode == 0
    file.write_bytes(file.read_bytes().replace(b'"update"', b'"create"', 1))
    assert subprocess.run(run, check=False, stderr=subprocess.DEVNULL).returncode == 1


def test_an_export_names_the_version_that_is_released():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


async def test_an_export_without_its_manifest_is_refused(ledger, tmp_path):
    file = tmp_path / "export"
    run = await ledger.run("verify", "--file", file)
    assert run.sentence == f"{manifest_of(file)} cannot be read: No such file or directory."
    manifest_of(file).write_text("{}")
    run = await ledger.run("verify", "--file", file)
    assert run.sentence == f"{manifest_of(file)} is not the manifest of an export."


LINE = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=8).map(str.encode)
SOMEBODY = UUID(int=7)


def write(file: Path, lines: list[bytes], first: int, **claims: object) -> list[Checkpoint]:
    """Write an export of these lines and checkpoints, with an honest manifest except the claims."""
    previous = hash = genesis(SOMEBODY)
    checkpoints = []
    for seq, line in enumerate(lines, start=first):
        hash = following(hash, seq, line)
        at = datetime(2026, 11, 20, tzinfo=UTC)
        checkpoints.append(Checkpoint(organization_id=SOMEBODY, seq=seq, hash=hash, made_at=at))
    content = b"".join(line + b"\n" for line in lines)
    honest = {
        "gateway": "1",
        "organization_id": SOMEBODY,
        "organization": None,
        "from_time": None,
        "to_time": None,
        "count": len(lines),
        "first_seq": first,
        "last_seq": first + len(lines) - 1,
        "previous_hash": previous,
        "head_hash": hash,
        "sha256": hashlib.sha256(content).digest(),
        "exported_at": datetime.now(UTC),
    }
    file.write_bytes(content)
    manifest_of(file).write_text(Manifest(**(honest | claims)).model_dump_json())
    return checkpoints


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(LINE, min_size=1, max_size=6),
    altered=st.lists(LINE, min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
    first=st.sampled_from([1, 18]),
)
def test_no_other_lines_lead_to_the_same_head(lines, altered, order, first):
    """Edited, deleted, inserted, reordered: even when the manifest is altered to fit the file."""
    shuffled = lines.copy()
    order.shuffle(shuffled)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "export"
        checkpoints = write(file, lines, first)
        assert check_export(file, checkpoints).count == len(lines)
        for others in (altered, shuffled, lines[1:], lines[:-1], [*lines, lines[0]]):
            if not others or others == lines:
                continue
            write(file, others, first, head_hash=checkpoints[-1].hash)
            with pytest.raises(ChainBrokenError, match="does not lead from"):
                check_export(file, [])
            write(file, others, first)  # a lie from end to end, which only checkpoints can tell
            assert check_export(file, []).count == len(others)
            if others[: len(lines)] != lines[: len(others)]:
                with pytest.raises(ChainBrokenError, match="is not what the checkpoint of"):
                    check_export(file, checkpoints)
