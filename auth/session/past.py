"""Reading the past: relations that take the place of tables, so that any statement reads them.

A common table expression of the name of a table stands before it. The statement that reads the
present, with its filters, order, pages and policy, so reads the past without knowing of it.
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

from db.base import Entity, Part, Readable
from db.core.organizations import Organization
from db.requirements.documents import Block, Document

MOVABLE = frozenset({"project_id", "document_id", "block_id", "parent_id"})
"""Columns that say where a row stands and may change: see `ctx.moved_from_<column>`."""
GENERATED = frozenset({"search", "key_hash"})
"""Columns that the past does not have, or nobody reads."""
LONGEST_TRANSACTION = "interval '2 minutes'"
"""Between the first and the last event of a transaction, and between two clocks, at most."""
NO_ROW = UUID(int=0)


class Past(Protocol):
    """A state that is over. Hashable: what is equal is read together."""

    indexed: ClassVar[bool]
    """Whether an index leads to the rows beneath one parent, in their order."""

    def covers(self, model: Readable) -> bool:
        """Whether rows of this model are read as they were; others are read as they are."""

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:
        """What takes the place of tables where rows of `model` are read whose `key` is asked for.

        `key` is `id` or a column that names a parent; its values are bound to `parents`. Besides
        the rows themselves that is what hides them: the documents and blocks they stood in. Rows
        are told apart as tables of that time would: deleted ones have `deleted_at`.
        """

    def values(self) -> Mapping[str, Any]:
        """What the relations bind, besides `parents`."""


@dataclass(frozen=True)
class Moment:
    """The state right after `at`, from the record of changes.

    A transaction is seen whole: those that wrote before and after the moment (`straddling`, their
    numbers) are seen as not having written yet. So of two writers of one row the later is never
    seen without the earlier, which had ended before. `row` is seen at `version` in any case.
    """

    indexed: ClassVar[bool] = False

    at: datetime
    straddling: tuple[str, ...] = ()
    row: UUID = NO_ROW
    version: int = 0

    def covers(self, model: Readable) -> bool:
        """Everything within an organization. People belong to none: they are seen as they are."""
        if issubclass(model, Part):
            return False  # it never changes
        return model is Organization or hasattr(model, "organization_id")

    def relations(self, model: Readable, key: str) -> Sequence[CTE]:
        """The rows that are or were beneath the parents, and the documents and blocks they are in.

        Organizations and projects hide what is beneath them when they are deleted now.
        """
        return _relations(model, key)

    def values(self) -> Mapping[str, Any]:
        """The moment itself."""
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
    table = _table(model)
    found: list[tuple[str, str]] = []
    named = _beneath(key, ":parents")
    if model is Block and key != "document_id":
        # Its table has to hold all blocks of the documents, any of which may hide others.
        found.append(("blocks_asked", _relation(table, named)))
        named = _beneath("document_id", "ARRAY(SELECT document_id FROM blocks_asked)")
    found.append((table.name, _relation(table, named)))
    if hasattr(model, "document_id"):
        documents = f"ARRAY(SELECT DISTINCT document_id FROM {table.name})"  # noqa: S608 (ours)
        beneath = f"r.id = ANY ({documents})"
        found.append(("documents", _relation(_table(Document), beneath)))
        if hasattr(model, "block_id"):
            beneath = _beneath("document_id", documents)
            found.append(("blocks", _relation(_table(Block), beneath)))
    return tuple(_cte(name, sql) for name, sql in found)


def _table(model: Readable) -> Table:
    return cast("Table", model.__table__)


def _cte(name: str, sql: str) -> CTE:
    bound = [parameter for parameter in BOUND if f":{parameter.key}" in sql]
    return text(sql).bindparams(*bound).columns().cte(name)


def _beneath(key: str, parents: str) -> str:
    """The rows that are beneath these parents, or have been and were moved since."""
    here = f"r.{key} = ANY ({parents})"
    if key not in MOVABLE:
        return here
    moved = f"SELECT ctx.moved_from_{key}({parents}, :past_at - {LONGEST_TRANSACTION})"
    return f"({here} OR r.id = ANY (ARRAY({moved})))"


def _relation(table: Table, candidates: str) -> str:
    """The table's rows among the candidates, as they were.

    Of each column the first change after the moment holds the value before. A row that was not
    written since has no such change, which its own `updated_at` tells without a look.
    """
    tenant = "id" if table.name == "organizations" else "organization_id"
    columns = ", ".join(
        f"{_column(column.name)} AS {column.name}"
        for column in table.columns
        if column.name not in GENERATED
    )
    return f"""
SELECT {columns}
FROM public.{table.name} AS r
LEFT JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
        ctx.overlay(e.old_data ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > :past_at - {LONGEST_TRANSACTION}
        AND e.entity_id = r.id
        AND e.version IS NOT NULL
        AND e.created_at > :past_at - {LONGEST_TRANSACTION}
        AND CASE WHEN e.entity_id = :past_row THEN e.version > :past_version
            ELSE e.created_at > :past_at OR e.xid = ANY ((:past_straddling)::xid8[]) END
) AS later ON true
LEFT JOIN LATERAL (
    SELECT * FROM jsonb_populate_record(NULL::public.{table.name}, later.old)
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


def _column(name: str) -> str:
    match name:
        case "id" | "created_at" | "created_by":
            return f"r.{name}"
        case "version":
            return "coalesce(later.version, r.version)"
        case "updated_at":
            return (
                "CASE WHEN later.version IS NULL THEN r.updated_at"
                " ELSE coalesce(made.created_at, r.created_at) END"
            )
        case "updated_by":
            return (
                "CASE WHEN later.version IS NULL THEN r.updated_by"
                " WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END"
            )
        case _:
            return f"CASE WHEN later.old ? '{name}' THEN p.{name} ELSE r.{name} END"


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
) AS straddling
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
    """What a `Moment` at the time $1 holds, and whether that is still to come."""
    return TIME.format(otherwise="NULL", longest=LONGEST_TRANSACTION)


@cache
def version_statement(model: type[Entity]) -> str:
    """The same of the moment after which row $2 was at version $3, with null as $1.

    It is when the transaction that made the version had written everything; null when none has.
    """
    version = VERSION.format(table=model.__tablename__, longest=LONGEST_TRANSACTION)
    return TIME.format(otherwise=version, longest=LONGEST_TRANSACTION)
