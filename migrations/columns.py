"""Columns and types as the first migrations made them. Migrations share it: it never changes."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.types import UserDefinedType

TIME = sa.DateTime(timezone=True)
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
"""Whoever holds a table for longer makes the migration fail, instead of all others wait for it."""


class TransactionId(UserDefinedType[int]):
    """xid8."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Its name in DDL."""
        return "xid8"


def identifier() -> sa.Column[object]:
    """The id of a versioned row."""
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def history() -> tuple[sa.Column[object], ...]:
    """The version of a row; when and by whom it was made, changed and deleted."""
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
    """An enumeration that exists by now."""
    return ENUM(name=name, create_type=False)


def create_enums(enums: Mapping[str, tuple[str, ...]]) -> None:
    """Create enumerations, each with its labels in order."""
    for name, labels in enums.items():
        op.execute(f"CREATE TYPE {name} AS ENUM ({', '.join(map(repr, labels))})")


def drop(tables: tuple[str, ...], enums: Mapping[str, tuple[str, ...]]) -> None:
    """Drop tables, the last first, and the enumerations that came with them."""
    for table in reversed(tables):
        op.drop_table(table)
    for name in enums:
        op.execute(f"DROP TYPE {name}")
