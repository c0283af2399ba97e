"""The retention period of an organization's trash, and indexes in the order of deletion."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_trash"
down_revision = "2026_11_20_seals"

RESTORED = ("organization_members", "projects", "documents", "blocks", "requirements")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "organizations",
        sa.Column("trash_retention_days", sa.Integer(), server_default="30", nullable=True),
    )
    op.create_check_constraint(
        op.f("ck_organizations_trash_retention_days_range"),
        "organizations",
        "trash_retention_days BETWEEN 1 AND 36500",
    )
    for table in RESTORED:
        op.create_index(
            f"ix_{table}_trash",
            table,
            ["organization_id", "deleted_at", "id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in RESTORED:
        op.drop_index(f"ix_{table}_trash", table)
    op.drop_column("organizations", "trash_retention_days")
