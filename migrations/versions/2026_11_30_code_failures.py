"""Counters of wrong codes of a second factor, which limit guessing."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_30_code_failures"
down_revision = "2026_11_30_session_tokens"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "second_factors",
        sa.Column("failures", sa.Float(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("second_factors", sa.Column("failed_at", TIME, nullable=True))
    op.create_check_constraint(
        op.f("ck_second_factors_failures_not_negative"), "second_factors", "failures >= 0"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_column("second_factors", "failed_at")
    op.drop_column("second_factors", "failures")
