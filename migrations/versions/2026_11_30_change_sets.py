"""Change sets, and the changes of objects that they propose."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_30_change_sets"
down_revision = "2026_11_30_webhook_events"

ENUMS = {
    "change_set_state": ("open", "applied", "withdrawn"),
    "change_set_action": ("create", "update", "delete", "restore"),
}
TABLES = ("change_sets", "change_set_items")
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
EMPTY = sa.text("'{}'::jsonb")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'change_set'")
    create_enums(ENUMS)
    create_change_sets()
    create_items()
    for table in TABLES:
        wall(table)
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO gateway_app")


def create_change_sets() -> None:
    table = "change_sets"
    op.create_table(
        table,
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("state", enum("change_set_state"), server_default="open", nullable=False),
        sa.Column("edited_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_change_sets"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "id",
            name="uq_change_sets_organization_id_project_id_id",
        ),
        key(table, "projects", "project_id"),
        key(table, "change_sets", "project_id", "reverses_id"),
        sa.CheckConstraint(r"name ~ '\S'", name=op.f("ck_change_sets_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_change_sets_name_length")),
        sa.CheckConstraint(
            "state = 'open' OR closed_at IS NOT NULL", name=op.f("ck_change_sets_closed_at_final")
        ),
    )
    for columns in (
        ("project_id", "created_at", "id"),
        ("reverses_id",),
        ("organization_id", "created_at", "id"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def create_items() -> None:
    table = "change_set_items"
    op.create_table(
        table,
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("change_set_id", sa.Uuid(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("action", enum("change_set_action"), server_default="update", nullable=False),
        sa.Column("base_version", sa.BigInteger(), nullable=True),
        sa.Column("base", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("proposed", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("place", JSONB(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_change_set_items"),
        key(table, "projects", "project_id"),
        key(table, "change_sets", "project_id", "change_set_id", ondelete="CASCADE"),
        sa.CheckConstraint(
            r"entity_type ~ '\S'", name=op.f("ck_change_set_items_entity_type_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(entity_type) <= 500", name=op.f("ck_change_set_items_entity_type_length")
        ),
        *(
            sa.CheckConstraint(
                f"jsonb_typeof({column}) = 'object'",
                name=op.f(f"ck_change_set_items_{column}_object"),
            )
            for column in ("base", "proposed", "place")
        ),
    )
    op.create_index(
        "uq_change_set_items_change_set_id_entity_id",
        table,
        ["organization_id", "change_set_id", "entity_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    for columns in (
        ("change_set_id", "created_at", "id"),
        ("entity_id",),
        ("project_id", "created_at", "id"),
        ("organization_id", "created_at", "id"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def key(
    table: str, target: str, *columns: str, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return a foreign key within the tenant."""
    scopes = ("organization_id", *columns[:-1])
    return sa.ForeignKeyConstraint(
        [*scopes, columns[-1]],
        [f"{target}.{name}" for name in (*scopes, "id")],
        name=f"fk_{table}_{columns[-1]}",
        ondelete=ondelete,
    )


def wall(table: str) -> None:
    """Admit rows of the viewer's own tenants alone."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, clause in (
        ("SELECT", "USING"),
        ("INSERT", "WITH CHECK"),
        ("UPDATE", "USING"),
        ("DELETE", "USING"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {clause} ({OWN_TENANT})"
        )


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
