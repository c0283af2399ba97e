"""Exports of the audit log by a job: their proof, what they leave out, and who may start them."""

import json
import zipfile

import pytest

from db.audit.archive_file import check_archive
from db.audit.chain import ChainBrokenError
from graph.platform.audit.exporting import EXPORT
from tests.platform.jobs.kinds import worker

START = """mutation ($input: AuditExportStartInput!) {
    auditExportStart(input: $input) { jobId } }"""
JOB = """query ($id: UUID!) { job(id: $id) { status error result
    exportedFile { name size url } } }"""
LOGS = """query ($id: UUID!, $filter: AuditEventFilterInput) { organization(id: $id) {
    auditLogs(first: 50, filter: $filter) { nodes { id description soc2Control actor { id } } } } }
    """
ROLE = """mutation ($id: UUID!, $role: OrganizationRole!) { organizationMemberUpdate(id: $id,
    expectedVersion: 1, input: {role: $role}) { organizationMember { id } } }"""
FORGERIES = (
    lambda lines: lines.replace(b"Name 2", b"Name 9"),
    lambda lines: b"".join(lines.splitlines(keepends=True)[:-1]),
    lambda lines: b"".join(lines.splitlines(keepends=True)[::-1]),
    lambda lines: lines.replace(b'"event":{', b'"event":null,{', 1),
)
"""An event is changed, the last one left out, the order reversed, and one no event any more."""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $name: String!) { requirementUpdate(
    id: $id, expectedVersion: $version, input: {name: $name}) { requirement { version } } }"""


@pytest.fixture
def exported(world, app, tmp_path):
    """Return a function that exports as a person, and returns the job and the path of the file."""

    async def export(person="admin", **input):
        given = {"organizationId": world.organization} | input
        started = await world.ask(person, START, input=given)
        await worker(world.database, EXPORT, storage=app.state.storage).run_due()
        job = await world.ask(person, JOB, id=started["jobId"])
        if job["status"] != "SUCCEEDED":
            return job, None
        response = await world.client.get(job["exportedFile"]["url"])
        assert len(response.content) == int(job["exportedFile"]["size"])
        path = tmp_path / job["exportedFile"]["name"]
        path.write_bytes(response.content)
        return job, path

    return export


async def renamed(world, times):
    for version in range(1, times + 1):
        variables = {"version": version, "name": f"Name {version}"}
        await world.ask("editor", RENAME, id=world.requirement, **variables)


def events(path, key=None):
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        lines = [json.loads(line) for line in archive.read(name).splitlines()]
    return [line[key] if key else line for line in lines]


def altered(path, target, change):
    """Write the archive with other lines."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, content if name.endswith(".json") else change(content))
    return target


async def test_an_export_of_the_audit_log_proves_itself_and_is_recorded(world, exported, tmp_path):
    await renamed(world, 3)
    job, path = await exported()
    manifest = check_archive(path, [])
    records = events(path)
    found = [record["event"] for record in records if record["event"]]
    assert manifest.count == manifest.head_seq == len(records) >= 3
    assert [record["seq"] for record in records] == list(range(1, manifest.count + 1))
    assert [e["new_data"]["name"] for e in found if e["entity_type"] == "Requirement"] == [
        "Name 1",
        "Name 2",
        "Name 3",
    ]
    variables = {"id": world.organization, "filter": {"eventType": {"eq": "EXPORT"}}}
    (event,) = (await world.ask("owner", LOGS, **variables))["auditLogs"]["nodes"]
    assert (event["description"], event["soc2Control"], event["actor"]) == (
        "The audit log was exported.",
        "CC6.7",
        {"id": str(world.people["admin"])},
    )
    assert job["result"]["manifest"]["head_hash"] == manifest.head_hash.hex()
    for forge in FORGERIES:
        with pytest.raises(ChainBrokenError):
            check_archive(altered(path, tmp_path / "f.zip", forge), [])


async def test_an_export_withholds_what_only_its_owner_reads(world, exported):
    """A notification of somebody else keeps its place in the chain, and none of its words."""
    role = {"id": world.members["member"], "role": "EDITOR"}
    await world.ask("owner", ROLE, **role)
    written = await world.superuser.fetchval(
        "SELECT title FROM notifications WHERE user_id = $1", world.people["member"]
    )
    for filter in (None, {"createdAt": {"gt": "2020-01-01T00:00:00Z"}}):
        _, path = await exported(filter=filter)
        manifest = check_archive(path, [])
        assert manifest.withheld == sum(each["event"] is None for each in events(path)) >= 1
        with zipfile.ZipFile(path) as archive:
            assert written.encode() not in archive.read(archive.namelist()[0])


async def test_a_filter_exports_what_the_list_shows_each_event_with_its_seal(
    world, exported, tmp_path
):
    await renamed(world, 4)
    filter = {
        "entityId": {"eq": str(world.requirement)},
        "not": {"createdAt": {"lt": "2020-01-01T00:00:00Z"}},
        "or": [{"eventType": {"in": ["UPDATE"]}}, {"threatIndicators": {"hasAny": ["none"]}}],
    }
    _, path = await exported(filter=filter)
    shown = await world.ask("owner", LOGS, id=world.organization, filter=filter)
    listed = [node["id"] for node in shown["auditLogs"]["nodes"]]
    assert [event["id"] for event in events(path, "event")] == listed[::-1]
    manifest = check_archive(path, [])
    assert (manifest.count, manifest.unsealed) == (4, 0)
    assert manifest.head_seq >= 4
    for forge in FORGERIES:
        with pytest.raises(ChainBrokenError):
            check_archive(altered(path, tmp_path / "f.zip", forge), [])


@pytest.mark.parametrize("person", ["editor", "member", "billing", "project_admin"])
async def test_only_administrators_export_the_audit_log(world, person):
    code = await world.code(person, START, input={"organizationId": world.organization})
    assert code == "FORBIDDEN"


async def test_the_audit_log_of_another_tenant_is_not_exported(world, other_world):
    code = await other_world.code("owner", START, input={"organizationId": world.organization})
    assert code == "NOT_FOUND"


async def test_an_export_needs_the_role_when_it_runs(world, exported):
    started = await world.ask("admin", START, input={"organizationId": world.organization})
    await world.superuser.execute(
        "UPDATE organization_members SET role = 'editor' WHERE id = $1", world.members["admin"]
    )
    _, path = await exported("owner")
    assert path
    job = await world.ask("owner", JOB, id=started["jobId"])
    assert (job["status"], job["exportedFile"]) == ("FAILED", None)


async def test_a_period_without_events_exports_nothing(world, exported):
    await renamed(world, 1)
    job, _ = await exported(to="2020-01-01T00:00:00Z")
    assert (job["status"], job["error"]) == ("FAILED", "There is no event in this period.")
    input = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    code = await world.code("admin", START, input={"organizationId": world.organization} | input)
    assert code == "INVALID"
