"""The audit log and the usage log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, TransactionId, create_enums, drop, enum

revision = "2026_11_20_records"
down_revision = "2026_11_20_collaboration"

TABLES = ("audit_logs", "usage_logs")
ENUMS = {
    "audit_event_type": (
        "create",
        "update",
        "delete",
        "restore",
        "login",
        "login_failed",
        "logout",
        "access_denied",
        "permission_change",
        "export",
        "import",
        "administration",
        "system",
    ),
    "audit_severity": ("low", "medium", "high", "critical"),
    "resource_type": (
        "user",
        "organization",
        "member",
        "invitation",
        "role",
        "project",
        "document",
        "block",
        "property",
        "column",
        "requirement",
        "test",
        "test_execution",
        "test_matrix_view",
        "assignment",
        "trace_link",
        "diagram",
        "external_document",
        "notification",
        "billing",
        "session",
        "oauth_client",
        "token",
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "xid", TransactionId(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column(
            "changed_fields",
            ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("old_data", JSONB(), nullable=True),
        sa.Column("new_data", JSONB(), nullable=True),
        sa.Column("event_type", enum("audit_event_type"), nullable=True),
        sa.Column("severity", enum("audit_severity"), server_default="low", nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Uuid(), nullable=True),
        sa.Column("ip_address", INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("resource_type", enum("resource_type"), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("soc2_control", sa.Text(), nullable=True),
        sa.Column("compliance_category", sa.Text(), nullable=True),
        sa.Column("risk_level", sa.Text(), nullable=True),
        sa.Column(
            "threat_indicators",
            ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("source_system", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "created_at", name="pk_audit_logs"),
        sa.CheckConstraint("entity_type ~ '\\S'", name=op.f("ck_audit_logs_entity_type_not_blank")),
        sa.CheckConstraint(
            "char_length(entity_type) <= 500", name=op.f("ck_audit_logs_entity_type_length")
        ),
        sa.CheckConstraint("action ~ '\\S'", name=op.f("ck_audit_logs_action_not_blank")),
        sa.CheckConstraint("char_length(action) <= 500", name=op.f("ck_audit_logs_action_length")),
        sa.CheckConstraint("version > 0", name=op.f("ck_audit_logs_version_positive")),
        sa.CheckConstraint(
            "jsonb_typeof(old_data) = 'object'", name=op.f("ck_audit_logs_old_data_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(new_data) = 'object'", name=op.f("ck_audit_logs_new_data_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(details) = 'object'", name=op.f("ck_audit_logs_details_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'", name=op.f("ck_audit_logs_metadata_object")
        ),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index("ix_audit_logs_actor_id_created_at", "audit_logs", ["actor_id", "created_at"])
    op.create_index("ix_audit_logs_entity_id_version", "audit_logs", ["entity_id", "version"])
    op.create_index(
        "ix_audit_logs_organization_id_actor_id_created_at",
        "audit_logs",
        ["organization_id", "actor_id", "created_at"],
    )
    op.create_index(
        "ix_audit_logs_organization_id_created_at", "audit_logs", ["organization_id", "created_at"]
    )
    op.create_index(
        "ix_audit_logs_project_id_created_at", "audit_logs", ["project_id", "created_at"]
    )
    op.create_index("ix_audit_logs_xid", "audit_logs", ["xid"])
    op.create_table(
        "usage_logs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_type", sa.Text(), nullable=False),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", "created_at", name="pk_usage_logs"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_usage_logs_organization_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_usage_logs_user_id"),
        sa.CheckConstraint("feature ~ '\\S'", name=op.f("ck_usage_logs_feature_not_blank")),
        sa.CheckConstraint(
            "char_length(feature) <= 500", name=op.f("ck_usage_logs_feature_length")
        ),
        sa.CheckConstraint("unit_type ~ '\\S'", name=op.f("ck_usage_logs_unit_type_not_blank")),
        sa.CheckConstraint(
            "char_length(unit_type) <= 500", name=op.f("ck_usage_logs_unit_type_length")
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_usage_logs_quantity_not_negative")),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'", name=op.f("ck_usage_logs_metadata_object")
        ),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index(
        "ix_usage_logs_organization_id_created_at", "usage_logs", ["organization_id", "created_at"]
    )
    op.create_index(
        "ix_usage_logs_organization_id_feature_created_at",
        "usage_logs",
        ["organization_id", "feature", "created_at"],
    )
    op.create_index("ix_usage_logs_user_id", "usage_logs", ["user_id"])


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
