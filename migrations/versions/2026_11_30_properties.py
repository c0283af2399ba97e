"""Typed properties with a key that never changes, values of columns as JSON, and their trash.

A type that is none of the list becomes `text`. The scope of a property follows from its place.
"""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, create_enums, drop

revision = "2026_11_30_properties"
down_revision = "2026_11_30_trace_links"

ENUMS = {
    "property_type": (
        "text",
        "number",
        "boolean",
        "date",
        "select",
        "multi_select",
        "user",
        "url",
    )
}
RESTORED = ("properties", "columns")
LENGTHS = {"not_blank": "{column} ~ '\\S'", "length": "char_length({column}) <= 500"}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    _drop_checks("property_type", "scope")
    types = ", ".join(map(repr, ENUMS["property_type"]))
    op.execute(
        "ALTER TABLE properties DROP COLUMN scope, ADD COLUMN key text,"
        " ALTER COLUMN property_type TYPE property_type USING"
        f" (CASE WHEN property_type IN ({types}) THEN property_type ELSE 'text' END)::property_type"
    )
    op.execute("UPDATE properties SET key = name")
    op.alter_column("properties", "key", nullable=False)
    _create_checks("key")
    op.create_index(
        "uq_properties_project_id_document_id_key",
        "properties",
        ["organization_id", "project_id", "document_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.execute(
        "ALTER TABLE columns ALTER COLUMN default_value TYPE jsonb USING to_jsonb(default_value)"
    )
    op.add_column(
        "projects",
        sa.Column("strict_properties", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for table in RESTORED:
        op.create_index(
            f"ix_{table}_trash",
            table,
            ["organization_id", "deleted_at", "id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in RESTORED:
        op.drop_index(f"ix_{table}_trash", table)
    op.drop_column("projects", "strict_properties")
    op.execute(
        "ALTER TABLE columns ALTER COLUMN default_value TYPE text USING default_value #>> '{}'"
    )
    op.drop_index("uq_properties_project_id_document_id_key", "properties")
    _drop_checks("key")
    op.execute(
        "ALTER TABLE properties DROP COLUMN key, ADD COLUMN scope text,"
        " ALTER COLUMN property_type TYPE text USING property_type::text"
    )
    _create_checks("property_type", "scope")
    drop((), ENUMS)


def _create_checks(*columns: str) -> None:
    for column in columns:
        for rule, sql in LENGTHS.items():
            op.create_check_constraint(
                op.f(f"ck_properties_{column}_{rule}"), "properties", sql.format(column=column)
            )


def _drop_checks(*columns: str) -> None:
    for column in columns:
        for rule in LENGTHS:
            op.drop_constraint(op.f(f"ck_properties_{column}_{rule}"), "properties")
