"""Devices that wait for approval on another device (RFC 8628)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, INET

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_device_codes"
down_revision = "2026_11_21_organization_clients"

TABLE = "oauth_device_codes"
INDEXED = ("client_id", "grant_id", "expires_at", "user_id")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("device_code", sa.Text(), nullable=False),
        sa.Column("user_code", sa.Text(), nullable=False),
        sa.Column("poll_interval", sa.Integer(), server_default="5", nullable=False),
        sa.Column("polled_at", TIME, nullable=True),
        sa.Column("ip_address", INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column(
            "grant_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
        ),
        sa.Column(
            "resource", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column("jkt", sa.Text(), nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.UniqueConstraint("device_code", name=f"uq_{TABLE}_device_code"),
        sa.UniqueConstraint("user_code", name=f"uq_{TABLE}_user_code"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.client_id"], name=f"fk_{TABLE}_client_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name=f"fk_{TABLE}_user_id"),
        sa.CheckConstraint(
            "device_code ~ '^[0-9a-f]{64}$'", name=op.f(f"ck_{TABLE}_device_code_digest")
        ),
        sa.CheckConstraint(
            "user_code ~ '^[0-9a-f]{64}$'", name=op.f(f"ck_{TABLE}_user_code_digest")
        ),
        sa.CheckConstraint("jkt ~ '^[A-Za-z0-9_-]{43}$'", name=op.f(f"ck_{TABLE}_jkt_thumbprint")),
        sa.CheckConstraint("poll_interval > 0", name=op.f(f"ck_{TABLE}_poll_interval_positive")),
        sa.CheckConstraint(
            "(allowed IS NULL) = (user_id IS NULL) AND (allowed IS NULL) = (decided_at IS NULL)",
            name=op.f(f"ck_{TABLE}_allowed_decided"),
        ),
        sa.CheckConstraint(
            "used_at IS NULL OR allowed IS TRUE", name=op.f(f"ck_{TABLE}_used_at_allowed")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f(f"ck_{TABLE}_expires_at_later")),
    )
    for column in INDEXED:
        op.create_index(f"ix_{TABLE}_{column}", TABLE, [column])
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {TABLE} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY authentication ON {TABLE} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table(TABLE)
