"""Declarations of the rows that fields read: edges to other rows, and columns of their own.

A declaration is in the field's metadata. The field's resolver is built from it, and the engine
plans statements by it, so both read the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from auth.session import Past
from db.base import Entity, Readable
from graph.kit.cursor import Key

EDGE = "edge"
"""The key of a field's edge in its metadata."""
COLUMNS = "columns"
"""The key in a field's metadata of the columns that its resolver reads of the row."""

Columns = tuple[str, ...] | Callable[[Readable], tuple[str, ...]]
"""Names of columns; or, for a field of an interface, a function that returns those of a model."""


@dataclass(frozen=True)
class ById:
    """A root field: one row by its id, now or in the past."""

    model: type[Entity]


@dataclass(frozen=True)
class ToOne:
    """The row whose id is in the column `key`."""

    model: type[Entity]
    key: str


@dataclass(frozen=True)
class Within:
    """The start of a list, if not its row: the parent, and the past in which it is read."""

    columns: tuple[str, ...]
    """The columns of the row that `place` reads."""
    place: Callable[[Any], tuple[UUID, Past]]


@dataclass(frozen=True)
class ToMany:
    """The rows of a connection, at the root or beneath a row."""

    model: Readable
    key: str | None
    """The column that names the parent; None at the root."""
    order: tuple[Key, ...]
    """The sort keys unless the client names others."""
    largest: int
    """Rows of a page, at most."""
    narrowed: tuple[str, ...] = ()
    """Columns that allow the largest page at the root when the filter equates one of them."""
    within: Within | None = None
    where: tuple[ColumnElement[bool], ...] = ()
    """Conditions of every read, besides those of the client."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read of the row above."""
        return self.within.columns if self.within else ("id",)


Edge = ById | ToOne | ToMany


def edge_of(field: Any) -> Edge | None:
    """Return the edge that a Strawberry field declares, if it is one."""
    edge: Edge | None = field.metadata.get(EDGE)
    return edge


def columns_of(field: Any, model: Readable) -> tuple[str, ...] | None:
    """Return the columns that a field reads of its row; None when it does not declare them."""
    match edge_of(field):
        case ToOne(key=key):
            return (key,)
        case ToMany() as edge:
            return edge.columns
    if COLUMNS not in field.metadata:
        return None if field.base_resolver else (field.python_name,)
    columns: Columns = field.metadata[COLUMNS]
    return columns(model) if callable(columns) else columns
