"""Environments, deployments and defects."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier
from migrations.finding import (
    SHOWN,
    create_search,
    create_words,
    drop_search,
    drop_words,
    search_column,
)
from migrations.tenants import checks, project_row_key, tenant_key, wall

revision = "2026_12_01_delivery_releases"
down_revision = "2026_12_01_delivery_results"

TABLES = ("environments", "deployments", "defects")
ENUMS = {
    "deployment_status": ("pending", "deploying", "success", "failed", "rolled_back"),
    "deployment_strategy": ("blue_green", "canary", "rolling", "ramp"),
    "health_status": ("healthy", "degraded", "unhealthy"),
    "defect_severity": ("low", "medium", "high", "critical"),
    "defect_status": (
        "open",
        "assigned",
        "in_progress",
        "resolved",
        "verified",
        "closed",
        "wont_fix",
    ),
    "defect_type": ("bug", "enhancement", "documentation", "task"),
}
RESOURCES = ("environment", "deployment", "defect")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.create_table(
        "environments",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("protected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("position", sa.Double(), server_default=sa.text("0.0"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_environments"),
        tenant_key("environments", "projects", "project_id"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "id",
            name="uq_environments_organization_id_project_id_id",
        ),
        *checks(
            "environments",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 50",
                "url_url": ("url ~ '^(https?)://[^[:space:]]+$' AND char_length(url) <= 512"),
                "position_finite": "position > '-Infinity' AND position < 'Infinity'",
            },
        ),
    )
    op.create_index(
        "ix_environments_organization_id_created_at_id",
        "environments",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_environments_project_id_created_at_id",
        "environments",
        ["project_id", "created_at", "id"],
    )
    op.create_index(
        "ix_environments_project_id_position_id", "environments", ["project_id", "position", "id"]
    )
    op.create_index(
        "ix_environments_trash",
        "environments",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_environments_project_id_name",
        "environments",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "deployments",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("build_id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("status", enum("deployment_status"), server_default="pending", nullable=False),
        sa.Column(
            "deployment_strategy",
            enum("deployment_strategy"),
            server_default="blue_green",
            nullable=False,
        ),
        sa.Column("canary_percentage", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("deployed_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", TIME, nullable=True),
        sa.Column("approval_notes", sa.Text(), nullable=True),
        sa.Column("deployment_log", sa.Text(), nullable=True),
        sa.Column("deployment_errors", sa.Text(), nullable=True),
        sa.Column("rollback_reason", sa.Text(), nullable=True),
        sa.Column("rolled_back_at", TIME, nullable=True),
        sa.Column("rolled_back_to_build_id", sa.Uuid(), nullable=True),
        sa.Column(
            "pre_deployment_checks", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "post_deployment_checks", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "health_check_status", enum("health_status"), server_default="healthy", nullable=False
        ),
        sa.Column(
            "endpoints_tested", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "performance_metrics", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("error_rate_percent", sa.Double(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        tenant_key("deployments", "projects", "project_id"),
        project_row_key("deployments", "builds", "build_id"),
        project_row_key("deployments", "environments", "environment_id"),
        project_row_key("deployments", "builds", "rolled_back_to_build_id"),
        tenant_key("deployments", "organization_members", "deployed_by", to="user_id"),
        tenant_key("deployments", "organization_members", "approved_by", to="user_id"),
        *checks(
            "deployments",
            {
                "canary_percentage_range": "canary_percentage BETWEEN 0 AND 100",
                "canary_percentage_canary": (
                    "canary_percentage = 0 OR deployment_strategy = 'canary'"
                ),
                "approved_by_other": "approved_by <> deployed_by",
                "approved_at_together": "(approved_by IS NULL) = (approved_at IS NULL)",
                "rollback_reason_together": (
                    "num_nonnulls(rollback_reason, rolled_back_at,"
                    " rolled_back_to_build_id) = CASE status WHEN"
                    " 'rolled_back' THEN 3 ELSE 0 END"
                ),
                "completed_at_order": "completed_at >= started_at",
                "approval_notes_length": "char_length(approval_notes) <= 10000",
                "deployment_log_length": "char_length(deployment_log) <= 100000",
                "deployment_errors_length": "char_length(deployment_errors) <= 100000",
                "rollback_reason_not_blank": r"rollback_reason ~ '\S'",
                "rollback_reason_length": "char_length(rollback_reason) <= 10000",
                "error_rate_percent_range": "error_rate_percent BETWEEN 0 AND 100",
                "pre_deployment_checks_array": "jsonb_typeof(pre_deployment_checks) = 'array'",
                "post_deployment_checks_array": "jsonb_typeof(post_deployment_checks) = 'array'",
                "endpoints_tested_array": "jsonb_typeof(endpoints_tested) = 'array'",
                "performance_metrics_object": "jsonb_typeof(performance_metrics) = 'object'",
            },
        ),
    )
    op.create_index("ix_deployments_approved_by", "deployments", ["approved_by"])
    op.create_index(
        "ix_deployments_build_id_created_at_id", "deployments", ["build_id", "created_at", "id"]
    )
    op.create_index("ix_deployments_deployed_by", "deployments", ["deployed_by"])
    op.create_index(
        "ix_deployments_environment_id_created_at_id",
        "deployments",
        ["environment_id", "created_at", "id"],
    )
    op.create_index(
        "ix_deployments_organization_id_created_at_id",
        "deployments",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_deployments_project_id_created_at_id", "deployments", ["project_id", "created_at", "id"]
    )
    op.create_index(
        "ix_deployments_project_id_status_created_at",
        "deployments",
        ["project_id", "status", "created_at"],
    )
    op.create_index(
        "ix_deployments_rolled_back_to_build_id", "deployments", ["rolled_back_to_build_id"]
    )
    op.create_index(
        "ix_deployments_running",
        "deployments",
        ["environment_id", sa.text("completed_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("status = 'success' AND deleted_at IS NULL"),
    )
    op.create_table(
        "defects",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=True),
        sa.Column("test_case_id", sa.Uuid(), nullable=True),
        sa.Column("test_result_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("severity", enum("defect_severity"), server_default="medium", nullable=False),
        sa.Column("priority", enum("delivery_priority"), server_default="medium", nullable=False),
        sa.Column("status", enum("defect_status"), server_default="open", nullable=False),
        sa.Column("type", enum("defect_type"), server_default="bug", nullable=False),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column("reproduction_steps", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("affected_version", sa.Text(), nullable=True),
        sa.Column("fixed_version", sa.Text(), nullable=True),
        sa.Column("root_cause", sa.Text(), nullable=True),
        sa.Column("fix_description", sa.Text(), nullable=True),
        sa.Column("estimated_fix_hours", sa.Integer(), nullable=True),
        sa.Column("actual_fix_hours", sa.Integer(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column(
            "resolution_proposed", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("verified_at", TIME, nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column(
            "labels", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column("attachments", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        *history(),
        search_column(title="A", description="B"),
        sa.PrimaryKeyConstraint("id", name="pk_defects"),
        tenant_key("defects", "projects", "project_id"),
        project_row_key("defects", "features", "feature_id", ondelete="SET NULL (feature_id)"),
        project_row_key(
            "defects", "test_cases", "test_case_id", ondelete="SET NULL (test_case_id)"
        ),
        tenant_key("defects", "organization_members", "assigned_to", to="user_id"),
        tenant_key("defects", "organization_members", "reported_by", to="user_id"),
        tenant_key("defects", "organization_members", "resolved_by", to="user_id"),
        tenant_key("defects", "organization_members", "verified_by", to="user_id"),
        *checks(
            "defects",
            {
                "title_not_blank": r"title ~ '\S'",
                "title_length": "char_length(title) <= 255",
                "title_short": "char_length(title) >= 5",
                "description_not_blank": r"description ~ '\S'",
                "environment_length": "char_length(environment) <= 100",
                "affected_version_length": "char_length(affected_version) <= 50",
                "fixed_version_length": "char_length(fixed_version) <= 50",
                "estimated_fix_hours_not_negative": "estimated_fix_hours >= 0",
                "actual_fix_hours_not_negative": "actual_fix_hours >= 0",
                "assigned_to_assigned": "status <> 'assigned' OR assigned_to IS NOT NULL",
                "verified_by_other": "verified_by <> resolved_by",
                "attachments_array": "jsonb_typeof(attachments) = 'array'",
            },
        ),
    )
    op.create_index(
        "ix_defects_assigned_to_status_created_at",
        "defects",
        ["assigned_to", "status", "created_at"],
    )
    op.create_index(
        "ix_defects_feature_id_created_at_id", "defects", ["feature_id", "created_at", "id"]
    )
    op.create_index("ix_defects_labels", "defects", ["labels"], postgresql_using="gin")
    op.create_index(
        "ix_defects_open",
        "defects",
        ["project_id", sa.text("severity DESC"), "created_at", "id"],
        postgresql_where=sa.text(
            "deleted_at IS NULL AND status NOT IN ('verified', 'closed', 'wont_fix')"
        ),
    )
    op.create_index(
        "ix_defects_organization_id_created_at_id",
        "defects",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_defects_project_id_created_at_id", "defects", ["project_id", "created_at", "id"]
    )
    op.create_index("ix_defects_project_id_due_date", "defects", ["project_id", "due_date"])
    op.create_index(
        "ix_defects_project_id_status_created_at", "defects", ["project_id", "status", "created_at"]
    )
    op.create_index("ix_defects_reported_by", "defects", ["reported_by"])
    op.create_index("ix_defects_resolved_by", "defects", ["resolved_by"])
    op.create_index("ix_defects_search", "defects", ["search"], postgresql_using="gin")
    op.create_index(
        "ix_defects_test_case_id_created_at_id", "defects", ["test_case_id", "created_at", "id"]
    )
    op.create_index("ix_defects_test_result_id", "defects", ["test_result_id"])
    op.create_index(
        "ix_defects_trash",
        "defects",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_defects_verified_by", "defects", ["verified_by"])
    op.create_index(
        "uq_defects_project_id_test_case_id",
        "defects",
        ["organization_id", "project_id", "test_case_id"],
        unique=True,
        postgresql_where=sa.text(
            "deleted_at IS NULL AND test_case_id IS NOT NULL AND"
            " status NOT IN ('verified', 'closed', 'wont_fix')"
        ),
    )
    for table in TABLES:
        wall(table, SHOWN)
    create_search("defects")
    create_words("defects", "labels")


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)

    drop_search("defects")
    drop_words("defects", "labels")
    drop(TABLES, ENUMS)
