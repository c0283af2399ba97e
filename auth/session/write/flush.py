"""Send changed rows to PostgreSQL: one statement a model, which records them as well.

The rows are sent as one JSON document, whatever their number, and `json_to_recordset` reads every
value with the input function of its column's type, as a cast from text does.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    Connection,
    RowMapping,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    case,
    func,
    insert,
    inspect,
    literal,
    select,
    update,
)
from sqlalchemy.orm import InstanceState, Session, class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.schema import sort_tables

from auth.session.write.audit import recorded
from auth.session.write.db_errors import stale
from auth.session.write.plan_limits import COUNTED_REQUESTS, REFUSED, enforce, require_counted
from auth.session.write.rights import HELD_RIGHTS, RIGHTS, Rights
from db.base import Base, Entity, mapped_tables
from db.change import AuditLog

SENT = "sent_columns"
"""The columns that a row sends, in a statement of rows that change different ones."""


@dataclass(frozen=True)
class PendingWrite:
    """A row about to be sent, with its event for the record."""

    row: Entity
    event: AuditLog
    is_new: bool


@dataclass(frozen=True)
class Last:
    """The further work of a transaction's last statement: it counts requests, and rechecks rights.

    The request counts for each of the `organizations`. Rights are locked before the slot of a
    counter: a transaction that holds one waits for nothing more.
    """

    organizations: Sequence[UUID]
    rights: Rights | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the further columns of the statement, in the order of locking."""
        asked = (RIGHTS,) if self.rights else ()
        return (*asked, REFUSED) if self.organizations else asked

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the values that these columns bind."""
        asked = self.rights.parameters() if self.rights else {}
        return asked | ({"organizations": self.organizations} if self.organizations else {})

    def check(self, answered: RowMapping) -> None:
        """Raise the refusal of the rights or the counts."""
        if self.rights:
            self.rights.verify(answered[RIGHTS])
        if self.organizations:
            require_counted(answered[REFUSED])


NOT_LAST = Last((), None)
BESIDES = {RIGHTS: HELD_RIGHTS, REFUSED: COUNTED_REQUESTS}


def organizations_of(writes: Iterable[PendingWrite]) -> set[UUID]:
    """Return the organizations in which these are recorded."""
    return {id for write in writes if (id := write.event.organization_id)}


StoredValues = dict[UUID, dict[str, Any]]
"""The values stored by PostgreSQL, defaults included, by the row's id and attribute."""


@cache
def columns_of(model: type[Base]) -> dict[str, Column[Any]]:
    """Return the columns that a row of the model sends, by the name of its attribute."""
    columns = {a.key: a.columns[0] for a in inspect(model).column_attrs}
    return {key: column for key, column in columns.items() if isinstance(column, Column)}


def changed_in(row: Entity) -> list[str]:
    """Return the attributes that have been set since the row was read."""
    unmodified = _state(row).unmodified
    return [key for key in columns_of(type(row)) if key not in unmodified]


def send(
    connection: Connection, writes: Sequence[PendingWrite], last: Last | None = None
) -> StoredValues:
    """Insert the new rows, then update the changed ones, and record both.

    The last statement does the work of `last` as well.

    Parents are sent before their children. A row that is no longer at the version it was read at is
    a CONFLICT, one that exceeds a limit is LIMIT_REACHED. Raises the errors of PostgreSQL; the
    caller then rolls back, and the rows are as they were.
    """
    enforce(connection, ((write.row, write.is_new) for write in writes))
    statements: list[Callable[[Last], StoredValues]] = []
    for model, new in _by_model(writes, is_new=True):
        groups = defaultdict(list)
        for write in new:
            groups[_left_to_database(write.row)].append(write)
        for left, group in groups.items():
            statements.append(partial(_insert, connection, model, left, group))
    for model, changed in _by_model(writes, is_new=False):
        statements.append(partial(_update, connection, model, changed))
    stored: StoredValues = {}
    for number, statement in enumerate(statements, start=1):
        stored |= statement(last if last and number == len(statements) else NOT_LAST)
    return stored


def discard(row: Entity) -> None:
    """Reset the row to the values that were read."""
    for key in changed_in(row):
        before = _state(row).attrs[key].history.deleted
        set_committed_value(row, key, before[0] if before else None)


def settle(session: Session, writes: Sequence[PendingWrite], stored: StoredValues) -> None:
    """Mark these rows in the ORM as stored, with their stored values."""
    for write in writes:
        row = write.row
        for key, value in stored[row.id].items():
            set_committed_value(row, key, value)
        if write.is_new:
            if row in session:
                session.expunge(row)
            make_transient_to_detached(row)
            session.add(row)
        else:  # else a flush would go over it once more, to find nothing to send
            _state(row)._commit_all(row.__dict__, session.identity_map)  # noqa: SLF001


def _by_model(
    writes: Sequence[PendingWrite], *, is_new: bool
) -> Iterator[tuple[type[Entity], list[PendingWrite]]]:
    groups: dict[type[Entity], list[PendingWrite]] = defaultdict(list)
    for write in writes:
        if write.is_new == is_new:
            groups[type(write.row)].append(write)
    order = _order()
    yield from sorted(groups.items(), key=lambda group: order[group[0].__tablename__])


@cache
def _order() -> dict[str, int]:
    """Return the place of each mapped table after those it refers to."""
    ordered = sort_tables(sorted(mapped_tables(), key=lambda table: table.name))
    return {table.name: place for place, table in enumerate(ordered)}


def _left_to_database(row: Base) -> frozenset[str]:
    """Return the attributes that the row leaves to defaults of PostgreSQL."""
    columns = columns_of(type(row)).items()
    return frozenset(
        key
        for key, column in columns
        if column.server_default is not None and getattr(row, key) is None
    )


def _insert(
    connection: Connection,
    model: type[Entity],
    left: frozenset[str],
    writes: Sequence[PendingWrite],
    last: Last,
) -> StoredValues:
    keys = [key for key in columns_of(model) if key not in left]
    rows = [{key: getattr(write.row, key) for key in keys} for write in writes]
    statement = _inserting(model, tuple(keys), tuple(sorted(left)), last.columns)
    returned = _executed(connection, statement, rows, writes, last)
    told = _told(model, *keys, *left)
    return {row["id"]: {key: row[key] for key in told} for row in returned}


def _update(
    connection: Connection,
    model: type[Entity],
    writes: Sequence[PendingWrite],
    last: Last,
) -> StoredValues:
    changes = {write.row.id: changed_in(write.row) for write in writes}
    keys = sorted({key for changed in changes.values() for key in changed})
    alike = all(len(changed) == len(keys) for changed in changes.values())
    rows = [
        {"id": row.id, "version": row.version}
        | {key: getattr(row, key) for key in changes[row.id]}
        | ({} if alike else {SENT: changes[row.id]})
        for row in (write.row for write in writes)
    ]
    statement = _updating(model, tuple(keys), alike, last.columns)
    returned = _executed(connection, statement, rows, writes, last)
    told = _told(model, "version", *keys)
    stored = {row["id"]: {key: row[key] for key in told} for row in returned}
    for write in writes:
        if write.row.id not in stored:
            raise stale(write.row)
    return stored


def _executed(
    connection: Connection,
    statement: Select[Any],
    rows: Sequence[Mapping[str, Any]],
    writes: Sequence[PendingWrite],
    last: Last,
) -> Sequence[RowMapping]:
    values = _parameters(rows, writes) | last.parameters
    returned = connection.execute(statement, values).mappings().all()
    if returned:  # where no row is written, nothing is counted either
        last.check(returned[0])
    return returned


@cache
def _inserting(
    model: type[Entity], keys: tuple[str, ...], left: tuple[str, ...], more: tuple[str, ...]
) -> Select[Any]:
    columns = columns_of(model)
    rows = _recordset("rows", [columns[key] for key in keys])
    written = insert(_table(model)).from_select(
        [columns[key].name for key in keys],
        select(*(rows.c[columns[key].name] for key in keys)),
        include_defaults=False,
    )
    told = _told(model, "id", *keys, *left)
    answered = written.returning(*(columns[key].label(key) for key in told)).cte("written")
    return select(answered, *(BESIDES[name] for name in more)).add_cte(_recording())


@cache
def _updating(
    model: type[Entity], keys: tuple[str, ...], alike: bool, more: tuple[str, ...]
) -> Select[Any]:
    """Return the update: `alike` when all rows change the same columns; else each names its own."""
    columns = columns_of(model)
    table = _table(model)
    sent: list[Column[Any]] = [] if alike else [Column(SENT, ARRAY(Text))]
    rows = _recordset(
        "rows", [columns["id"], columns["version"], *(columns[key] for key in keys), *sent]
    )
    values: dict[str, Any] = {columns["version"].name: columns["version"] + 1}
    for key in keys:
        name = columns[key].name
        value = rows.c[name]
        if not alike:
            value = case((literal(key) == any_(rows.c[SENT]), value), else_=columns[key])
        values[name] = value
    told = _told(model, "id", "version", *keys)
    written = (
        update(table)
        .values(values)
        .where(columns["id"] == rows.c.id, columns["version"] == rows.c.version)
        .returning(*(columns[key].label(key) for key in told))
        .cte("written")
    )
    return select(written, *(BESIDES[name] for name in more)).add_cte(_recording())


def _told(model: type[Entity], *keys: str) -> list[str]:
    """Return the columns of the written rows that a statement returns, as PostgreSQL stores them.

    Deferred columns are left out: a digest is written by a role that may not read it.
    """
    attributes = class_mapper(model).column_attrs
    return [key for key in dict.fromkeys(keys) if not attributes[key].deferred]


@cache
def _recording() -> Any:
    """Return the part of the statement that adds the events, but for their time and transaction."""
    columns = {
        key: column
        for key, column in columns_of(AuditLog).items()
        if key not in ("created_at", "xid")
    }
    events = _recordset("events", list(columns.values()))
    names = [column.name for column in columns.values()]
    recording = insert(_table(AuditLog)).from_select(
        names, select(*(events.c[name] for name in names)), include_defaults=False
    )
    return recording.cte("recorded")


def _recordset(name: str, columns: Sequence[Column[Any]]) -> Any:
    """Return the rows of a JSON document, with the types of these columns."""
    typed = [Column(column.name, column.type) for column in columns]
    document = func.json_to_recordset(bindparam(name, type_=JSON))
    return document.table_valued(*typed).render_derived(name=name, with_types=True)


def _parameters(
    rows: Sequence[Mapping[str, Any]], writes: Sequence[PendingWrite]
) -> dict[str, Any]:
    said = [
        {key: value for key in keys if (value := getattr(write.event, key)) is not None}
        for keys in (columns_of(AuditLog),)
        for write in writes
    ]
    events = _sendable(AuditLog, said, is_recorded=True)
    return {"rows": _sendable(type(writes[0].row), rows), "events": events}


@cache
def _names_of(model: type[Base]) -> dict[str, str]:
    """Return the names of the model's columns, by attribute."""
    return {key: column.name for key, column in columns_of(model).items()}


def _sendable(
    model: type[Base], rows: Sequence[Mapping[str, Any]], *, is_recorded: bool = False
) -> list[dict[str, Any]]:
    names = _names_of(model)
    return [
        {
            names.get(key, key): value if is_recorded and type(value) is dict else _plain(value)
            for key, value in row.items()
        }
        for row in rows
    ]


def _plain(value: Any) -> Any:
    """Return the value as JSON, in a form that PostgreSQL reads as the column's type."""
    match value:
        case float() if not isfinite(value):
            return str(value)  # JSON has no such number; the check of the column refuses it
        case None | str() | int() | float() | dict() | list():
            return recorded(value)
        case _:
            plain = recorded(value)
            return plain if isinstance(plain, str) else str(plain)


def _table(model: type[Base]) -> Table:
    return cast("Table", inspect(model).local_table)


def _state(row: Base) -> InstanceState[Any]:
    state: InstanceState[Any] = inspect(row)
    return state
