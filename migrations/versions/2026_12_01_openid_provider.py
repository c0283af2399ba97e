"""ID tokens: the keys that sign them, and when and how their people signed in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_openid_provider"
down_revision = "2026_12_01_compliance_documents"

ISSUED = (
    "oauth_authorization_codes",
    "oauth_device_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("sessions", _methods())
    for table in ISSUED:
        op.add_column(table, sa.Column("authenticated_at", TIME, nullable=True))
        op.add_column(table, _methods())
    op.add_column("oauth_authorization_codes", sa.Column("nonce", sa.Text(), nullable=True))
    op.create_table(
        "oauth_signing_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("public_key", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_signing_keys"),
        sa.CheckConstraint(
            "jsonb_typeof(public_key) = 'object'",
            name=op.f("ck_oauth_signing_keys_public_key_object"),
        ),
        sa.CheckConstraint(
            "octet_length(private_key) BETWEEN 28 AND 8192",
            name=op.f("ck_oauth_signing_keys_private_key_encrypted"),
        ),
    )
    op.execute("ALTER TABLE oauth_signing_keys ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE oauth_signing_keys FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON oauth_signing_keys TO gateway_owner USING (true)")
    op.execute("CREATE POLICY authentication ON oauth_signing_keys TO gateway_auth USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_signing_keys TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table("oauth_signing_keys")
    op.drop_column("oauth_authorization_codes", "nonce")
    for table in ISSUED:
        op.drop_column(table, "methods")
        op.drop_column(table, "authenticated_at")
    op.drop_column("sessions", "methods")


def _methods() -> sa.Column[object]:
    return sa.Column(
        "methods", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
    )
