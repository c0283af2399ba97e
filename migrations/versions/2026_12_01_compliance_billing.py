"""The index of billable usage of an organization in a month."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_compliance_billing"
down_revision = "2026_12_01_compliance_queue"

NAME = "ix_usage_logs_billable"


def upgrade() -> None:
    create_index(NAME, "usage_logs", ["organization_id", "created_at"], where="billable")


def downgrade() -> None:
    drop_index(NAME, "usage_logs")
