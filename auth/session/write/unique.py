"""Exchange of unique names among the rows of one bulk, checked on the result.

PostgreSQL checks a unique index row by row, and a partial one cannot be deferred. So the names
after the bulk are computed here first; rows whose name goes to another row give it up before.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Table,
    Uuid,
    any_,
    bindparam,
    inspect,
    select,
    update,
)

from auth.session.write.flush import PendingWrite, changed_in
from auth.session.write.unit_of_work import UnitOfWork
from db.base import Entity

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Name:
    """A unique name of the live rows of a table: `column`, within `scope`."""

    table: Table
    column: str
    scope: tuple[str, ...]

    def of(self, row: Any) -> Key:
        """Return the name of a row, with its scope."""
        return tuple(getattr(row, key) for key in (*self.scope, self.column))


def name_of(model: type[Entity], column: str) -> Name | None:
    """Return the unique name in this column of the model's live rows, if the column is nullable."""
    table = inspect(model).local_table
    if not isinstance(table, Table) or column not in table.c or not table.c[column].nullable:
        return None
    for index in table.indexes:
        names = [str(getattr(part, "name", "")) for part in index.expressions]
        if index.unique and names[-1:] == [column] and all(name in table.c for name in names):
            return Name(table, column, tuple(names[:-1]))
    return None


async def give_up(
    work: UnitOfWork, name: Name, writes: Sequence[PendingWrite]
) -> tuple[list[PendingWrite], list[PendingWrite]]:
    """Return the writes that can be sent together, after clearing names that go to other rows.

    Return as well those whose name is taken in the end, by a row that keeps it or an earlier one of
    these. It takes two statements, and none that records: a row that gives its name up is sent
    next.
    """
    renamed = [w for w in writes if w.is_new or name.column in changed_in(w.row)]
    held = await _held(work, name, renamed)
    taken = _taken(name, renamed, held)
    accepted = {write.row.id: write for write in renamed if write.row.id not in taken}
    wanted = {name.of(write.row) for write in accepted.values()}
    giving = [id for id in accepted if held.get(id) in wanted]
    if giving:
        rows = bindparam("giving", giving, type_=ARRAY(Uuid))
        gone = update(name.table).where(name.table.c.id == any_(rows)).values({name.column: None})
        given = gone.returning(name.table.c.id).cte("given")
        await work.select(select(given), {})
    refused = [write for write in renamed if write.row.id in taken]
    return [write for write in writes if write.row.id not in taken], refused


async def _held(work: UnitOfWork, name: Name, writes: Iterable[PendingWrite]) -> Mapping[UUID, Key]:
    """Return the names in question of live rows, by the row's id."""
    columns = [name.table.c[key] for key in ("id", *name.scope, name.column)]
    wanted = {getattr(write.row, name.column) for write in writes} - {None}
    values = bindparam("wanted", sorted(wanted), type_=ARRAY(columns[-1].type))
    statement = select(*columns).where(
        columns[-1] == any_(values), name.table.c.deleted_at.is_(None)
    )
    return {row[0]: tuple(row)[1:] for row in await work.select(statement, {})}


def _taken(name: Name, writes: Sequence[PendingWrite], held: Mapping[UUID, Key]) -> set[UUID]:
    """Return the rows that cannot have their names, as the others keep or take these."""
    refused: set[UUID] = set()
    moving = {write.row.id for write in writes if not write.is_new}
    while True:
        holders = {key for id, key in held.items() if id not in moving or id in refused}
        found: set[UUID] = set()
        for write in writes:
            key = name.of(write.row)
            if write.row.id in refused or key[-1] is None:
                continue
            if key in holders:
                found.add(write.row.id)
            holders.add(key)
        if not found:
            return refused
        refused |= found
