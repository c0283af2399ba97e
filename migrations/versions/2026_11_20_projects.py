"""Projects and documents, the roles of people in them, and notifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_20_projects"
down_revision = "2026_11_20_people"

TABLES = ("projects", "project_members", "documents", "user_roles", "notifications")
ENUMS = {
    "visibility": ("private", "restricted", "organization", "public"),
    "project_status": ("planning", "draft", "active", "on_hold", "completed", "archived"),
    "project_role": ("owner", "admin", "editor", "viewer"),
    "notification_type": (
        "info",
        "success",
        "warning",
        "error",
        "invitation",
        "assignment",
        "mention",
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "projects",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("visibility", enum("visibility"), server_default="private", nullable=False),
        sa.Column("status", enum("project_status"), server_default="active", nullable=False),
        sa.Column("settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("tags", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("star_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('english', left(coalesce(name, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(description, ''), 50000)), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("organization_id", "id", name="uq_projects_organization_id_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_projects_organization_id"
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_projects_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_projects_name_length")),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 63",
            name=op.f("ck_projects_slug_format"),
        ),
        sa.CheckConstraint("star_count >= 0", name=op.f("ck_projects_star_count_not_negative")),
        sa.CheckConstraint(
            "jsonb_typeof(settings) = 'object'", name=op.f("ck_projects_settings_object")
        ),
    )
    op.create_index(
        "uq_projects_slug",
        "projects",
        ["organization_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_projects_deleted",
        "projects",
        ["id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_projects_organization_id_created_at_id",
        "projects",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_projects_public",
        "projects",
        ["id"],
        postgresql_where=sa.text("visibility = 'public' AND deleted_at IS NULL"),
    )
    op.create_index("ix_projects_search", "projects", ["search"], postgresql_using="gin")
    op.create_index("ix_projects_tags", "projects", ["tags"], postgresql_using="gin")
    op.create_table(
        "project_members",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", enum("project_role"), server_default="viewer", nullable=False),
        sa.Column("status", enum("user_status"), server_default="active", nullable=False),
        sa.Column("permissions", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("last_accessed_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_project_members"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "user_id",
            name="uq_project_members_organization_id_project_id_user_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_project_members_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_project_members_user_id",
        ),
        sa.CheckConstraint(
            "jsonb_typeof(permissions) = 'object'",
            name=op.f("ck_project_members_permissions_object"),
        ),
    )
    op.create_index(
        "ix_project_members_organization_id_created_at",
        "project_members",
        ["organization_id", "created_at"],
    )
    op.create_index(
        "ix_project_members_project_id_created_at_id",
        "project_members",
        ["project_id", "created_at", "id"],
    )
    op.create_index("ix_project_members_user_id", "project_members", ["user_id"])
    op.create_table(
        "documents",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("position", sa.Double(), server_default=sa.text("0.0"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', "
                "left(coalesce(external_id, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(name, ''), 50000)), 'A') || "
                "setweight(to_tsvector('english', left(coalesce(description, ''), 50000)), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint(
            "organization_id", "project_id", "id", name="uq_documents_organization_id_project_id_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_documents_project_id",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_documents_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_documents_name_length")),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 63",
            name=op.f("ck_documents_slug_format"),
        ),
        sa.CheckConstraint("external_id ~ '\\S'", name=op.f("ck_documents_external_id_not_blank")),
        sa.CheckConstraint(
            "char_length(external_id) <= 500", name=op.f("ck_documents_external_id_length")
        ),
        sa.CheckConstraint(
            "position > '-Infinity' AND position < 'Infinity'",
            name=op.f("ck_documents_position_finite"),
        ),
    )
    op.create_index(
        "uq_documents_project_id_slug",
        "documents",
        ["organization_id", "project_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_documents_deleted",
        "documents",
        ["id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_documents_organization_id_created_at_id",
        "documents",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_documents_organization_id_external_id", "documents", ["organization_id", "external_id"]
    )
    op.create_index(
        "ix_documents_project_id_position_id", "documents", ["project_id", "position", "id"]
    )
    op.create_index("ix_documents_search", "documents", ["search"], postgresql_using="gin")
    op.create_index("ix_documents_tags", "documents", ["tags"], postgresql_using="gin")
    op.create_table(
        "user_roles",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("admin_role", enum("user_role_type"), nullable=True),
        sa.Column("project_role", enum("project_role"), nullable=True),
        sa.Column("document_role", enum("project_role"), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_user_roles"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_user_roles_document_id",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_user_roles_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_user_roles_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_user_roles_user_id",
        ),
        sa.CheckConstraint(
            "num_nonnulls(admin_role, project_role, document_role) = 1",
            name=op.f("ck_user_roles_admin_role_alone"),
        ),
        sa.CheckConstraint(
            "(project_id IS NULL) = (admin_role IS NOT NULL)",
            name=op.f("ck_user_roles_project_id_fits_role"),
        ),
        sa.CheckConstraint(
            "(document_id IS NULL) = (document_role IS NULL)",
            name=op.f("ck_user_roles_document_id_fits_role"),
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_user_roles_expires_at_later")),
    )
    op.create_index(
        "uq_user_roles_project_id_document_id_user_id",
        "user_roles",
        ["organization_id", "project_id", "document_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_user_roles_document_id", "user_roles", ["document_id"])
    op.create_index(
        "ix_user_roles_organization_id_created_at", "user_roles", ["organization_id", "created_at"]
    )
    op.create_index("ix_user_roles_project_id", "user_roles", ["project_id"])
    op.create_index("ix_user_roles_user_id", "user_roles", ["user_id"])
    op.create_table(
        "notifications",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", enum("notification_type"), server_default="info", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("unread", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("read_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_notifications_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_notifications_project_id",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_notifications_user_id"),
        sa.CheckConstraint("title ~ '\\S'", name=op.f("ck_notifications_title_not_blank")),
        sa.CheckConstraint("char_length(title) <= 500", name=op.f("ck_notifications_title_length")),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'", name=op.f("ck_notifications_metadata_object")
        ),
    )
    op.create_index(
        "ix_notifications_organization_id_created_at",
        "notifications",
        ["organization_id", "created_at"],
    )
    op.create_index("ix_notifications_project_id", "notifications", ["project_id"])
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id"],
        postgresql_where=sa.text("unread AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_notifications_user_id_created_at_id", "notifications", ["user_id", "created_at", "id"]
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
