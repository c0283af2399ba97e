"""People and organizations: profiles, credentials, sessions, tenants, members, invitations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INET, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_20_people"
down_revision = "2026_11_20_context"

TABLES = (
    "profiles",
    "profile_credentials",
    "sessions",
    "sign_in_attempts",
    "organizations",
    "organization_members",
    "organization_invitations",
)
ENUMS = {
    "user_status": ("active", "inactive", "suspended", "pending"),
    "organization_type": ("personal", "team", "enterprise"),
    "billing_plan": ("free", "pro", "business", "enterprise"),
    "pricing_plan_interval": ("monthly", "quarterly", "yearly"),
    "user_role_type": ("owner", "admin", "editor", "member", "viewer", "billing"),
    "invitation_status": ("pending", "accepted", "declined", "expired", "cancelled"),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "profiles",
        identifier(),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("personal_organization_id", sa.Uuid(), nullable=True),
        sa.Column("current_organization_id", sa.Uuid(), nullable=True),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("preferences", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("status", enum("user_status"), server_default="active", nullable=False),
        sa.Column("is_approved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_profiles"),
        sa.CheckConstraint(
            "email ~ '^[^@\\s]+@[^@\\s]+$' AND char_length(email) <= 254",
            name=op.f("ck_profiles_email_format"),
        ),
        sa.CheckConstraint("full_name ~ '\\S'", name=op.f("ck_profiles_full_name_not_blank")),
        sa.CheckConstraint(
            "char_length(full_name) <= 500", name=op.f("ck_profiles_full_name_length")
        ),
        sa.CheckConstraint("job_title ~ '\\S'", name=op.f("ck_profiles_job_title_not_blank")),
        sa.CheckConstraint(
            "char_length(job_title) <= 500", name=op.f("ck_profiles_job_title_length")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(preferences) = 'object'", name=op.f("ck_profiles_preferences_object")
        ),
    )
    op.create_index(
        "uq_profiles_email",
        "profiles",
        [sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_profiles_current_organization_id", "profiles", ["current_organization_id"])
    op.create_index(
        "ix_profiles_personal_organization_id", "profiles", ["personal_organization_id"]
    )
    op.create_table(
        "profile_credentials",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sign_in_at", TIME, nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_profile_credentials"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["profiles.id"], name="fk_profile_credentials_user_id"
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("ip_address", INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_sessions_user_id"),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_sessions_token_hash_digest")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_sessions_expires_at_later")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id_created_at", "sessions", ["user_id", "created_at"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("counted_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_sign_in_attempts"),
        sa.CheckConstraint(
            "octet_length(subject) = 32", name=op.f("ck_sign_in_attempts_subject_digest")
        ),
        sa.CheckConstraint("level >= 0", name=op.f("ck_sign_in_attempts_level_not_negative")),
    )
    op.create_index("ix_sign_in_attempts_counted_at", "sign_in_attempts", ["counted_at"])
    op.create_table(
        "organizations",
        identifier(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("type", enum("organization_type"), server_default="team", nullable=False),
        sa.Column("billing_plan", enum("billing_plan"), server_default="free", nullable=False),
        sa.Column(
            "billing_cycle", enum("pricing_plan_interval"), server_default="monthly", nullable=False
        ),
        sa.Column("max_members", sa.Integer(), server_default=sa.text("25"), nullable=False),
        sa.Column(
            "max_monthly_requests",
            sa.BigInteger(),
            server_default=sa.text("100000"),
            nullable=False,
        ),
        sa.Column("settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("member_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("storage_used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.ForeignKeyConstraint(["owner_id"], ["profiles.id"], name="fk_organizations_owner_id"),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_organizations_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 500", name=op.f("ck_organizations_name_length")),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 63",
            name=op.f("ck_organizations_slug_format"),
        ),
        sa.CheckConstraint("max_members > 0", name=op.f("ck_organizations_max_members_positive")),
        sa.CheckConstraint(
            "max_monthly_requests > 0", name=op.f("ck_organizations_max_monthly_requests_positive")
        ),
        sa.CheckConstraint(
            "member_count >= 0", name=op.f("ck_organizations_member_count_not_negative")
        ),
        sa.CheckConstraint(
            "storage_used >= 0", name=op.f("ck_organizations_storage_used_not_negative")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(settings) = 'object'", name=op.f("ck_organizations_settings_object")
        ),
    )
    op.create_index(
        "uq_organizations_slug",
        "organizations",
        ["slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_organizations_created_at", "organizations", ["created_at"])
    op.create_index(
        "ix_organizations_deleted",
        "organizations",
        ["id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_organizations_owner_id", "organizations", ["owner_id"])
    op.create_table(
        "organization_members",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", enum("user_role_type"), server_default="member", nullable=False),
        sa.Column("status", enum("user_status"), server_default="active", nullable=False),
        sa.Column("permissions", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("last_active_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_organization_members"),
        sa.UniqueConstraint(
            "organization_id", "user_id", name="uq_organization_members_organization_id_user_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_organization_members_organization_id",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["profiles.id"], name="fk_organization_members_user_id"
        ),
        sa.CheckConstraint(
            "jsonb_typeof(permissions) = 'object'",
            name=op.f("ck_organization_members_permissions_object"),
        ),
    )
    op.create_index(
        "ix_organization_members_organization_id_created_at",
        "organization_members",
        ["organization_id", "created_at"],
    )
    op.create_index("ix_organization_members_user_id", "organization_members", ["user_id"])
    op.create_table(
        "organization_invitations",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", enum("user_role_type"), server_default="member", nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("status", enum("invitation_status"), server_default="pending", nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_organization_invitations"),
        sa.UniqueConstraint("token", name="uq_organization_invitations_token"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_organization_invitations_organization_id",
        ),
        sa.CheckConstraint(
            "email ~ '^[^@\\s]+@[^@\\s]+$' AND char_length(email) <= 254",
            name=op.f("ck_organization_invitations_email_format"),
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_organization_invitations_expires_at_later")
        ),
    )
    op.create_index(
        "uq_organization_invitations_email",
        "organization_invitations",
        ["organization_id", sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND status = 'pending'"),
    )
    op.create_index(
        "ix_organization_invitations_email", "organization_invitations", [sa.text("lower(email)")]
    )
    op.create_index(
        "ix_organization_invitations_organization_id_created_at",
        "organization_invitations",
        ["organization_id", "created_at"],
    )
    op.create_foreign_key(
        "fk_profiles_current_organization_id",
        "profiles",
        "organizations",
        ["current_organization_id"],
        ["id"],
    )
    op.create_foreign_key(
        "fk_profiles_personal_organization_id",
        "profiles",
        "organizations",
        ["personal_organization_id"],
        ["id"],
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_constraint("fk_profiles_current_organization_id", "profiles")
    op.drop_constraint("fk_profiles_personal_organization_id", "profiles")
    drop(TABLES, ENUMS)
