"""Read the past: relations replace tables, so that any statement reads them.

A common table expression with the name of a table shadows it. The statement that reads the present,
with its filters, order, pages and policy, so reads the past unchanged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Protocol, cast
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    DateTime,
    Table,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import class_mapper

from auth.policy import RULES, entity_of
from auth.session.ancestry import SCOPE_MODELS, nests, parents
from db.base import SCOPES, Entity, Part, Readable
from db.core.organizations import Organization
from db.fields import GENERATED, PRESENT_ONLY, UNRECORDED
from db.problem import Problem

MOVABLE = frozenset(key for model in RULES for key in model.place_keys()) - {"position"}
"""Columns that name the parent of a row: see `ctx.moved_from_<column>`."""
MAX_TRANSACTION_TIME = "interval '2 minutes'"
"""The longest time between the events of one transaction, and between two clocks."""
NO_ROW = UUID(int=0)


class Past(Protocol):
    """A past state. Hashable: reads of equal states are batched."""

    indexed: ClassVar[bool]
    """True when an index finds the rows beneath one parent, in their order."""

    @property
    def holder(self) -> UUID | None:
        """Return the ID of the object that holds the rows; None for the record of changes."""

    def covers(self, model: Readable) -> bool:
        """Return whether rows of this model are read as they were; others are read as they are."""

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:
        """Return the relations that replace tables for rows of `model` by `key`.

        `key` is `id` or a column that names a parent; its values are bound to `parents`. Besides
        the rows themselves there are the ancestors that may hide them: the documents and blocks
        they were in. Deleted rows have `deleted_at`, as in tables of that time.
        """

    def values(self) -> Mapping[str, Any]:
        """Return the values that the relations bind, besides `parents`."""


def has_past(model: Readable) -> bool:
    """Return whether the changes of rows are recorded: those in an organization, and itself."""
    return model is Organization or hasattr(model, "organization_id")


@dataclass(frozen=True)
class PointInTime:
    """The state right after `at`, from the record of changes.

    A transaction is seen whole: those that wrote before and after the moment (`straddling`, their
    numbers) count as not having written yet. So of two writers of one row the later is never seen
    without the earlier, which had ended before. `row` is seen at `version` in any case.
    """

    indexed: ClassVar[bool] = False

    at: datetime
    straddling: tuple[str, ...] = ()
    row: UUID = NO_ROW
    version: int = 0
    holder: ClassVar[None] = None

    def covers(self, model: Readable) -> bool:
        """Return whether rows have a past: parts never change."""
        return not issubclass(model, Part) and has_past(model)

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:
        """Return the rows that are or were beneath the parents, and their documents and blocks.

        Organizations and projects that are deleted now hide the rows beneath them.
        """
        return _relations(model, key)

    def values(self) -> Mapping[str, Any]:
        """Return the values of the moment."""
        return {
            "past_at": self.at,
            "past_straddling": list(self.straddling),
            "past_row": self.row,
            "past_version": self.version,
        }


BOUND = (
    bindparam("past_at", type_=DateTime(timezone=True)),
    bindparam("past_straddling", type_=ARRAY(Text)),
    bindparam("past_row", type_=Uuid),
    bindparam("past_version", type_=BigInteger),
    bindparam("parents", type_=ARRAY(Uuid)),
)


@cache
def _relations(model: Readable, key: str) -> tuple[CTE, ...]:
    entity = entity_of(model)
    table, inner = model.__tablename__, SCOPES[-1]
    found: list[tuple[str, str]] = []
    named = _beneath(key, ":parents")
    if nests(entity) and key != inner:
        # Its table has to hold all rows of the documents, any of which may hide others.
        found.append((f"{table}_asked", _relation(entity, named)))
        named = _beneath(inner, f"ARRAY(SELECT {inner} FROM {table}_asked)")  # noqa: S608 (ours)
    found.append((table, _relation(entity, named)))
    if hasattr(model, inner):
        scopes = f"ARRAY(SELECT DISTINCT {inner} FROM {table})"  # noqa: S608 (ours)
        scope = SCOPE_MODELS[inner]
        found.append((scope.__tablename__, _relation(scope, f"r.id = ANY ({scopes})")))
        for name, parent in parents(entity).items():
            if parent is not entity:
                beneath = _beneath(inner, scopes)
                if not hasattr(parent, inner):
                    beneath = f"r.id = ANY (ARRAY(SELECT DISTINCT {name} FROM {table}))"  # noqa: S608 (ours)
                found.append((parent.__tablename__, _relation(parent, beneath)))
    return tuple(_cte(name, sql) for name, sql in found)


def _cte(name: str, sql: str) -> CTE:
    bound = [parameter for parameter in BOUND if f":{parameter.key}" in sql]
    return text(sql).bindparams(*bound).columns().cte(name)


def _beneath(key: str, parents: str) -> str:
    """Return the SQL criterion for rows beneath these parents now, or moved from there since."""
    here = f"r.{key} = ANY ({parents})"
    if key not in MOVABLE:
        return here
    moved = f"SELECT ctx.moved_from_{key}({parents}, :past_at - {MAX_TRANSACTION_TIME})"
    return f"({here} OR r.id = ANY (ARRAY({moved})))"


def _relation(model: type[Entity], candidates: str) -> str:
    """Return the SQL of the model's rows among the candidates, as they were.

    Of each column the first change after the moment holds the value before. A row that was not
    written since has no such change, which its own `updated_at` shows without a look-up.
    """
    table = model.__tablename__
    tenant = "id" if model is Organization else "organization_id"
    columns = ", ".join(f"{past_column(name)} AS {name}" for name in past_columns(model))
    return f"""
SELECT {columns}
FROM public.{table} AS r
LEFT JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
        ctx.overlay(e.old_data ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > :past_at - {MAX_TRANSACTION_TIME}
        AND e.entity_id = r.id
        AND e.version IS NOT NULL
        AND e.created_at > :past_at - {MAX_TRANSACTION_TIME}
        AND CASE WHEN e.entity_id = :past_row THEN e.version > :past_version
            ELSE e.created_at > :past_at OR e.xid = ANY ((:past_straddling)::xid8[]) END
) AS later ON true
LEFT JOIN LATERAL (
    SELECT * FROM jsonb_populate_record(NULL::public.{table}, later.old)
    WHERE later.old IS NOT NULL
) AS p ON true
LEFT JOIN LATERAL (
    SELECT e.created_at, e.actor_id FROM public.audit_logs AS e
    WHERE e.entity_id = r.id AND e.version = later.version AND later.version > 1
    LIMIT 1
) AS made ON true
WHERE {candidates}
    AND r.{tenant} = ANY ((SELECT ctx.organizations())::uuid[])
    AND r.created_at <= :past_at
    AND coalesce(later.version, 1) > 0"""  # noqa: S608 (names of ours)


def past_columns(model: type[Entity]) -> list[str]:
    """Return the columns of a past row: all but deferred ones, and those of the present only."""
    unread = {a.columns[0].name for a in class_mapper(model).column_attrs if a.deferred}
    table = cast("Table", model.__table__)
    return [column.name for column in table.columns if column.name not in unread | PRESENT_ONLY]


def past_column(name: str) -> str:
    """Return the SQL of a column of row `r`, over which `later.old`, as `p`, is laid."""
    match name:
        case _ if name in UNRECORDED:
            sql = "'{}'::jsonb"
        case _ if name in GENERATED:
            key = name.removesuffix("_order")
            sql = f"CASE WHEN later.old ? '{key}' THEN ctx.sort_key(p.{key}) ELSE r.{name} END"
        case "id" | "created_at" | "created_by":
            sql = f"r.{name}"
        case "version":
            sql = "coalesce(later.version, r.version)"
        case "updated_at":
            sql = (
                "CASE WHEN later.version IS NULL THEN r.updated_at"
                " ELSE coalesce(made.created_at, r.created_at) END"
            )
        case "updated_by":
            sql = (
                "CASE WHEN later.version IS NULL THEN r.updated_by"
                " WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END"
            )
        case _:
            sql = f"CASE WHEN later.old ? '{name}' THEN p.{name} ELSE r.{name} END"
    return sql


TIME = """
WITH asked AS (SELECT coalesce($1::timestamptz, {otherwise}) AS at),
after AS (
    SELECT DISTINCT e.xid FROM audit_logs AS e
    WHERE e.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
        AND e.created_at > (SELECT at FROM asked)
        AND e.created_at <= (SELECT at FROM asked) + {longest}
)
SELECT at, at > clock_timestamp() AS is_future, ARRAY(
    SELECT after.xid::text FROM after WHERE EXISTS (
        SELECT FROM audit_logs AS e
        WHERE e.xid = after.xid
            AND e.created_at <= (SELECT at FROM asked)
            AND e.created_at > (SELECT at FROM asked) - {longest})
) AS straddling, (
    SELECT max(a.until) FROM audit_archives AS a
    WHERE a.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
        AND a.restored_at IS NULL AND a.until > coalesce(at, '-infinity') - {longest}
) AS archived_until
FROM asked
"""
VERSION = """(
    SELECT max(e.created_at) FROM audit_logs AS made JOIN audit_logs AS e ON e.xid = made.xid
        AND e.created_at >= made.created_at AND e.created_at <= made.created_at + {longest}
    WHERE made.entity_id = $2 AND made.version = $3
), (
    SELECT r.created_at FROM public.{table} AS r WHERE r.id = $2 AND $3 = 1
)"""


def time_statement() -> str:
    """Return the SQL of a `PointInTime` at the time $1, and whether it is in the future.

    `archived_until` is the time up to which events after it are in archives, null if none are.
    """
    return TIME.format(otherwise="NULL", longest=MAX_TRANSACTION_TIME)


@cache
def version_statement(model: type[Entity]) -> str:
    """Return the same SQL for the moment after which row $2 was at version $3, with null as $1.

    It is the time of the last write of the transaction that made the version; null when none did.
    """
    version = VERSION.format(table=model.__tablename__, longest=MAX_TRANSACTION_TIME)
    return TIME.format(otherwise=version, longest=MAX_TRANSACTION_TIME)


def require_events(row: Mapping[str, Any], field: str) -> None:
    """Raise INVALID if events after the moment of a row of these statements are in archives."""
    if until := row["archived_until"]:
        message = (
            f"The audit log before {until.isoformat()} is archived. Choose a later"
            " time, or ask the operator to restore it."
        )
        raise Problem("INVALID", message, field=[field], availableFrom=until.isoformat())
