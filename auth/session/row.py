"""Rows as PostgreSQL sent them, read by attribute, and statements compiled once for asyncpg."""

from collections import OrderedDict
from functools import cache
from typing import Any, ClassVar

import asyncpg
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from db.base import Base, Readable
from db.problem import Problem
from db.text import fault_in

DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
COMPILED = 1_000
"""How many statements are kept compiled; one is 480 microseconds to make and 2 to use again."""


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
    """A row as it was."""

    @property
    def past(self) -> int:
        return self["past"]  # type: ignore[no-any-return]


@cache
def row_class(model: type[Base], *, past: bool = False) -> type[Row]:
    """The class of this model's rows, by which GraphQL tells the members of an interface apart."""
    base = PastRow if past else Row
    return type(f"{model.__name__}{base.__name__}", (base,), {"model": model, "__slots__": ()})


def model_of(row: Any) -> Readable:
    """The model of a row, whether it was read raw or through the ORM."""
    return row.model if isinstance(row, Row) else type(row)


class Statements:
    """Compiled SQL by the shape of its statement: SQLAlchemy costs a look-up, not a build."""

    def __init__(self) -> None:
        self.kept: OrderedDict[object, tuple[str, SQLCompiler]] = OrderedDict()

    def ready(self, statement: Select[Any], values: dict[str, Any]) -> tuple[str, list[Any]]:
        """The statement's text for asyncpg, and its arguments in order."""
        key = statement._generate_cache_key()  # noqa: SLF001 (SQLAlchemy's own cache asks it too)
        shape = key.key if key else object()
        found = self.kept.get(shape)
        if found:
            self.kept.move_to_end(shape)
        else:
            compiler: SQLCompiler = DIALECT.statement_compiler(DIALECT, statement, cache_key=key)
            found = self.kept[shape] = (str(compiler), compiler)
            if len(self.kept) > COMPILED:
                self.kept.popitem(last=False)
        text, compiler = found
        bound = compiler.construct_params(
            values, extracted_parameters=key.bindparams if key else None, _check=False
        )
        arguments = [_sent(compiler, name, bound[name]) for name in compiler.positiontup or ()]
        for argument in arguments:
            _require_text(argument)
        return text, arguments


def _sent(compiler: SQLCompiler, name: str, value: Any) -> Any:
    """The value as asyncpg wants it: enumerations as labels, JSON as text."""
    type_ = compiler.binds[name].type.dialect_impl(DIALECT)
    process = type_.bind_processor(DIALECT)
    return process(value) if process else value


def _require_text(argument: Any) -> None:
    for text in argument if isinstance(argument, list) else (argument,):
        if isinstance(text, str) and (fault := fault_in(text)):
            raise Problem("INVALID", fault)


STATEMENTS = Statements()
