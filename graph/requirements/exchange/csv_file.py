"""A CSV file as a draft: one document, one requirement a row, no blocks."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from db.problem import Problem
from graph.requirements.exchange.csv_table import CsvRow, read_table
from graph.requirements.exchange.draft import (
    LONGEST_NAME,
    Draft,
    DraftDocument,
    DraftRequirement,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.fields import (
    CHOICES,
    IGNORE,
    PROPERTY,
    assign,
    listed,
    plain_name,
)
from graph.requirements.exchange.source import Source
from graph.requirements.exchange.vocabulary import meant

TAG_SEPARATORS = re.compile(r"[,;\n]")


def read_csv(
    source: Source,
    *,
    chosen: Mapping[str, str],
    limits: Limits,
    delimiter: str | None = None,
) -> Draft:
    """The draft of a CSV file whose first row names its columns.

    `chosen` maps columns to fields and goes before the guesses. The document takes the name of
    the file. Raises Problem INVALID, with one sentence, for a file that is not a table of
    requirements.
    """
    table = read_table(source, limits, delimiter)
    if len(table) < 2:  # noqa: PLR2004 (a header and one row)
        raise refused(source.name, "there is no row below the header.")
    header, *rows = table
    columns = [name.strip() or f"Column {index + 1}" for index, name in enumerate(header.cells)]
    try:
        targets = assign(columns, chosen)
    except Problem as problem:
        raise refused(source.name, problem.message) from None
    if not {"name", "description"} & set(targets.values()):
        raise refused(
            source.name,
            f"no column can be the name or the description; there are {listed(columns)}.",
        )
    return _Table(source, columns, targets).draft(rows)


class _Table:
    """The columns of one file, and what was noticed while its rows were read."""

    def __init__(self, source: Source, columns: list[str], targets: Mapping[int, str]) -> None:
        self.source, self.columns, self.targets = source, columns, targets
        self.short: list[CsvRow] = []
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.cut: list[CsvRow] = []

    def draft(self, rows: list[CsvRow]) -> Draft:
        requirements: list[DraftRequirement] = []
        places: dict[str, CsvRow] = {}
        for row in rows:
            requirement = self.requirement(row)
            if requirement is None:
                continue
            requirements.append(requirement)
            if (id := requirement.external_id) is None:
                continue
            if id in places:
                both = f"{places[id].place} and {row.place}"
                raise refused(self.source.name, f"{both} have the same id {id!r}.")
            places[id] = row
        drafted = DraftDocument(fitting_name(self.source.stem), requirements=requirements)
        return Draft([drafted], counts={"rows": len(requirements)}, notes=self.notes())

    def requirement(self, row: CsvRow) -> DraftRequirement | None:
        """The requirement in this row, or None when nothing stands in it."""
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
                tags = [t for tag in TAG_SEPARATORS.split(cell) if (t := tag.strip())]
                values["tags"] = list(dict.fromkeys([*values.get("tags", ()), *tags]))
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
        """The requirement of these values, once it has a name, and an id that is none too long."""
        id = values.pop("external_id", "") or None
        if len(id or "") > LONGEST_NAME:
            message = f"{row.place} has an id of more than {LONGEST_NAME} characters."
            raise refused(self.source.name, message)
        name = values.pop("name", "")
        if len(name) > LONGEST_NAME:
            self.cut.append(row)
            properties[self.name_column] = name
        fitting = fitting_name(name or _first_line(values) or id or "")
        if not fitting:
            raise refused(self.source.name, f"{row.place} has neither a name nor a description.")
        return DraftRequirement(fitting, id, **values, properties=properties)

    def cells(self, row: CsvRow) -> list[str]:
        """One cell a column: cells missing at the end are empty, further ones must be."""
        missing = len(self.columns) - len(row.cells)
        if missing > 0:
            self.short.append(row)
            return row.cells + [""] * missing
        if any(cell.strip() for cell in row.cells[len(self.columns) :]):
            raise refused(
                self.source.name,
                f"{row.place} has {len(row.cells)} cells, but the header has {len(self.columns)}.",
            )
        return row.cells[: len(self.columns)]

    def choose(
        self, field: str, column: str, cell: str, values: dict[str, Any], kept: dict[str, Any]
    ) -> None:
        """The member of the field's enumeration, or the word itself kept as a property."""
        word = cell.strip()
        member = meant(CHOICES[field], word)
        unknown = word and member is None
        if unknown:
            self.unknown[column, word] += 1
        values[field] = member
        kept[plain_name(column)] = word if unknown else None

    @property
    def name_column(self) -> str:
        """The name of the column that holds the names."""
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
                f"{_rows(len(self.cut))} with a name of more than {LONGEST_NAME} characters;"
                " it is cut, and kept whole as a property."
            )
        return notes


def _gather(properties: dict[str, Any], name: str, cell: str) -> None:
    """Keep the cell; columns of the same name make a list of what stands in them."""
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
