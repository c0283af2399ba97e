"""Rows as PostgreSQL sends them, read by attribute, and statements compiled once for asyncpg."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import asyncpg
from sqlalchemy import ColumnElement, CompoundSelect, Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.orm import class_mapper
from sqlalchemy.sql.compiler import SQLCompiler

from db.base import Base, Readable
from db.fields import GENERATED
from db.problem import Problem
from db.text import fault_in

DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
HIDDEN_COLUMNS = GENERATED | {"key_hash"}
"""Columns that only PostgreSQL reads, or only the code that identifies viewers."""
MAX_COMPILED = 1_000
"""Compiled statements in the cache, at most: 480 microseconds to compile, 2 to look up."""
MAX_COMPILED_BYTES = 64_000_000
"""Bytes of memory that the cache may take."""
MAX_COMPILED_LENGTH = 120_000
"""Characters of SQL, at most, that are cached: twice as many as the trash of all types has."""
BYTES_PER_CHARACTER = 60
"""Bytes of memory of a character of SQL with its cache key, compiler and clauses, as measured."""


class Row(asyncpg.Record):
    """One row of `model`; a column is an attribute, as on an instance of the model itself."""

    model: ClassVar[type[Any]]
    past: ClassVar[Any] = None
    """The number of the past it was read in, see `ViewerSession.past_of`; None for the present."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class PastRow(Row):
    """A row as it was in the past."""

    @property
    def past(self) -> int:
        return self["past"]  # type: ignore[no-any-return]


@cache
def row_class(model: type[Base], *, past: bool = False) -> type[Row]:
    """Return the class of this model's rows, by which GraphQL resolves the type of an interface."""
    base = PastRow if past else Row
    return type(f"{model.__name__}{base.__name__}", (base,), {"model": model, "__slots__": ()})


def model_of(row: Any) -> Readable:
    """Return the model of a row, whether it was read raw or through the ORM."""
    return row.model if isinstance(row, Row) else type(row)


@cache
def columns_of(model: type[Base]) -> list[ColumnElement[Any]]:
    """Return the columns of a row, under the names of the model's attributes.

    Deferred columns are left out: only the code that identifies viewers reads them.
    """
    attributes = class_mapper(model).column_attrs
    return [a.columns[0].label(a.key) for a in attributes if not a.deferred]


class Statements:
    """A cache of compiled SQL by the shape of the statement: a look-up in place of a build.

    The most recent are cached, up to `budget` bytes.
    """

    def __init__(
        self,
        budget: int = MAX_COMPILED_BYTES,
        compiler: Callable[..., SQLCompiler] = DIALECT.statement_compiler,
    ) -> None:
        self.kept: OrderedDict[object, tuple[str, SQLCompiler]] = OrderedDict()
        self.used = 0
        """Bytes of memory that the cached statements take, roughly."""
        self._budget, self._compiler = budget, compiler

    def ready(
        self,
        statement: Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]],
        values: dict[str, Any],
        check: Callable[[SQLCompiler], None] | None = None,
    ) -> tuple[str, list[Any]]:
        """Return the statement's text for asyncpg, and its arguments in order.

        `check` gets the compiler of the statement, and may raise.
        """
        key = statement._generate_cache_key()  # noqa: SLF001 (SQLAlchemy's own cache asks it too)
        shape = key.key if key else None
        found = self.kept.get(shape) if key else None
        if found:
            self.kept.move_to_end(shape)
        else:
            compiler = self._compiler(DIALECT, statement, cache_key=key)
            if compiler.post_compile_params:
                raise TypeError("A list of values is bound as one array: `db.fields.among`.")
            found = str(compiler), compiler
            if key:
                self._keep(shape, found)
        text, compiler = found
        if check:
            check(compiler)
        bound = compiler.construct_params(
            values, extracted_parameters=key.bindparams if key else None, _check=False
        )
        arguments = [_sent(compiler, name, bound[name]) for name in compiler.positiontup or ()]
        for argument in arguments:
            require_text(argument)
        return text, arguments

    def _keep(self, shape: object, compiled: tuple[str, SQLCompiler]) -> None:
        text, _ = compiled
        if len(text) > MAX_COMPILED_LENGTH:
            return
        self.kept[shape] = compiled
        self.used += _weight(text)
        while self.used > self._budget or len(self.kept) > MAX_COMPILED:
            _, (forgotten, _) = self.kept.popitem(last=False)
            self.used -= _weight(forgotten)


def _weight(text: str) -> int:
    return BYTES_PER_CHARACTER * len(text)


def _sent(compiler: SQLCompiler, name: str, value: Any) -> Any:
    """Return the value for asyncpg: enumerations as labels, JSON as text."""
    type_ = compiler.binds[name].type.dialect_impl(DIALECT)
    process = type_.bind_processor(DIALECT)
    return process(value) if process else value


def require_text(argument: Any) -> None:
    """Raise INVALID for text that PostgreSQL cannot store."""
    for text in argument if isinstance(argument, list) else (argument,):
        if isinstance(text, str) and (fault := fault_in(text)):
            raise Problem("INVALID", fault)


STATEMENTS = Statements()
