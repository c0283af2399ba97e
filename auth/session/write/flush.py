"""Send changed rows to PostgreSQL: one statement a model, which records them as well.

The rows are sent as one JSON document, whatever their number, and `json_to_recordset` reads every
value with the input function of its column's type, as a cast from text does. The text of a
statement is compiled once for the columns that are sent.
"""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    CTE,
    JSON,
    Column,
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
from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.schema import sort_tables

from auth.session.compiled import Compiled
from auth.session.write.audit import recorded
from auth.session.write.db_errors import stale
from auth.session.write.plan_limits import COUNTED_REQUESTS, REFUSED, enforce, require_counted
from auth.session.write.rights import HELD_RIGHTS, RIGHTS, Rights
from auth.session.write.unit_of_work import Found, UnitOfWork, readers_of, state_of
from db.base import Base, Entity, mapped_tables
from db.change import AuditLog, PersonalData
from db.fields import personal

SENT = "sent_columns"
"""The columns that a row sends, in a statement of rows that change different ones."""


@dataclass(frozen=True)
class PendingWrite:
    """A row about to be sent, with its event for the record."""

    row: Entity
    event: dict[str, Any]
    """The columns of the event, by name, in the form of JSON."""
    is_new: bool
    is_repeated: bool = False
    """True for a change of what the same person has changed a moment ago, which costs nothing."""


@dataclass(frozen=True)
class Last:
    """The further work of a transaction's last statement: it counts requests, and rechecks rights.

    The request is allowed by each of the `organizations`, and counts for those in `counting`.
    Rights are locked before the slot of a counter: a transaction that holds one waits for nothing
    more.
    """

    organizations: Sequence[UUID]
    rights: Rights | None
    counting: Sequence[UUID] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the further columns of the statement, in the order of locking."""
        asked = (RIGHTS,) if self.rights else ()
        return (*asked, REFUSED) if self.organizations else asked

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the values that these columns bind."""
        asked = self.rights.parameters() if self.rights else {}
        if not self.organizations:
            return asked
        return asked | {"organizations": self.organizations, "counting": self.counting}

    def check(self, answered: Found) -> None:
        """Raise the refusal of the rights or the counts."""
        if self.rights:
            self.rights.verify(answered[RIGHTS])
        if self.organizations:
            require_counted(answered[REFUSED])


NOT_LAST = Last((), None)
BESIDES = {RIGHTS: HELD_RIGHTS, REFUSED: COUNTED_REQUESTS}


def organizations_of(writes: Iterable[PendingWrite]) -> set[UUID]:
    """Return the organizations in which these are recorded."""
    return {id for write in writes if (id := write.event["organization_id"])}


StoredValues = dict[UUID, dict[str, Any]]
"""The values stored by PostgreSQL, defaults included, by the row's id and attribute."""


@cache
def columns_of(model: type[Base]) -> dict[str, Column[Any]]:
    """Return the columns that a row of the model sends, by the name of its attribute."""
    columns = {a.key: a.columns[0] for a in inspect(model).column_attrs}
    return {key: column for key, column in columns.items() if isinstance(column, Column)}


def changed_in(row: Entity) -> list[str]:
    """Return the attributes that have been set since the row was read."""
    changed = state_of(row).committed_state
    return [key for key in columns_of(type(row)) if key in changed] if changed else []


async def send(
    work: UnitOfWork, writes: Sequence[PendingWrite], last: Last | None = None
) -> StoredValues:
    """Insert the new rows, then update the changed ones, and record both.

    The last statement does the work of `last` as well.

    Parents are sent before their children. A row that is no longer at the version it was read at is
    a CONFLICT, one that exceeds a limit is LIMIT_REACHED. Raises the errors of PostgreSQL; the
    caller then rolls back, and the rows are as they were.
    """
    await enforce(work, ((write.row, write.is_new) for write in writes))
    statements: list[Callable[[Last], Awaitable[StoredValues]]] = []
    for model, new in _by_model(writes, is_new=True):
        groups = defaultdict(list)
        for write in new:
            groups[_left_to_database(write.row)].append(write)
        for left, group in groups.items():
            statements.append(partial(_insert, work, model, left, group))
    for model, changed in _by_model(writes, is_new=False):
        statements.append(partial(_update, work, model, changed))
    stored: StoredValues = {}
    for number, statement in enumerate(statements, start=1):
        stored |= await statement(last if last and number == len(statements) else NOT_LAST)
    return stored


def discard(row: Entity) -> None:
    """Reset the row to the values that were read."""
    for key in changed_in(row):
        before = state_of(row).attrs[key].history.deleted
        set_committed_value(row, key, before[0] if before else None)


def settle(work: UnitOfWork, writes: Iterable[PendingWrite], stored: StoredValues) -> None:
    """Mark these rows as stored, with their stored values."""
    for write in writes:
        work.settle(write.row, stored[write.row.id], is_new=write.is_new)


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


async def _insert(
    work: UnitOfWork,
    model: type[Entity],
    left: frozenset[str],
    writes: Sequence[PendingWrite],
    last: Last,
) -> StoredValues:
    names = _names_of(model)
    keys = [key for key in names if key not in left]
    rows = [{names[key]: _plain(getattr(write.row, key)) for key in keys} for write in writes]
    statement = _inserting(model, tuple(keys), tuple(sorted(left)), last.columns)
    return await _executed(work, model, statement, rows, writes, last)


async def _update(
    work: UnitOfWork,
    model: type[Entity],
    writes: Sequence[PendingWrite],
    last: Last,
) -> StoredValues:
    names = _names_of(model)
    changes = {write.row.id: changed_in(write.row) for write in writes}
    keys = sorted({key for changed in changes.values() for key in changed})
    alike = all(len(changed) == len(keys) for changed in changes.values())
    rows = []
    for row in (write.row for write in writes):
        sent: dict[str, Any] = {"id": row.id, "version": row.version}
        for key in changes[row.id]:
            sent[names[key]] = _plain(getattr(row, key))
        if not alike:
            sent[SENT] = changes[row.id]
        rows.append(sent)
    statement = _updating(model, tuple(keys), alike, last.columns)
    stored = await _executed(work, model, statement, rows, writes, last)
    for write in writes:
        if write.row.id not in stored:
            raise stale(write.row)
    return stored


async def _executed(
    work: UnitOfWork,
    model: type[Entity],
    statement: "_Statement",
    rows: Sequence[Mapping[str, Any]],
    writes: Sequence[PendingWrite],
    last: Last,
) -> StoredValues:
    values = {
        "rows": json_document(rows),
        "events": json_document([write.event for write in writes]),
        **last.parameters,
    }
    form = statement.form
    returned = await work.fetch(form.text, form.arguments({}, values))
    if returned:  # where no row is written, nothing is counted either
        last.check(returned[0])
    readers = [(key, reader) for key, reader in readers_of(model).items() if key in statement.told]
    stored = {}
    for row in returned:
        found = {key: row[key] for key in statement.told}
        for key, reader in readers:
            found[key] = reader(found[key])
        stored[row["id"]] = found
    return stored


@dataclass(frozen=True)
class _Statement:
    """A compiled statement, and the columns that it returns of each row it has written."""

    form: Compiled
    told: tuple[str, ...]


def _statement(
    model: type[Entity], written: CTE, told: Sequence[str], more: Sequence[str]
) -> _Statement:
    statement = select(written, *(BESIDES[name] for name in more)).add_cte(_recording())
    if personal(model):
        statement = statement.add_cte(_keeping_personal())
    return _Statement(
        Compiled(statement, planned_once=True, written=("rows", "events")), tuple(told)
    )


@cache
def _inserting(
    model: type[Entity], keys: tuple[str, ...], left: tuple[str, ...], more: tuple[str, ...]
) -> _Statement:
    columns = columns_of(model)
    rows = recordset("rows", [columns[key] for key in keys])
    written = insert(_table(model)).from_select(
        [columns[key].name for key in keys],
        select(*(rows.c[columns[key].name] for key in keys)),
        include_defaults=False,
    )
    told = _told(model, "id", *keys, *left)
    answered = written.returning(*(columns[key].label(key) for key in told)).cte("written")
    return _statement(model, answered, told, more)


@cache
def _updating(
    model: type[Entity], keys: tuple[str, ...], alike: bool, more: tuple[str, ...]
) -> _Statement:
    """Return the update: `alike` when all rows change the same columns; else each names its own."""
    columns = columns_of(model)
    table = _table(model)
    sent: list[Column[Any]] = [] if alike else [Column(SENT, ARRAY(Text))]
    rows = recordset(
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
    return _statement(model, written, told, more)


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
    events = recordset("events", list(columns.values()))
    names = [column.name for column in columns.values()]
    recording = insert(_table(AuditLog)).from_select(
        names, select(*(events.c[name] for name in names)), include_defaults=False
    )
    return recording.cte("recorded")


@cache
def _keeping_personal() -> Any:
    """Return the part of the statement that adds the personal values of the events."""
    columns, of_event = columns_of(PersonalData), columns_of(AuditLog)
    source = {"event_id": of_event["id"], "subject_id": of_event["entity_id"]}
    left = {"created_at", "archived_digest"}
    sent = {key: source.get(key, column) for key, column in columns.items() if key not in left}
    events = recordset("events", list(sent.values()), name="personal_events")
    values = select(*(events.c[column.name] for column in sent.values()))
    keeping = insert(_table(PersonalData)).from_select(
        [columns[key].name for key in sent],
        values.where(events.c.data.is_not(None)),
        include_defaults=False,
    )
    return keeping.cte("kept")


def recordset(document: str, columns: Sequence[Column[Any]], *, name: str = "") -> Any:
    """Return the rows of a JSON document, with the types of these columns."""
    typed = [Column(column.name, column.type) for column in columns]
    rows = func.json_to_recordset(bindparam(document, type_=JSON))
    return rows.table_valued(*typed).render_derived(name=name or document, with_types=True)


@cache
def _names_of(model: type[Base]) -> dict[str, str]:
    """Return the names of the model's columns, by attribute."""
    return {key: column.name for key, column in columns_of(model).items()}


def _plain(value: Any) -> Any:
    """Return the value, or the text of a number that JSON has not: a check refuses it."""
    return str(value) if type(value) is float and not isfinite(value) else value


def json_document(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as JSON, in a form that PostgreSQL reads as the columns' types."""
    try:
        return orjson.dumps(rows, default=_text).decode()
    except orjson.JSONEncodeError:  # a number of more than 64 bits, or text that is no Unicode
        return json.dumps(rows, default=_text)


def _text(value: Any) -> str:
    plain = recorded(value)
    return plain if isinstance(plain, str) else str(plain)


def _table(model: type[Base]) -> Table:
    return cast("Table", inspect(model).local_table)
