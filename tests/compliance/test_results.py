"""Results are compared, written as files, archived, erased with a person, and given as tasks."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from auth.accounts import erasure
from auth.accounts.mail import Outbox
from graph.compliance import archive
from graph.compliance.reports.job import REPORT
from graph.platform.files.sweep import sweep
from tests.compliance.assessing import POLICY
from tests.platform.jobs.kinds import worker
from tests.platform.jobs.recorded import transfers_of
from tests.world import Refused

COMPARE = """query ($id: UUID!, $with: UUID!) { assessment(id: $id) {
    comparison(with: $with) { requirement change before { status } after { status } } } }"""
REPORT_START = """mutation ($id: UUID!, $format: ReportFormat!) {
    assessmentReportStart(input: {assessmentId: $id, format: $format}) { jobId job { status } } }"""
JOB = """query ($id: UUID!) { job(id: $id) { status error
    exportedFile { name mediaType url } } }"""
TASK = """mutation ($input: FindingTaskCreateInput!) { findingTaskCreate(input: $input) {
    findingTask { id version status title assignee { id } assessment { id } } } }"""
DONE = """mutation ($id: UUID!, $version: BigInt!) { findingTaskUpdate(id: $id,
    expectedVersion: $version, input: {status: DONE}) { findingTask { status version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    findingTaskDelete(id: $id, expectedVersion: $version) { findingTask { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    findingTaskRestore(id: $id, expectedVersion: $version) { findingTask { version } } }"""
OPEN = """query ($id: UUID!) { organization(id: $id) { findingTasks(
    filter: {status: {eq: OPEN}} orderBy: [{by: DUE_DATE}]) { nodes { title } } } }"""
TOLD = "{ viewer { profile { id } } notifications { nodes { title message } } }"
RECENT = """query ($me: UUID!) { assessments(first: 20, filter: {userId: {eq: $me}}) {
    nodes { id documentName status complianceDocument { name } } } }"""


async def test_two_runs_of_a_document_are_compared(assessing):
    framework = await assessing.framework()
    document = await assessing.document()
    first = await assessing.create(document, [framework])
    await assessing.work()
    await assessing.world.superuser.execute(
        "UPDATE assessments SET results = jsonb_set(results, '{findings,3,status}', '\"partial\"')"
        " WHERE id = $1",
        first["id"],
    )
    second = await assessing.create(document, [framework])
    await assessing.work()
    found = await assessing.world.ask("viewer", COMPARE, id=second["id"], **{"with": first["id"]})
    changes = {each["requirement"]: each["change"] for each in found["comparison"]}
    assert changes.pop("CC6.1") == "IMPROVED"
    assert set(changes.values()) == {"UNCHANGED"}
    other = await assessing.create(await assessing.document(name="Other.txt"), [framework])
    await assessing.work()
    for id in (other["id"], assessing.world.document):
        with pytest.raises(Refused) as refused:
            await assessing.world.ask("viewer", COMPARE, id=second["id"], **{"with": id})
        assert refused.value.code in ("INVALID", "NOT_FOUND")


@pytest.mark.slow
async def test_a_report_is_written_as_json_csv_and_pdf(assessing):
    found = await assessing.assessed(name="=Policy.txt")
    contents = {}
    for format in ("JSON", "CSV", "PDF"):
        started = await assessing.world.ask("viewer", REPORT_START, id=found["id"], format=format)
        await worker(
            assessing.world.database, REPORT, storage=assessing.compliance.storage
        ).run_due()
        job = await assessing.world.ask("viewer", JOB, id=started["jobId"])
        assert job["status"] == "SUCCEEDED", job
        answer = await assessing.compliance.outside.get(job["exportedFile"]["url"])
        contents[format] = answer.content
    report = json.loads(contents["JSON"])
    assert (report["score"], report["document"]) == (found["score"], "=Policy.txt")
    assert "verified" not in contents["JSON"].decode()
    events = await transfers_of(assessing.world, "EXPORT")
    for event, content in zip(reversed(events), contents.values(), strict=True):
        assert (event["entityType"], event["entityId"]) == ("Assessment", found["id"])
        assert event["actor"]["id"] == str(assessing.world.people["viewer"])
        assert event["details"]["sha256"] == sha256(content).hexdigest()
        assert event["details"]["rows"] == len(report["findings"])
    rows = list(csv.DictReader(io.StringIO(contents["CSV"].decode("utf-8-sig"))))
    assert [row["requirement"] for row in rows][:2] == ["CC1.1", "CC2.2"]
    assert contents["PDF"].startswith(b"%PDF-")
    with pytest.raises(Refused) as refused:
        await assessing.world.ask("outsider", REPORT_START, id=found["id"], format="PDF")
    assert refused.value.code == "NOT_FOUND"


async def test_old_results_of_free_plans_are_archived_and_still_read(assessing):
    found = await assessing.assessed()
    age = "UPDATE assessments SET started_at = $2, completed_at = $2 WHERE id = $1"
    await assessing.world.superuser.execute(
        age, found["id"], datetime.now(UTC) - timedelta(days=91)
    )
    await assessing.plan("business")
    await archive.archive(assessing.run())
    assert (await assessing.show(found["id"]))["version"] == found["version"]
    await assessing.plan("free")
    await archive.archive(assessing.run())
    stored = await assessing.world.superuser.fetchrow(
        "SELECT results::text, results_key FROM assessments WHERE id = $1", found["id"]
    )
    assert "findings" not in stored["results"]
    assert stored["results_key"].startswith(f"files/{found['id']}/")
    again = await assessing.show(found["id"])
    assert again["results"] == found["results"]
    await assessing.world.superuser.execute("DELETE FROM assessments WHERE id = $1", found["id"])
    removals = "SELECT count(*) FROM file_removals WHERE file_id = $1"
    assert await assessing.world.superuser.fetchval(removals, found["id"]) == 1
    await sweep(assessing.world.database, assessing.compliance.storage)


async def test_erasing_a_person_purges_what_they_uploaded_and_keeps_usage(assessing, settings):
    found = await assessing.assessed()
    used = await assessing.compliance.used()
    assert used == len(POLICY)
    world = assessing.world
    await erasure.erase(world.database, Outbox(settings), world.email("member"))
    with pytest.raises(Refused) as refused:
        await assessing.show(found["id"])
    assert refused.value.code == "NOT_FOUND"
    left = "SELECT count(*) FROM {} WHERE organization_id = $1"
    for table in ("compliance_documents", "compliance_pages", "assessments"):
        assert await world.superuser.fetchval(left.format(table), world.organization) == 0
    assert await assessing.compliance.used() == 0
    (event,) = await assessing.events()
    assert event["user_id"] == world.people["member"]
    assert (await world.records(found["id"]))[-1]["action"] == "purge"


def task_of(assessment, assignee):
    """Return the input of a task that follows from the first finding of an assessment."""
    finding = assessment["results"]["findings"][0]
    return {
        "assessmentId": assessment["id"],
        "framework": finding["framework"],
        "requirement": finding["requirement"],
        "title": "Write the incident response plan",
        "assigneeId": assignee,
        "dueDate": "2099-06-01T00:00:00Z",
    }


async def test_a_finding_becomes_a_task_of_which_the_member_is_told(assessing):
    world = assessing.world
    found = await assessing.assessed()
    input = task_of(found, world.people["editor"])
    made = (await world.ask("member", TASK, input=input))["findingTask"]
    assert made["assignee"] == {"id": str(world.people["editor"])}
    told = await world.superuser.fetchrow(
        "SELECT title, message FROM notifications WHERE user_id = $1", world.people["editor"]
    )
    assert told["message"] == "Write the incident response plan"
    listed = await world.ask("viewer", OPEN, id=world.organization)
    assert len(listed["findingTasks"]["nodes"]) == 1
    done = await world.ask("editor", DONE, id=made["id"], version=made["version"])
    assert done["findingTask"]["status"] == "DONE"
    listed = await world.ask("viewer", OPEN, id=world.organization)
    assert listed["findingTasks"]["nodes"] == []
    change = {"id": made["id"], "version": done["findingTask"]["version"]}
    assert await world.code("editor", DELETE, **change) == "FORBIDDEN"
    deleted = await world.ask("member", DELETE, **change)
    change["version"] = deleted["findingTask"]["version"]
    assert await world.ask("member", RESTORE, **change)
    stranger = input | {"assigneeId": world.people["outsider"]}
    with pytest.raises(Refused) as refused:
        await world.ask("member", TASK, input=stranger)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "assigneeId"])


@pytest.mark.parametrize(("name", "value"), [("framework", "GDPR"), ("requirement", "CC99.9")])
async def test_a_task_follows_from_a_finding_of_the_assessment(assessing, name, value):
    world = assessing.world
    found = await assessing.assessed()
    input = task_of(found, world.people["editor"])
    with pytest.raises(Refused) as refused:
        await world.ask("member", TASK, input=input | {name: value})
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", name])
    assert (await world.ask("viewer", OPEN, id=world.organization))["findingTasks"]["nodes"] == []


async def test_a_member_lists_their_recent_assessments_with_the_names_of_documents(assessing):
    found = await assessing.assessed()
    me = assessing.world.people["member"]
    recent = await assessing.world.ask("member", RECENT, me=me)
    assert [node["id"] for node in recent["nodes"]] == [found["id"]]
    assert recent["nodes"][0]["complianceDocument"]["name"] == "Policy.txt"


async def test_pages_of_a_document_are_extracted_after_the_upload(assessing):
    document = await assessing.document()
    await assessing.compliance.extracted()
    assert (await assessing.compliance.show(document["id"]))["pageCount"] == 2
    damaged = b"%PDF-1.7\nThis is no PDF.\n"
    document = await assessing.document(damaged, mediaType="application/pdf", name="a.pdf")
    assert document["status"] == "READY"
    await assessing.compliance.extracted()
    shown = await assessing.compliance.show(document["id"])
    assert (shown["status"], shown["url"] is None) == ("ERROR", False)
    assert shown["errorMessage"].startswith("The document is damaged")
