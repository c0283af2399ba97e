"""Blocks, properties, columns and requirements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from migrations.columns import LOCK_TIMEOUT, create_enums, drop, enum, history, identifier

revision = "2026_11_20_requirements"
down_revision = "2026_11_20_billing"

TABLES = ("blocks", "properties", "columns", "requirements")
ENUMS = {
    "requirement_status": (
        "draft",
        "in_review",
        "approved",
        "rejected",
        "in_progress",
        "implemented",
        "verified",
        "deprecated",
    ),
    "requirement_format": ("natural_language", "structured", "formal", "ears", "gherkin"),
    "requirement_priority": ("low", "medium", "high", "critical", "blocker"),
    "requirement_level": ("business", "system", "subsystem", "component", "feature", "user_story"),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "blocks",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), server_default="text", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Double(), server_default=sa.text("0.0"), nullable=False),
        sa.Column("content", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', "
                "left(coalesce(external_id, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(name, ''), 50000)), 'A') || "
                """setweight(jsonb_to_tsvector('english', content, '["string"]'), 'C')""",
                persisted=True,
            ),
            nullable=False,
        ),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "document_id",
            "id",
            name="uq_blocks_organization_id_project_id_document_id_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_blocks_document_id",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id", "parent_id"],
            ["blocks.organization_id", "blocks.project_id", "blocks.document_id", "blocks.id"],
            name="fk_blocks_parent_id",
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_blocks_parent_id_other")),
        sa.CheckConstraint("type ~ '\\S'", name=op.f("ck_blocks_type_not_blank")),
        sa.CheckConstraint("char_length(type) <= 500", name=op.f("ck_blocks_type_length")),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_blocks_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_blocks_name_length")),
        sa.CheckConstraint("external_id ~ '\\S'", name=op.f("ck_blocks_external_id_not_blank")),
        sa.CheckConstraint(
            "char_length(external_id) <= 500", name=op.f("ck_blocks_external_id_length")
        ),
        sa.CheckConstraint(
            "position > '-Infinity' AND position < 'Infinity'",
            name=op.f("ck_blocks_position_finite"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(content) = 'object'", name=op.f("ck_blocks_content_object")
        ),
        sa.CheckConstraint(
            "octet_length(content::text) <= 524288", name=op.f("ck_blocks_content_size")
        ),
    )
    op.create_index(
        "ix_blocks_deleted", "blocks", ["id"], postgresql_where=sa.text("deleted_at IS NOT NULL")
    )
    op.create_index(
        "ix_blocks_document_id_position_id", "blocks", ["document_id", "position", "id"]
    )
    op.create_index(
        "ix_blocks_organization_id_created_at_id", "blocks", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_blocks_organization_id_external_id", "blocks", ["organization_id", "external_id"]
    )
    op.create_index("ix_blocks_parent_id_position_id", "blocks", ["parent_id", "position", "id"])
    op.create_index("ix_blocks_project_id", "blocks", ["project_id"])
    op.create_index("ix_blocks_search", "blocks", ["search"], postgresql_using="gin")
    op.create_table(
        "properties",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("property_type", sa.Text(), nullable=False),
        sa.Column("options", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("is_base", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_properties"),
        sa.UniqueConstraint("organization_id", "id", name="uq_properties_organization_id_id"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_properties_document_id",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_properties_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_properties_project_id",
        ),
        sa.CheckConstraint(
            "document_id IS NULL OR project_id IS NOT NULL",
            name=op.f("ck_properties_project_id_given"),
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_properties_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_properties_name_length")),
        sa.CheckConstraint(
            "property_type ~ '\\S'", name=op.f("ck_properties_property_type_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(property_type) <= 500", name=op.f("ck_properties_property_type_length")
        ),
        sa.CheckConstraint("scope ~ '\\S'", name=op.f("ck_properties_scope_not_blank")),
        sa.CheckConstraint("char_length(scope) <= 500", name=op.f("ck_properties_scope_length")),
        sa.CheckConstraint(
            "jsonb_typeof(options) = 'object'", name=op.f("ck_properties_options_object")
        ),
    )
    op.create_index(
        "uq_properties_project_id_document_id_name",
        "properties",
        ["organization_id", "project_id", "document_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_properties_document_id", "properties", ["document_id"])
    op.create_index(
        "ix_properties_organization_id_created_at_id",
        "properties",
        ["organization_id", "created_at", "id"],
    )
    op.create_index("ix_properties_project_id", "properties", ["project_id"])
    op.create_table(
        "columns",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Double(), server_default=sa.text("0.0"), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("is_hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("default_value", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_columns"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id", "block_id"],
            ["blocks.organization_id", "blocks.project_id", "blocks.document_id", "blocks.id"],
            name="fk_columns_block_id",
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_columns_document_id",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "property_id"],
            ["properties.organization_id", "properties.id"],
            name="fk_columns_property_id",
        ),
        sa.CheckConstraint(
            "position > '-Infinity' AND position < 'Infinity'",
            name=op.f("ck_columns_position_finite"),
        ),
        sa.CheckConstraint("width > 0", name=op.f("ck_columns_width_positive")),
    )
    op.create_index(
        "uq_columns_block_id_property_id",
        "columns",
        ["organization_id", "block_id", "property_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_columns_block_id_position_id", "columns", ["block_id", "position", "id"])
    op.create_index("ix_columns_document_id", "columns", ["document_id"])
    op.create_index(
        "ix_columns_organization_id_created_at", "columns", ["organization_id", "created_at"]
    )
    op.create_index("ix_columns_project_id", "columns", ["project_id"])
    op.create_index("ix_columns_property_id", "columns", ["property_id"])
    op.create_table(
        "requirements",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", enum("requirement_status"), server_default="draft", nullable=False),
        sa.Column(
            "format", enum("requirement_format"), server_default="natural_language", nullable=False
        ),
        sa.Column(
            "priority", enum("requirement_priority"), server_default="medium", nullable=False
        ),
        sa.Column("level", enum("requirement_level"), server_default="system", nullable=False),
        sa.Column("position", sa.Double(), server_default=sa.text("0.0"), nullable=False),
        sa.Column("tags", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("original_requirement", sa.Text(), nullable=True),
        sa.Column("enhanced_requirement", sa.Text(), nullable=True),
        sa.Column("ai_analysis", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("properties", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', "
                "left(coalesce(external_id, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(name, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', "
                "left(coalesce(description, ''), 50000)), 'B') || "
                "setweight(to_tsvector('english', "
                "left(coalesce(original_requirement, ''), 50000)), 'C') || "
                "setweight(to_tsvector('english', "
                "left(coalesce(enhanced_requirement, ''), 50000)), 'C')",
                persisted=True,
            ),
            nullable=False,
        ),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_requirements"),
        sa.UniqueConstraint("organization_id", "id", name="uq_requirements_organization_id_id"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id", "block_id"],
            ["blocks.organization_id", "blocks.project_id", "blocks.document_id", "blocks.id"],
            name="fk_requirements_block_id",
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_requirements_document_id",
            onupdate="CASCADE",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_requirements_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_requirements_name_length")),
        sa.CheckConstraint(
            "external_id ~ '\\S'", name=op.f("ck_requirements_external_id_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(external_id) <= 500", name=op.f("ck_requirements_external_id_length")
        ),
        sa.CheckConstraint(
            "position > '-Infinity' AND position < 'Infinity'",
            name=op.f("ck_requirements_position_finite"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(ai_analysis) = 'object'", name=op.f("ck_requirements_ai_analysis_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(properties) = 'object'", name=op.f("ck_requirements_properties_object")
        ),
    )
    op.create_index(
        "uq_requirements_document_id_external_id",
        "requirements",
        ["organization_id", "document_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND external_id IS NOT NULL"),
    )
    op.create_index(
        "ix_requirements_block_id_position_id", "requirements", ["block_id", "position", "id"]
    )
    op.create_index(
        "ix_requirements_deleted",
        "requirements",
        ["id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_requirements_document_id_position_id", "requirements", ["document_id", "position", "id"]
    )
    op.create_index(
        "ix_requirements_organization_id_created_at_id",
        "requirements",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirements_organization_id_external_id",
        "requirements",
        ["organization_id", "external_id"],
    )
    op.create_index(
        "ix_requirements_project_id_created_at_id",
        "requirements",
        ["project_id", "created_at", "id"],
    )
    op.create_index("ix_requirements_search", "requirements", ["search"], postgresql_using="gin")
    op.create_index("ix_requirements_tags", "requirements", ["tags"], postgresql_using="gin")
    op.create_index(
        "ix_requirements_properties",
        "requirements",
        ["properties"],
        postgresql_using="gin",
        postgresql_ops={"properties": "jsonb_path_ops"},
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
