"""Files, their bytes in `organizations.storage_used`, and the queue of contents to remove."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, enum, history, identifier

revision = "2026_11_30_files"
down_revision = "2026_11_30_properties"

ENUMS = {"file_state": ("stored", "pending"), "file_purpose": ("attachment", "thumbnail")}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"
MEDIA_TYPE = "^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$"
OWNERS = ("test_id", "execution_id", "external_document_id")

# Statement by statement, as the bytes of baselines are (`ctx.count_storage`). A file counts from
# the creation of its row, before its content is uploaded, until the row is gone.
COUNT_FILES = """
CREATE FUNCTION ctx.count_files() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE public.organizations AS o SET storage_used = o.storage_used + a.bytes
        FROM (SELECT organization_id, sum(size) AS bytes FROM changed GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
    ELSE
        UPDATE public.organizations AS o
        SET storage_used = greatest(o.storage_used - a.bytes, 0)
        FROM (SELECT organization_id, sum(size) AS bytes FROM changed GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
        INSERT INTO public.file_removals (file_id) SELECT id FROM changed;
    END IF;
    RETURN NULL;
END $$
"""

# Uploads that were given up, an hour ago at least: nobody is finishing one. Nobody asked for this,
# so the events have no actor.
EXPIRE_FILES = """
CREATE FUNCTION ctx.expire_files(most int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expired int;
BEGIN
    WITH due AS (
        SELECT f.id FROM public.files AS f
        WHERE f.state = 'pending' AND f.expires_at <= now() - interval '1 hour'
        ORDER BY f.expires_at LIMIT most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM public.files AS f USING due WHERE f.id = due.id RETURNING f.*
    )
    INSERT INTO public.audit_logs (organization_id, project_id, document_id, entity_id,
        entity_type, action, version, event_type, resource_type, resource_id, soc2_control,
        description)
    SELECT organization_id, project_id, document_id, id, 'File', 'purge', version + 1, 'delete',
        'file', id, 'C1.2', 'The upload was not finished in time.'
    FROM gone;
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'file'")
    create_enums(ENUMS)
    op.create_unique_constraint(
        "uq_requirement_tests_organization_id_project_id_id",
        "requirement_tests",
        ["organization_id", "project_id", "id"],
    )
    op.create_unique_constraint(
        "uq_external_documents_organization_id_id",
        "external_documents",
        ["organization_id", "id"],
    )
    create_files()
    wall("files", f"{OWN_TENANT} OR {PUBLIC_PROJECT}", OWN_TENANT)
    op.execute("GRANT SELECT, INSERT, UPDATE ON files TO gateway_app")
    create_removals()
    wall("file_removals", "false", "false")
    op.execute("CREATE POLICY sweeper ON file_removals TO gateway_auth USING (true)")
    op.execute("GRANT SELECT, DELETE ON file_removals TO gateway_auth")
    for function in (COUNT_FILES, EXPIRE_FILES):
        op.execute(function)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.expire_files(int) TO gateway_auth")
    for command, table in (("INSERT", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER count_files_{command.lower()} AFTER {command} ON files"
            f" REFERENCING {table} TABLE AS changed"
            " FOR EACH STATEMENT EXECUTE FUNCTION ctx.count_files()"
        )


def create_files() -> None:
    op.create_table(
        "files",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", enum("file_state"), server_default="pending", nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        *(sa.Column(owner, sa.Uuid(), nullable=True) for owner in OWNERS),
        sa.Column("purpose", enum("file_purpose"), server_default="attachment", nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_files_organization_id"
        ),
        key("projects", "project_id"),
        key("documents", "project_id", "document_id"),
        key("test_req", "project_id", "test_id"),
        key("requirement_tests", "project_id", "execution_id"),
        key("external_documents", "external_document_id"),
        sa.CheckConstraint(r"name ~ '\S'", name=op.f("ck_files_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_files_name_length")),
        sa.CheckConstraint(f"media_type ~ '{MEDIA_TYPE}'", name=op.f("ck_files_media_type_format")),
        sa.CheckConstraint("size BETWEEN 1 AND 5000000000", name=op.f("ck_files_size_range")),
        sa.CheckConstraint(
            "(state = 'stored') = (sha256 IS NOT NULL)", name=op.f("ck_files_sha256_stored")
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_files_sha256_digest")),
        sa.CheckConstraint(
            "num_nonnulls(document_id, test_id, execution_id, external_document_id) <= 1"
            " AND (external_document_id IS NULL OR project_id IS NULL)",
            name=op.f("ck_files_document_id_owner"),
        ),
        sa.CheckConstraint(
            "document_id IS NULL OR project_id IS NOT NULL",
            name=op.f("ck_files_document_id_project"),
        ),
        sa.CheckConstraint(
            "purpose <> 'thumbnail' OR document_id IS NOT NULL",
            name=op.f("ck_files_purpose_thumbnail"),
        ),
    )
    op.create_index(
        "uq_files_document_id",
        "files",
        ["organization_id", "document_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND purpose = 'thumbnail'"),
    )
    for scope in ("document_id", *OWNERS, "project_id", "organization_id"):
        op.create_index(f"ix_files_{scope}_created_at_id", "files", [scope, "created_at", "id"])
    op.create_index(
        "ix_files_expires_at",
        "files",
        ["expires_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_files_trash",
        "files",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def create_removals() -> None:
    op.create_table(
        "file_removals",
        identifier(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_file_removals"),
    )
    op.create_index("ix_file_removals_created_at_id", "file_removals", ["created_at", "id"])


def key(target: str, *columns: str) -> sa.ForeignKeyConstraint:
    """Return a foreign key within the tenant; a row of a project follows its owner to another."""
    scopes = ("organization_id", *columns[:-1])
    return sa.ForeignKeyConstraint(
        [*scopes, columns[-1]],
        [f"{target}.{name}" for name in (*scopes, "id")],
        name=f"fk_files_{columns[-1]}",
        onupdate="CASCADE" if len(columns) > 1 else None,
    )


def wall(table: str, read: str, change: str) -> None:
    """Admit these rows alone to requests."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({read})"),
        ("INSERT", f"WITH CHECK ({change})"),
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
    for command in ("insert", "delete"):
        op.execute(f"DROP TRIGGER count_files_{command} ON files")
    op.execute("DROP FUNCTION ctx.expire_files(int)")
    op.execute("DROP FUNCTION ctx.count_files()")
    for table in ("file_removals", "files"):
        op.drop_table(table)
    op.drop_constraint("uq_external_documents_organization_id_id", "external_documents")
    op.drop_constraint("uq_requirement_tests_organization_id_project_id_id", "requirement_tests")
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")
