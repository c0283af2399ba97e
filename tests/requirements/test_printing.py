"""Printed documents and the matrix of tests: what is in them, and that contents are no code."""

import io

import pytest
from openpyxl import load_workbook

from tests.requirements.transferring import EXPORT, IMPORT, Transfers, counts
from tests.storage.uploading import Uploading

CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
HOSTILE = '<script>alert(1)</script> #panic("x") $x$ {{ 7 * 7 }} =1+1'


@pytest.fixture
async def transfers(world, client, app, linked):
    await world.superuser.execute(
        "UPDATE requirement_tests SET execution_status = 'pass', executed_at = now()"
        " WHERE requirement_id = $1",
        world.requirement,
    )
    odd = {"name": HOSTILE, "description": HOSTILE, "properties": {"Note": HOSTILE}}
    await world.ask("editor", CREATE, input={"documentId": world.document, **odd})
    return Transfers(Uploading(world, app.state.storage, client))


async def test_a_page_has_tests_coverage_and_signatures_in_a_language(transfers):
    page = (await transfers.exported("HTML", language="DE")).decode()
    assert '<html lang="de">' in page
    for text in ("Brake test", "bestanden", "Anforderungen mit Tests", "Unterschriften"):
        assert text in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page


async def test_contents_of_a_pdf_are_text_and_never_code(transfers):
    content = await transfers.exported("PDF", language="FR")
    assert content.startswith(b"%PDF-"), "#panic of a name would have failed the job"
    assert b"/StructTreeRoot" in content, "it is tagged for screen readers"


async def test_the_matrix_has_a_row_for_each_requirement_and_a_column_for_each_test(transfers):
    content = await transfers.exported("TEST_MATRIX")
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    assert header == ("Document", "Requirement", "Name", "Tests", "Brake test")
    results = {row[2]: (row[3], row[4]) for row in rows}
    assert (1, "✓ passed") in results.values()
    assert results[HOSTILE] == (0, None)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


JUNIT = b"""<testsuite name="brakes"><testcase classname="brakes" name="stop">
    <properties><property name="requirement" value="R-1"/></properties>
    </testcase><testcase classname="brakes" name="horn"><failure message="silent"/></testcase>
    </testsuite>"""


async def test_results_are_imported_by_a_job_and_printed(transfers):
    world = transfers.world
    odd = {"documentId": world.document, "name": "Stops", "externalId": "R-1"}
    await world.ask("editor", CREATE, input=odd)
    wanted = {"format": "JUNIT", "unknownTests": "CREATE"}
    for dry_run in (True, False):
        job = await transfers.imported("results.xml", JUNIT, dry_run=dry_run, **wanted)
        assert job["error"] is None
        assert counts(job, "test executions") == {"created": 1}
        assert any("no known requirement" in note for note in job["importReport"]["notes"])
        page = (await transfers.exported("HTML")).decode()
        assert ("brakes.stop" in page) is not dry_run
    wrong = await transfers.imported("results.xml", b"<testsuite", format="JUNIT")
    assert wrong["status"] == "FAILED"
    given = {"projectId": world.project, "format": "JUNIT"}
    assert await world.code("viewer", EXPORT, input=given) == "INVALID"


async def test_what_is_printed_is_not_imported(transfers):
    world = transfers.world
    file = await transfers.uploaded("page.html", b"<html></html>")
    given = {"projectId": world.project, "fileId": file, "format": "HTML"}
    assert await world.code("editor", IMPORT, input=given, dryRun=True) == "INVALID"
    given = {"projectId": world.project, "format": "PDF"}
    assert await world.code("outsider", EXPORT, input=given) == "NOT_FOUND"
