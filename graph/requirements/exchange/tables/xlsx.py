"""The reader and writer of XLSX workbooks: a sheet for each document, a row for a requirement.

No formula is run, and none is written. A hidden sheet keeps the names and identifiers of the
documents, because the title of a sheet holds neither.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from db.problem import Problem
from graph.requirements.exchange.files.archives import opened
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftDocument,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.tables.cells import cell_text, guarded
from graph.requirements.exchange.tables.csv_reader import NoTable, read_sheet
from graph.requirements.exchange.tables.csv_rows import CsvRow
from graph.requirements.exchange.tables.table import Table, table_of

DOCUMENTS = "gateway documents"
"""The title of the hidden sheet."""
NOTHING = {"sheets": 0, "rows": 0}
HEADER = ("Sheet", "Document ID", "Document")
MAX_CELL = 32_767
"""Characters of a cell (ECMA-376); a longer text goes on in the hidden sheet of long texts."""
MAX_CELLS = 20_000_000
MAX_TITLE = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f']")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def write_xlsx(draft: Draft) -> bytes:
    """Return a draft as a workbook. Raises INVALID for a text longer than a cell may be."""
    book = Workbook(write_only=True)
    titles: list[tuple[str, str, str]] = []
    for document in draft.documents:
        title = _title(document.name, [known for known, _, _ in titles])
        titles.append((title, document.external_id or "", document.name))
        sheet = book.create_sheet(title)
        _write(sheet, table_of(document, draft))
    hidden = book.create_sheet(DOCUMENTS)
    hidden.sheet_state = "hidden"
    for row in (HEADER, *titles):
        hidden.append([cell_of(hidden, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _write(sheet: Any, table: Table) -> None:
    sheet.freeze_panes = "A2"
    for index, name in enumerate(table.columns, start=1):
        wide = name in ("Name", "Description")
        sheet.column_dimensions[get_column_letter(index)].width = 50 if wide else 18
    bold = Font(bold=True)
    header = [cell_of(sheet, name) for name in table.columns]
    for cell in header:
        cell.font = bold
    sheet.append(header)
    for row in table.rows:
        sheet.append([cell_of(sheet, value) for value in row])


def cell_of(sheet: Any, value: Any) -> Any:
    """Return a cell: a number or a boolean as such, any other value as a text, never a formula."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 2**53):
        cell = WriteOnlyCell(sheet, value)
        if isinstance(value, float):  # of which the library writes 16 digits; some have 17
            cell.value, cell.data_type = repr(value), "n"
        return cell
    text = escaped_controls(cell_text(value))
    if len(text) > MAX_CELL:
        raise refused("XLSX", f"a text has more than {MAX_CELL:,} characters; use CSV or ReqIF.")
    cell = WriteOnlyCell(sheet, "")
    cell.value = text
    cell.data_type = "s"
    return cell


def escaped_controls(text: str) -> str:
    """Return a text with the characters that XML cannot hold as workbooks have them."""
    return _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _title(name: str, taken: list[str]) -> str:
    """Return the name of a document as the title of a sheet, which no other one has."""
    base = " ".join(_FORBIDDEN.sub(" ", name).split())[:MAX_TITLE] or "Document"
    known = {title.casefold() for title in (*taken, DOCUMENTS, "History")}
    title, number = base, 1
    while title.casefold() in known:
        number += 1
        end = f" ({number})"
        title = base[: MAX_TITLE - len(end)] + end
    return title


def read_xlsx(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a workbook: each sheet with a table of requirements is a document.

    Cells with formulas have the value that was last computed. Raises INVALID, with one sentence.
    """
    require_size(source, limits)
    try:
        book = load_workbook(
            io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False
        )
    except Exception as error:
        raise refused(source.name, "this is not an XLSX workbook that can be read.") from error
    draft = Draft(textual=True, counts=dict(NOTHING))
    try:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        names = _names(source, sheets.pop(DOCUMENTS, None), limits)
        left = [MAX_CELLS]
        for title, sheet in sheets.items():
            rows = [*rows_in(source, sheet, limits.items - draft.counts["rows"], left)]
            _read(Source(f"{source.name}, sheet {title!r}", b""), rows, chosen, draft, title)
            if title in names:
                document = draft.documents[-1]
                document.external_id, name = names[title]
                document.name = fitting_name(name)
    except Problem:
        raise
    except Exception as error:  # openpyxl has no error of its own for what it cannot read
        raise refused(source.name, "this is not an XLSX workbook that can be read.") from error
    finally:
        book.close()
    if not draft.documents:
        message = "no sheet has a column that can be the name or the description."
        raise refused(source.name, message)
    return draft


def sheets_in(
    source: Source, book: Any, chosen: Mapping[str, str], limits: Limits
) -> Iterator[tuple[Any, list[CsvRow]]]:
    """Yield the sheets of an opened workbook that are documents, with their rows."""
    left = [MAX_CELLS]
    for sheet in book.worksheets:
        if sheet.title == DOCUMENTS:
            continue
        rows = [*rows_in(source, sheet, limits.items, left)]
        found = Draft(counts=dict(NOTHING))
        _read(source, rows, chosen, found, sheet.title)
        if found.documents:
            yield sheet, rows


def _read(
    source: Source, rows: list[CsvRow], chosen: Mapping[str, str], draft: Draft, title: str
) -> None:
    """Add the document of a sheet; a sheet without a table of requirements is noted."""
    if len(rows) < 2:  # noqa: PLR2004 (a header and one row)
        if rows and {"Requirement ID", "Name"} <= set(rows[0].cells):  # a document without any
            draft.documents.append(DraftDocument(fitting_name(title)))
            draft.counts["sheets"] += 1
        return
    width = len(rows[0].cells)  # empty cells at the end are not stored
    rows = [replace(row, cells=row.cells + [""] * (width - len(row.cells))) for row in rows]
    try:
        found = read_sheet(source, rows, chosen)
    except NoTable as problem:
        draft.notes.append(f"{problem.message} The sheet is not imported.")
        return
    (document,) = found.documents
    document.name = fitting_name(title)
    draft.documents.append(document)
    draft.properties |= found.properties
    draft.notes += found.notes
    draft.counts["sheets"] += 1
    draft.counts["rows"] += found.counts["rows"]


def require_size(source: Source, limits: Limits) -> None:
    """Raise INVALID for what is no archive, or unpacks to more than the limit."""
    with opened(source, "an XLSX workbook that can be read") as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > limits.size * 5:
        limit = f"{limits.size * 5:,} bytes"
        raise refused(source.name, f"it unpacks to more than the limit of {limit}.")


def _names(source: Source, sheet: Any, limits: Limits) -> dict[str, tuple[str | None, str]]:
    """Return the identifier and the name of the document of each sheet, as the gateway wrote it."""
    if sheet is None:
        return {}
    rows = rows_in(source, sheet, limits.documents, [len(HEADER) * (limits.documents + 1)])
    cells = [row.cells + [""] * len(HEADER) for row in rows]
    return {title: (id or None, name) for title, id, name, *_ in cells[1:] if name}


def rows_in(source: Source, sheet: Any, most: int, left: list[int]) -> Iterator[CsvRow]:
    """Yield the rows that are not empty, as texts. `left` is how many cells may still be read."""
    sheet.reset_dimensions()
    found = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        left[0] -= len(row) or 1
        if left[0] < 0:
            raise refused(source.name, f"there are more than {MAX_CELLS:,} cells.")
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            found += 1
            if found > most + 1:
                raise refused(source.name, "there are more rows than the limit.")
            yield CsvRow(number, number, cells)


def _text(value: Any) -> str:  # noqa: PLR0911 (one for each type)
    """Return a value of a cell as a text; a date without a time of day is a day."""
    match value:
        case None:
            return ""
        case str():
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
            return guarded(text)  # what looks like a formula is a text here
        case datetime() if value.time() == time.min:
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case _:
            return cell_text(value)
