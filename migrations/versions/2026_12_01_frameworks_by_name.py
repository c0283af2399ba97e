"""The index of active frameworks by the sort key of their names, in place of that by names."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_frameworks_by_name"
down_revision = "2026_12_01_compliance_plans"

TABLE, FORMER, NAME = "frameworks", "ix_frameworks_active", "ix_frameworks_active_by_name"


def upgrade() -> None:
    create_index(NAME, TABLE, ["name_order", "id"], where="active")
    drop_index(FORMER, TABLE)


def downgrade() -> None:
    create_index(FORMER, TABLE, ["name", "id"], where="active")
    drop_index(NAME, TABLE)
