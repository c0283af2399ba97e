"""Frameworks, assessments, their tasks, and the texts of documents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import (
    LOCK_TIMEOUT,
    TIME,
    create_enums,
    drop,
    enum,
    history,
    identifier,
)
from migrations.tenants import NONE, checks, organization_key, tenant_key, wall

revision = "2026_12_01_compliance_tables"
down_revision = "2026_12_01_single_sign_on"

ENUMS = {
    "assessment_status": ("pending", "processing", "completed", "failed"),
    "task_status": ("open", "done"),
}
TABLES = (
    "frameworks",
    "framework_revisions",
    "assessments",
    "assessment_frameworks",
    "finding_tasks",
    "compliance_pages",
)
EMPTY = sa.text("'{}'::jsonb")
SIGNED_IN = "(SELECT ctx.user_id()) IS NOT NULL"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    create_frameworks()
    create_assessments()
    create_links()
    create_tasks()
    create_pages()
    # Rows of no tenant, for everybody who is signed in; the operator alone writes them.
    for table in ("frameworks", "framework_revisions"):
        wall(table, SIGNED_IN, NONE)
        op.execute(f"CREATE POLICY work ON {table} FOR SELECT TO gateway_auth USING (true)")
        op.execute(f"GRANT SELECT ON {table} TO gateway_auth")
    wall("assessments")
    wall("assessment_frameworks", write=NONE)
    wall("finding_tasks")
    wall("compliance_pages", NONE, NONE)


def create_frameworks() -> None:
    op.create_table(
        "frameworks",
        identifier(),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("definition", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_frameworks"),
        sa.UniqueConstraint("code", name="uq_frameworks_code"),
        *checks(
            "frameworks",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "code_not_blank": r"code ~ '\S'",
                "code_length": "char_length(code) <= 50",
                "description_not_blank": r"description ~ '\S'",
                "description_length": "char_length(description) <= 5000",
                "definition_object": "jsonb_typeof(definition) = 'object'",
                "revision_positive": "revision > 0",
            },
        ),
    )
    op.create_index(
        "ix_frameworks_active", "frameworks", ["name", "id"], postgresql_where=sa.text("active")
    )
    op.create_index("ix_frameworks_created_at_id", "frameworks", ["created_at", "id"])
    op.create_table(
        "framework_revisions",
        identifier(),
        sa.Column("framework_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", JSONB(), server_default=EMPTY, nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_framework_revisions"),
        sa.UniqueConstraint(
            "framework_id", "revision", name="uq_framework_revisions_framework_id_revision"
        ),
        sa.ForeignKeyConstraint(
            ["framework_id"],
            ["frameworks.id"],
            name="fk_framework_revisions_framework_id",
            ondelete="RESTRICT",
        ),
        *checks(
            "framework_revisions",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "definition_object": "jsonb_typeof(definition) = 'object'",
                "revision_positive": "revision > 0",
            },
        ),
    )


def create_assessments() -> None:
    table = "assessments"
    op.create_table(
        "assessments",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("compliance_document_id", sa.Uuid(), nullable=False),
        sa.Column("document_name", sa.Text(), nullable=False),
        sa.Column("status", enum("assessment_status"), server_default="pending", nullable=False),
        sa.Column("results", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("severity_counts", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=True),
        sa.Column("results_archived_at", TIME, nullable=True),
        sa.Column("results_key", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_assessments"),
        sa.UniqueConstraint("organization_id", "id", name="uq_assessments_organization_id_id"),
        organization_key(table),
        tenant_key(table, "organization_members", "user_id", to="user_id"),
        tenant_key(table, "compliance_documents", "compliance_document_id"),
        *checks(
            table,
            {
                "document_name_not_blank": r"document_name ~ '\S'",
                "document_name_length": "char_length(document_name) <= 500",
                "results_object": "jsonb_typeof(results) = 'object'",
                "severity_counts_object": "jsonb_typeof(severity_counts) = 'object'",
                "error_message_failed": "error_message IS NULL OR status = 'failed'",
                "error_message_length": "char_length(error_message) <= 2000",
                "completed_at_later": "completed_at >= started_at",
                "duration_ms_not_negative": "duration_ms >= 0",
                "attempts_not_negative": "attempts >= 0",
                "progress_range": "progress BETWEEN 0 AND 1",
                "score_range": "score BETWEEN 0 AND 1",
                "lease_id_processing": "(status = 'processing')"
                " = (lease_id IS NOT NULL AND claimed_until IS NOT NULL)",
            },
        ),
    )
    for scope in ("user_id", "compliance_document_id", "organization_id"):
        op.create_index(
            f"ix_assessments_{scope}_created_at_id", "assessments", [scope, "created_at", "id"]
        )
    op.create_index("ix_assessments_user_id_status", "assessments", ["user_id", "status"])
    for name, columns, where in (
        ("queue", ["created_at", "id"], "status = 'pending' AND deleted_at IS NULL"),
        ("open", ["organization_id"], "status IN ('pending', 'processing')"),
        ("claimed_until", ["claimed_until"], "status = 'processing'"),
        ("kept", ["completed_at"], "status = 'completed' AND results_archived_at IS NULL"),
        ("trash", ["organization_id", "deleted_at", "id"], "deleted_at IS NOT NULL"),
    ):
        op.create_index(
            f"ix_assessments_{name}", "assessments", columns, postgresql_where=sa.text(where)
        )


def create_links() -> None:
    table = "assessment_frameworks"
    op.create_table(
        "assessment_frameworks",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("framework_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("framework_revision", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assessment_frameworks"),
        sa.UniqueConstraint(
            "organization_id",
            "assessment_id",
            "framework_id",
            name="uq_assessment_frameworks_organization_id_assessment_id_framework_id"[:63],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "assessment_id"],
            ["assessments.organization_id", "assessments.id"],
            name="fk_assessment_frameworks_assessment_id",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{target}.id"],
                name=f"fk_assessment_frameworks_{column}",
                ondelete="RESTRICT",
            )
            for column, target in (
                ("framework_id", "frameworks"),
                ("revision_id", "framework_revisions"),
            )
        ),
        *checks(table, {"framework_revision_positive": "framework_revision > 0"}),
    )
    op.create_index(
        "ix_assessment_frameworks_assessment_id_id",
        "assessment_frameworks",
        ["assessment_id", "id"],
    )
    for column in ("framework_id", "revision_id"):
        op.create_index(f"ix_assessment_frameworks_{column}", "assessment_frameworks", [column])


def create_tasks() -> None:
    table = "finding_tasks"
    op.create_table(
        "finding_tasks",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("compliance_document_id", sa.Uuid(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("assignee_id", sa.Uuid(), nullable=False),
        sa.Column("due_date", TIME, nullable=False),
        sa.Column("status", enum("task_status"), server_default="open", nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_finding_tasks"),
        organization_key(table),
        tenant_key(table, "assessments", "assessment_id"),
        tenant_key(table, "compliance_documents", "compliance_document_id"),
        tenant_key(table, "organization_members", "assignee_id", to="user_id"),
        *checks(
            table,
            {
                f"{column}_{rule}": condition.format(column)
                for column, longest in (
                    ("title", 500),
                    ("framework", 50),
                    ("requirement", 100),
                    ("comment", 5000),
                )
                for rule, condition in (
                    ("not_blank", r"{} ~ '\S'"),
                    ("length", "char_length({}) <= " + str(longest)),
                )
            },
        ),
    )
    for scope in ("assessment_id", "organization_id"):
        op.create_index(
            f"ix_finding_tasks_{scope}_created_at_id", "finding_tasks", [scope, "created_at", "id"]
        )
    op.create_index(
        "ix_finding_tasks_compliance_document_id", "finding_tasks", ["compliance_document_id"]
    )
    op.create_index(
        "ix_finding_tasks_assignee_id_status_due_date_id",
        "finding_tasks",
        ["assignee_id", "status", "due_date", "id"],
    )
    op.create_index(
        "ix_finding_tasks_trash",
        "finding_tasks",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def create_pages() -> None:
    op.create_table(
        "compliance_pages",
        sa.Column("compliance_document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("compliance_document_id", "number", name="pk_compliance_pages"),
        sa.ForeignKeyConstraint(
            ["organization_id", "compliance_document_id"],
            ["compliance_documents.organization_id", "compliance_documents.id"],
            name="fk_compliance_pages_compliance_document_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
