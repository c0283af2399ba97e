"""The reader of CSV files: one document, one requirement a row, no blocks."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from db.problem import Problem
from db.text import as_identifier
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import CsvRow, read_table
from graph.requirements.exchange.model.draft import (
    MAX_NAME_LENGTH,
    Draft,
    DraftDocument,
    DraftRequirement,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.model.fields import (
    CHOICES,
    IGNORE,
    PROPERTY,
    assign,
    listed,
    plain_name,
)
from graph.requirements.exchange.model.vocabulary import meant
from graph.requirements.exchange.tables.cells import parted, unguarded
from graph.requirements.exchange.tables.table import MORE, PATH

FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""A formula that is a text, by which spreadsheets keep the zeros of `001`."""

JSON = "json"
OURS = {PATH: IGNORE, MORE: JSON}
"""Columns of tables that the gateway writes, and what the reader does with them."""

TITLE_ROWS = 20
"""The most rows above the header, such as a title and a date."""
FIRST_ROWS = TITLE_ROWS + 2
"""Rows by which a table is known: those above the header, the header, and one below it."""


class NoTable(Problem):
    """The columns of a table are not those of requirements."""


def read(
    source: Source,
    *,
    chosen: Mapping[str, str],
    limits: Limits,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Draft:
    """Return the draft of a CSV file, whose header is the first row or one not far below.

    `chosen` maps columns to fields and takes precedence over guesses. The document takes the name
    of the file. Raises Problem INVALID, with one sentence, for a file that is not a table of
    requirements.
    """
    return read_sheet(source, read_table(source, limits, delimiter, encoding), chosen)


def read_sheet(source: Source, table: Iterable[CsvRow], chosen: Mapping[str, str]) -> Draft:
    """Return the draft of a table of texts, as `read` does. Raises INVALID."""
    rows = iter(table)
    first = [*islice(rows, FIRST_ROWS)]
    above = _rows_above_header(first)
    if len(first) < above + 2:  # a header and one row
        raise refused(source.name, "there is no row below the header.")
    header = first[above]
    columns = _names(header)
    try:
        targets = targets_of(columns, chosen)
    except Problem as problem:
        raise refused(source.name, problem.message) from None
    if not {"name", "description"} & set(targets.values()):
        message = f"no column can be the name or the description; there are {listed(columns)}."
        raise NoTable("INVALID", f"{source.name}: {message}", field=("file",))
    draft = _Table(source, columns, targets).draft(chain(first[above + 1 :], rows))
    if above:
        draft.notes.append(
            f"{header.place} is taken for the header; what stands above it is not imported."
        )
    if "external_id" not in targets.values():
        draft.notes.append(
            "No column is taken for the id, so requirements are found again by their name;"
            " --map COLUMN=external_id names one."
        )
    return draft


def header_in(table: list[CsvRow]) -> tuple[list[str], list[CsvRow]]:
    """Return the names of the columns of a table, and the rows below them."""
    above = _rows_above_header(table)
    return _names(table[above]), table[above + 1 :]


def header_of(table: Sequence[CsvRow]) -> tuple[CsvRow, list[str]]:
    """Return the row that names the columns, and their names."""
    header = table[_rows_above_header(table)]
    return header, _names(header)


def cell_as_read(cell: str) -> str:
    """Return the text of a cell, without what spreadsheets add to it."""
    return unguarded(_without_formula(cell))


def targets_of(columns: list[str], chosen: Mapping[str, str]) -> dict[int, str]:
    """Return the fields of columns, as `assign` does; those of the gateway have their own."""
    targets = assign(columns, chosen)
    own = {i: OURS[name] for i, name in enumerate(columns) if name in OURS and name not in chosen}
    return targets | own


def _names(header: CsvRow) -> list[str]:
    names = [unguarded(name.strip()) for name in header.cells]
    return [name or f"Column {index + 1}" for index, name in enumerate(names)]


def _rows_above_header(table: Sequence[CsvRow]) -> int:
    """Count the rows above the one that names columns; none when no row does."""
    for index, row in enumerate(table[: TITLE_ROWS + 1]):
        filled = [name.strip() for name in row.cells if name.strip()]
        guessed = set(assign(filled, {}).values())
        if {"name", "description"} & guessed and (index == 0 or len(guessed) > 1):
            return index
    return 0


class _Table:
    """The columns of one file, and the anomalies found while its rows were read."""

    def __init__(self, source: Source, columns: list[str], targets: Mapping[int, str]) -> None:
        self.source, self.columns, self.targets = source, columns, targets
        self.short: list[CsvRow] = []
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.cut: list[CsvRow] = []

    def draft(self, rows: Iterable[CsvRow]) -> Draft:
        requirements: list[DraftRequirement] = []
        places: dict[str, str] = {}
        for row in rows:
            requirement = self.requirement(row)
            if requirement is None:
                continue
            requirements.append(requirement)
            if (id := requirement.external_id) is None:
                continue
            if id in places:
                both = f"{places[id]} and {row.place}"
                raise refused(self.source.name, f"{both} have the same id {id!r}.")
            places[id] = row.place
        drafted = DraftDocument(fitting_name(self.source.stem), requirements=requirements)
        counts = {"rows": len(requirements)}
        return Draft([drafted], textual=True, counts=counts, notes=self.notes())

    def requirement(self, row: CsvRow) -> DraftRequirement | None:
        """Return the requirement of this row, or None when the row is empty."""
        cells = self.cells(row)
        if not any(cell.strip() for cell in cells):
            return None
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for index, (column, cell) in enumerate(zip(self.columns, cells, strict=True)):
            target = self.targets.get(index, PROPERTY)
            if target == PROPERTY:
                _gather(properties, plain_name(column), cell)
            elif target == "tags":
                values["tags"] = list(dict.fromkeys([*values.get("tags", ()), *parted(cell)]))
            elif target == JSON:
                properties |= self.more(row, cell)
            elif target == "description":
                values["description"] = cell
            elif target in CHOICES:
                self.choose(target, column, cell, values, properties)
            elif target != IGNORE:
                values[target] = cell.strip()
        return self.identified(row, values, properties)

    def identified(
        self, row: CsvRow, values: dict[str, Any], properties: dict[str, Any]
    ) -> DraftRequirement:
        """Return the requirement of these values. Raises INVALID for no name or a long ID."""
        try:
            id = as_identifier(values.pop("external_id", "")) or None
        except Problem as problem:
            raise refused(self.source.name, f"{row.place}: {problem.message}") from None
        if len(id or "") > MAX_NAME_LENGTH:
            message = f"{row.place} has an id of more than {MAX_NAME_LENGTH} characters."
            raise refused(self.source.name, message)
        name = values.pop("name", "")
        if len(name) > MAX_NAME_LENGTH:
            self.cut.append(row)
            properties[self.name_column] = name
        try:
            fitting = fitting_name(name or _first_line(values) or id or "")
        except Problem as problem:
            raise refused(self.source.name, f"{row.place}: {problem.message}") from None
        if not fitting:
            raise refused(self.source.name, f"{row.place} has neither a name nor a description.")
        return DraftRequirement(fitting, id, **values, properties=properties)

    def cells(self, row: CsvRow) -> list[str]:
        """Return one cell a column: missing cells at the end are empty, further ones must be."""
        missing = len(self.columns) - len(row.cells)
        if missing > 0:
            self.short.append(row)
        if any(cell.strip() for cell in row.cells[len(self.columns) :]):
            raise refused(
                self.source.name,
                f"{row.place} has {len(row.cells)} cells, but the header has {len(self.columns)}.",
            )
        cells = [cell_as_read(cell) for cell in row.cells[: len(self.columns)]]
        return cells + [""] * missing

    def more(self, row: CsvRow, cell: str) -> dict[str, Any]:
        """Return the properties that a cell holds as an object in JSON. Raises INVALID."""
        try:
            found = orjson.loads(cell) if cell.strip() else {}
            if isinstance(found, dict):
                return {as_identifier(key): value for key, value in found.items()}
        except (ValueError, Problem):
            pass
        message = f"{row.place} has no object in JSON in the column {MORE}."
        raise refused(self.source.name, message)

    def choose(
        self, field: str, column: str, cell: str, values: dict[str, Any], kept: dict[str, Any]
    ) -> None:
        """Set the field's enumeration member, or keep an unknown word as a property."""
        word = cell.strip()
        member = meant(CHOICES[field], word)
        unknown = word and member is None
        if unknown:
            self.unknown[column, word] += 1
        values[field] = member
        kept[plain_name(column)] = word if unknown else None

    @property
    def name_column(self) -> str:
        """Return the name of the column that holds the names."""
        index = next(index for index, target in self.targets.items() if target == "name")
        return plain_name(self.columns[index])

    def notes(self) -> list[str]:
        notes = []
        if self.short:
            places = ", ".join(str(row.number) for row in self.short[:10])
            more = " and others" if len(self.short) > 10 else ""  # noqa: PLR2004 (as sliced above)
            notes.append(
                f"{_rows(len(self.short))} shorter than the header (row {places}{more});"
                " the missing cells are empty."
            )
        for (column, word), count in self.unknown.items():
            notes.append(
                f"{column} has no equivalent for {word!r} ({_rows(count)});"
                " it is kept as a property."
            )
        if self.cut:
            notes.append(
                f"{_rows(len(self.cut))} with a name of more than {MAX_NAME_LENGTH} characters;"
                " it is cut, and kept whole as a property."
            )
        return notes


def _without_formula(cell: str) -> str:
    """Return the text of a formula such as `="001"`; return any other cell as it is."""
    formula = FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else cell


def _gather(properties: dict[str, Any], name: str, cell: str) -> None:
    """Add the cell to the properties; columns of the same name make a list of their values."""
    value = cell if cell.strip() else None
    held = properties.get(name)
    if held is None or value is None:
        properties[name] = held if value is None else value
    else:
        properties[name] = [*(held if isinstance(held, list) else [held]), value]


def _first_line(values: Mapping[str, Any]) -> str:
    lines = str(values.get("description") or "").strip().splitlines()
    return lines[0] if lines else ""


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
