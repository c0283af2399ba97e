"""A document as a table, which CSV and spreadsheets share: a row for each requirement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from db.requirements.properties import PropertyType
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftRequirement
from graph.requirements.exchange.model.fields import plain_name
from graph.requirements.exchange.model.vocabulary import heading
from graph.requirements.exchange.tables.cells import list_text

FIELDS = {
    "Requirement ID": "external_id",
    "Name": "name",
    "Description": "description",
    "Status": "status",
    "Priority": "priority",
    "Level": "level",
    "Format": "format",
    "Tags": "tags",
}
"""The columns of fields, in order. The reader takes each for its field whatever else there is."""
PATH = "Heading path"
"""The column with the headings above a requirement, which is not read."""
MORE = "Properties (JSON)"
"""The column with the properties that have no column of their own, as an object in JSON."""
MAX_COLUMNS = 500
"""Properties with a column of their own."""
TAKEN = {heading(name) for name in (*FIELDS, PATH, MORE)}


@dataclass
class Table:
    """A table: the names of its columns, and its rows of as many values each."""

    columns: list[str]
    rows: Iterator[list[Any]]


def table_of(document: DraftDocument, draft: Draft) -> Table:
    """Return a document as a table. Values are texts, numbers, booleans, or None.

    A property whose key would be read as something else, or beyond MAX_COLUMNS, is in MORE.
    """
    used = {key: None for each in document.requirements for key in each.properties}
    own = [key for key in used if plain_name(key) == key and heading(key) not in TAKEN]
    own = own[:MAX_COLUMNS]
    more = [MORE] if len(own) < len(used) else []
    lists = {key for key, one in draft.properties.items() if one.type is PropertyType.MULTI_SELECT}
    paths = _paths(document)
    rows = (_row(each, paths, own, lists, with_more=bool(more)) for each in document.requirements)
    return Table([*FIELDS, PATH, *own, *more], rows)


def _row(
    requirement: DraftRequirement,
    paths: dict[str | None, str],
    own: Sequence[str],
    lists: set[str],
    *,
    with_more: bool,
) -> list[Any]:
    row: list[Any] = [getattr(requirement, field) for field in FIELDS.values()]
    row = [str(value) if isinstance(value, str) else value for value in row]
    row[-1] = list_text(requirement.tags or ())
    properties = requirement.properties
    row += [paths.get(requirement.block), *(_value(key, properties, lists) for key in own)]
    if with_more:
        left = {key: value for key, value in properties.items() if key not in own}
        row.append(orjson.dumps(left).decode() if left else None)
    return row


def _value(key: str, properties: dict[str, Any], lists: set[str]) -> Any:
    value = properties.get(key)
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return shown(value, is_list=key in lists and is_list)


def shown(value: Any, *, is_list: bool) -> Any:
    """Return the value of a property as a cell has it; `is_list` for one of several texts."""
    if is_list:
        return list_text(value)
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return value


def _paths(document: DraftDocument) -> dict[str | None, str]:
    """Return the names of the headings down to each block, joined by angle brackets."""
    found: dict[str | None, str] = {}
    for block in document.blocks:
        above = found.get(block.parent)
        found[block.external_id] = f"{above} > {block.name}" if above else block.name
    return found
