"""OAuth 2.0 clients, codes and tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, drop

revision = "2026_11_20_oauth"
down_revision = "2026_11_20_projects"

TABLES = (
    "oauth_clients",
    "oauth_authorization_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("redirect_uris", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("grant_types", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("response_types", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "token_endpoint_auth_method",
            sa.Text(),
            server_default="client_secret_basic",
            nullable=False,
        ),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_clients"),
        sa.UniqueConstraint("client_id", name="uq_oauth_clients_client_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["profiles.id"], name="fk_oauth_clients_owner_id"),
        sa.CheckConstraint(
            "client_name ~ '\\S'", name=op.f("ck_oauth_clients_client_name_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(client_name) <= 500", name=op.f("ck_oauth_clients_client_name_length")
        ),
        sa.CheckConstraint(
            "client_secret ~ '^[0-9a-f]{64}$'", name=op.f("ck_oauth_clients_client_secret_digest")
        ),
        sa.CheckConstraint(
            "is_public = (client_secret IS NULL)",
            name=op.f("ck_oauth_clients_client_secret_fits_type"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(redirect_uris) = 'array'",
            name=op.f("ck_oauth_clients_redirect_uris_array"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(grant_types) = 'array'", name=op.f("ck_oauth_clients_grant_types_array")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(response_types) = 'array'",
            name=op.f("ck_oauth_clients_response_types_array"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'", name=op.f("ck_oauth_clients_metadata_object")
        ),
    )
    op.create_index("ix_oauth_clients_owner_id", "oauth_clients", ["owner_id"])
    op.create_table(
        "oauth_authorization_codes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=False),
        sa.Column("code_challenge_method", sa.Text(), server_default="S256", nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column(
            "grant_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
        ),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_authorization_codes"),
        sa.UniqueConstraint("code", name="uq_oauth_authorization_codes_code"),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.client_id"],
            name="fk_oauth_authorization_codes_client_id",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["profiles.id"], name="fk_oauth_authorization_codes_user_id"
        ),
        sa.CheckConstraint(
            "code ~ '^[0-9a-f]{64}$'", name=op.f("ck_oauth_authorization_codes_code_digest")
        ),
        sa.CheckConstraint(
            "code_challenge_method = 'S256'",
            name=op.f("ck_oauth_authorization_codes_code_challenge_method_s256"),
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_oauth_authorization_codes_expires_at_later")
        ),
    )
    op.create_index(
        "ix_oauth_authorization_codes_client_id", "oauth_authorization_codes", ["client_id"]
    )
    op.create_index(
        "ix_oauth_authorization_codes_expires_at", "oauth_authorization_codes", ["expires_at"]
    )
    op.create_index(
        "ix_oauth_authorization_codes_grant_id", "oauth_authorization_codes", ["grant_id"]
    )
    op.create_index(
        "ix_oauth_authorization_codes_user_id", "oauth_authorization_codes", ["user_id"]
    )
    op.create_table(
        "oauth_access_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column(
            "grant_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
        ),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_access_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_oauth_access_tokens_token_hash"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.client_id"], name="fk_oauth_access_tokens_client_id"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["profiles.id"], name="fk_oauth_access_tokens_user_id"
        ),
        sa.CheckConstraint(
            "token_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_oauth_access_tokens_token_hash_digest")
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_oauth_access_tokens_expires_at_later")
        ),
    )
    op.create_index("ix_oauth_access_tokens_client_id", "oauth_access_tokens", ["client_id"])
    op.create_index("ix_oauth_access_tokens_expires_at", "oauth_access_tokens", ["expires_at"])
    op.create_index("ix_oauth_access_tokens_grant_id", "oauth_access_tokens", ["grant_id"])
    op.create_index("ix_oauth_access_tokens_user_id", "oauth_access_tokens", ["user_id"])
    op.create_table(
        "oauth_refresh_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("rotated_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column(
            "grant_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
        ),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_refresh_tokens"),
        sa.UniqueConstraint("token", name="uq_oauth_refresh_tokens_token"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.client_id"], name="fk_oauth_refresh_tokens_client_id"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["profiles.id"], name="fk_oauth_refresh_tokens_user_id"
        ),
        sa.CheckConstraint(
            "token ~ '^[0-9a-f]{64}$'", name=op.f("ck_oauth_refresh_tokens_token_digest")
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_oauth_refresh_tokens_expires_at_later")
        ),
    )
    op.create_index("ix_oauth_refresh_tokens_client_id", "oauth_refresh_tokens", ["client_id"])
    op.create_index("ix_oauth_refresh_tokens_expires_at", "oauth_refresh_tokens", ["expires_at"])
    op.create_index("ix_oauth_refresh_tokens_grant_id", "oauth_refresh_tokens", ["grant_id"])
    op.create_index("ix_oauth_refresh_tokens_user_id", "oauth_refresh_tokens", ["user_id"])


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, {})
