"""The columns of a table before it is imported: names, fields, and first values."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from openpyxl import load_workbook

from db.problem import Problem
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.reader import header_in, targets_of
from graph.requirements.exchange.formats.csv.rows import CsvRow, read_table
from graph.requirements.exchange.formats.xlsx.reader import (
    DOCUMENTS,
    MAX_CELLS,
    require_size,
    rows_in,
)
from graph.requirements.exchange.model.draft import Limits, refused
from graph.requirements.exchange.model.fields import PROPERTY
from graph.requirements.exchange.registry import format_of

ROWS = 30
"""Rows of a sheet that are read, the header among them."""
VALUES = 3
"""Values of a column that are shown."""
LENGTH = 80
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Column:
    """A column: its name, the field that it is read as, and its first values."""

    name: str
    target: str
    values: list[str]


def columns_of(
    source: Source,
    chosen: Mapping[str, str],
    delimiter: str | None = None,
    encoding: str | None = None,
) -> list[Column]:
    """Return the columns of a CSV file, or of the first sheet of a workbook with requirements.

    Files of other formats have none. `chosen` are fields by columns, of which those that the file
    does not have are ignored. Raises INVALID for a file that cannot be read.
    """
    format = format_of(source.name, None)
    if format == "csv":
        return _columns([*read_table(source, Limits(), delimiter, encoding)], chosen)
    if format != "xlsx":
        return []
    require_size(source, Limits())
    try:
        book = load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
        sheets = [each for each in book.worksheets if each.title != DOCUMENTS]
        tables = [[*islice(rows_in(source, each, ROWS, [MAX_CELLS]), ROWS)] for each in sheets]
        book.close()
    except Problem:
        raise
    except Exception as error:  # openpyxl has no error of its own for what it cannot read
        raise refused(source.name, "this is not an XLSX workbook that can be read.") from error
    found = [_columns(each, chosen) for each in tables if len(each) > 1]
    with_text = [each for each in found if {"name", "description"} & {one.target for one in each}]
    return (with_text or found or [[]])[0]


def _columns(table: list[CsvRow], chosen: Mapping[str, str]) -> list[Column]:
    if not table:
        return []
    columns, rows = header_in(table)
    known = {name: target for name, target in chosen.items() if name in columns}
    targets = targets_of(columns, known)
    return [
        Column(name, targets.get(index, PROPERTY), _values(rows, index))
        for index, name in enumerate(columns)
    ]


def _values(rows: list[CsvRow], index: int) -> list[str]:
    filled = (row.cells[index] for row in rows[:ROWS] if index < len(row.cells))
    shown = islice((" ".join(each.split()) for each in filled if each.strip()), VALUES)
    return [each if len(each) <= LENGTH else f"{each[: LENGTH - 1]}…" for each in shown]
