"""The columns of an imported table, and the cells that edits of its requirements change."""

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

from db.problem import Problem
from db.text import as_identifier
from graph.requirements.exchange.back.edits import RowEdit
from graph.requirements.exchange.formats.csv.reader import (
    FIRST_ROWS,
    cell_as_read,
    header_of,
    targets_of,
)
from graph.requirements.exchange.formats.csv.rows import CsvRow
from graph.requirements.exchange.model.draft import DraftRequirement
from graph.requirements.exchange.model.fields import CHOICES, PROPERTY, plain_name, untyped
from graph.requirements.exchange.model.vocabulary import heading, meant
from graph.requirements.exchange.tables.cells import list_text
from graph.requirements.exchange.tables.table import FIELDS, TAKEN, shown

LABELS = {field: label for label, field in FIELDS.items()}


class Columns:
    """The columns of a table of texts, to which those are added that edits need."""

    def __init__(self, table: Iterable[CsvRow], chosen: Mapping[str, str]) -> None:
        rows = iter(table)
        first = [*islice(rows, FIRST_ROWS)]
        self.header, names = header_of(first)
        self.names = [*names]
        self.targets = targets_of(names, untyped(chosen))
        self.identifier = next(
            (n for n, target in self.targets.items() if target == "external_id"), None
        )
        self.added: dict[int, str] = {}
        """The names of columns that the file does not have, by their places."""
        self._words = {
            n: dict[Any, str]() for n, target in self.targets.items() if target in CHOICES
        }
        """The words by which the file says the members of enumerations, by their columns."""
        for row in chain(first, rows):
            if row.number > self.header.number:
                self._read_words(row)

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return len(self.names)

    def id_of(self, row: CsvRow) -> str | None:
        """Return the external ID of a row."""
        at = self.identifier
        if at is None or at >= len(row.cells):
            return None
        try:
            return as_identifier(cell_as_read(row.cells[at]).strip()) or None
        except Problem:
            return None

    def cells(self, edit: RowEdit) -> dict[int, Any] | None:
        """Return the values that an edit changes, by their columns; None if there is no place."""
        found: dict[int, Any] = {}
        for field, value in edit.fields.items():
            first, *others = self._of_field(field)
            found[first] = self._shown(first, field, value)
            found |= dict.fromkeys(others)
        for key, value in edit.properties.items():
            places = self._of_property(key)
            if len(places) != 1:
                return None
            is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
            found[places[0]] = shown(value, is_list=is_list)
        return found

    def new(self, requirement: DraftRequirement) -> dict[int, Any] | None:
        """Return the values of a new row."""
        fields = {name: getattr(requirement, name) for name in LABELS}
        given = {name: value for name, value in fields.items() if value}
        known = set(self.targets.values())
        values = {k: v for k, v in given.items() if k in known or k not in CHOICES}
        return self.cells(RowEdit(requirement, requirement, values, requirement.properties))

    def _of_field(self, field: str) -> list[int]:
        places = [n for n, target in self.targets.items() if target == field]
        return places or [self._add(LABELS[field], field)]

    def _of_property(self, key: str) -> list[int]:
        places = [
            n
            for n, name in enumerate(self.names)
            if plain_name(name) == key and self.targets.get(n, PROPERTY) == PROPERTY
        ]
        if places:
            return places
        is_free = plain_name(key) == key and heading(key) not in TAKEN
        return [self._add(key, PROPERTY)] if is_free else []

    def _add(self, name: str, target: str) -> int:
        place = len(self.names)
        self.names.append(name)
        self.targets[place] = target
        self.added[place] = name
        return place

    def _shown(self, place: int, field: str, value: Any) -> Any:
        if field == "tags":
            return list_text(value or ())
        if field in CHOICES and value is not None:
            return self._words.get(place, {}).get(value, value.value)
        return value

    def _read_words(self, row: CsvRow) -> None:
        for place, words in self._words.items():
            if place < len(row.cells) and (word := row.cells[place].strip()):
                words.setdefault(meant(CHOICES[self.targets[place]], word), word)
