"""Dynamic client registration, and the token with which a client changes its metadata."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_client_registration"
down_revision = "2026_11_21_service_accounts"

COLUMNS = ("is_self_registered", "registration_token", "consented_at")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "oauth_clients",
        sa.Column(
            "is_self_registered", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column("oauth_clients", sa.Column("registration_token", sa.Text(), nullable=True))
    op.add_column("oauth_clients", sa.Column("consented_at", TIME, nullable=True))
    op.create_check_constraint(
        op.f("ck_oauth_clients_registration_token_digest"),
        "oauth_clients",
        "registration_token ~ '^[0-9a-f]{64}$'",
    )
    op.create_check_constraint(
        op.f("ck_oauth_clients_is_self_registered_unprivileged"),
        "oauth_clients",
        "NOT is_self_registered OR NOT (is_first_party OR is_resource_server"
        " OR grant_types @> '[\"client_credentials\"]')",
    )
    op.create_index(
        "ix_oauth_clients_created_at",
        "oauth_clients",
        ["created_at"],
        postgresql_where=sa.text("is_self_registered"),
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_index("ix_oauth_clients_created_at", "oauth_clients")
    for column in COLUMNS:  # the checks go with them
        op.drop_column("oauth_clients", column)
