"""Columns and types as of the first migrations. Migrations share this module: it never changes."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.types import UserDefinedType

TIME = sa.DateTime(timezone=True)
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
"""A table that is locked for longer makes the migration fail, and does not block all others."""


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's type xid8."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the name of the type in DDL."""
        return "xid8"


def identifier() -> sa.Column[object]:
    """Return the ID column of a versioned row."""
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def history() -> tuple[sa.Column[object], ...]:
    """Return the columns of a row's version, creation, last change and deletion."""
    return (
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.Column("deleted_by", sa.Uuid(), nullable=True),
    )


def enum(name: str) -> ENUM:
    """Return an enumeration that exists already."""
    return ENUM(name=name, create_type=False)


def create_enums(enums: Mapping[str, tuple[str, ...]]) -> None:
    """Create enumerations, each with its labels in order."""
    for name, labels in enums.items():
        op.execute(f"CREATE TYPE {name} AS ENUM ({', '.join(map(repr, labels))})")


def drop(tables: tuple[str, ...], enums: Mapping[str, tuple[str, ...]]) -> None:
    """Drop these tables, the last first, and these enumerations."""
    for table in reversed(tables):
        op.drop_table(table)
    for name in enums:
        op.execute(f"DROP TYPE {name}")
