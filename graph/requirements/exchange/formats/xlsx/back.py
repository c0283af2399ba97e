"""Edits of an imported workbook: only the cells that were changed are replaced in its sheets."""

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string, get_column_letter

from graph.requirements.exchange.back.edits import Edits
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.files.nodes import Element, Splices, elements, escaped
from graph.requirements.exchange.formats.csv.rows import CsvRow
from graph.requirements.exchange.formats.xlsx.reader import sheets_in
from graph.requirements.exchange.formats.xlsx.writer import MAX_CELL, escaped_controls
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.tables.back import Columns
from graph.requirements.exchange.tables.cells import cell_text

CALCULATIONS = "xl/calcChain.xml"
"""The part that lists the cells with formulas."""
ROWS = frozenset({"sheetData", "row"})
CELLS = frozenset({"c", "f"})


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the workbook with the edits; None if it has no place for them.

    Rows of removed requirements are emptied, and new ones are added at the end of their sheet.
    """
    sheets = _sheets(kept)
    by_sheet: dict[int, Edits] = defaultdict(Edits)
    for key, edit in edits.changed.items():
        by_sheet[key[0]].changed[key] = edit
    for key in edits.removed:
        by_sheet[key[0]].removed.add(key)
    for new in edits.added:
        by_sheet[new.place].added.append(new)
    with zipfile.ZipFile(io.BytesIO(kept.source.data)) as archive:
        replaced: dict[str, bytes] = {}
        for place, these in by_sheet.items():
            path, rows = sheets[place]
            sheet = _edited(archive.read(path), rows, kept, these)
            if sheet is None or (sheet.is_calculated and CALCULATIONS in archive.namelist()):
                return None
            replaced[path] = sheet.done()
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
            for member in archive.infolist():
                content = replaced.get(member.filename)
                written.writestr(member, archive.read(member) if content is None else content)
    return file.getvalue()


def _sheets(kept: KeptImport) -> list[tuple[str, list[CsvRow]]]:
    """Return the parts and the rows of the sheets that are documents, in their order."""
    book = load_workbook(
        io.BytesIO(kept.source.data), read_only=True, data_only=True, keep_links=False
    )
    try:
        found = sheets_in(kept.source, book, kept.columns, Limits())
        return [(sheet._worksheet_path, rows) for sheet, rows in found]  # noqa: SLF001
    finally:
        book.close()


def _edited(data: bytes, rows: list[CsvRow], kept: KeptImport, edits: Edits) -> "_Sheet | None":
    """Return a sheet with the edits; None if it has no place for them."""
    columns = Columns(rows, kept.columns)
    if columns.identifier is None or not _is_utf8(data):
        return None
    numbers = {columns.id_of(row): row.number for row in rows if row.number > columns.header.number}
    sheet = _Sheet(data)
    for (_, id), edit in edits.changed.items():
        cells = columns.cells(edit)
        if cells is None or not all(map(_fits, cells.values())):
            return None
        sheet.set(numbers[id], cells)
    for _, id in edits.removed:
        sheet.set(numbers[id], dict.fromkeys(range(columns.width)))
    for number, new in enumerate(edits.added, start=sheet.last + 1):
        cells = columns.new(new.now)
        if cells is None or not all(map(_fits, cells.values())):
            return None
        sheet.set(number, cells)
    if columns.added:
        sheet.set(columns.header.number, columns.added)
    return sheet


class _Sheet:
    """The XML of a sheet: its rows and cells, and what is set in them."""

    def __init__(self, data: bytes) -> None:
        self._content, self._splices = data, Splices(data)
        root = elements(data, ROWS)
        found = root.first("sheetData")
        assert found is not None  # noqa: S101 (a sheet that was read has it)
        self._data = found
        self._rows = dict(_numbered(found))
        self.last = max(self._rows, default=0)
        self.is_calculated = False
        """True if a formula was replaced."""

    def set(self, number: int, cells: Mapping[int, Any]) -> None:
        """Set cells of a row by the places of their columns; None empties one."""
        row = self._rows.get(number)
        if row is None:
            inside = "".join(self._cell(number, at, value) for at, value in sorted(cells.items()))
            prefix = self._data.prefix
            self._splices.append(self._data, f'<{prefix}row r="{number}">{inside}</{prefix}row>')
            return
        read = elements(self._content, CELLS, row.start, row.end)
        known = {_column(each, n): each for n, each in enumerate(read.children)}
        for at, value in sorted(cells.items()):
            present = known.get(at)
            if present is not None:
                self.is_calculated |= any(present.all("f"))
                style = present.attributes.get("s")
                self._splices.replace(
                    present.start, present.end, self._cell(number, at, value, style)
                )
            elif value is not None:
                following = next((each for n, each in sorted(known.items()) if n > at), None)
                markup = self._cell(number, at, value)
                if following is not None:
                    self._splices.replace(following.start, following.start, markup)
                else:
                    self._splices.append(row, markup)

    def done(self) -> bytes:
        """Return the XML."""
        return b"".join(self._splices.done())

    def _cell(self, number: int, at: int, value: Any, style: str | None = None) -> str:
        tag = f"{self._data.prefix}c"
        given = f' r="{get_column_letter(at + 1)}{number}"' + (f' s="{style}"' if style else "")
        if value is None or value == "":
            return f"<{tag}{given}/>"
        prefix = self._data.prefix
        if isinstance(value, bool):
            return f'<{tag}{given} t="b"><{prefix}v>{int(value)}</{prefix}v></{tag}>'
        if isinstance(value, int | float):
            return f"<{tag}{given}><{prefix}v>{value!r}</{prefix}v></{tag}>"
        text = escaped(escaped_controls(cell_text(value)))
        inside = f'<{prefix}is><{prefix}t xml:space="preserve">{text}</{prefix}t></{prefix}is>'
        return f'<{tag}{given} t="inlineStr">{inside}</{tag}>'


def _numbered(data: Element) -> Iterator[tuple[int, Element]]:
    """Yield the rows with their numbers, which a file may leave out."""
    last = 0
    for row in data.children:
        if row.name == "row":
            last = int(row.attributes.get("r", last + 1))
            yield last, row


def _column(cell: Element, place: int) -> int:
    reference = cell.attributes.get("r", "")
    letters = reference.rstrip("0123456789")
    return column_index_from_string(letters) - 1 if letters else place


def _fits(value: Any) -> bool:
    return value is None or len(cell_text(value)) <= MAX_CELL


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
