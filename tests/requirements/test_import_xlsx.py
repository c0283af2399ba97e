"""Workbooks as people and tools make them, and hostile ones."""

import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.xlsx import reader as xlsx_file
from graph.requirements.exchange.model.draft import Limits
from graph.requirements.exchange.registry import write
from tests.requirements.import_files import drafted_from, refusal
from tests.requirements.test_exchange_formats import read_back


def book(*sheets):
    made = Workbook()
    made.remove(made.active)
    for title, rows in sheets:
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


BRAKES = ("Brakes", [["ID", "Name", "Due", "At", "Effort", "Done"]])


def test_cells_are_read_by_their_types():
    row = ["B1", "Stop", date(2026, 11, 30), datetime.fromisoformat("2026-11-30T08:05"), 8.0, True]
    draft = drafted_from(book((BRAKES[0], [*BRAKES[1], row, [None, 7]])), "b.xlsx")
    first, second = draft.documents[0].requirements
    assert first.properties == {
        "Due": "2026-11-30",
        "At": "2026-11-30T08:05:00",
        "Effort": "8",
        "Done": "true",
    }
    assert (second.name, second.external_id) == ("7", None)


def test_each_sheet_is_a_document_and_one_without_a_table_is_noted():
    other = ("Notes", [["Author", "Date"], ["Ann", 5]])
    rows = [["ID", "Name"], ["B1", "Stop"]]
    draft = drafted_from(book(("Brakes", rows), other, ("Empty", []), ("Horn", rows)), "b.xlsx")
    assert [each.name for each in draft.documents] == ["Brakes", "Horn"]
    (note,) = draft.notes
    assert note == (
        "b.xlsx, sheet 'Notes': no column can be the name or the description; there are 'Author',"
        " 'Date'. The sheet is not imported."
    )
    assert refusal(book(other), "b.xlsx") == (
        "b.xlsx: no sheet has a column that can be the name or the description."
    )


def test_a_formula_has_its_last_value_and_is_never_run():
    rows = [["ID", "Name", "Sum"], ["B1", "Stop", '=WEBSERVICE("http://localhost")']]
    (requirement,) = drafted_from(book(("Brakes", rows)), "b.xlsx").documents[0].requirements
    assert requirement.properties == {"Sum": None}  # nothing has computed it


def test_no_formula_is_written():
    rows = [["ID", "Name"], ["B1", "'=1+1"], ["B2", "@x"]]
    draft = drafted_from(book(("Brakes", rows)), "b.xlsx")
    content = write(draft, "xlsx", "T").data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if "worksheets" in name]
    assert not any(b"<f>" in sheet for sheet in sheets)
    assert [each.name for each in read_back(draft, "xlsx").documents[0].requirements] == [
        "'=1+1",
        "@x",
    ]


def test_documents_with_long_or_equal_names_keep_them():
    draft = drafted_from(book(("Brakes", [["ID", "Name"], ["B1", "Stop"]])), "b.xlsx")
    (one,) = draft.documents
    one.name, one.external_id = "Brakes/horns: " + "x" * 60, "D-1"
    draft.documents.append(type(one)(one.name, "D-2", requirements=one.requirements))
    found = read_back(draft, "xlsx")
    assert [(each.name, each.external_id) for each in found.documents] == [
        (one.name, "D-1"),
        (one.name, "D-2"),
    ]


def read(data, **limits):
    return xlsx_file.read(Source("b.xlsx", data), chosen={}, limits=Limits(**limits))


def test_limits_of_rows_cells_and_bytes_hold(monkeypatch):
    rows = [["ID", "Name"], *([f"B{n}", "Stop"] for n in range(4))]
    data = book(("Brakes", rows))
    with pytest.raises(Exception, match="more rows than the limit"):
        read(data, items=3)
    with pytest.raises(Exception, match="unpacks to more than the limit"):
        read(data, size=100)
    monkeypatch.setattr(xlsx_file, "MAX_CELLS", 9)
    with pytest.raises(Exception, match="more than 9 cells"):
        read(data)


def test_a_row_far_below_costs_no_more_than_the_limit_of_cells(monkeypatch):
    made = Workbook()
    made.active.append(["ID", "Name"])
    made.active.cell(1_048_576, 2, "last")
    file = io.BytesIO()
    made.save(file)
    monkeypatch.setattr(xlsx_file, "MAX_CELLS", 10_000)
    with pytest.raises(Exception, match="cells"):
        read(file.getvalue())


@pytest.mark.parametrize(
    "member", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"]
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a",
        b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a>&z;</a>',
        b"\0\0",
    ],
)
def test_a_broken_or_hostile_part_is_refused(member, content):
    data = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book(("Brakes", [["ID", "Name"], ["B1", "S"]])))) as old,
        zipfile.ZipFile(data, "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, content if name == member else old.read(name))
    assert refusal(data.getvalue(), "b.xlsx") in (
        "b.xlsx: this is not an XLSX workbook that can be read.",
        "b.xlsx: no sheet has a column that can be the name or the description.",
    )
