"""Tokens that are bound to a key (DPoP), used proofs, and clients that require such tokens."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_dpop"
down_revision = "2026_11_21_client_registration"

ISSUED = ("oauth_authorization_codes", "oauth_access_tokens", "oauth_refresh_tokens")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "oauth_clients",
        sa.Column(
            "dpop_bound_access_tokens",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
    )
    for table in ISSUED:
        op.add_column(table, sa.Column("jkt", sa.Text(), nullable=True))
        op.create_check_constraint(
            op.f(f"ck_{table}_jkt_thumbprint"), table, "jkt ~ '^[A-Za-z0-9_-]{43}$'"
        )
    op.create_table(
        "oauth_proofs",
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("proof", name="pk_oauth_proofs"),
        sa.CheckConstraint("octet_length(proof) = 32", name=op.f("ck_oauth_proofs_proof_digest")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_oauth_proofs_expires_at", "oauth_proofs", ["expires_at"])
    op.execute("ALTER TABLE oauth_proofs ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE oauth_proofs FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON oauth_proofs TO gateway_owner USING (true)")
    op.execute("CREATE POLICY authentication ON oauth_proofs TO gateway_auth USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_proofs TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table("oauth_proofs")
    for table in ISSUED:
        op.drop_column(table, "jkt")
    op.drop_column("oauth_clients", "dpop_bound_access_tokens")
