"""The index of rollbacks of an environment, by which the build that runs there is found."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_delivery_rollbacks"
down_revision = "2026_12_01_devices"

NAME = "ix_deployments_rolled_back"


def upgrade() -> None:
    columns = ["environment_id", "rolled_back_at DESC", "id DESC"]
    where = "status = 'rolled_back' AND deleted_at IS NULL"
    create_index(NAME, "deployments", columns, where=where)


def downgrade() -> None:
    drop_index(NAME, "deployments")
