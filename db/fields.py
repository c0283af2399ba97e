"""Columns with one default, the same in Python and in the database."""

import re
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Computed,
    Enum,
    false,
    func,
    inspect,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import MappedColumn, mapped_column
from uuid_utils.compat import uuid7

E = TypeVar("E", bound=StrEnum)


@cache
def labels(enumeration: type[StrEnum]) -> Enum:
    """The PostgreSQL enum of a Python one: UserRoleType is user_role_type; values are labels."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", enumeration.__name__).lower()
    return Enum(enumeration, name=name, values_callable=lambda members: [m.value for m in members])


def identity(sort_order: int = 0) -> MappedColumn[UUID]:
    """A UUIDv7 (RFC 9562, section 5.7), made by the application: ids sort by creation.

    PostgreSQL makes a random one for rows inserted by hand. Rows of one flush are inserted by one
    statement; the id tells which of its answers belongs to which.
    """
    return mapped_column(
        primary_key=True,
        default_factory=uuid7,
        insert_default=uuid7,
        server_default=func.gen_random_uuid(),
        insert_sentinel=True,
        sort_order=sort_order,
    )


def choice(default: E) -> MappedColumn[E]:
    """A member of an enumeration, this one unless said otherwise."""
    return mapped_column(labels(type(default)), default=default, server_default=default.value)


def flag(default: bool) -> MappedColumn[bool]:
    """A boolean, never null."""
    return mapped_column(default=default, server_default=true() if default else false())


def number(default: float, type_: Any = None) -> MappedColumn[Any]:
    """A number, never null; its annotation says which kind, unless `type_` does."""
    return mapped_column(type_, default=default, server_default=text(str(default)))


def word(default: str) -> MappedColumn[str]:
    """A text, never null."""
    return mapped_column(default=default, server_default=default)


def json_object(name: str | None = None) -> MappedColumn[dict[str, Any]]:
    """A JSON object, empty unless said otherwise; `name` when the column's differs."""
    return mapped_column(
        name, JSONB(none_as_null=True), default_factory=dict, server_default=text("'{}'::jsonb")
    )


def json_list() -> MappedColumn[list[Any]]:
    """A JSON array, empty unless said otherwise."""
    return mapped_column(
        JSONB(none_as_null=True), default_factory=list, server_default=text("'[]'::jsonb")
    )


def words() -> MappedColumn[list[str]]:
    """An array of texts, empty unless said otherwise."""
    return mapped_column(default_factory=list, server_default=text("'{}'::text[]"))


SEARCHED_CHARACTERS = 50_000
"""How much of a text is searched: a vector holds one megabyte, and more would be an error."""


class Searchable:
    """A model with a search vector, which PostgreSQL keeps and Python never loads.

    The model's table holds `search_of(...)`, which the mapper leaves out, because it would fetch
    a vector after each write. `search` is for statements alone.
    """

    @hybrid_property
    def search(self) -> str:
        raise AttributeError("`search` exists in statements only.")

    @search.inplace.expression
    @classmethod
    def _search(cls) -> ColumnElement[str]:
        vector: ColumnElement[str] = inspect(cls).selectable.c.search
        return vector


def search_of(**weights: str) -> Column[str]:
    """The search vector of these columns, each with its weight, A to D.

    Identifiers (`external_id`, `test_id`) are kept as they are, other text is taken for English;
    of JSON (`content`) the strings count.
    """
    parts = (f"setweight({_vector(column)}, '{weight}')" for column, weight in weights.items())
    vector = Computed(" || ".join(parts), persisted=True)
    return Column("search", TSVECTOR, vector, nullable=False)


def _vector(column: str) -> str:
    if column == "content":
        return f"""jsonb_to_tsvector('english', {column}, '["string"]')"""
    language = "simple" if column.endswith("_id") else "english"
    return f"to_tsvector('{language}', left(coalesce({column}, ''), {SEARCHED_CHARACTERS}))"
