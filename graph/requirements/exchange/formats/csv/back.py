"""Edits of an imported CSV file: rows that were not changed keep their bytes."""

import codecs
import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from graph.requirements.exchange.back.edits import Edits
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.formats.csv.rows import CsvRow, Dialect, dialect_of, lines_of
from graph.requirements.exchange.model.draft import Draft
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.tables.back import Columns
from graph.requirements.exchange.tables.cells import cell_text, guarded

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the file with the edits; None if it has no place for them."""
    dialect = dialect_of(kept.source, kept.delimiter, kept.encoding)
    columns = Columns((row for row, _ in _lines(dialect) if row.cells), kept.columns)
    end = next((end for _, raw in _lines(dialect) if (end := _end(raw))), "\n")
    file = _File(dialect, columns, end)
    if columns.identifier is None or not file.take(edits):
        return None
    text = dialect.head + "".join(file.written(_lines(dialect))) + dialect.tail
    return _encoded(text, kept.source.data, kept.encoding)


class _File:
    """The rows of a file as it writes them, and the edits of them by their external IDs."""

    def __init__(self, dialect: Dialect, columns: Columns, end: str) -> None:
        self.delimiter, self.columns, self.end = dialect.delimiter, columns, end
        self.cells: dict[str | None, dict[int, str]] = {}
        self.added: dict[str | None, list[list[str]]] = defaultdict(list)
        self.removed: set[str | None] = set()

    def take(self, edits: Edits) -> bool:
        """Find the cells that are changed; return whether all edits have a place."""
        self.removed = {id for _, id in edits.removed}
        for (_, id), edit in edits.changed.items():
            changed = self.columns.cells(edit)
            if changed is None:
                return False
            self.cells[id] = {index: _text(value) for index, value in changed.items()}
        rows = [(each.after, self.columns.new(each.now)) for each in edits.added]
        for after, cells in rows:
            if cells is None:
                return False
            new = [_text(cells.get(index)) for index in range(self.columns.width)]
            self.added[after].append(new)
        return True

    def written(self, lines: Iterable[tuple[CsvRow, str]]) -> Iterator[str]:
        """Yield the file in parts."""
        header, last = self.columns.header.number, ""
        for row, raw in lines:
            id = self.columns.id_of(row) if row.number > header else None
            if row.number == header:
                names = {place: guarded(name) for place, name in self.columns.added.items()}
                last = self.changed(row, raw, names)
            elif row.number < header or not row.cells:
                last = raw
            elif id not in self.removed or id is None:
                last = self.changed(row, raw, self.cells.get(id, {}) if id else {})
            else:
                last = ""
            yield last
            new = self.added[id if row.number > header else None] if id or last else []
            if row.number == header or id:
                if new and last and not _end(last):
                    yield self.end
                yield from map(self.row, new)

    def row(self, cells: Sequence[str], *, quoted: bool = False, end: str | None = None) -> str:
        """Return a row of these cells."""
        file = io.StringIO(newline="")
        how: Any = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        writer = csv.writer(file, delimiter=self.delimiter, quoting=how)
        writer.writerow(cells)
        return file.getvalue().removesuffix("\r\n") + (self.end if end is None else end)

    def changed(self, row: CsvRow, raw: str, cells: dict[int, str]) -> str:
        """Return a row with some cells replaced, and with the columns that were added."""
        if not cells and not self.columns.added:
            return raw
        width = self.columns.width if self.columns.added else len(row.cells)
        width = max(len(row.cells), width, *(index + 1 for index in cells))
        every = [*row.cells, *[""] * (width - len(row.cells))]
        for index, text in cells.items():
            every[index] = text
        between = raw.count(f'"{self.delimiter}"')
        is_quoted = raw.startswith('"') and between >= len(row.cells) - 1
        return self.row(every, quoted=is_quoted, end=_end(raw))


def _lines(dialect: Dialect) -> Iterator[tuple[CsvRow, str]]:
    """Yield each row with its text; an empty one has no cells."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in lines_of(dialect.text):
            taken.append(line)
            yield line

    reader = csv.reader(
        lines(), delimiter=dialect.delimiter, strict=True, skipinitialspace=dialect.spaced
    )
    for number, cells in enumerate(reader, start=1):
        yield CsvRow(number, 0, cells), "".join(taken)
        taken.clear()


def _end(raw: str) -> str:
    """Return the end of a line."""
    return raw[len(raw.rstrip("\r\n")) :]


def _text(value: object) -> str:
    return guarded(cell_text(value))


def _encoded(text: str, before: bytes, encoding: str | None) -> bytes | None:
    """Return the text in the encoding that the file had."""
    mark, found = next(
        ((mark, name) for mark, name in BYTE_ORDER_MARKS if before.startswith(mark)), (b"", "utf-8")
    )
    try:
        return mark + text.encode(encoding if encoding and not mark else found)
    except UnicodeEncodeError:
        return None
