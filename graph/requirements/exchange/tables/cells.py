"""The cells of tables: values as texts, and texts as the values that they were written from."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from graph.requirements.exchange.model.fields import LIST_SEPARATORS

FORMULA = tuple("=+-@\t\r\n")
"""The first characters of what spreadsheets take for a formula."""
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""The words of cells for what is true and false."""
QUOTE = "'"
"""The character before a text that would be a formula."""


def cell_text(value: Any) -> str:
    """Return a value of JSON as the text of a cell: texts as they are, others in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def list_text(values: Iterable[str]) -> str:
    """Return a list of texts as a cell: separated by commas, or in JSON where that is ambiguous."""
    values = list(values)
    joined = ", ".join(values)
    return joined if parted(joined) == values else orjson.dumps(values).decode()


def parted(cell: str) -> list[str]:
    """Return the texts of a cell that holds a list: what `list_text` wrote, or separated texts."""
    if cell.startswith("["):
        try:
            values = orjson.loads(cell)
        except orjson.JSONDecodeError:
            values = None
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    return [part for each in LIST_SEPARATORS.split(cell) if (part := each.strip())]


def guarded(text: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"{QUOTE}{text}" if text.lstrip(QUOTE).startswith(FORMULA) else text


def unguarded(text: str) -> str:
    """Return the text that `guarded` wrote."""
    is_guarded = text.startswith(QUOTE) and text.lstrip(QUOTE).startswith(FORMULA)
    return text[1:] if is_guarded else text


def as_stored(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row of a table, those that say what is stored as they are stored.

    A cell has no type, so the text `8` is not a change of the number 8.
    """
    return {
        key: stored[key] if key in stored and says(value, stored[key]) else value
        for key, value in given.items()
    }


def says(given: Any, stored: Any) -> bool:
    """Return whether a text of a cell, or None, says what is stored."""
    if given is None:
        return isinstance(stored, str) and not stored.strip()
    if not isinstance(given, str) or isinstance(stored, str):
        return False
    if isinstance(stored, bool):
        return BOOLEANS.get(given.strip().lower()) is stored
    if isinstance(stored, int | float):
        try:
            return float(given) == stored
        except ValueError:
            return False
    return given == cell_text(stored)
