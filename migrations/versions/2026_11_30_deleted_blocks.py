"""A covering index of the deleted blocks of a document."""

from migrations.indexes import create_index, drop_index

revision = "2026_11_30_deleted_blocks"
down_revision = "2026_11_30_feed_numbers"

DELETED = "deleted_at IS NOT NULL"
COLUMNS = ["document_id", "organization_id", "project_id", "id"]


def upgrade() -> None:
    create_index("ix_blocks_deleted_in", "blocks", COLUMNS, where=DELETED)
    drop_index("ix_blocks_deleted", "blocks")


def downgrade() -> None:
    create_index("ix_blocks_deleted", "blocks", ["id"], where=DELETED)
    drop_index("ix_blocks_deleted_in", "blocks")
