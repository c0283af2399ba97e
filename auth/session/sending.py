"""How changed rows reach PostgreSQL: one statement a model, which records them as well.

The rows travel as one JSON document, whatever their number, and `json_to_recordset` reads every
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

from auth.session.limits import COUNTED_REQUESTS, REFUSED, enforce, require_counted
from auth.session.record import recorded
from auth.session.refusal import stale
from db.base import Base, Entity
from db.change import AuditLog

SENT = "sent_columns"
"""Which columns a row sends, in a statement of rows that change different ones."""


@dataclass(frozen=True)
class Write:
    """A row about to be sent, with what is recorded of it."""

    row: Entity
    event: AuditLog
    is_new: bool


def organizations_of(writes: Iterable[Write]) -> set[UUID]:
    """The organizations in which these are recorded."""
    return {id for write in writes if (id := write.event.organization_id)}


Stored = dict[UUID, dict[str, Any]]
"""What PostgreSQL has made of what each row sent or left to it, by the row's id and attribute."""


@cache
def columns_of(model: type[Base]) -> dict[str, Column[Any]]:
    """The columns that a row of the model sends, by the name of its attribute."""
    columns = {a.key: a.columns[0] for a in inspect(model).column_attrs}
    return {key: column for key, column in columns.items() if isinstance(column, Column)}


def changed_in(row: Entity) -> list[str]:
    """The attributes that have been set since the row was read."""
    unmodified = _state(row).unmodified
    return [key for key in columns_of(type(row)) if key not in unmodified]


def send(connection: Connection, writes: Sequence[Write], counting: Sequence[UUID] = ()) -> Stored:
    """Insert the new rows, then update the changed ones, and record both.

    The last statement counts it as a request of the organizations in `counting`.

    Parents are sent before their children. A row that is no longer at the version it was read at
    is a CONFLICT, one that exceeds a limit is LIMIT_REACHED. Raises what PostgreSQL refuses; the
    caller then undoes all of it, and the rows are as they were.
    """
    enforce(connection, ((write.row, write.is_new) for write in writes))
    statements: list[Callable[[Sequence[UUID]], Stored]] = []
    for model, new in _by_model(writes, is_new=True):
        groups = defaultdict(list)
        for write in new:
            groups[_left_to_database(write.row)].append(write)
        for left, group in groups.items():
            statements.append(partial(_insert, connection, model, left, group))
    for model, changed in _by_model(writes, is_new=False):
        statements.append(partial(_update, connection, model, changed))
    stored: Stored = {}
    for number, statement in enumerate(statements, start=1):
        stored |= statement(counting if number == len(statements) else ())
    return stored


def discard(row: Entity) -> None:
    """Let the row be again as it was read."""
    for key in changed_in(row):
        before = _state(row).attrs[key].history.deleted
        set_committed_value(row, key, before[0] if before else None)


def settle(session: Session, writes: Sequence[Write], stored: Stored) -> None:
    """Tell the ORM that these rows are stored, and as what."""
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
    writes: Sequence[Write], *, is_new: bool
) -> Iterator[tuple[type[Entity], list[Write]]]:
    groups: dict[type[Entity], list[Write]] = defaultdict(list)
    for write in writes:
        if write.is_new == is_new:
            groups[type(write.row)].append(write)
    order = _order()
    yield from sorted(groups.items(), key=lambda group: order[group[0].__tablename__])


@cache
def _order() -> dict[str, int]:
    """The place of each table behind those it refers to."""
    return {table.name: place for place, table in enumerate(Base.metadata.sorted_tables)}


def _left_to_database(row: Base) -> frozenset[str]:
    """What the row does not say and PostgreSQL has a default for."""
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
    writes: Sequence[Write],
    counting: Sequence[UUID],
) -> Stored:
    keys = [key for key in columns_of(model) if key not in left]
    rows = [{key: getattr(write.row, key) for key in keys} for write in writes]
    statement = _inserting(model, tuple(keys), tuple(sorted(left)), bool(counting))
    returned = _executed(connection, statement, rows, writes, counting)
    told = _told(model, *keys, *left)
    return {row["id"]: {key: row[key] for key in told} for row in returned}


def _update(
    connection: Connection,
    model: type[Entity],
    writes: Sequence[Write],
    counting: Sequence[UUID],
) -> Stored:
    changes = {write.row.id: changed_in(write.row) for write in writes}
    keys = sorted({key for changed in changes.values() for key in changed})
    alike = all(len(changed) == len(keys) for changed in changes.values())
    rows = [
        {"id": row.id, "version": row.version}
        | {key: getattr(row, key) for key in changes[row.id]}
        | ({} if alike else {SENT: changes[row.id]})
        for row in (write.row for write in writes)
    ]
    statement = _updating(model, tuple(keys), alike, bool(counting))
    returned = _executed(connection, statement, rows, writes, counting)
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
    writes: Sequence[Write],
    counting: Sequence[UUID],
) -> Sequence[RowMapping]:
    counted = {"organizations": list(counting)} if counting else {}
    returned = connection.execute(statement, _parameters(rows, writes) | counted).mappings().all()
    if counting and returned:  # where no row is written, nothing is counted either
        require_counted(returned[0][REFUSED])
    return returned


@cache
def _inserting(
    model: type[Entity], keys: tuple[str, ...], left: tuple[str, ...], counts: bool
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
    return select(answered, *[COUNTED_REQUESTS] * counts).add_cte(_recording())


@cache
def _updating(model: type[Entity], keys: tuple[str, ...], alike: bool, counts: bool) -> Select[Any]:
    """`alike` when all rows change the same columns; else each says which ones it changes."""
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
    return select(written, *[COUNTED_REQUESTS] * counts).add_cte(_recording())


def _told(model: type[Entity], *keys: str) -> list[str]:
    """What a statement answers of the rows it has written, as PostgreSQL keeps them.

    Not what is deferred: a digest is written by those who may not read it.
    """
    attributes = class_mapper(model).column_attrs
    return [key for key in dict.fromkeys(keys) if not attributes[key].deferred]


@cache
def _recording() -> Any:
    """The statement's part that adds the events; PostgreSQL knows their times and transaction."""
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
    """The rows of a JSON document, with the types of these columns."""
    typed = [Column(column.name, column.type) for column in columns]
    document = func.json_to_recordset(bindparam(name, type_=JSON))
    return document.table_valued(*typed).render_derived(name=name, with_types=True)


def _parameters(rows: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> dict[str, Any]:
    said = [
        {key: value for key in keys if (value := getattr(write.event, key)) is not None}
        for keys in (columns_of(AuditLog),)
        for write in writes
    ]
    return {"rows": _sendable(type(writes[0].row), rows), "events": _sendable(AuditLog, said)}


def _sendable(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = {key: column.name for key, column in columns_of(model).items()}
    return [{names.get(key, key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    """The value as JSON whose text PostgreSQL reads as a value of the column's type."""
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
