"""Authorization requests that applications push before they redirect people (RFC 9126)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_pushed_requests"
down_revision = "2026_11_21_invitation_links"

TABLE = "oauth_pushed_requests"
FLAG = "require_pushed_authorization_requests"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "oauth_clients",
        sa.Column(FLAG, sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("request_uri", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("parameters", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("browser", sa.Text(), nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.UniqueConstraint("request_uri", name=f"uq_{TABLE}_request_uri"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.client_id"], name=f"fk_{TABLE}_client_id"
        ),
        sa.CheckConstraint(
            "request_uri ~ '^[0-9a-f]{64}$'", name=op.f(f"ck_{TABLE}_request_uri_digest")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(parameters) = 'array'", name=op.f(f"ck_{TABLE}_parameters_array")
        ),
        sa.CheckConstraint("browser ~ '^[0-9a-f]{64}$'", name=op.f(f"ck_{TABLE}_browser_digest")),
        sa.CheckConstraint("expires_at > created_at", name=op.f(f"ck_{TABLE}_expires_at_later")),
    )
    op.create_index(f"ix_{TABLE}_client_id", TABLE, ["client_id"])
    op.create_index(f"ix_{TABLE}_expires_at", TABLE, ["expires_at"])
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {TABLE} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY authentication ON {TABLE} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table(TABLE)
    op.drop_column("oauth_clients", FLAG)
