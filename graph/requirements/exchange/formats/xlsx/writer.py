"""The writer of XLSX workbooks: a sheet for each document, a row for each requirement.

No formula is written. A hidden sheet keeps the names and identifiers of the documents, because the
title of a sheet holds neither.
"""

import re
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from graph.requirements.exchange.formats.xlsx.reader import DOCUMENTS, HEADER
from graph.requirements.exchange.model.draft import Draft, refused
from graph.requirements.exchange.tables.cells import cell_text
from graph.requirements.exchange.tables.table import Table, table_of

MAX_CELL = 32_767
"""Characters of a cell (ECMA-376); a longer text is refused."""
MAX_TITLE = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f']")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def write(draft: Draft, _: str, file: IO[bytes]) -> str:
    """Write a draft as a workbook. Raises INVALID for a text longer than a cell may be.

    Returns the ending of the name of the file.
    """
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
    book.save(file)
    return ".xlsx"


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
