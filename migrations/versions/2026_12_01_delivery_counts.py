"""Room in the pages of tests, whose counts each report updates: indexes need no new entries."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_delivery_counts"
down_revision = "2026_12_01_audit_filters"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TABLE test_cases SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TABLE test_cases RESET (fillfactor)")
