"""Authenticator apps, recovery codes, and the time of a session's last authentication."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, drop

revision = "2026_11_21_second_factor"
down_revision = "2026_11_21_idempotency"

TABLES = ("second_factors", "recovery_codes")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "sessions",
        sa.Column("proved_at", TIME, server_default=sa.text("now()"), nullable=False),
    )
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factors"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_second_factors_user_id"),
        sa.CheckConstraint(
            "octet_length(secret) = 48", name=op.f("ck_second_factors_secret_encrypted")
        ),
        sa.CheckConstraint("last_step >= 0", name=op.f("ck_second_factors_last_step_not_negative")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_codes_user_id_code_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_recovery_codes_user_id"),
        sa.CheckConstraint(
            "octet_length(code_hash) = 32", name=op.f("ck_recovery_codes_code_hash_digest")
        ),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
        op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, {})
    op.drop_column("sessions", "proved_at")
