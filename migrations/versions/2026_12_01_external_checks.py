"""Checks of the URLs of external documents, and their extracted texts."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_external_checks"
down_revision = "2026_12_01_reviews"

TABLE = "external_documents"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(TABLE, sa.Column("checked_at", TIME, nullable=True))
    op.add_column(TABLE, sa.Column("check_status", sa.Integer(), nullable=True))
    op.add_column(TABLE, sa.Column("check_error", sa.Text(), nullable=True))
    op.add_column(TABLE, sa.Column("extracted_text", sa.Text(), nullable=True))
    op.add_column(TABLE, sa.Column("processed_at", TIME, nullable=True))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for column in ("processed_at", "extracted_text", "check_error", "check_status", "checked_at"):
        op.drop_column(TABLE, column)
