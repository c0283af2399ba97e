"""Baselines and their items: frozen rows that nobody changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, history, identifier

revision = "2026_11_21_baselines"
down_revision = "2026_11_21_overlay"

TABLES = ("baselines", "baseline_items")
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"

# A baseline may be hidden and brought back, and its project may change as its document moves there;
# nothing else of it ever changes.
REFUSE_BASELINE_CHANGE = """
CREATE FUNCTION ctx.refuse_baseline_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    OLD.project_id := NEW.project_id;
    IF TG_TABLE_NAME = 'baselines' THEN
        OLD.version := NEW.version;
        OLD.updated_at := NEW.updated_at;
        OLD.updated_by := NEW.updated_by;
        OLD.deleted_at := NEW.deleted_at;
        OLD.deleted_by := NEW.deleted_by;
    END IF;
    IF OLD IS DISTINCT FROM NEW THEN
        RAISE EXCEPTION 'a baseline is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

# Items come in the transaction that makes their baseline, and never later.
REFUSE_LATE_ITEMS = """
CREATE FUNCTION ctx.refuse_late_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT baseline_id FROM added) AS a
        JOIN public.baselines AS b ON b.id = a.baseline_id AND b.created_at <> now()
    ) THEN
        RAISE EXCEPTION 'a baseline is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'baseline'")
    op.create_table(
        "baselines",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("item_counts", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_baselines"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "id",
            name="uq_baselines_organization_id_project_id_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_baselines_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_baselines_document_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_baselines_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_baselines_name_length")),
        sa.CheckConstraint(
            "jsonb_typeof(item_counts) = 'object'", name=op.f("ck_baselines_item_counts_object")
        ),
        sa.CheckConstraint(
            "octet_length(content_hash) = 32", name=op.f("ck_baselines_content_hash_digest")
        ),
    )
    for scope in ("project_id", "document_id", "organization_id"):
        op.create_index(
            f"ix_baselines_{scope}_created_at_id", "baselines", [scope, "created_at", "id"]
        )
    op.create_index(
        "ix_baselines_trash",
        "baselines",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "baseline_items",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("baseline_id", sa.Uuid(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Double(), nullable=True),
        sa.Column("data", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "baseline_id", "entity_type", "entity_id", name="pk_baseline_items"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "baseline_id"],
            ["baselines.organization_id", "baselines.project_id", "baselines.id"],
            name="fk_baseline_items_baseline_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint(
            "entity_type ~ '\\S'", name=op.f("ck_baseline_items_entity_type_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(entity_type) <= 500", name=op.f("ck_baseline_items_entity_type_length")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(data) = 'object'", name=op.f("ck_baseline_items_data_object")
        ),
        sa.CheckConstraint(
            "octet_length(content_hash) = 32", name=op.f("ck_baseline_items_content_hash_digest")
        ),
    )
    for place in ("document_id", "parent_id"):
        op.create_index(
            f"ix_baseline_items_{place}_position",
            "baseline_items",
            ["baseline_id", "entity_type", place, "position", "entity_id"],
        )
    op.execute(REFUSE_BASELINE_CHANGE)
    op.execute(REFUSE_LATE_ITEMS)
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION ctx.refuse_baseline_change()"
        )
        wall(table)
    op.execute(
        "CREATE TRIGGER refuse_late_items AFTER INSERT ON baseline_items"
        " REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION ctx.refuse_late_items()"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON baselines TO gateway_app")
    op.execute("GRANT SELECT, INSERT ON baseline_items TO gateway_app")


def wall(table: str) -> None:
    """Admit the tenant, and readers of a public project; items can only be inserted."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    change = OWN_TENANT if table == "baselines" else "false"
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT} OR {PUBLIC_PROJECT})"),
        ("INSERT", f"WITH CHECK ({OWN_TENANT})"),
        ("UPDATE", f"USING ({change})"),
        ("DELETE", f"USING ({change})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION ctx.refuse_late_items()")
    op.execute("DROP FUNCTION ctx.refuse_baseline_change()")
