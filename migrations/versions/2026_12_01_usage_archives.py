"""Months of usage that are in files."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_usage_archives"
down_revision = "2026_12_01_token_exchange"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "usage_archives",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("archived_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("restored_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "month", name="pk_usage_archives"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_usage_archives_organization_id"
        ),
        sa.CheckConstraint("row_count > 0", name=op.f("ck_usage_archives_row_count_positive")),
        sa.CheckConstraint(
            "octet_length(sha256) = 32", name=op.f("ck_usage_archives_sha256_digest")
        ),
    )
    op.execute("ALTER TABLE usage_archives ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE usage_archives FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON usage_archives TO gateway_owner USING (true)")


def downgrade() -> None:
    """Lose which months are in files: restore these first."""
    op.execute(LOCK_TIMEOUT)
    op.drop_table("usage_archives")
