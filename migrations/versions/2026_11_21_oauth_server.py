"""Further state of the OAuth 2.0 server: consents, audiences, and the parents of tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_oauth_server"
down_revision = "2026_11_21_mailed_links"

ISSUED = ("oauth_authorization_codes", "oauth_access_tokens", "oauth_refresh_tokens")
FLAGS = ("is_first_party", "is_resource_server")
BEFORE = {"parent_id": "oauth_refresh_tokens", "access_token_id": "oauth_access_tokens"}
"""The references of a refresh token, and their tables."""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for flag in FLAGS:
        op.add_column(
            "oauth_clients",
            sa.Column(flag, sa.Boolean(), server_default=sa.text("false"), nullable=False),
        )
    for table in ISSUED:
        op.add_column(
            table,
            sa.Column(
                "resource", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
            ),
        )
    for column, target in BEFORE.items():
        op.add_column("oauth_refresh_tokens", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            f"fk_oauth_refresh_tokens_{column}",
            "oauth_refresh_tokens",
            target,
            [column],
            ["id"],
            ondelete="SET NULL",
        )
        op.create_index(f"ix_oauth_refresh_tokens_{column}", "oauth_refresh_tokens", [column])
    op.create_table(
        "oauth_consents",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("updated_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_consents"),
        sa.UniqueConstraint("user_id", "client_id", name="uq_oauth_consents_user_id_client_id"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_oauth_consents_user_id"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.client_id"], name="fk_oauth_consents_client_id"
        ),
    )
    op.create_index("ix_oauth_consents_client_id", "oauth_consents", ["client_id"])
    op.execute("ALTER TABLE oauth_consents ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE oauth_consents FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON oauth_consents TO gateway_owner USING (true)")
    op.execute("CREATE POLICY authentication ON oauth_consents TO gateway_auth USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_consents TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table("oauth_consents")
    for column in BEFORE:
        op.drop_column("oauth_refresh_tokens", column)
    for table in ISSUED:
        op.drop_column(table, "resource")
    for flag in FLAGS:
        op.drop_column("oauth_clients", flag)
