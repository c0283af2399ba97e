"""Saved mappings of the columns of imported files."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, history, identifier

revision = "2026_12_01_import_mappings"
down_revision = "2026_12_01_one_private"

TABLE = "import_mappings"
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'import_mapping'")
    op.create_table(
        "import_mappings",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("columns", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("delimiter", sa.Text(), nullable=True),
        sa.Column("encoding", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_import_mappings"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_import_mappings_project_id",
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_import_mappings_{name}"))
            for name, condition in {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "columns_array": "jsonb_typeof(columns) = 'array'",
                "delimiter_length": "char_length(delimiter) = 1",
                "encoding_length": "char_length(encoding) <= 50",
            }.items()
        ),
    )
    op.create_index(
        "uq_import_mappings_project_id_name",
        "import_mappings",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    for scope in ("project_id", "organization_id"):
        op.create_index(
            f"ix_import_mappings_{scope}_created_at_id",
            "import_mappings",
            [scope, "created_at", "id"],
        )
    op.create_index(
        "ix_import_mappings_trash",
        "import_mappings",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {TABLE} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {TABLE} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", f"WITH CHECK ({OWN_TENANT})"),
        ("UPDATE", f"USING ({OWN_TENANT})"),
        ("DELETE", f"USING ({OWN_TENANT})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {TABLE}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO gateway_app")


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    op.drop_table(TABLE)
