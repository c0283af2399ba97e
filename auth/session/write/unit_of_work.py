"""The rows that one transaction has read and is changing, and the connection it runs on.

Rows are instances of the models, made of what PostgreSQL sends; SQLAlchemy's attributes know what
has been set in them since. No session of the ORM holds them: it costs more than all else that an
edit takes.
"""

import asyncio
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, Enum, inspect
from sqlalchemy import Select as Statement
from sqlalchemy.orm import InstanceState, class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from auth.session.row import DIALECT, STATEMENTS, columns_of
from db.base import Base, Entity
from db.connection import Remembering
from db.signing import Settings

E = TypeVar("E", bound=Entity)
Read = Callable[[Any], Any]


class Found(asyncpg.Record):
    """A row of a statement of a transaction; a column is an item and an attribute."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class UnitOfWork:
    """The rows of a transaction, each once, and those that are pending: new or changed."""

    def __init__(self, connection: Remembering, mutex: asyncio.Lock | None = None) -> None:
        """Use the connection, and the lock of those who share it."""
        self.connection, self._mutex = connection, mutex or asyncio.Lock()
        self._rows: dict[tuple[type[Entity], UUID], Any] = {}
        self._new: dict[Entity, None] = {}
        self.flushes_first = True
        """True if pending rows are sent before further ones are read."""

    def __contains__(self, row: Entity) -> bool:
        return self._rows.get((type(row), row.id)) is row

    async def fetch(self, text: str, arguments: Sequence[object]) -> list[Found]:
        """Return the rows of a statement."""
        async with self._mutex:
            rows: list[Found] = await self.connection.fetch(text, *arguments, record_class=Found)
            return rows

    async def execute(self, text: str) -> None:
        """Run a statement without arguments."""
        async with self._mutex:
            await self.connection.execute(text)

    async def run_deferred(self, seconds: float) -> None:
        """Run the triggers and checks that are deferred to the commit, for at most so long."""
        async with self._mutex:
            await self.connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE", timeout=seconds + 1)

    async def enter_locally(self, settings: Settings) -> None:
        """Set the context of a viewer for the rest of the transaction."""
        async with self._mutex:
            await self.connection.enter_locally(settings)

    async def select(
        self, statement: Statement[*tuple[Any, ...]], values: Mapping[str, Any]
    ) -> list[Any]:
        """Return the rows of a statement, with members of enumerations in place of their labels."""
        found = await self.fetch(*STATEMENTS.ready(statement, dict(values)))
        return _with_members(statement, found) if found else []

    def add(self, *rows: Entity) -> None:
        """Have new rows be pending."""
        self._new.update(dict.fromkeys(rows))

    def pending(self) -> list[Entity]:
        """Return the rows that are new, and those in which something has been set."""
        return [*self._new, *(row for row in self._rows.values() if state_of(row).modified)]

    def loaded(self, model: type[E], found: Sequence[Any], *, anew: bool) -> list[E]:
        """Return the rows for what was read, each once; `anew` sets those that were known, too."""
        loader = loader_of(model)
        rows = []
        for values in found:
            key = (model, values["id"])
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = loader.row(values)
            elif anew:
                loader.set(row, values)
            rows.append(row)
        return rows

    def settle(self, row: Entity, stored: Mapping[str, Any], *, is_new: bool) -> None:
        """Mark a row as stored, with these values."""
        state = state_of(row)
        if is_new:
            for key, value in stored.items():
                set_committed_value(row, key, value)
            self._new.pop(row, None)
            make_transient_to_detached(row)
            self._rows[type(row), row.id] = row
        else:
            state.dict.update(stored)
            state._commit_all(state.dict)  # noqa: SLF001 (what the ORM does after a flush)

    def settle_unchanged(self) -> None:
        """Mark rows as read in which only values were set that they had before."""
        for row in self.pending():
            state = state_of(row)
            state._commit_all(state.dict)  # noqa: SLF001

    def release(self, rows: Iterable[Entity]) -> None:
        """Forget rows in which nothing is pending."""
        for row in rows:
            if not state_of(row).modified:
                self._rows.pop((type(row), row.id), None)

    def forget(self) -> None:
        """Forget all rows, which keep their values."""
        self._rows.clear()
        self._new.clear()

    @contextmanager
    def unsent(self) -> Iterator[None]:
        """Have reads not send pending rows first, until the end of the block."""
        before, self.flushes_first = self.flushes_first, False
        try:
            yield
        finally:
            self.flushes_first = before


class Loader:
    """Makes rows of a model of what PostgreSQL sends."""

    def __init__(self, model: type[Base]) -> None:
        mapper = class_mapper(model)
        self._new = mapper.class_manager.new_instance
        self._identity = mapper.identity_key_from_primary_key
        self._keys = [str(column.key) for column in columns_of(model)]
        attributes = mapper.column_attrs
        self._readers = readers({key: attributes[key].columns[0].type for key in self._keys})

    def row(self, values: Mapping[str, Any]) -> Any:
        """Return a new instance."""
        row = self._new()
        state = state_of(row)
        state.key = self._identity((values["id"],))
        state.dict.update(self.read(values))
        return row

    def set(self, row: Any, values: Mapping[str, Any]) -> None:
        """Set all values of an instance, and forget what was set in it."""
        state = state_of(row)
        state.dict.update(self.read(values))
        state._commit_all(state.dict)  # noqa: SLF001

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all columns, by attribute."""
        read = {key: values[key] for key in self._keys}
        for key, reader in self._readers.items():
            read[key] = reader(read[key])
        return read


@cache
def loader_of(model: type[Base]) -> Loader:
    """Return the loader of a model."""
    return Loader(model)


@cache
def readers_of(model: type[Base]) -> dict[str, Read]:
    """Return the readers of a model's columns, by attribute."""
    return readers({a.key: a.columns[0].type for a in class_mapper(model).column_attrs})


def readers(types: Mapping[str, Any]) -> dict[str, Read]:
    """Return the functions that read values of these types; those that need none are left out."""
    return {name: reader for name, type_ in types.items() if (reader := _reader(type_))}


def _reader(type_: Any) -> Read | None:
    item = type_.item_type if isinstance(type_, ARRAY) else type_
    if not isinstance(item, Enum):
        return None
    reader: Read | None = type_.dialect_impl(DIALECT).result_processor(DIALECT, None)
    return reader


def _with_members(statement: Statement[*tuple[Any, ...]], found: Sequence[Found]) -> list[Any]:
    columns = statement.selected_columns
    reading = {n: reader for n, c in enumerate(columns) if (reader := _reader(c.type))}
    if not reading:
        return list(found)
    row = _row(tuple(found[0].keys()))
    rows = []
    for values in map(list, found):
        for n, reader in reading.items():
            values[n] = reader(values[n])
        rows.append(row._make(values))
    return rows


@cache
def _row(names: tuple[str, ...]) -> Any:
    return namedtuple("_row", names, rename=True)  # noqa: PYI024 (its names are a statement's)


def state_of(row: Base) -> InstanceState[Any]:
    """Return the state of the row in SQLAlchemy."""
    return cast("InstanceState[Any]", inspect(row))
