"""Reading a baseline like the tables themselves: a state of the past, of rows that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CTE, Uuid, bindparam, text

from auth.session.frozen import LEFT, PARENT
from db.base import Readable
from db.requirements.baselines import FROZEN

KEPT = frozenset({"organization_id", "project_id", "document_id", "position"})
"""Columns that items have of their own, so that their indexes serve filters and orders."""


@dataclass(frozen=True)
class Frozen:
    """What this baseline holds."""

    indexed: ClassVar[bool] = True

    baseline_id: UUID

    def covers(self, model: Readable) -> bool:
        """What was frozen. Projects, people and the rest are those of now."""
        return model in FROZEN

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:  # noqa: ARG002 (of Past)
        """The baseline's rows; nothing hides them, for what was hidden is not among them."""
        return _relations(model)

    def values(self) -> Mapping[str, Any]:
        """The baseline."""
        return {"past_baseline": self.baseline_id}


@cache
def _relations(model: Readable) -> tuple[CTE, ...]:
    tables = {
        name: f"SELECT * FROM public.{name} WHERE false"  # noqa: S608 (ours)
        for name in ("documents", "blocks")
    }
    tables[model.__tablename__] = _relation(model)
    return tuple(_cte(name, sql) for name, sql in tables.items())


def _cte(name: str, sql: str) -> CTE:
    bound = [bindparam("past_baseline", type_=Uuid)] if ":past_baseline" in sql else []
    statement = text(sql).bindparams(*bound).columns()
    return statement.cte(name).prefix_with("NOT MATERIALIZED")  # where it is read twice as well


def _relation(model: Any) -> str:
    """The model's rows in the baseline; what has an index comes from it, the rest from the JSON."""
    table = model.__table__
    own = {name: f"i.{name}" for name in KEPT & set(table.columns.keys())}
    if table.name == "documents":
        own["position"] = "i.position"
    if table.name in PARENT:
        own[PARENT[table.name]] = "i.parent_id"
    own["id"] = "i.entity_id"
    columns = ", ".join(
        f"{own.get(column.name, f'r.{column.name}')} AS {column.name}"
        for column in table.columns
        if column.name not in LEFT
    )
    return f"""
SELECT {columns}, NULL::timestamptz AS deleted_at, NULL::uuid AS deleted_by
FROM public.baseline_items AS i
CROSS JOIN LATERAL jsonb_populate_record(NULL::public.{table.name}, i.data) AS r
WHERE i.baseline_id = :past_baseline AND i.entity_type = '{model.__name__}'"""  # noqa: S608 (ours)
