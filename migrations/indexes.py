"""Concurrent builds of indexes on existing tables, for all migrations.

A plain CREATE INDEX blocks all writes to the table until it is done: minutes, on a large one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

PARTITIONS = """
SELECT c.relname FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
WHERE inhparent = to_regclass(:table) ORDER BY c.relname
"""
UNFINISHED = """
SELECT c.relname FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
WHERE c.relname = :name AND c.relkind = 'i' AND NOT indisvalid
"""
LONGEST_NAME = 63
PATIENCE = "5s"


def create_index(
    name: str, table: str, columns: Sequence[str], *, where: str = "", unique: bool = False
) -> None:
    """Build an index concurrently; an invalid one of an earlier attempt is rebuilt.

    `columns` are names or expressions in parentheses. It does not run in a transaction: give it a
    migration of its own. On a partitioned table, one partition is indexed after the other; those
    that are added meanwhile have the index from the beginning. A `unique` one is for tables without
    partitions.
    """
    on = f"({', '.join(columns)})" + (f" WHERE {where}" if where else "")
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        partitions = bind.execute(sa.text(PARTITIONS), {"table": table}).scalars().all()
        if not partitions:
            _build(name, table, on, unique=unique)
            return
        assert not unique, "unique in one partition is not unique in all"  # noqa: S101
        op.execute(f"SET lock_timeout = '{PATIENCE}'")  # others would wait behind it
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {on}")
        op.execute("RESET lock_timeout")
        for partition in partitions:
            part = f"{partition}_{name.removeprefix(f'ix_{table}_')}_idx"[:LONGEST_NAME]
            _build(part, partition, on)
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")


def drop_index(name: str, table: str) -> None:
    """Drop an index concurrently, without blocking readers and writers."""
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        if bind.execute(sa.text(PARTITIONS), {"table": table}).scalars().all():
            op.execute(f"DROP INDEX {name}")  # PostgreSQL has no other way; it is a moment
        else:
            op.execute(f"DROP INDEX CONCURRENTLY {name}")


def _build(name: str, table: str, on: str, *, unique: bool = False) -> None:
    if op.get_bind().execute(sa.text(UNFINISHED), {"name": name}).scalar_one_or_none():
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    kind = "UNIQUE INDEX" if unique else "INDEX"
    op.execute(f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {name} ON {table} {on}")
