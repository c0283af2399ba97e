"""Features and their tests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier
from migrations.finding import (
    SHOWN,
    create_search,
    drop_search,
    search_column,
)
from migrations.tenants import checks, project_row_key, tenant_key, wall

revision = "2026_12_01_delivery_features"
down_revision = "2026_12_01_delivery_planning"

TABLES = ("features", "test_cases")
ENUMS = {
    "implementation_status": ("not_started", "in_progress", "completed", "blocked"),
    "code_review_status": ("pending", "approved", "rejected", "changes_requested"),
    "feature_test_type": ("unit", "integration", "e2e", "performance", "security", "accessibility"),
    "delivery_priority": ("low", "medium", "high", "critical"),
    "feature_test_status": ("active", "deprecated", "disabled"),
    "feature_test_outcome": ("passed", "failed", "skipped", "error"),
}
RESOURCES = ("feature", "feature_test")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.create_table(
        "features",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "implementation_status",
            enum("implementation_status"),
            server_default="not_started",
            nullable=False,
        ),
        sa.Column(
            "implementation_notes", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("developer_id", sa.Uuid(), nullable=True),
        sa.Column("branch_name", sa.Text(), nullable=True),
        sa.Column("pull_request_url", sa.Text(), nullable=True),
        sa.Column(
            "code_review_status",
            enum("code_review_status"),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("estimated_hours", sa.Integer(), nullable=True),
        sa.Column("actual_hours", sa.Integer(), nullable=True),
        sa.Column("complexity_points", sa.Integer(), nullable=True),
        sa.Column("start_date", TIME, nullable=True),
        sa.Column("completed_date", TIME, nullable=True),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *history(),
        search_column(external_id="A", name="A", description="B"),
        sa.PrimaryKeyConstraint("id", name="pk_features"),
        tenant_key("features", "projects", "project_id"),
        sa.UniqueConstraint(
            "organization_id", "project_id", "id", name="uq_features_organization_id_project_id_id"
        ),
        tenant_key("features", "requirements", "requirement_id"),
        tenant_key("features", "organization_members", "developer_id", to="user_id"),
        *checks(
            "features",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 255",
                "name_short": "char_length(name) >= 2",
                "external_id_not_blank": r"external_id ~ '\S'",
                "external_id_length": "char_length(external_id) <= 255",
                "implementation_notes_array": "jsonb_typeof(implementation_notes) = 'array'",
                "branch_name_length": "char_length(branch_name) <= 255",
                "pull_request_url_url": (
                    "pull_request_url ~ '^(https?)://[^[:space:]]+$' AND"
                    " char_length(pull_request_url) <= 512"
                ),
                "estimated_hours_not_negative": "estimated_hours >= 0",
                "actual_hours_not_negative": "actual_hours >= 0",
                "complexity_points_range": "complexity_points BETWEEN 1 AND 13",
                "blocked_reason_blocked": (
                    "implementation_status <> 'blocked' OR blocked_reason ~"
                    r" '\S'"
                ),
                "blocked_reason_length": "char_length(blocked_reason) <= 10000",
                "details_object": "jsonb_typeof(details) = 'object'",
            },
        ),
    )
    op.create_index("ix_features_developer_id", "features", ["developer_id"])
    op.create_index(
        "ix_features_open",
        "features",
        ["project_id", "implementation_status", "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_features_organization_id_created_at_id",
        "features",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_features_project_id_created_at_id", "features", ["project_id", "created_at", "id"]
    )
    op.create_index(
        "ix_features_requirement_id_created_at_id",
        "features",
        ["requirement_id", "created_at", "id"],
    )
    op.create_index("ix_features_search", "features", ["search"], postgresql_using="gin")
    op.create_index(
        "ix_features_trash",
        "features",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_features_project_id_external_id",
        "features",
        ["organization_id", "project_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND external_id IS NOT NULL"),
    )
    op.create_table(
        "test_cases",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("test_type", enum("feature_test_type"), server_default="unit", nullable=False),
        sa.Column("priority", enum("delivery_priority"), server_default="medium", nullable=False),
        sa.Column("status", enum("feature_test_status"), server_default="active", nullable=False),
        sa.Column("preconditions", sa.Text(), nullable=True),
        sa.Column("steps", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("expected_result", sa.Text(), nullable=True),
        sa.Column("test_data", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("automated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("automation_tool", sa.Text(), nullable=True),
        sa.Column("automation_script_path", sa.Text(), nullable=True),
        sa.Column(
            "coverage_areas",
            ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("last_run_at", TIME, nullable=True),
        sa.Column("last_run_status", enum("feature_test_outcome"), nullable=True),
        sa.Column("run_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("pass_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fail_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_test_cases"),
        tenant_key("test_cases", "projects", "project_id"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "id",
            name="uq_test_cases_organization_id_project_id_id",
        ),
        project_row_key("test_cases", "features", "feature_id"),
        *checks(
            "test_cases",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "name_short": "char_length(name) >= 3",
                "external_id_not_blank": r"external_id ~ '\S'",
                "external_id_length": "char_length(external_id) <= 500",
                "steps_array": "jsonb_typeof(steps) = 'array'",
                "test_data_object": "jsonb_typeof(test_data) = 'object'",
                "automation_tool_length": "char_length(automation_tool) <= 100",
                "automation_script_path_length": "char_length(automation_script_path) <= 512",
                "run_count_not_negative": "run_count >= 0",
                "pass_count_not_negative": "pass_count >= 0",
                "fail_count_not_negative": "fail_count >= 0",
                "run_count_sum": "pass_count + fail_count <= run_count",
            },
        ),
    )
    op.create_index(
        "ix_test_cases_feature_id_created_at_id", "test_cases", ["feature_id", "created_at", "id"]
    )
    op.create_index(
        "ix_test_cases_organization_id_created_at_id",
        "test_cases",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_test_cases_project_id_created_at_id", "test_cases", ["project_id", "created_at", "id"]
    )
    op.create_index("ix_test_cases_project_id_status", "test_cases", ["project_id", "status"])
    op.create_index("ix_test_cases_project_id_test_type", "test_cases", ["project_id", "test_type"])
    op.create_index(
        "ix_test_cases_trash",
        "test_cases",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_test_cases_project_id_external_id",
        "test_cases",
        ["organization_id", "project_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND external_id IS NOT NULL"),
    )
    for table in TABLES:
        wall(table, SHOWN)
    create_search("features")


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)

    drop_search("features")
    drop(TABLES, ENUMS)
