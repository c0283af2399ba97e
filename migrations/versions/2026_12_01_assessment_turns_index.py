"""Indexes of the queue of assessments by tenant, and of the times at which they were started."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_assessment_turns_idx"
down_revision = "2026_12_01_recent_assessments"

INDEXES = {
    "ix_assessments_queue_of_tenant": (
        ["organization_id", "created_at", "id"],
        "status = 'pending' AND deleted_at IS NULL",
    ),
    "ix_assessments_started_at": (["started_at"], "started_at IS NOT NULL"),
}


def upgrade() -> None:
    for name, (columns, where) in INDEXES.items():
        create_index(name, "assessments", columns, where=where)


def downgrade() -> None:
    for name in INDEXES:
        drop_index(name, "assessments")
