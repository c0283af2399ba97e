"""Take rows along with a document that was moved to another project, and record each.

Keys with ON UPDATE CASCADE have given the rows of a document their new project already; other rows
refer to an object in it without a key. Every row gets a new version, by a statement a model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    inspect,
    literal_column,
    select,
    update,
)

from auth.session.compiled import Compiled
from auth.session.write.copying import inserted_events
from auth.session.write.flush import columns_of, json_document
from db.base import SCOPES, Entity

AT_ONCE = 5_000
"""The most IDs of one statement."""
PROJECT = SCOPES[1]


@dataclass(frozen=True)
class Relocation:
    """Rows of a model that follow to another project: those whose `key` is one of the IDs.

    Rows keep their columns except the project. `details` are those of their events.
    """

    model: type[Entity]
    key: str
    ids: Sequence[UUID]
    before: UUID
    after: UUID
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def old(self) -> dict[str, Any]:
        """Return the columns that change, as they were."""
        return {PROJECT: self.before}

    @property
    def new(self) -> dict[str, Any]:
        """Return the columns that change, as they are."""
        return {PROJECT: self.after}

    @property
    def statement(self) -> Compiled:
        """Return the statement, which returns the number of rows."""
        return _relocating(self.model, self.key)

    def in_batches(self, event: Mapping[str, Any], by: UUID, now: Any) -> Iterator[dict[str, Any]]:
        """Yield the values that the statement binds, time after time."""
        event = {**event, "details": {**event["details"], **self.details}}
        for start in range(0, len(self.ids), AT_ONCE):
            yield {
                "ids": list(self.ids[start : start + AT_ONCE]),
                "project_after": self.after,
                "moved_at": now,
                "moved_by": by,
                "shared_event": json_document([event]),
            }


@cache
def _relocating(model: type[Entity], key: str) -> Compiled:
    columns = columns_of(model)
    table: Table = inspect(model).local_table  # type: ignore[assignment]
    by = bindparam("moved_by", type_=Uuid)
    values = {
        columns["version"].name: columns["version"] + literal_column("1"),
        columns[PROJECT].name: bindparam("project_after", type_=Uuid),
        columns["updated_at"].name: bindparam("moved_at", type_=DateTime(timezone=True)),
        columns["updated_by"].name: by,
    }
    own = [name for name in (*SCOPES, "user_id") if name in columns]
    written = (
        update(table)
        .values(values)
        .where(columns[key] == any_(bindparam("ids", type_=ARRAY(Uuid))))
        .returning(*(columns[name].label(name) for name in ("id", "version", *own)))
        .cte("written")
    )
    of_row = {
        "entity_id": written.c.id,
        "resource_id": written.c.id,
        "version": written.c.version,
        **{name: written.c[name] for name in own},
    }
    events = inserted_events(written, of_row)
    statement = select(func.count()).select_from(written).add_cte(events)
    return Compiled(statement, planned_once=False, written=("shared_event",))
