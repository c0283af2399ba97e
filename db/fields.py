"""Columns with one default, the same in Python and in the database."""

import re
from collections.abc import Collection
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Computed,
    Enum,
    Text,
    any_,
    false,
    func,
    inspect,
    literal,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import MappedColumn, Mapper, mapped_column
from uuid_utils.compat import uuid7

from db.functions import sort_key
from db.values import same_json

E = TypeVar("E", bound=StrEnum)


@cache
def labels(enumeration: type[StrEnum]) -> Enum:
    """Return the PostgreSQL enum of a Python one: UserRoleType is user_role_type, values labels."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", enumeration.__name__).lower()
    return Enum(enumeration, name=name, values_callable=lambda members: [m.value for m in members])


def identity(sort_order: int = 0) -> MappedColumn[UUID]:
    """Declare a UUIDv7 (RFC 9562, section 5.7) as primary key: IDs sort by creation.

    PostgreSQL generates a random one for rows inserted by hand. Rows of one flush are inserted by
    one statement; the ID matches its results to the rows.
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
    """Declare a column of an enumeration, with this default."""
    return mapped_column(labels(type(default)), default=default, server_default=default.value)


def flag(default: bool) -> MappedColumn[bool]:
    """Declare a boolean column, never null."""
    return mapped_column(default=default, server_default=true() if default else false())


def number(default: float, type_: Any = None) -> MappedColumn[Any]:
    """Declare a numeric column, never null, of the type of its annotation or `type_`."""
    return mapped_column(type_, default=default, server_default=text(str(default)))


def word(default: str) -> MappedColumn[str]:
    """Declare a text column, never null."""
    return mapped_column(default=default, server_default=default)


class Json(JSONB):
    """JSON whose values are compared as JSON: true is not 1."""

    cache_ok = True

    def compare_values(self, x: Any, y: Any) -> bool:
        """Return whether a row's new value is the one it has."""
        return same_json(x, y)


def json_object(name: str | None = None, **options: Any) -> MappedColumn[dict[str, Any]]:
    """Declare a column of a JSON object, empty by default; `name` when the column's differs."""
    return mapped_column(
        name,
        Json(none_as_null=True),
        default_factory=dict,
        server_default=text("'{}'::jsonb"),
        **options,
    )


def json_list() -> MappedColumn[list[Any]]:
    """Declare a column of a JSON array, empty by default."""
    return mapped_column(
        Json(none_as_null=True), default_factory=list, server_default=text("'[]'::jsonb")
    )


def words() -> MappedColumn[list[str]]:
    """Declare a column of an array of texts, empty by default."""
    return mapped_column(default_factory=list, server_default=text("'{}'::text[]"))


def secret(**options: Any) -> MappedColumn[Any]:
    """Declare a column of a credential, which the audit log and the history leave out."""
    return mapped_column(info={"secret": True}, **options)


@cache
def secrets(model: type) -> frozenset[str]:
    """Return the attributes of a model that are `secret`."""
    mapper: Mapper[Any] = inspect(model)
    return frozenset(a.key for a in mapper.column_attrs if a.columns[0].info.get("secret"))


PERSONAL = {"personal": True}
"""The `info` of a column of personal data, whose recorded values can be erased (`PersonalData`)."""


@cache
def personal(model: type) -> frozenset[str]:
    """Return the attributes of a model that are `PERSONAL`."""
    mapper: Mapper[Any] = inspect(model)
    return frozenset(a.key for a in mapper.column_attrs if a.columns[0].info.get("personal"))


def any_key() -> MappedColumn[UUID]:
    """Declare a column of the ID of a row of any entity, which has no foreign key.

    `ctx.purge` removes the row with the one that it names, by a list in the migrations.
    """
    return mapped_column(info={"any_key": True})


SEARCHED_CHARACTERS = 50_000
"""Characters of a text that are searched for words in all their forms: a vector holds 1 MB."""
WORDS_CHARACTERS = 10_000
"""Characters of a text that are searched for words as they are written, and for prefixes."""

GENERATED = frozenset(
    {"search", "name_order", "external_id_order", "content_version", "finding_keys"}
)
"""Columns that PostgreSQL makes of others, or a job, and that Python never loads."""
PRESENT_ONLY = frozenset({"search", "content_version", "finding_keys"})
"""Columns among them that rows of the past do not have."""
UNRECORDED = frozenset({"ai_analysis", "results"})
"""JSON objects that a job writes apart from the versions of a row: empty in every past row."""


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
    """Declare the search vector of these columns, each with its weight, A to D.

    It holds the words of all as they are written (`ctx.words_of`), then what PostgreSQL's parser
    takes for words: of identifiers (`external_id`, `test_id`) as they are, of other text in the
    forms of English. Of JSON (`content`) the strings count.
    """
    written = " || ' ' || ".join(map(_text, weights))
    forms = [f"setweight({_vector(column)}, '{weight}')" for column, weight in weights.items()]
    parts = [f"to_tsvector('simple', ctx.words_of({written}))", *forms]
    return Column("search", TSVECTOR, Computed(" || ".join(parts), persisted=True), nullable=False)


def content_version() -> Column[int]:
    """Return the column with the version of the row's last change of content (`Traits.content`).

    The trigger `content_version` of the table sets it.
    """
    return Column("content_version", BigInteger, server_default=text("1"), nullable=False)


def order_of(column: str) -> Column[str]:
    """Return the generated column with the sort key of a text (`ctx.sort_key`), for an index."""
    key = Computed(f"ctx.sort_key({column})", persisted=True)
    return Column(f"{column}_order", Text(collation="C"), key)


def is_text(column: Any) -> bool:
    """Return whether this is text, whose order `ctx.sort_key` decides, not a label or a number."""
    return isinstance(column.type, Text)


def among(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that the column has one of the values, which are bound as one array."""
    found: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(column.type)))
    return found


def sorted_by(column: Any) -> Any:
    """Return the expression that sorts and compares rows: of a text, its sort key."""
    if not is_text(column):
        return column
    table = getattr(column, "table", None)
    stored = None if table is None else table.c.get(f"{column.key}_order")
    return sort_key(column) if stored is None else stored


def _text(column: str) -> str:
    if column == "content":
        strings = """jsonb_path_query_array(content, 'strict $.** ? (@.type() == "string")')"""
        return rf"""left(replace({strings}::text, '\n', ' '), {WORDS_CHARACTERS})"""
    return f"left(coalesce({column}, ''), {WORDS_CHARACTERS})"


def _vector(column: str) -> str:
    if column == "content":
        return f"""jsonb_to_tsvector('english', {column}, '["string"]')"""
    language = "simple" if column.endswith("_id") else "english"
    return f"to_tsvector('{language}', left(coalesce({column}, ''), {SEARCHED_CHARACTERS}))"
