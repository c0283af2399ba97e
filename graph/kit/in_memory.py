"""Pages of rows that a request has in memory, in the order of keys that no model has."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, Integer, Text, Uuid

from graph.kit.connection import Page, asked_for
from graph.kit.context import MAX_PAGE_SIZE
from graph.kit.cursor import Key, decode

TYPES: dict[type, Any] = {int: Integer, float: Float, str: Text, UUID: Uuid}


def keys_of(**types: type) -> tuple[Key, ...]:
    """Return sort keys: attributes of the rows, of these types, which are never null."""
    return tuple(Key(Column(name, TYPES[type_], nullable=False)) for name, type_ in types.items())


def page_of(
    rows: Sequence[Any],
    keys: tuple[Key, ...],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    largest: int = MAX_PAGE_SIZE,
) -> Page:
    """Return a page of rows that are sorted by the keys. Raises INVALID."""
    asked = asked_for(first, after, last, before, keys, largest=largest)
    lowest, highest = (
        None if cursor is None else tuple(decode(keys, cursor, name))
        for cursor, name in ((after, "after"), (before, "before"))
    )

    def place(row: Any) -> tuple[Any, ...]:
        return tuple(getattr(row, key.name) for key in keys)

    between: list[Any] = [
        row
        for row in rows
        if (lowest is None or place(row) > lowest) and (highest is None or place(row) < highest)
    ]

    async def count() -> int:
        return len(rows)

    found = between[::-1] if asked.backwards else between
    return asked.page(found[: asked.size + 1], count)
