"""A CSV file as a table of texts: its encoding, its delimiter, its rows, exactly as written.

The dialect is that of RFC 4180, with a comma, a semicolon or a tab between the cells.
"""

import codecs
import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from graph.requirements.exchange.draft import Limits, refused
from graph.requirements.exchange.source import Source

DELIMITERS = (",", ";", "\t")
SAMPLE = 50
"""Rows looked at to tell the delimiter."""


@dataclass(frozen=True)
class CsvRow:
    """The cells of one row. `number` counts rows as a spreadsheet does, `line` lines of text."""

    number: int
    line: int
    cells: list[str]

    @property
    def place(self) -> str:
        """Where the row is, for a message."""
        return f"row {self.number} (line {self.line})"


def read_table(source: Source, limits: Limits, delimiter: str | None = None) -> list[CsvRow]:
    """All rows that hold something, the header among them."""
    text = decoded(source)
    delimiter = delimiter or likely_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[CsvRow] = []
    number, line = 0, 1
    try:
        for number, cells in enumerate(reader, start=1):
            if cells:
                rows.append(CsvRow(number, line, cells))
            if len(rows) > limits.items + 1:  # the header
                raise refused(source.name, f"there are more than {limits.items:,} rows.")
            line = reader.line_num + 1
    except csv.Error as error:
        place = f"row {number + 1} (line {line})"
        raise refused(source.name, f"{place} {_explained(error)}.") from None
    return rows


def decoded(source: Source) -> str:
    """The text: UTF-8, with or without a byte order mark, or UTF-16 with one."""
    data = source.data
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refused(source.name, "the file is UTF-32; save it as UTF-8.")
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if utf_16 else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if not utf_16 and b"\x00" in data:
            raise _binary(source, data.index(b"\x00")) from None
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(
            source.name,
            f"byte {error.start + 1} (line {line}) is not {'UTF-16' if utf_16 else 'UTF-8'};"
            " save the file as UTF-8.",
        ) from None
    if "\x00" in text:
        raise _binary(source, text.index("\x00"), text)
    return text


def _binary(source: Source, place: int, text: str | None = None) -> Exception:
    before = source.data[:place].count(b"\n") if text is None else text.count("\n", 0, place)
    return refused(
        source.name,
        f"line {before + 1} has a NUL character, so this is not text in UTF-8,"
        " or in UTF-16 with a byte order mark.",
    )


def likely_delimiter(text: str) -> str:
    """The delimiter that gives the header the most cells, and then most rows as many as it."""

    def score(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        widths: list[int] = []
        with suppress(csv.Error):  # a wrong guess stumbles over quotes, or the file is broken
            widths.extend(len(cells) for cells in islice(filter(None, reader), SAMPLE))
        return (widths[0], widths.count(widths[0])) if widths else (0, 0)

    return max(DELIMITERS, key=score)  # the first of equals: a single column has no delimiter


def _explained(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "begins a quoted cell that is never closed"
    if "expected after" in message:
        return "has text after the closing quote of a cell"
    if "field larger" in message:
        return f"has a cell of more than {csv.field_size_limit():,} characters"
    return f"cannot be read: {message}"
