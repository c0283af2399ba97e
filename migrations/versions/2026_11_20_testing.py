"""Tests, their executions and the views of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_20_testing"
down_revision = "2026_11_20_requirements"

TABLES = ("test_req", "requirement_tests", "test_matrix_views")
ENUMS = {
    "test_type": (
        "unit",
        "integration",
        "system",
        "acceptance",
        "performance",
        "security",
        "regression",
        "usability",
    ),
    "test_priority": ("low", "medium", "high", "critical"),
    "test_status": ("draft", "planned", "active", "passed", "failed", "blocked", "deprecated"),
    "test_method": (
        "manual",
        "automated",
        "semi_automated",
        "analysis",
        "inspection",
        "demonstration",
    ),
    "execution_status": ("not_run", "in_progress", "pass", "fail", "skip", "blocked", "error"),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "test_req",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("test_type", enum("test_type"), server_default="system", nullable=False),
        sa.Column("priority", enum("test_priority"), server_default="medium", nullable=False),
        sa.Column("status", enum("test_status"), server_default="planned", nullable=False),
        sa.Column("method", enum("test_method"), server_default="manual", nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("expected_results", sa.Text(), nullable=True),
        sa.Column("preconditions", sa.Text(), nullable=True),
        sa.Column("test_steps", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("estimated_duration", sa.Interval(), nullable=True),
        sa.Column(
            "category", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column("test_environment", sa.Text(), nullable=True),
        sa.Column("attachments", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', left(coalesce(test_id, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(title, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', "
                "left(coalesce(description, ''), 50000)), 'B') || "
                "setweight(to_tsvector('english', "
                "left(coalesce(expected_results, ''), 50000)), 'C')",
                persisted=True,
            ),
            nullable=False,
        ),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_test_req"),
        sa.UniqueConstraint(
            "organization_id", "project_id", "id", name="uq_test_req_organization_id_project_id_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_test_req_project_id",
        ),
        sa.CheckConstraint("title ~ '\\S'", name=op.f("ck_test_req_title_not_blank")),
        sa.CheckConstraint("char_length(title) <= 500", name=op.f("ck_test_req_title_length")),
        sa.CheckConstraint("test_id ~ '\\S'", name=op.f("ck_test_req_test_id_not_blank")),
        sa.CheckConstraint("char_length(test_id) <= 500", name=op.f("ck_test_req_test_id_length")),
        sa.CheckConstraint(
            "estimated_duration >= '0'", name=op.f("ck_test_req_estimated_duration_not_negative")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(test_steps) = 'array'", name=op.f("ck_test_req_test_steps_array")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(attachments) = 'array'", name=op.f("ck_test_req_attachments_array")
        ),
    )
    op.create_index(
        "uq_test_req_project_id_test_id",
        "test_req",
        ["organization_id", "project_id", "test_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND test_id IS NOT NULL"),
    )
    op.create_index(
        "ix_test_req_organization_id_created_at_id",
        "test_req",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_test_req_project_id_created_at_id", "test_req", ["project_id", "created_at", "id"]
    )
    op.create_index("ix_test_req_search", "test_req", ["search"], postgresql_using="gin")
    op.create_index("ix_test_req_category", "test_req", ["category"], postgresql_using="gin")
    op.create_table(
        "requirement_tests",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column(
            "execution_status", enum("execution_status"), server_default="not_run", nullable=False
        ),
        sa.Column("result_notes", sa.Text(), nullable=True),
        sa.Column("executed_at", TIME, nullable=True),
        sa.Column("executed_by", sa.Uuid(), nullable=True),
        sa.Column("execution_environment", sa.Text(), nullable=True),
        sa.Column("execution_version", sa.Text(), nullable=True),
        sa.Column("defects", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column(
            "evidence_artifacts", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("external_test_id", sa.Text(), nullable=True),
        sa.Column("external_req_id", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_requirement_tests"),
        sa.ForeignKeyConstraint(
            ["organization_id", "executed_by"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_requirement_tests_executed_by",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_requirement_tests_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirements.organization_id", "requirements.id"],
            name="fk_requirement_tests_requirement_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "test_id"],
            ["test_req.organization_id", "test_req.project_id", "test_req.id"],
            name="fk_requirement_tests_test_id",
            onupdate="CASCADE",
        ),
        sa.CheckConstraint(
            "jsonb_typeof(defects) = 'array'", name=op.f("ck_requirement_tests_defects_array")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(evidence_artifacts) = 'array'",
            name=op.f("ck_requirement_tests_evidence_artifacts_array"),
        ),
    )
    op.create_index("ix_requirement_tests_executed_by", "requirement_tests", ["executed_by"])
    op.create_index(
        "ix_requirement_tests_organization_id_created_at_id",
        "requirement_tests",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_tests_project_id_created_at_id",
        "requirement_tests",
        ["project_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_tests_requirement_id_created_at_id",
        "requirement_tests",
        ["requirement_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_tests_test_id_created_at_id",
        "requirement_tests",
        ["test_id", "created_at", "id"],
    )
    op.create_table(
        "test_matrix_views",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("configuration", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_test_matrix_views"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_test_matrix_views_project_id",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_test_matrix_views_name_not_blank")),
        sa.CheckConstraint(
            "char_length(name) <= 500", name=op.f("ck_test_matrix_views_name_length")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(configuration) = 'object'",
            name=op.f("ck_test_matrix_views_configuration_object"),
        ),
    )
    op.create_index(
        "uq_test_matrix_views_project_id_is_default",
        "test_matrix_views",
        ["organization_id", "project_id", "is_default"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND is_default"),
    )
    op.create_index(
        "ix_test_matrix_views_organization_id_created_at",
        "test_matrix_views",
        ["organization_id", "created_at"],
    )
    op.create_index(
        "ix_test_matrix_views_project_id_created_at_id",
        "test_matrix_views",
        ["project_id", "created_at", "id"],
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
