"""Read many rows, each as it was at one of its versions, with one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    DateTime,
    Integer,
    Select,
    Table,
    Uuid,
    bindparam,
    column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy import live, permitted
from auth.session.time_travel import MAX_TRANSACTION_TIME, past_column, past_columns
from auth.session.visibility import not_hidden
from db.base import Entity, Readable


class Version(NamedTuple):
    """A version of a row. It was recorded at `at`, or later."""

    id: UUID
    number: int
    at: datetime


@dataclass(frozen=True)
class RowVersion:
    """The state in which one row was at a version: a `Past` whose moment is looked up when used."""

    indexed: ClassVar[bool] = False
    holder: ClassVar[None] = None

    model: Readable
    id: UUID
    version: int

    def covers(self, model: Readable) -> bool:
        """Return whether rows of this model are read as they were, as at any moment."""
        return hasattr(model, "organization_id")

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:
        """Refuse: the session reads by the moment in its place."""
        raise NotImplementedError

    def values(self) -> Mapping[str, Any]:
        """Refuse, likewise."""
        raise NotImplementedError


BOUND = (
    bindparam("version_ids", type_=ARRAY(Uuid)),
    bindparam("version_numbers", type_=ARRAY(BigInteger)),
    bindparam("version_pasts", type_=ARRAY(Integer)),
    bindparam("since", type_=DateTime(timezone=True)),
)


@cache
def rows_at_versions(model: type[Entity], names: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    """Return a statement that selects the columns `names` of rows at versions, and their `past`.

    The rows are those that the viewer may read at the place they had, not deleted at that version,
    and with no ancestor that is deleted now. It binds what `values` returns.
    """
    table = cast("Table", model.__table__)
    relation = text(_relation(model)).bindparams(*BOUND).columns().cte(table.name)
    then = select(*[getattr(model, name).label(name) for name in names], column("past"))
    then = then.where(live(model), permitted("read", model)).add_cte(relation, nest_here=True)
    row = then.subquery("then")
    wanted = select(*row.c).select_from(row.join(table, row.c.id == table.c.id))
    return wanted.where(*not_hidden(model))


def values(versions: Sequence[Version], pasts: Sequence[int]) -> dict[str, Any]:
    """Return the values that `rows_at_versions` binds."""
    return {
        "version_ids": [version.id for version in versions],
        "version_numbers": [version.number for version in versions],
        "version_pasts": list(pasts),
        "since": min(version.at for version in versions),
    }


def _relation(model: type[Entity]) -> str:
    """Return the SQL of the rows at their versions.

    Going back from the present row, the old values of each change are laid over it: one pass over
    the changes of a row, however many of its versions are asked for.
    """
    table = model.__tablename__
    tenant = "id" if table == "organizations" else "organization_id"
    columns = ", ".join(f"{past_column(name)} AS {name}" for name in past_columns(model))
    return f"""
SELECT {columns}, asked.past
FROM unnest((:version_ids)::uuid[], (:version_numbers)::bigint[], (:version_pasts)::integer[])
    AS asked(id, version, past)
JOIN public.{table} AS r ON r.id = asked.id AND r.version >= asked.version
LEFT JOIN (
    SELECT e.entity_id, e.version - 1 AS version,
        ctx.overlay(e.old_data) OVER (PARTITION BY e.entity_id ORDER BY e.version DESC) AS old
    FROM (
        SELECT wanted.id, min(wanted.version) AS version
        FROM unnest((:version_ids)::uuid[], (:version_numbers)::bigint[]) AS wanted(id, version)
        GROUP BY wanted.id
    ) AS first
    JOIN public.audit_logs AS e ON e.entity_id = first.id AND e.version > first.version
        AND e.created_at > (:since)::timestamptz - {MAX_TRANSACTION_TIME}
) AS later ON later.entity_id = asked.id AND later.version = asked.version
LEFT JOIN LATERAL (
    SELECT * FROM jsonb_populate_record(NULL::public.{table}, later.old)
    WHERE later.old IS NOT NULL
) AS p ON true
LEFT JOIN LATERAL (
    SELECT e.created_at, e.actor_id FROM public.audit_logs AS e
    WHERE e.entity_id = asked.id AND e.version = asked.version AND later.version > 1
        AND e.created_at > (:since)::timestamptz - {MAX_TRANSACTION_TIME}
    LIMIT 1
) AS made ON true
WHERE r.{tenant} = ANY ((SELECT ctx.organizations())::uuid[])
    AND (r.version = asked.version OR later.version IS NOT NULL)"""  # noqa: S608 (names of ours)
