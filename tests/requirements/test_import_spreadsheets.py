"""CSV files as spreadsheets and requirements tools write them."""

import pytest

from graph.requirements.exchange import load
from graph.requirements.exchange.model.draft import Limits
from graph.requirements.exchange.registry import format_of
from tests.requirements.import_files import drafted_from, refusal

NO_ID = (
    "No column is taken for the id, so requirements are found again by their name;"
    " --map COLUMN=external_id names one."
)


def the_one(data, **options):
    draft = drafted_from(data, **options)
    (requirement,) = draft.documents[0].requirements
    return requirement, draft.notes


IDS = [
    *("UID", "Req. ID", "RequirementID", "ID*", "ID:", "Unique ID", "Requirement No.", "Req #"),
    *("Object Identifier", "Global ID", "Work Item ID", "id (key)", "Jira Key", "FormattedID"),
    *("No.", "#", "Anforderungs-ID", "PUID"),
]


@pytest.mark.parametrize("column", IDS)
def test_the_columns_that_tools_write_ids_into_are_known(column):
    requirement, notes = the_one(f"{column},Title,Statement\nSRS-1,Brake,The car shall stop.\n")
    assert requirement.external_id == "SRS-1"
    assert notes == []


@pytest.mark.parametrize(
    ("column", "field"),
    [
        *((each, "name") for each in ("Heading", "Short Text", "Object Heading", "Subject")),
        *((each, "description") for each in ("Content", "Details", "Object Text", "Primary Text")),
        *((each, "description") for each in ("Requirement Statement", "Definition")),
    ],
)
def test_the_columns_that_tools_write_texts_into_are_known(column, field):
    other = "Description" if field == "name" else "Name"
    requirement, _ = the_one(f"ID,{column},{other}\nR1,Brake,Brake\n")
    assert getattr(requirement, field) == "Brake"
    assert requirement.properties == {}


def test_a_file_without_a_column_for_the_id_says_so():
    requirement, notes = the_one("Owner,Title\nAnn,Brake\n")
    assert requirement.external_id is None
    assert notes == [NO_ID]


def test_spaces_before_quoted_cells_are_no_text():
    requirement, _ = the_one('ID, Name, Description\nR1, "Brake", "Stops now, or later"\n')
    assert (requirement.external_id, requirement.name) == ("R1", "Brake")
    assert requirement.description == "Stops now, or later"


def test_spaces_inside_of_quotes_and_quotes_inside_of_texts_are_kept():
    requirement, _ = the_one('ID,Name,Description\nR1,Brake," ""now"", ""then"""\n')
    assert requirement.description == ' "now", "then"'


def test_a_formula_that_is_a_text_is_that_text():
    requirement, _ = the_one('ID,Name,Description\n"=""001""",Brake,"=A1+""x"""\n')
    assert requirement.external_id == "001"
    assert requirement.description == '=A1+"x"'


def test_a_first_line_names_the_delimiter():
    requirement, notes = the_one("sep=;\nID;Name;Description\nR1;Brake;Stops, now\n")
    assert (requirement.external_id, requirement.description) == ("R1", "Stops, now")
    assert notes == []


def test_titles_above_the_header_are_left_out_and_noted():
    title = "Project Phoenix requirements,,\nExported 2026-01-02,,\n,,\n"
    requirement, notes = the_one(f"{title}ID,Name,Description\nR1,Brake,Stops\n")
    assert (requirement.external_id, requirement.name) == ("R1", "Brake")
    assert notes == [
        "row 4 (line 4) is taken for the header; what stands above it is not imported."
    ]


@pytest.mark.parametrize(
    "data",
    [
        "ID|Name|Description\nR1|Brake|Stops\n",
        "ID;Name;Description, with detail, here, and more\nR1;Brake;Stops\n",
        "A title, by hand\nID;Name;Description\nR1;Brake;Stops\n",
    ],
)
def test_the_delimiter_is_the_one_that_parts_most_rows_alike(data):
    requirement, _ = the_one(data)
    assert (requirement.external_id, requirement.name) == ("R1", "Brake")


def test_the_end_of_file_of_old_programs_is_no_row():
    requirement, notes = the_one("ID,Name\nR1,Brake\n\x1a")
    assert requirement.name == "Brake"
    assert notes == []


def test_another_encoding_is_read_where_it_is_named():
    data = "ID,Name\nR1,Größe: 5 €\n".encode("cp1252")
    requirement, _ = the_one(data, encoding="cp1252")
    assert requirement.name == "Größe: 5 €"
    assert refusal(data, encoding="utf-8") == "table.csv: byte 14 is not utf-8."
    assert refusal(data, encoding="klingon") == "table.csv: there is no encoding 'klingon'."


def test_a_spreadsheet_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "book.ods"
    path.write_bytes(b"PK\x03\x04")
    source = load(path, Limits())
    assert refusal(source.data, source.name) == (
        "book.ods: a spreadsheet of this kind is not read; save it as XLSX, and import that."
    )
    assert refusal(source.data, "book.xlsx") == (
        "book.xlsx: this is not an XLSX workbook that can be read: File is not a zip file."
    )
    assert format_of("book.csv", None) == "csv"
