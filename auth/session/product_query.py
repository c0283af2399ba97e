"""Statements of a product, which read only rows that the policy lets the viewer read.

A product builds one from `readable(Model)`, which stands in the place of the model's table, and
passes it to `ViewerSession.query`. Anything else is refused when it is compiled: other tables,
literal SQL, functions that are not PostgreSQL's. To omit the policy is therefore a TypeError in the
first test that runs the statement.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    Column,
    ColumnClause,
    ColumnElement,
    CompoundSelect,
    Delete,
    Executable,
    Insert,
    Select,
    Subquery,
    Table,
    TableClause,
    Update,
    and_,
    exists,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.visitors import iterate

from auth.policy import live, parameters, require_token_scope
from auth.session.changes import WHOSE
from auth.session.replaced_rows import ReplacedRows
from auth.session.row import DIALECT, Statements, columns_of
from auth.session.time_travel import Past, PointInTime
from auth.session.visibility import not_hidden, readable_criteria
from auth.viewer import Viewer
from db.base import Base, Entity, Part, Readable
from db.change import AuditLog
from db.fields import PRESENT_ONLY
from db.functions import FUNCTIONS
from db.problem import Problem

CONSTANT = re.compile(r"(?:'(?:[^'\\]|'')*'|-?\d+|NULL)(?:::[\w.]+(?:\[\])?)?|\*")
"""The literal SQL that a product may use: a constant, perhaps with its type, or `*`."""
FINDING_KEYS = "finding_keys"
"""The column of what the analysis of a row has found, which past rows do not have."""
HINTS = ("MATERIALIZED", "NOT MATERIALIZED")
"""The options of a common table expression that are allowed."""
CONTENT_VERSION = "content_version"
"""The column of the version of a row's content, which Python never loads."""
OWN_FUNCTIONS = {("ctx", name) for name in FUNCTIONS}
"""Functions of the gateway that compute a value from values alone."""

Source = Readable | type[AuditLog]
_READABLE: dict[int, Source] = {}
_EXISTING: dict[int, Source] = {}
"""The models of the subqueries of `readable` and `existing`, by the identity of their SELECT."""


@cache
def readable(model: Source, *names: str) -> Subquery:
    """Return the rows of a model that the viewer may read, to select from as from its table.

    Columns have the names of the model's attributes: all, or those that are named, which may be
    columns that Python never loads, such as `content_version`. Of the record of changes they are
    those of rows, at places that the viewer may read.
    """
    criteria = WHOSE if issubclass(model, AuditLog) else readable_criteria(model)
    return _rows(model, names, criteria, _READABLE)


@cache
def readable_events(*names: str) -> Subquery:
    """Return the events of the audit log that the viewer may read as an administrator.

    The caller requires the scope of a token: `require_token_scope`.
    """
    return _rows(AuditLog, names, readable_criteria(AuditLog), _READABLE)


@cache
def with_deleted(model: type[Entity], *names: str) -> Subquery:
    """Return the rows at places that the viewer may read, deleted and hidden ones too.

    The column `shown` says whether a row is neither: whether it is a `readable` one.
    """
    shown = and_(live(model), *not_hidden(model)).label("shown")
    return _rows(model, names, readable_criteria(model, deleted=None), _READABLE, shown)


@cache
def parts(model: type[Part]) -> Subquery:
    """Return all parts of rows that the viewer may read, also at places that they may not.

    They are for results about the whole, such as whether its hash is right.
    """
    whole = readable_criteria(model.whole)
    named = exists().where(model.whole.id == getattr(model, model.whole_key), *whole)
    return _rows(model, (), (named.correlate(model.__table__),), _READABLE)


@cache
def existing(model: Readable, *names: str) -> Subquery:
    """Return the rows that are neither deleted nor hidden, for any viewer; parts with their whole.

    They are for insertions of parts, and for rules of writing.
    """
    if not issubclass(model, Part):
        return _rows(model, names, (live(model), *not_hidden(model)), _EXISTING)
    whole = model.whole
    named = exists().where(
        whole.id == getattr(model, model.whole_key), live(whole), *not_hidden(whole)
    )
    return _rows(model, names, (named.correlate(model.__table__),), _EXISTING)


def require_own_rows(where: Sequence[ColumnElement[bool]]) -> None:
    """Raise INVALID where a condition of a past read is about the present.

    It has `readable` rows, which are current, or a column that past rows do not have.
    """
    for element in (element for condition in where for element in iterate(condition)):
        if isinstance(element, Subquery) and id(element.element) in _READABLE:
            message = "A past state cannot be filtered by the current state of other objects."
            raise Problem("INVALID", message, field=["filter"])
        if isinstance(element, Column) and element.name == FINDING_KEYS:
            message = "A past state cannot be filtered by its quality."
            raise Problem("INVALID", message, field=["filter"])


def _rows(
    model: Source,
    names: tuple[str, ...],
    criteria: tuple[ColumnElement[bool], ...],
    known: dict[int, Source],
    *more: ColumnElement[Any],
) -> Subquery:
    columns = [c for c in columns_of(model) if not names or c.key in names]
    columns += (cast("Table", model.__table__).c[name] for name in names if name in PRESENT_ONLY)
    rows = select(*columns, *more).where(*criteria).subquery(model.__tablename__)
    known[id(rows.element)] = model  # which the cache keeps alive
    return rows


class _Compiler(PGCompiler_asyncpg):
    """Compile a statement of a product; raise TypeError for anything else it reads."""

    sources = _READABLE
    replaces_tables = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.models: set[Readable] = set()
        """The models that the statement reads, besides the record of changes."""
        self._depth = 0
        super().__init__(*arguments, **options)

    def may_read(self, table: TableClause) -> bool:  # noqa: ARG002 (for those that may)
        """Return whether this table may be read as it is."""
        return False

    def visit_subquery(self, subquery: Subquery, *arguments: Any, **options: Any) -> Any:
        model = self.sources.get(id(subquery.element))
        if model is None:
            return super().visit_subquery(subquery, *arguments, **options)  # type: ignore[no-untyped-call]
        if model is not AuditLog:
            self.models.add(model)
        self._depth += 1
        try:
            return super().visit_subquery(subquery, *arguments, **options)  # type: ignore[no-untyped-call]
        finally:
            self._depth -= 1

    def visit_table(self, table: TableClause, *arguments: Any, **options: Any) -> Any:
        if not self._depth and not self.may_read(table):
            raise TypeError(f"Read `readable` rows, not the table {table.name} itself.")
        return super().visit_table(table, *arguments, **options)  # type: ignore[no-untyped-call]

    def visit_textclause(self, textclause: TextClause, *arguments: Any, **options: Any) -> Any:
        if not self._depth and textclause.text not in HINTS:
            raise TypeError(f"SQL that is written out escapes the policy: {textclause.text!r}.")
        return super().visit_textclause(textclause, *arguments, **options)  # type: ignore[no-untyped-call]

    def visit_column(self, column: ColumnClause[Any], *arguments: Any, **options: Any) -> Any:
        if column.is_literal and not self._depth and not CONSTANT.fullmatch(column.name):
            raise TypeError(f"SQL that is written out is a constant, not {column.name!r}.")
        return super().visit_column(column, *arguments, **options)

    def visit_function(self, func: Function[Any], *arguments: Any, **options: Any) -> Any:
        name = (*func.packagenames, func.name)
        if len(name) > 1 and not self._depth and name not in OWN_FUNCTIONS:
            raise TypeError(f"The function {'.'.join(name)} is the gateway's own.")
        return super().visit_function(func, *arguments, **options)

    def visit_cte(self, cte: CTE, *arguments: Any, **options: Any) -> Any:
        is_taken = cte.name in Base.metadata.tables and not self.replaces_tables
        if is_taken and not self._depth:
            raise TypeError(f"{cte.name} is the name of a table, which criteria speak of.")
        return super().visit_cte(cte, *arguments, **options)

    def visit_insert(self, insert_stmt: Insert, *_: Any, **__: Any) -> Any:
        raise TypeError(f"Rows of {insert_stmt.table} are written through the transaction.")

    def visit_update(self, update_stmt: Update, *_: Any, **__: Any) -> Any:
        raise TypeError(f"Rows of {update_stmt.table} are written through the transaction.")

    def visit_delete(self, delete_stmt: Delete, *_: Any, **__: Any) -> Any:
        raise TypeError(f"Rows of {delete_stmt.table} are written through the transaction.")


class _RelationCompiler(_Compiler):
    """Compile the relations in the place of tables: they may read parts, which hold past rows."""

    replaces_tables = True

    def may_read(self, table: TableClause) -> bool:
        return table in _PARTS


class _ExistingCompiler(_Compiler):
    """Compile a statement about rows that exist, for any viewer."""

    sources = _EXISTING


class _InsertionCompiler(_ExistingCompiler):
    """Compile a statement that adds the parts of a row."""

    def visit_insert(self, insert_stmt: Insert, *arguments: Any, **options: Any) -> Any:
        if insert_stmt.table not in _PARTS:
            return super().visit_insert(insert_stmt)
        return PGCompiler_asyncpg.visit_insert(self, insert_stmt, *arguments, **options)  # type: ignore[no-untyped-call]


Query = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
_PARTS = {
    mapper.local_table
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, Part) and mapper.class_ is not AuditLog
}
_QUERIES = Statements(compiler=_Compiler)


def prepared(
    statement: Query,
    viewer: Viewer,
    values: Mapping[str, Any],
) -> tuple[str, list[Any]]:
    """Return the text and arguments of a product's query, for this viewer.

    Raises TypeError for tables that the policy does not cover; FORBIDDEN where a token lacks a
    scope.
    """
    of_viewer = parameters(viewer)
    if taken := of_viewer.keys() & values.keys():
        raise TypeError(f"The policy binds {sorted(taken)}.")

    def require_scopes(compiler: SQLCompiler) -> None:
        assert isinstance(compiler, _Compiler)  # noqa: S101 (`_QUERIES` makes them)
        for model in compiler.models:
            require_token_scope(viewer, "read", model)

    return _QUERIES.ready(statement, {**values, **of_viewer}, require_scopes)


@lru_cache(100)
def require_existing(statement: Executable) -> None:
    """Raise TypeError unless this statement reads only `existing` rows."""
    _ExistingCompiler(DIALECT, statement)


def require_insertion(statement: Executable) -> None:
    """Raise TypeError unless this statement reads only `existing` rows and inserts only parts."""
    _InsertionCompiler(DIALECT, statement)


def relations(past: Past, model: Readable, key: str) -> Sequence[CTE]:
    """Return the relations that replace tables in this past.

    A product's past may read only parts; raises TypeError otherwise. The policy applies to the rows
    of the relations, as to those of tables.
    """
    found = past.relations(model, key)
    kind = (type(past), model, key)
    if not isinstance(past, PointInTime | ReplacedRows) and kind not in _KNOWN:
        _RelationCompiler(DIALECT, select(literal_column("1")).add_cte(*found))
        _KNOWN.add(kind)
    return found


_KNOWN: set[tuple[type[Past], Readable, str]] = set()
