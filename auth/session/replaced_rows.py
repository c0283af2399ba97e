"""Read the current state with some rows replaced, such as by those that are proposed.

Relations stand in for tables, as those of the past do (`auth.session.time_travel`), and the policy
applies to their rows as to those of tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, CTE, Text, Uuid, bindparam, text

from auth.session.ancestry import nests
from auth.session.time_travel import past_columns
from db.base import Entity, Readable
from db.fields import GENERATED


@dataclass(frozen=True)
class ReplacedRows:
    """The current state, with other rows in the place of some. `holder` is the object with these.

    They are of `models`, containers first. `rows` is JSON by the name of the table, and `ids` are
    their IDs. Who makes them must be able to read what they are made of.
    """

    indexed: ClassVar[bool] = True

    holder: UUID
    version: int
    models: tuple[type[Entity], ...]
    ids: Mapping[str, Sequence[UUID]] = field(compare=False)
    rows: Mapping[str, str] = field(compare=False)

    def covers(self, model: Readable) -> bool:
        """Return whether rows of the model are replaced; others are read as they are."""
        return model in self.models

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:  # noqa: ARG002 (of Past)
        """Return the rows of a model, and those of the models that may hide them."""
        found = [one for one in self.models if one.traits.scope_key or nests(one)]
        if model not in found:
            found.append(model)  # type: ignore[arg-type]
        return tuple(_relation(one) for one in found)

    def values(self) -> Mapping[str, Any]:
        """Return the values that the relations bind."""
        ids = {f"replaced_{name}_ids": [*found] for name, found in self.ids.items()}
        return ids | {f"replaced_{name}": rows for name, rows in self.rows.items()}


@cache
def _relation(model: type[Entity]) -> CTE:
    """Return the rows of a table that are not replaced, and those in the place of others."""
    table, names = model.__tablename__, past_columns(model)
    kept = ", ".join(f"r.{name}" for name in names)
    new = ", ".join(f"{_computed(name)} AS {name}" for name in names)
    sql = f"""
SELECT {kept} FROM public.{table} AS r
WHERE r.id <> ALL (:replaced_{table}_ids)
    AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
UNION ALL
SELECT {new} FROM jsonb_populate_recordset(NULL::public.{table}, (:replaced_{table})::jsonb) AS p
"""  # noqa: S608 (names of ours)
    ids = bindparam(f"replaced_{table}_ids", type_=ARRAY(Uuid))
    rows = bindparam(f"replaced_{table}", type_=Text)
    return text(sql).bindparams(ids, rows).columns().cte(table)


def _computed(name: str) -> str:
    """Return a column of a new row; generated ones are not in JSON."""
    if name in GENERATED:
        return f"ctx.sort_key(p.{name.removesuffix('_order')})"
    return f"p.{name}"
