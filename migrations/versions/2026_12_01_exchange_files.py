"""Files that were imported and exported, kept for later exports and for the merge of answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, identifier

revision = "2026_12_01_exchange_files"
down_revision = "2026_12_01_audit_alerts"

TABLE = "exchange_files"
ENUMS = {"exchange_direction": ("import", "export")}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"

# Only projects of the viewer's tenants: what the viewer may write in them is for the caller to
# check. A file replaces the imports of its documents in the same format; the last 100 exports are
# kept.
KEEP = """
CREATE FUNCTION ctx.keep_exchange_file(
    file uuid, project uuid, documents uuid[], direction text, format text, name text,
    digest bytea, options jsonb, versions bytea, content bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := (SELECT p.organization_id FROM public.projects AS p
        WHERE p.id = project AND p.deleted_at IS NULL
            AND p.organization_id = ANY (ctx.organizations()));
BEGIN
    IF tenant IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO public.exchange_files AS f (id, organization_id, project_id, document_ids,
        direction, format, name, sha256, options, versions, content, created_at)
    VALUES (file, tenant, project, documents, direction::public.exchange_direction, format, name,
        digest, options, versions, content, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET document_ids = EXCLUDED.document_ids,
        sha256 = EXCLUDED.sha256, versions = EXCLUDED.versions
        WHERE f.organization_id = tenant AND f.project_id = EXCLUDED.project_id;
    DELETE FROM public.exchange_files AS f
    WHERE f.organization_id = tenant AND f.project_id = project AND f.id <> file
        AND f.direction::text = keep_exchange_file.direction
        AND CASE WHEN f.direction = 'import'
            THEN f.format = keep_exchange_file.format AND f.document_ids <@ documents
            ELSE f.id IN (SELECT e.id FROM public.exchange_files AS e
                WHERE e.organization_id = tenant AND e.project_id = project
                    AND e.direction = 'export'
                ORDER BY e.created_at DESC, e.id DESC OFFSET 100) END;
    RETURN true;
END $$
"""
# What is purged must not remain in the file that it was imported from.
FORGET = """
CREATE FUNCTION ctx.forget_imported_files() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.exchange_files AS f USING changed AS d
    WHERE f.organization_id = d.organization_id AND f.project_id = d.project_id
        AND f.direction = 'import' AND d.id = ANY (f.document_ids);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "exchange_files",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_ids", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("direction", enum("exchange_direction"), server_default="import", nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("options", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("versions", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_files"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_exchange_files_project_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "jsonb_typeof(options) = 'object'", name=op.f("ck_exchange_files_options_object")
        ),
        sa.CheckConstraint(
            "octet_length(sha256) = 32", name=op.f("ck_exchange_files_sha256_digest")
        ),
        sa.Index("ix_exchange_files_project_id_created_at_id", "project_id", "created_at", "id"),
    )
    wall()
    op.execute(KEEP)
    signature = "uuid, uuid, uuid[], text, text, text, bytea, jsonb, bytea, bytea"
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.keep_exchange_file({signature}) TO gateway_app")
    op.execute(FORGET)
    op.execute(
        "CREATE TRIGGER forget_imported_files AFTER DELETE ON documents"
        " REFERENCING OLD TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION ctx.forget_imported_files()"
    )


def wall() -> None:
    """Show rows of the viewer's own tenants alone, which functions write."""
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {TABLE} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {TABLE} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {TABLE}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ON {TABLE} TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER forget_imported_files ON documents")
    op.execute("DROP FUNCTION ctx.forget_imported_files()")
    op.execute(
        "DROP FUNCTION ctx.keep_exchange_file"
        "(uuid, uuid, uuid[], text, text, text, bytea, jsonb, bytea, bytea)"
    )
    drop((TABLE,), ENUMS)
