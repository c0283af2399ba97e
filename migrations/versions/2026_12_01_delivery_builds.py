"""Builds, and the pages of their output."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier
from migrations.finding import (
    SHOWN,
)
from migrations.tenants import checks, project_row_key, tenant_key, wall

revision = "2026_12_01_delivery_builds"
down_revision = "2026_12_01_delivery_features"

TABLES = ("builds", "build_outputs")
ENUMS = {
    "build_status": ("pending", "building", "success", "failed", "cancelled"),
    "security_scan_status": ("pending", "passed", "failed", "warnings"),
}
RESOURCES = ("build",)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.create_table(
        "builds",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=True),
        sa.Column("build_number", sa.Integer(), nullable=False),
        sa.Column("version_tag", sa.Text(), nullable=False),
        sa.Column("git_commit_hash", sa.Text(), nullable=False),
        sa.Column("git_branch", sa.Text(), nullable=False),
        sa.Column("status", enum("build_status"), server_default="pending", nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("committed_at", TIME, nullable=True),
        sa.Column("triggered_by", sa.Uuid(), nullable=True),
        sa.Column("artifact_path", sa.Text(), nullable=True),
        sa.Column("artifact_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("docker_image_url", sa.Text(), nullable=True),
        sa.Column("docker_image_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("tests_run", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tests_passed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tests_failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("code_coverage_percent", sa.Double(), nullable=True),
        sa.Column(
            "security_scan_status",
            enum("security_scan_status"),
            server_default="pending",
            nullable=False,
        ),
        sa.Column(
            "vulnerabilities_critical", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "vulnerabilities_high", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "vulnerabilities_medium", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("vulnerabilities_low", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "performance_metrics", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("report_digest", sa.LargeBinary(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_builds"),
        tenant_key("builds", "projects", "project_id"),
        sa.UniqueConstraint(
            "organization_id", "project_id", "id", name="uq_builds_organization_id_project_id_id"
        ),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "build_number",
            name="uq_builds_organization_id_project_id_build_number",
        ),
        project_row_key("builds", "features", "feature_id", ondelete="SET NULL (feature_id)"),
        tenant_key("builds", "organization_members", "triggered_by", to="user_id"),
        *checks(
            "builds",
            {
                "build_number_positive": "build_number > 0",
                "version_tag_not_blank": r"version_tag ~ '\S'",
                "version_tag_length": "char_length(version_tag) <= 50",
                "git_commit_hash_format": "git_commit_hash ~ '^[0-9a-f]{7,40}$'",
                "git_branch_not_blank": r"git_branch ~ '\S'",
                "git_branch_length": "char_length(git_branch) <= 255",
                "completed_at_order": "completed_at >= started_at",
                "artifact_path_length": "char_length(artifact_path) <= 512",
                "docker_image_url_length": "char_length(docker_image_url) <= 512",
                "artifact_size_bytes_not_negative": "artifact_size_bytes >= 0",
                "docker_image_size_bytes_not_negative": "docker_image_size_bytes >= 0",
                "tests_run_not_negative": "tests_run >= 0",
                "tests_passed_not_negative": "tests_passed >= 0",
                "tests_failed_not_negative": "tests_failed >= 0",
                "vulnerabilities_critical_not_negative": "vulnerabilities_critical >= 0",
                "vulnerabilities_high_not_negative": "vulnerabilities_high >= 0",
                "vulnerabilities_medium_not_negative": "vulnerabilities_medium >= 0",
                "vulnerabilities_low_not_negative": "vulnerabilities_low >= 0",
                "code_coverage_percent_range": "code_coverage_percent BETWEEN 0 AND 100",
                "performance_metrics_object": "jsonb_typeof(performance_metrics) = 'object'",
                "report_digest_digest": "octet_length(report_digest) = 32",
            },
        ),
    )
    op.create_index(
        "ix_builds_feature_id_created_at_id", "builds", ["feature_id", "created_at", "id"]
    )
    op.create_index(
        "ix_builds_organization_id_created_at_id", "builds", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_builds_project_id_created_at_id", "builds", ["project_id", "created_at", "id"]
    )
    op.create_index(
        "ix_builds_project_id_git_commit_hash", "builds", ["project_id", "git_commit_hash"]
    )
    op.create_index(
        "ix_builds_project_id_status_created_at_id",
        "builds",
        ["project_id", "status", "created_at", "id"],
    )
    op.create_index("ix_builds_project_id_version_tag", "builds", ["project_id", "version_tag"])
    op.create_index(
        "ix_builds_trash",
        "builds",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_builds_triggered_by", "builds", ["triggered_by"])
    op.create_table(
        "build_outputs",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        identifier(),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("build_id", sa.Uuid(), nullable=False),
        sa.Column("is_error", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_build_outputs"),
        project_row_key("build_outputs", "builds", "build_id"),
        *checks(
            "build_outputs",
            {
                "place_not_negative": "place >= 0",
                "text_length": "char_length(text) <= 60000",
            },
        ),
    )
    op.create_index(
        "ix_build_outputs_build_id_is_error_place_id",
        "build_outputs",
        ["build_id", "is_error", "place", "id"],
    )
    for table in TABLES:
        wall(table, SHOWN)
    op.execute("REVOKE UPDATE ON build_outputs FROM gateway_app")


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)

    drop(TABLES, ENUMS)
