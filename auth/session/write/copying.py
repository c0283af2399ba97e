"""Copy rows within PostgreSQL: one statement inserts thousands of copies and records each.

The record of a copy is that of any new row: the columns that it has, with the actor and the origin
of the request. Nothing but the IDs and the columns that differ is sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    Enum,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from auth.session.compiled import Compiled
from auth.session.visibility import readable_criteria
from auth.session.write.flush import columns_of, json_document, recordset
from db.base import BOOKKEEPING, SCOPES, Entity
from db.change import AuditLog
from db.fields import personal

LEFT = BOOKKEEPING | {"deleted_at"}
"""Columns that a copy does not take over."""
AT_ONCE = 2_500
"""The most rows of one statement, which ends well before the timeout of statements."""
EMPTY = ("null", "[]", "{}")
"""Values that the record of a new row leaves out."""
BY_DATABASE = ("id", "created_at", "xid")
"""Columns of an event that PostgreSQL fills in."""
OF_ROW = ("entity_id", "resource_id", "changed_fields", "new_data")
"""Columns of an event that differ among the copies."""


@dataclass(frozen=True)
class Copies:
    """Copies of rows of one model: `ids` maps the ID of each row to that of its copy.

    `same` has columns with a value for all of them, `each` columns with a value for each, in the
    order of `ids`. All other columns are those of the rows.
    """

    model: type[Entity]
    ids: Mapping[UUID, UUID]
    same: Mapping[str, Any]
    each: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def in_batches(self) -> Iterator["Copies"]:
        """Yield them in batches, of which each takes a second at most."""
        pairs = [*self.ids.items()]
        for start in range(0, len(pairs), AT_ONCE):
            batch = slice(start, start + AT_ONCE)
            each = {name: values[batch] for name, values in self.each.items()}
            yield replace(self, ids=dict(pairs[batch]), each=each)

    def places(self, row: Entity) -> list[dict[str, Any]]:
        """Return the scopes of the copies, each once; `row` is one of the rows."""
        (*above, inner) = row.scope_keys()
        place = {key: self.same.get(key, getattr(row, key)) for key in (*above, inner)}
        return [place | {inner: id} for id in dict.fromkeys(self.each.get(inner, (place[inner],)))]

    @property
    def statement(self) -> Compiled:
        """Return the statement, which returns the number of rows that it has copied."""
        return _copying(self.model, tuple(sorted(self.same)), tuple(sorted(self.each)))

    def values(self, event: Mapping[str, Any], created_by: UUID) -> dict[str, Any]:
        """Return the values that it binds; `event` has the columns that all events share."""
        shared = {
            name: value for name, value in event.items() if name not in (*BY_DATABASE, *OF_ROW)
        }
        return {
            "copied_from": list(self.ids),
            "copied_to": list(self.ids.values()),
            "copied_by": created_by,
            "shared_event": json_document([shared]),
            **{f"same_{name}": value for name, value in self.same.items()},
            **{f"each_{name}": list(values) for name, values in self.each.items()},
        }


@cache
def _copying(model: type[Entity], same: tuple[str, ...], each: tuple[str, ...]) -> Compiled:
    if personal(model):
        raise TypeError(f"{model.__name__} has personal values, which the record keeps apart.")
    columns = columns_of(model)
    table: Table = inspect(model).local_table  # type: ignore[assignment]
    arrays: dict[str, Any] = {"copied_from": Uuid(), "copied_to": Uuid()}
    arrays |= {f"each_{name}": _item_type(columns[name]) for name in each}
    copied = (
        func.unnest(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in arrays.items()))
        .table_valued(*(Column(name, type_) for name, type_ in arrays.items()))
        .render_derived(name="copied")
    )
    values: dict[str, Any] = {}
    for name, column in columns.items():
        if name in LEFT:
            continue
        values[name] = column
        if name in same:
            values[name] = bindparam(f"same_{name}", type_=column.type)
        elif name in each:
            values[name] = copied.c[f"each_{name}"]
    by = bindparam("copied_by", type_=Uuid)
    values |= {"id": copied.c.copied_to, "created_by": by, "updated_by": by}
    rows = (
        select(*values.values())
        .select_from(table.join(copied, columns["id"] == copied.c.copied_from))
        .where(*readable_criteria(model))
    )
    names = [columns[name].name for name in values]
    written = insert(table).from_select(names, rows, include_defaults=False)
    present = [columns[name] for name in values if name not in LEFT]
    returned = written.returning(*present).cte("written")
    events = _events(returned, {column.key: returned.c[column.name] for column in present})
    statement = select(func.count()).select_from(returned).add_cte(events)
    return Compiled(statement, planned_once=False, written=("shared_event",))


def _events(written: Any, values: Mapping[str, Any]) -> Any:
    """Return the insertion of the event of each row that is `written`, with these values."""
    pairs: list[Any] = []
    for name, value in values.items():
        pairs += literal_column(f"'{name}'"), value
    member = (
        func.jsonb_each(func.jsonb_build_object(*pairs))
        .table_valued(Column("key", Text), Column("value", JSONB))
        .render_derived(name="member")
    )
    is_set = member.c.value.not_in([literal_column(f"'{value}'::jsonb") for value in EMPTY])
    keys: Any = aggregate_order_by(member.c.key, member.c.key.collate("C"))
    data = (
        select(
            func.array_agg(keys, type_=ARRAY(Text)).label("keys"),
            func.jsonb_object_agg(member.c.key, member.c.value).label("data"),
        )
        .where(is_set)
        .lateral("present")
    )
    scopes = {key: values[key] for key in SCOPES if key in values}
    of_row = {
        "entity_id": written.c.id,
        "resource_id": written.c.id,
        "changed_fields": data.c["keys"],
        "new_data": data.c.data,
        **scopes,
    }
    return inserted_events(written, of_row, data)


def inserted_events(written: Any, of_row: Mapping[str, Any], *besides: Any) -> Any:
    """Return the insertion of an event for each row that is `written`.

    `of_row` has columns that differ among the rows, from `written` and lateral tables `besides`;
    all others are those of the one row of the bound `shared_event`.
    """
    log = columns_of(AuditLog)
    shared = [column for name, column in log.items() if name not in (*BY_DATABASE, *of_row)]
    event = recordset("shared_event", shared)
    names = [*(log[name].name for name in of_row), *(column.name for column in shared)]
    source = written.join(event, literal_column("true"))
    for table in besides:
        source = source.join(table, literal_column("true"))
    found = select(*of_row.values(), *(event.c[column.name] for column in shared))
    target: Table = inspect(AuditLog).local_table  # type: ignore[assignment]
    insertion = insert(target).from_select(names, found.select_from(source), include_defaults=False)
    return insertion.cte("recorded")


def _item_type(column: Column[Any]) -> Any:
    """Return the type of a column in an array: labels and texts are sent as text."""
    if isinstance(column.type, Enum):
        raise TypeError(f"{column} has labels, which are the same for all copies.")
    return Text() if isinstance(column.type, String) else column.type
