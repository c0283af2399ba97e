"""Documents that are assessed for compliance, and their bytes in `organizations.storage_used`."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import (
    LOCK_TIMEOUT,
    TIME,
    create_enums,
    drop,
    enum,
    history,
    identifier,
)
from migrations.tenants import checks, organization_key, tenant_key, wall

revision = "2026_12_01_compliance_documents"
down_revision = "2026_12_01_audit_archives"

TABLE = "compliance_documents"
ENUMS = {"upload_status": ("uploading", "ready", "error")}
RESOURCES = ("compliance_document", "framework", "assessment")
MEDIA_TYPE = "^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$"

# A document counts from the creation of its row until it is purged, unless its upload fails: then
# its content is removed, and what it counted is given back.
COUNT = """
CREATE FUNCTION ctx.count_compliance_documents() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE public.organizations AS o SET storage_used = o.storage_used + a.bytes
        FROM (SELECT organization_id, sum(size) AS bytes FROM added
            WHERE status <> 'error' GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        WITH failed AS (
            SELECT removed.* FROM removed JOIN added ON added.id = removed.id
            WHERE removed.status <> 'error' AND added.status = 'error'
        ), swept AS (
            INSERT INTO public.file_removals (file_id) SELECT id FROM failed
        )
        UPDATE public.organizations AS o
        SET storage_used = greatest(o.storage_used - a.bytes, 0)
        FROM (SELECT organization_id, sum(size) AS bytes FROM failed GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
        RETURN NULL;
    END IF;
    UPDATE public.organizations AS o
    SET storage_used = greatest(o.storage_used - a.bytes, 0)
    FROM (SELECT organization_id, sum(size) AS bytes FROM removed
        WHERE status <> 'error' GROUP BY 1) AS a
    WHERE o.id = a.organization_id;
    INSERT INTO public.file_removals (file_id) SELECT id FROM removed;
    RETURN NULL;
END $$
"""
EXPLORER = "UPDATE oauth_clients SET scope = {} WHERE client_id = 'gateway-explorer'"
SCOPES = " compliance:read compliance:write"
"""The scopes that the explorer may ask for besides: all but those of workers."""
TRIGGERS = {
    "INSERT": "NEW TABLE AS added",
    "UPDATE": "OLD TABLE AS removed NEW TABLE AS added",
    "DELETE": "OLD TABLE AS removed",
}

# Uploads that were given up, an hour ago at least: nobody is finishing one.
EXPIRE = """
CREATE FUNCTION ctx.expire_compliance_documents(most int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expired int;
    reason text := 'The upload was not finished in time.';
BEGIN
    WITH due AS (
        SELECT d.id FROM public.compliance_documents AS d
        WHERE d.status = 'uploading' AND d.expires_at <= now() - interval '1 hour'
        ORDER BY d.expires_at LIMIT most FOR UPDATE SKIP LOCKED
    ), failed AS (
        UPDATE public.compliance_documents AS d SET status = 'error', error_message = reason,
            expires_at = NULL, version = d.version + 1, updated_at = now(), updated_by = NULL
        FROM due WHERE d.id = due.id RETURNING d.*
    )
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, action, version,
        event_type, resource_type, resource_id, soc2_control, description, changed_fields,
        old_data, new_data)
    SELECT organization_id, id, 'ComplianceDocument', 'update', version, 'update',
        'compliance_document', id, 'PI1.3', reason, '{status,error_message}',
        '{"status": "uploading", "error_message": null}',
        jsonb_build_object('status', 'error', 'error_message', reason)
    FROM failed;
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.execute(EXPLORER.format(f"scope || '{SCOPES}'"))
    op.create_table(
        "compliance_documents",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", enum("upload_status"), server_default="uploading", nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("uploaded_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_compliance_documents"),
        sa.UniqueConstraint(
            "organization_id", "id", name="uq_compliance_documents_organization_id_id"
        ),
        organization_key(TABLE),
        tenant_key(TABLE, "organization_members", "user_id", to="user_id"),
        *checks(
            TABLE,
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "media_type_format": f"media_type ~ '{MEDIA_TYPE}'",
                "size_range": "size BETWEEN 1 AND 5000000000",
                "sha256_digest": "octet_length(sha256) = 32",
                "status_ready": "status <> 'ready' OR sha256 IS NOT NULL",
                "error_message_error": "(status = 'error') = (error_message IS NOT NULL)",
                "error_message_length": "char_length(error_message) <= 1000",
                "page_count_positive": "page_count > 0",
            },
        ),
    )
    for scope in ("user_id", "organization_id"):
        op.create_index(
            f"ix_compliance_documents_{scope}_created_at_id",
            "compliance_documents",
            [scope, "created_at", "id"],
        )
    op.create_index(
        "ix_compliance_documents_expires_at",
        "compliance_documents",
        ["expires_at"],
        postgresql_where=sa.text("status = 'uploading'"),
    )
    op.create_index(
        "ix_compliance_documents_trash",
        "compliance_documents",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    wall(TABLE)
    for function in (COUNT, EXPIRE):
        op.execute(function)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.expire_compliance_documents(int) TO gateway_auth")
    for command, tables in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER count_{command.lower()} AFTER {command} ON {TABLE}"
            f" REFERENCING {tables}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ctx.count_compliance_documents()"
        )


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)
    for command in TRIGGERS:
        op.execute(f"DROP TRIGGER count_{command.lower()} ON {TABLE}")
    op.execute("DROP FUNCTION ctx.expire_compliance_documents(int)")
    op.execute("DROP FUNCTION ctx.count_compliance_documents()")
    op.execute(EXPLORER.format(f"replace(scope, '{SCOPES}', '')"))
    drop((TABLE,), ENUMS)
