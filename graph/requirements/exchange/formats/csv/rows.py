"""The reader of CSV as a table of texts: its encoding, delimiter and rows, exactly as written.

The dialect is that of RFC 4180, with a comma, a semicolon, a tab or a bar between the cells, and
the additions of spreadsheets: a first line `sep=;`, and spaces before a quoted cell.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits, refused

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 50
"""The number of rows from which the delimiter is guessed."""

END_OF_FILE = "\x1a"
"""Ctrl-Z, with which some programs end a text."""

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
SEPARATOR = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|$)')
"""The line before the header that gives spreadsheets the delimiter."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of one row. `number` counts rows as a spreadsheet does, `line` lines of text."""

    number: int
    line: int
    cells: list[str]

    @property
    def place(self) -> str:
        """Return the place of the row, for a message."""
        return f"row {self.number} (line {self.line})"


@dataclass(frozen=True)
class Dialect:
    """The text of a file, and how its cells are parted.

    `head` is the line before it that names the delimiter, `tail` what ends the file; `spaced` is
    whether quoted cells have spaces before them.
    """

    text: str
    delimiter: str
    spaced: bool
    head: str
    tail: str


def dialect_of(source: Source, delimiter: str | None, encoding: str | None) -> Dialect:
    """Return the dialect of a file. Raises INVALID for what is no text."""
    text, head = decoded(source, encoding), ""
    tail = END_OF_FILE if text.endswith(END_OF_FILE) else ""
    text = text.removesuffix(END_OF_FILE)
    if separator := SEPARATOR.match(text):
        delimiter, head, text = delimiter or separator[1], separator[0], text[separator.end() :]
    delimiter = delimiter or likely_delimiter(text)
    return Dialect(text, delimiter, has_spaces_before_quotes(text, delimiter), head, tail)


def read_table(
    source: Source, limits: Limits, delimiter: str | None = None, encoding: str | None = None
) -> Iterator[CsvRow]:
    """Yield all rows that are not empty, the header among them. Raises INVALID."""
    dialect = dialect_of(source, delimiter, encoding)
    first_line = 2 if dialect.head else 1
    reader = csv.reader(
        lines_of(dialect.text),
        delimiter=dialect.delimiter,
        strict=True,
        skipinitialspace=dialect.spaced,
    )
    number, line, found = 0, first_line, 0
    try:
        for number, cells in enumerate(reader, start=1):
            found += bool(cells)
            if found > limits.items + 1:  # the header
                raise refused(source.name, f"there are more than {limits.items:,} rows.")
            if cells:
                yield CsvRow(number, line, cells)
            line = reader.line_num + first_line
    except csv.Error as error:
        place = f"row {number + 1} (line {line})"
        raise refused(source.name, f"{place} {_explained(error)}.") from None


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends, without a copy of the whole."""
    return (found[0] for found in LINE.finditer(text))


def has_spaces_before_quotes(text: str, delimiter: str) -> bool:
    """Return whether quoted cells have spaces before them (`R1, "Brake"`), which are no text.

    Spaces inside of quotes are text, so both ways of reading are compared.
    """
    if not re.search(f'{re.escape(delimiter)} +"', text):
        return False

    def rows(*, skip: bool) -> Iterator[list[str]]:
        return csv.reader(lines_of(text), delimiter=delimiter, skipinitialspace=skip)

    try:
        return any(
            [cell.lstrip(" ") for cell in exact] != [cell.lstrip(" ") for cell in skipping]
            for exact, skipping in zip(rows(skip=False), rows(skip=True), strict=False)
        )
    except csv.Error:
        return False


def decoded(source: Source, encoding: str | None = None) -> str:
    """Decode the text: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Any other encoding must be given. Raises INVALID with the first invalid byte and its place.
    """
    if encoding is not None:
        return _decoded_as(source, encoding)
    data = source.data
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refused(source.name, "the file is UTF-32; save it as UTF-8.")
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        if not utf_16 and b"\x00" in data:
            raise _binary(source, data.index(b"\x00")) from None
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(
            source.name,
            f"byte {error.start + 1} (line {line}) is not {'UTF-16' if utf_16 else 'UTF-8'};"
            " save the file as UTF-8, or name its encoding, such as --encoding cp1252.",
        ) from None
    if "\x00" in text:
        raise _binary(source, text.index("\x00"), text)
    return text


def _decoded_as(source: Source, encoding: str) -> str:
    try:
        text = source.data.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not {encoding}."
        raise refused(source.name, message) from None
    except LookupError:
        raise refused(source.name, f"there is no encoding {encoding!r}.") from None
    if "\x00" in text:
        raise _binary(source, text.index("\x00"), text)
    return text.removeprefix("\ufeff")


def _binary(source: Source, place: int, text: str | None = None) -> Exception:
    before = source.data[:place].count(b"\n") if text is None else text.count("\n", 0, place)
    return refused(
        source.name,
        f"line {before + 1} has a NUL character, so this is not text in UTF-8,"
        " or in UTF-16 with a byte order mark.",
    )


def likely_delimiter(text: str) -> str:
    """Return the delimiter by which most rows have as many cells as the header, and most cells.

    Where a title stands above the header, the width of most rows counts instead.
    """

    def score(delimiter: str) -> tuple[bool, int, int]:
        reader = csv.reader(lines_of(text), delimiter=delimiter, strict=True)
        widths: list[int] = []
        with suppress(csv.Error):  # a wrong guess stumbles over quotes, or the file is broken
            widths.extend(len(cells) for cells in islice(filter(None, reader), SAMPLE))
        if not widths:
            return False, 0, 0
        width = widths[0] if widths[0] > 1 else max(widths, key=lambda w: (w > 1, widths.count(w)))
        alike = widths.count(width)
        return width > 1 and alike * 2 > len(widths), width, alike

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
