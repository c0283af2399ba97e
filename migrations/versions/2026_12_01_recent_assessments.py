"""An index of the assessments of a member in an organization, the order of "my recent ones"."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_recent_assessments"
down_revision = "2026_12_01_report_share_index"

NAME, TABLE = "ix_assessments_organization_id_user_id_created_at_id", "assessments"


def upgrade() -> None:
    create_index(NAME, TABLE, ["organization_id", "user_id", "created_at", "id"])


def downgrade() -> None:
    drop_index(NAME, TABLE)
