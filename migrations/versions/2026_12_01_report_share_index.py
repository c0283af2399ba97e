"""Indexes of the shares of reports, by the assessment and by its member."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_report_share_index"
down_revision = "2026_12_01_report_shares"

TABLE = "shares"


def upgrade() -> None:
    columns = ["assessment_id", "created_at", "id"]
    create_index("ix_shares_assessment_id_created_at_id", TABLE, columns)
    create_index("ix_shares_user_id", TABLE, ["user_id"])


def downgrade() -> None:
    for name in ("user_id", "assessment_id_created_at_id"):
        drop_index(f"ix_shares_{name}", TABLE)
