"""The reader of XLSX workbooks: a sheet for each document, a row for a requirement.

No formula is run. A hidden sheet keeps the names and identifiers of the
documents, because the title of a sheet holds neither.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any

from openpyxl import load_workbook

from db.problem import Problem
from graph.requirements.exchange.files.archives import opened
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.reader import FIRST_ROWS, NoTable, read_sheet
from graph.requirements.exchange.formats.csv.rows import CsvRow
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftDocument,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.tables.cells import cell_text, guarded

DOCUMENTS = "gateway documents"
"""The title of the hidden sheet."""
NOTHING = {"sheets": 0, "rows": 0}
HEADER = ("Sheet", "Document ID", "Document")
MAX_CELLS = 20_000_000
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
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
            rows = rows_in(source, sheet, limits.items - draft.counts["rows"], left)
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
        _read(source, rows[:FIRST_ROWS], chosen, found, sheet.title)
        if found.documents:
            yield sheet, rows


def _read(
    source: Source, table: Iterable[CsvRow], chosen: Mapping[str, str], draft: Draft, title: str
) -> None:
    """Add the document of a sheet; a sheet without a table of requirements is noted."""
    rows = iter(table)
    first = [*islice(rows, 2)]
    if len(first) < 2:  # noqa: PLR2004 (a header and one row)
        if first and {"Requirement ID", "Name"} <= set(first[0].cells):  # a document without any
            draft.documents.append(DraftDocument(fitting_name(title)))
            draft.counts["sheets"] += 1
        return
    width = len(first[0].cells)  # empty cells at the end are not stored
    whole = (
        replace(row, cells=row.cells + [""] * (width - len(row.cells)))
        for row in chain(first, rows)
    )
    try:
        found = read_sheet(source, whole, chosen)
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
    if size > limits.unpacked:
        limit = f"{limits.unpacked:,} bytes"
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
