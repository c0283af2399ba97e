"""Imports and exports through the API: jobs, reports, files, and what is refused."""

import asyncio
import csv
import json
from uuid import UUID, uuid4

import pytest

from auth.session.write.unit_of_work import UnitOfWork
from db.problem import Problem
from graph.commands.exchange import (
    ImportArguments,
    export_requirements,
    import_requirements,
)
from graph.commands.export_options import ExportOptions
from graph.requirements.exchange import jobs
from tests.loop import within
from tests.platform.jobs.kinds import worker
from tests.requirements.import_files import lift, sample
from tests.requirements.transferring import EXPORT, IMPORT, JOB, Transfers, counts
from tests.storage.uploading import Uploading

CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
CSV = b"ID,Name,Description,Status,Effort\nB1,Brake,The car stops.,Accepted,8\nB2,Horn,=1+1,,\n"
FORMATS = ["CSV", "XLSX", "REQIF", "STRICTDOC", "NEEDS", "DOORSTOP", "MARKDOWN"]
ENDINGS = {"CSV": "csv", "XLSX": "xlsx", "REQIF": "reqif", "STRICTDOC": "zip", "NEEDS": "json"}
ENDINGS |= {"DOORSTOP": "zip", "MARKDOWN": "zip"}
REQIF = "reqif/{}/sample.reqif"
SAMPLES = [
    REQIF.format("Doors_02_example_from_a_user"),
    REQIF.format("Polarion_01_anonimized_example"),
    REQIF.format("ci.eclipse.org_TC1800_E0000_S10_Reference_20210122_1256_jenkins"),
    "nasa_cfs_csv/cf_FunctionalRequirements.csv",
    "zephyr_sdoc/software_requirements/threads.sdoc",
]


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


async def test_a_file_is_imported_by_a_job_with_a_report(transfers):
    dry = await transfers.imported("brakes.csv", CSV, dry_run=True)
    assert (dry["status"], dry["error"]) == ("SUCCEEDED", None)
    assert dry["importReport"]["dryRun"] is True
    assert counts(dry, "requirements") == {"created": 2}
    again = await transfers.imported("brakes.csv", CSV)
    assert counts(again, "requirements") == {"created": 2}, "the dry run has kept nothing"
    assert again["importReport"]["objects"][1] == {
        "kind": "requirements",
        "externalId": "B1",
        "name": "Brake",
        "outcome": "CREATED",
        "fields": [],
    }
    changed = await transfers.imported("brakes.csv", CSV.replace(b"stops", b"halts"))
    assert counts(changed, "requirements") == {"updated": 1, "unchanged": 1}
    (told,) = changed["importReport"]["objects"]
    assert (told["externalId"], told["outcome"], told["fields"]) == (
        "B1",
        "UPDATED",
        ["description"],
    )


@pytest.mark.parametrize("format", FORMATS)
async def test_an_export_that_is_imported_changes_nothing(transfers, format):
    world = transfers.world
    name = f"lift.{ENDINGS[format]}"
    await transfers.imported("lift.reqif", lift().encode())
    odd = {
        "name": "=HYPERLINK(1)",
        "description": "'-5 V\n  indented  \n\n- item\t\x07",
        "tags": ["a,b", "c;d"],
        "properties": {"n": 5, "x": [1, {"y": None}], "Status": "ours", "t": "yes"},
    }
    await world.ask("editor", CREATE, input={"documentId": world.document, **odd})
    whole = {} if format != "CSV" else {"documentId": world.document}
    content = await transfers.exported(format, **whole)
    before = await rows(world)
    onto = {"documentId": world.document} if format == "CSV" else {}
    job = await transfers.imported(name, content, format=format, **onto)
    assert job["error"] is None
    assert job["importReport"]["objects"] == []
    assert await rows(world) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
async def test_a_public_file_is_imported_exported_and_imported_without_a_change(transfers, name):
    world, path = transfers.world, sample(name)
    job = await transfers.imported(path.name, path.read_bytes())
    assert job["error"] is None
    before = await rows(world)
    for format in FORMATS[1:]:
        content = await transfers.exported(format)
        again = await transfers.imported("again", content, format=format)
        assert again["error"] is None
        assert again["importReport"]["objects"] == [], format
        assert await rows(world) == before


async def rows(world):
    tables = ("documents", "blocks", "requirements", "trace_links", "properties")
    return [
        await world.superuser.fetch(
            f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY id", world.organization
        )
        for table in tables
    ]


async def started(transfers, by, query, **input):
    given = {"projectId": transfers.world.project} | input
    return await transfers.world.code(by, query, input=given, **DRY.get(query, {}))


DRY = {IMPORT: {"dryRun": False}}


async def test_who_may_not_write_may_not_import_and_outsiders_find_nothing(
    transfers, other_project
):
    file = await transfers.uploaded("brakes.csv", CSV)
    assert await started(transfers, "viewer", IMPORT, fileId=file) == "FORBIDDEN"
    assert await started(transfers, "outsider", IMPORT, fileId=file) == "NOT_FOUND"
    assert await started(transfers, "outsider", EXPORT, format="CSV") == "NOT_FOUND"
    document = transfers.world.document
    code = await started(transfers, "outsider", EXPORT, format="CSV", documentId=document)
    assert code == "NOT_FOUND"
    elsewhere = {"projectId": other_project, "fileId": file}
    assert await started(transfers, "owner", IMPORT, **elsewhere) == "INVALID"
    elsewhere = {"projectId": other_project, "documentId": document, "format": "CSV"}
    assert await started(transfers, "owner", EXPORT, **elsewhere) == "INVALID"
    wrong = [{"column": "A", "field": "nothing"}]
    assert await started(transfers, "editor", IMPORT, fileId=file, columns=wrong) == "INVALID"


async def test_the_file_of_an_export_is_of_who_started_it_and_goes_with_its_job(transfers):
    world = transfers.world
    input = {"projectId": world.project, "format": "REQIF"}
    job = (await world.ask("viewer", EXPORT, input=input))["jobId"]
    await transfers.run()
    assert (await transfers.job(job, "viewer"))["exportedFile"]["name"].endswith(".reqif")
    assert (await transfers.job(job, "owner"))["exportedFile"] is not None
    assert await world.code("editor", JOB, id=job) == "NOT_FOUND"
    await world.superuser.execute("DELETE FROM jobs WHERE id = $1", UUID(job))
    removal = "SELECT count(*) FROM file_removals WHERE file_id = $1"
    assert await world.superuser.fetchval(removal, UUID(job)) == 1


async def test_a_user_has_a_few_imports_and_exports_at_the_same_time(transfers):
    for _ in range(5):
        assert await started(transfers, "viewer", EXPORT, format="REQIF") is None
    assert await started(transfers, "viewer", EXPORT, format="REQIF") == "LIMIT_REACHED"
    assert await started(transfers, "editor", EXPORT, format="REQIF") is None


async def test_a_file_that_cannot_be_imported_fails_the_job_with_its_fault(transfers):
    before = await rows(transfers.world)
    job = await transfers.imported("brakes.csv", CSV + b"B1,Again,,,\n")
    assert (job["status"], job["importReport"]) == ("FAILED", None)
    assert job["error"] == "brakes.csv: row 2 (line 2) and row 4 (line 4) have the same id 'B1'."
    assert await rows(transfers.world) == before


async def test_a_cancelled_import_has_written_nothing(transfers, monkeypatch):
    world = transfers.world
    before = await rows(world)
    file = await transfers.uploaded("brakes.csv", CSV)
    input = {"projectId": world.project, "fileId": file}
    job = (await world.ask("editor", IMPORT, input=input, dryRun=False))["jobId"]
    written, cancelled = asyncio.Event(), asyncio.Event()
    write = jobs.write_draft

    async def waiting(transaction, *arguments):
        result = await write(transaction, *arguments)
        async with within(10):  # the step of an import that is done before its requirements
            while (await transfers.job(job))["progress"] in (None, jobs.READ):
                arguments[-1]("blocks", 1, 1)
        written.set()
        await cancelled.wait()
        return result

    monkeypatch.setattr(jobs, "write_draft", waiting)
    running = worker(world.database, *jobs.KINDS, storage=transfers.place.storage)
    task = asyncio.create_task(running.run_due())
    async with within(10):
        await written.wait()
    await world.ask("editor", "mutation ($id: UUID!) { jobCancel(id: $id) { job { id } } }", id=job)
    await running.extend()
    async with within(10):
        await task
    found = await transfers.job(job)
    assert (found["status"], found["progress"] < 1) == ("CANCELLED", True)
    assert await rows(world) == before


async def test_the_events_of_an_import_enter_the_feed_after_all_else(transfers, monkeypatch):
    run_deferred, seen = UnitOfWork.run_deferred, []

    async def observed(work, seconds):
        query = "SELECT status::text FROM public.jobs WHERE kind = 'requirements.import'"
        seen.extend(row["status"] for row in await work.fetch(query, ()))
        await run_deferred(work, seconds)

    monkeypatch.setattr(UnitOfWork, "run_deferred", observed)
    job = await transfers.imported("brakes.csv", CSV)
    assert (job["status"], seen) == ("SUCCEEDED", ["succeeded"])


async def test_the_command_exports_what_the_api_does(transfers, settings, tmp_path, capsys):
    world, file = transfers.world, tmp_path / "lift.reqif"
    await transfers.imported("lift.reqif", lift().encode())
    document = await world.superuser.fetchval(
        "UPDATE requirements SET status = 'approved' WHERE external_id = 'r-load'"
        " AND organization_id = $1 RETURNING document_id",
        world.organization,
    )
    project = str(world.project)

    async def export(file=file, **options):
        given = {"email": world.email("viewer"), "options": ExportOptions(**options)}
        await asyncio.to_thread(export_requirements, settings, file, project=project, **given)

    await export(document=str(document))
    id = capsys.readouterr().out.partition("export ID: ")[2].strip()
    before = await rows(world)
    job = await transfers.imported("lift.reqif", file.read_bytes())
    assert (job["error"], await rows(world)) == (None, before)
    edited = file.read_bytes().replace(b'THE-VALUE="Load"', b'THE-VALUE="Load of the cabin"')
    returned = await transfers.imported("lift.reqif", edited, exportId=id)
    assert counts(returned, "requirements")["updated"] == 1
    wanted = '{"status": {"eq": "APPROVED"}}'
    for ending, options in (("csv", {"format": None}), ("html", {"language": "de"}), ("pdf", {})):
        await export(tmp_path / f"some.{ending}", filter=wanted, **options)
    table = [*csv.DictReader((tmp_path / "some.csv").read_text("utf-8-sig").splitlines())]
    assert [row["Requirement ID"] for row in table] == ["r-load"]
    page = (tmp_path / "some.html").read_text()
    assert "Anforderung" in page
    assert "r-load" in page
    assert (tmp_path / "some.pdf").read_bytes().startswith(b"%PDF-")
    for options, message in (
        ({}, "the file exists already"),
        ({"document": "Lift"}, "Name the document by its ID"),
        ({"document": str(uuid4())}, "There is no such Document"),
        ({"baseline": str(uuid4())}, "There is no such Baseline"),
        ({"change_set": str(uuid4())}, "There is no such ChangeSet"),
        ({"baseline": str(uuid4()), "change_set": str(uuid4())}, "not both"),
        ({"filter": "{"}, "The filter is not JSON"),
        ({"filter": '{"colour": 1}'}, "The filter is not valid: .*unknown field 'colour'"),
    ):
        with pytest.raises(Problem, match=message):
            await export(**options)


async def test_the_command_imports_with_a_saved_mapping_and_takes_a_returned_file_back(
    transfers, settings, tmp_path, capsys
):
    world, table, project = transfers.world, tmp_path / "brakes.csv", str(transfers.world.project)
    mapping = """mutation ($project: UUID!) { importMappingCreate(input: {
        projectId: $project, name: "Supplier", delimiter: ";", columns: [
            {column: "Effort", field: "property:number"}, {column: "Comment", field: "ignore"}]
    }) { importMapping { id } } }"""
    await world.ask("editor", mapping, project=world.project)
    table.write_text("ID;Name;Effort;Comment\nB1;Stops;8;x\nB2;Holds;2;y\n")

    async def command(file, **options):
        given = ImportArguments(email=world.email("editor"), **options)
        await asyncio.to_thread(import_requirements, settings, file, project=project, given=given)
        return capsys.readouterr().out

    assert "requirements: 2 created" in await command(table, mapping="Supplier")
    stored = "SELECT properties FROM requirements WHERE external_id = 'B1' AND organization_id = $1"
    assert json.loads(await world.superuser.fetchval(stored, world.organization)) == {"Effort": 8}

    out = tmp_path / "out.csv"
    document = await document_of(world, "B1")
    given = {"email": world.email("editor"), "options": ExportOptions(document=document)}
    await asyncio.to_thread(export_requirements, settings, out, project=project, **given)
    id = capsys.readouterr().out.partition("export ID: ")[2].strip()
    out.write_text(out.read_text().replace("Stops", "Stops soon").replace("B2;Holds;2;y\n", ""))
    before = await rows(world)
    again = {"mapping": "Supplier", "export": id, "deletes": True, "document": document}
    assert "dry run" in await command(out, **again, dry_run=True)
    told = await command(out, **again)
    assert "requirements: 0 created, 1 updated" in told
    assert "proposed as the change set" in told
    assert await rows(world) == before
    for wrong in ({"mapping": "Nobody's"}, {"export": str(uuid4())}):
        with pytest.raises(Problem, match="There is no"):
            await command(out, **wrong)


async def document_of(world, external_id):
    """Return the ID of the document of a requirement."""
    found = "SELECT document_id FROM requirements WHERE external_id = $1 AND organization_id = $2"
    return str(await world.superuser.fetchval(found, external_id, world.organization))
