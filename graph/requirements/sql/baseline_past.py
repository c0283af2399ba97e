"""The reading of a baseline as if it were the tables: a past state, from stored rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    null,
    select,
)

from db.base import Entity, Readable
from db.fields import GENERATED, PRESENT_ONLY
from db.functions import sort_key
from db.requirements.baselines import FROZEN
from db.requirements.documents import Block, Document
from graph.requirements.sql.baseline_contents import ITEMS, LEFT, PARENT, UNFROZEN

KEPT = ("organization_id", "project_id", "document_id", "position")
"""Columns that items have of their own, so that their indexes serve filters and orders."""


@dataclass(frozen=True)
class Frozen:
    """The past state that a baseline holds."""

    indexed: ClassVar[bool] = True

    baseline_id: UUID

    @property
    def holder(self) -> UUID:
        """Return the ID of the baseline."""
        return self.baseline_id

    def covers(self, model: Readable) -> bool:
        """Return whether the model is frozen. Projects, people and others are read as of now."""
        return model in FROZEN

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:  # noqa: ARG002 (of Past)
        """Return the baseline's rows of a model; its CTEs of deleted ancestors are empty."""
        return _relations(model)

    def values(self) -> Mapping[str, Any]:
        """Return the bound parameter: the ID of the baseline."""
        return {"past_baseline": self.baseline_id}


@cache
def _relations(model: Readable) -> tuple[CTE, ...]:
    hiding = [_nothing(other) for other in (Document, Block) if other is not model]
    return (*hiding, _relation(model))


def _nothing(model: type[Entity]) -> CTE:
    """Return an empty relation in place of the model's deleted rows."""
    columns = model.__table__.c
    names = {*model.scope_keys(), *model.traits.parents, "id", "deleted_at"}
    rows = select(*(cast(null(), columns[name].type).label(name) for name in sorted(names)))
    return _cte(model, rows.where(false()))


def _relation(model: Any) -> CTE:
    """Return the model's rows in the baseline: indexed columns of the items, the rest from JSON."""
    table, item = model.__table__, ITEMS.alias("item")
    empty: ColumnElement[Any] = literal_column(f"NULL::public.{table.name}")
    row = func.jsonb_populate_record(empty, item.c.data).table_valued(
        *(Column(column.name, column.type) for column in table.columns), name="r"
    )
    own: dict[str, Any] = {name: item.c[name] for name in KEPT if name in table.c}
    own["id"] = item.c.entity_id
    if model in PARENT:
        own[PARENT[model]] = item.c.parent_id
    own |= {name: cast(null(), table.c[name].type) for name in LEFT}
    nothing: Any = literal_column("'{}'::jsonb")
    own |= dict.fromkeys(UNFROZEN & set(table.c.keys()), nothing)
    names = [column.name for column in table.columns if column.name not in PRESENT_ONLY]
    own |= {name: sort_key(row.c[name.removesuffix("_order")]) for name in GENERATED & set(names)}
    rows = select(*(own.get(name, row.c[name]).label(name) for name in names)).where(
        item.c.baseline_id == bindparam("past_baseline", type_=Uuid),
        item.c.entity_type == literal_column(f"'{model.__name__}'"),
    )
    return _cte(model, rows)


def _cte(model: Any, rows: Select[*tuple[Any, ...]]) -> CTE:
    relation = rows.cte(model.__tablename__)
    return relation.prefix_with("NOT MATERIALIZED")  # where it is read twice as well
