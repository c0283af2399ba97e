"""CSV files as drafts: columns, encodings, and the refusals of other content."""

import csv
import io
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from db.problem import Problem
from db.requirements.requirements import (
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.requirements.exchange import Limits, Source, parse_map
from graph.requirements.exchange.formats.csv.rows import read_table
from tests.requirements.import_files import answer, drafted, drafted_from, refusal, sample

CFE = "nasa_cfs_csv/cFE_FunctionalRequirements.csv"
CF = "nasa_cfs_csv/cf_FunctionalRequirements.csv"

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
"""Any text: quotes, delimiters, line ends; only no NUL, which PostgreSQL cannot store."""

WORDS = st.text("abcdefghij ", min_size=1, max_size=8)


def written(table, delimiter=","):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(table)
    return text.getvalue()


def cells_of(text, delimiter=None):
    rows = read_table(Source("table.csv", text.encode()), Limits(), delimiter)
    return [row.cells for row in rows]


@st.composite
def tables(draw, header=CELLS):
    width = draw(st.integers(1, 4))
    first = draw(st.lists(header, min_size=width, max_size=width))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5))
    return [first, *rows]


@given(tables(), st.sampled_from(",;\t"))
def test_any_table_that_python_writes_is_read_back_exactly(table, delimiter):
    assume(not table[0][0].startswith("\ufeff"))  # which would be the file's byte order mark
    assert cells_of(written(table, delimiter), delimiter) == table


@given(tables(header=WORDS), st.sampled_from(",;\t"))
def test_the_delimiter_is_found_when_the_header_is_made_of_words(table, delimiter):
    assume(len(table[0]) > 1)
    assert cells_of(written(table, delimiter)) == table


def test_flight_software_requirements_are_read_in_full():
    draft = drafted(sample(CFE))
    (document,) = draft.documents
    assert draft.counts == {"rows": 397}
    assert draft.notes == []
    assert document.name == "cFE_FunctionalRequirements"
    assert len(document.requirements) == 397
    assert len({requirement.external_id for requirement in document.requirements}) == 397
    assert all(requirement.description for requirement in document.requirements)


def test_a_cell_of_many_lines_is_kept_exactly():
    first = drafted(sample(CFE)).documents[0].requirements[0]
    assert first.external_id == "cES1000"
    assert first.name == "ES: Housekeeping Message"
    lines = first.description.split("\r\n")
    assert lines[0].startswith("Upon receipt of a Message, the cFE shall generate")
    assert lines[1:3] == ["", "- Number of Registered Applications"]
    assert lines[-1] == "- ES Invalid Command Counter"
    assert len(lines) == 16
    assert first.properties == {
        "Requirement Rationale": "Generate housekeeping message for system awareness"
        " and management."
    }


def test_rows_shorter_than_the_header_are_read_and_noted():
    draft = drafted(sample(CF))
    assert len(draft.documents[0].requirements) == 106
    assert draft.notes == [
        "5 rows shorter than the header (row 14, 17, 40, 64, 65); the missing cells are empty."
    ]
    short = {each.external_id: each for each in draft.documents[0].requirements}["CF4000.3"]
    assert short.description == ""
    assert short.properties == {"Requirement Rationale": None}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_delimiters_are_told_from_the_file(encoding, delimiter):
    table = [["ID", "Name", "Text"], ["R1", "Größe", "höchstens 3 m;\nnie mehr, nie"]]
    draft = drafted_from(written(table, delimiter).encode(encoding))
    (requirement,) = draft.documents[0].requirements
    assert (requirement.external_id, requirement.name) == ("R1", "Größe")
    assert requirement.description == "höchstens 3 m;\nnie mehr, nie"


def test_columns_are_known_by_many_names():
    draft = drafted_from(
        "Issue key,Custom field (Requirement ID),Summary,Description,State,Priority,Level,"
        "Labels,Labels,Rationale\n"
        "J-1,R1,Brakes,They stop.,Accepted,Must,System,safety,brake;road,Because\n"
    )
    (requirement,) = draft.documents[0].requirements
    assert requirement.external_id == "R1"
    assert requirement.name == "Brakes"
    assert requirement.description == "They stop."
    assert requirement.status is RequirementStatus.APPROVED
    assert requirement.priority is RequirementPriority.CRITICAL
    assert requirement.level is RequirementLevel.SYSTEM
    assert requirement.tags == ["safety", "brake", "road"]
    assert requirement.properties == {
        "Issue key": "J-1",
        "Rationale": "Because",
        "State": None,
        "Priority": None,
        "Level": None,
    }
    assert draft.notes == []


def test_a_word_without_equivalent_is_kept_and_noted():
    draft = drafted_from("ID,Name,Status\nR1,One,Purple\nR2,Two,purple\nR3,Three,Purple\n")
    first = draft.documents[0].requirements[0]
    assert first.status is None
    assert first.properties == {"Status": "Purple"}
    assert draft.notes == [
        "Status has no equivalent for 'Purple' (2 rows); it is kept as a property.",
        "Status has no equivalent for 'purple' (1 row); it is kept as a property.",
    ]


def test_what_a_column_means_can_be_said():
    columns = parse_map(["What=name", "a=b=externalId", "Name=property", "Title=ignore"])
    draft = drafted_from("Name,Title,What,a=b\nn,t,w,4\n", columns=columns)
    (requirement,) = draft.documents[0].requirements
    assert (requirement.name, requirement.external_id) == ("w", "4")
    assert requirement.properties == {"Name": "n"}


def test_columns_of_one_name_become_a_list():
    draft = drafted_from("Name,Note,Note,Note\na,x,,z\nb,,y,\n")
    first, second = draft.documents[0].requirements
    assert first.properties == {"Note": ["x", "z"]}
    assert second.properties == {"Note": "y"}


def test_a_requirement_without_a_name_takes_its_first_line():
    draft = drafted_from('ID,Text\nR1,"Stops.\nAlways."\nR2,\n')
    assert [each.name for each in draft.documents[0].requirements] == ["Stops.", "R2"]


def test_a_name_too_long_is_cut_and_kept_whole():
    draft = drafted_from(f"ID,Name\nR1,{'x' * 501}\n")
    (requirement,) = draft.documents[0].requirements
    assert requirement.name == "x" * 499 + "…"
    assert requirement.properties == {"Name": "x" * 501}
    assert draft.notes == [
        "1 row with a name of more than 500 characters; it is cut, and kept whole as a property."
    ]


def test_blank_rows_are_no_requirements():
    draft = drafted_from("ID,Name\n\nR1,One\n , \n,\nR2,Two\n")
    assert [each.name for each in draft.documents[0].requirements] == ["One", "Two"]


def test_the_document_can_be_named():
    assert drafted_from("Name\na\n", document="Brakes").documents[0].name == "Brakes"


NO_TEXT = "a NUL character, so this is not text in UTF-8, or in UTF-16 with a byte order mark."
FIELDS = (
    "external_id, name, description, status, priority, level, format, tags, property,"
    " property:text, property:number, property:boolean, property:date, property:select,"
    " property:multi_select, property:user, property:url, ignore"
)

OR_NAME_IT = " save the file as UTF-8, or name its encoding, such as --encoding cp1252."
REFUSED = {
    "a duplicate id": (
        "ID,Name\nR1,a\nR2,b\nR1,c\n",
        "table.csv: row 2 (line 2) and row 4 (line 4) have the same id 'R1'.",
    ),
    "too many cells": (
        'ID,Name\nR1,"a\nb"\nR2,c,d\n',
        "table.csv: row 3 (line 4) has 3 cells, but the header has 2.",
    ),
    "no name": (
        "ID,Colour\nR1,red\n",
        "table.csv: no column can be the name or the description; there are 'ID', 'Colour'.",
    ),
    "a row without a name": (
        "Name,Text,Colour\na,b,c\n,,red\n",
        "table.csv: row 3 (line 3) has neither a name nor a description.",
    ),
    "a quote never closed": (
        'ID,Name\nR1,one\nR2,"two\n',
        "table.csv: row 3 (line 3) begins a quoted cell that is never closed.",
    ),
    "text after a quote": (
        'ID,Name\nR1,"one" more\n',
        "table.csv: row 2 (line 2) has text after the closing quote of a cell.",
    ),
    "a header alone": ("ID,Name\n", "table.csv: there is no row below the header."),
    "a mark alone": (b"\xef\xbb\xbf\r\n", "table.csv: there is no row below the header."),
    "an enormous cell": (
        f"ID,Name\nR1,{'x' * 200_000}\n",
        "table.csv: row 2 (line 2) has a cell of more than 131,072 characters.",
    ),
    "an enormous id": (
        f"ID,Name\n{'x' * 501},a\n",
        "table.csv: row 2 (line 2) has an id of more than 500 characters.",
    ),
    "another encoding": (
        "ID,Name\nR1,ok\nR2,Größe\n".encode("latin-1"),
        "table.csv: byte 20 (line 3) is not UTF-8;" + OR_NAME_IT,
    ),
    "half a UTF-16 character": (
        "ID,Name\nR1,a\n".encode("utf-16")[:-1],
        "table.csv: byte 27 (line 2) is not UTF-16;" + OR_NAME_IT,
    ),
    "UTF-32": (
        "ID,Name\nR1,a\n".encode("utf-32"),
        "table.csv: the file is UTF-32; save it as UTF-8.",
    ),
    "a NUL": (
        b"ID,Name\nR1,a\x00b\n",
        f"table.csv: line 2 has {NO_TEXT}",
    ),
    "a picture": (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        f"table.csv: line 3 has {NO_TEXT}",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_of_requirements_is_refused(data, sentence):
    assert refusal(data) == sentence


@given(st.binary(max_size=60))
def test_no_bytes_get_out_as_anything_but_a_refusal(data):
    assert re.fullmatch(r"|INVALID table\.csv: .+\.", answer(data), re.DOTALL)


def test_a_missing_column_is_named():
    assert refusal("ID,Name\nR1,a\n", columns={"Titel": "name"}) == (
        "table.csv: there is no column 'Titel'; there are 'ID', 'Name'."
    )


def test_two_columns_cannot_be_one_field():
    columns = {"A": "name", "B": "name"}
    assert refusal("A,B\n1,2\n", columns=columns) == (
        "table.csv: 'A' (column 1) and 'B' (column 2) cannot both be name."
    )


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("Name", "'Name' is not of the form COLUMN=FIELD."),
        ("=name", "'=name' is not of the form COLUMN=FIELD."),
        ("Name=title", f"'title' is none of {FIELDS}."),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(pair, sentence):
    with pytest.raises(Problem) as caught:
        parse_map([pair])
    assert caught.value.message == sentence


def test_more_rows_than_the_limit_are_refused():
    rows = "ID,Name\n" + "".join(f"R{number},x\n" for number in range(12))
    assert refusal(rows, limits=Limits(items=10)) == "table.csv: there are more than 10 rows."


def test_names_of_columns_become_keys_that_can_be_told_apart():
    draft = drafted_from("ID,Name,E\u0301tat\u200b,\u202eOwner\nR1,Stops,1,2\n")
    (read,) = draft.documents[0].requirements
    assert read.properties == {"\u00c9tat": "1", "Owner": "2"}
